//! Kills an executor in the middle of ledgered edits, again and again: every edit is there once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use aiex_tools::{Config, Executor, Policy, ToolCall, ToolStatus};
use serde_json::json;

/// Calls of the scripted session.
const CALLS: usize = 24;
/// Kills of one suite run; `AIEX_CRASHES` asks for more.
const CRASHES: u32 = 30;

fn call(number: usize) -> ToolCall {
    // a marker is pushed before itself: carried out twice, the line would stand twice
    let push = |file: &str| json!({"path": file, "edits": [{"old": "# next\n", "new": format!("line {number}\n# next\n")}]});
    let (name, arguments) = if number % 2 == 0 {
        let mut one = push("a.txt");
        one["verify"] = json!(false);
        ("edit_file", one)
    } else {
        ("edit_files", json!({"files": [push("a.txt"), push("b.txt"), push("c.txt")], "verify": false}))
    };
    ToolCall { call_id: format!("call-{number}"), name: name.into(), arguments: arguments.to_string() }
}

fn executor(place: &Path) -> Executor {
    Executor::new(Config {
        project_root: place.join("project"),
        state_dir: place.join("state"),
        policy: Policy::default(),
        syntax: None,
        search_path: String::new(),
        mix_home: None,
    })
    .unwrap()
}

/// The victim: works through the session from the beginning, as an asker does that knows nothing.
#[test]
fn child() {
    let Some(place) = std::env::var_os("AIEX_CRASH_PLACE") else { return };
    let executor = executor(Path::new(&place));
    let mut stdout = std::io::stdout();
    for number in 0..CALLS {
        let outcome = executor.run(&call(number));
        assert_eq!(outcome.status, ToolStatus::Ok, "{}", outcome.output);
        writeln!(stdout, "done {number}").unwrap();
        stdout.flush().unwrap();
    }
}

/// A small generator, so that a printed seed repeats the kills.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn fresh() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("project")).unwrap();
    for file in ["a.txt", "b.txt", "c.txt"] {
        fs::write(place.path().join("project").join(file), "# next\n").unwrap();
    }
    place
}

/// Lines of a file by the calls that should have written them; all or a prefix.
fn check_file(place: &Path, file: &str, calls: impl Iterator<Item = usize>, acknowledged: usize, seed: u64) -> usize {
    let text = fs::read_to_string(place.join("project").join(file)).unwrap();
    let expected: Vec<String> = calls.map(|number| format!("line {number}")).collect();
    let found: Vec<&str> = text.lines().filter(|line| *line != "# next").collect();
    assert!(found.len() >= acknowledged, "seed {seed}: {file}: an acknowledged edit is lost: {text}");
    assert_eq!(found, expected[..found.len()], "seed {seed}: {file}: an edit is missing, doubled or out of order");
    found.len()
}

#[test]
fn edits_survive_kills_and_happen_once() {
    let crashes = std::env::var_os("AIEX_CRASHES").and_then(|text| text.to_str()?.parse().ok()).unwrap_or(CRASHES);
    let seed = std::env::var_os("AIEX_SEED")
        .and_then(|text| text.to_str()?.parse().ok())
        .unwrap_or_else(|| std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1);
    println!("AIEX_SEED={seed}");
    let mut random = Random(seed);
    let (mut place, mut acknowledged, mut kills, mut between) = (fresh(), 0, 0, 0);
    while kills < crashes {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env("AIEX_CRASH_PLACE", place.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // let it replay what is recorded, then a little further, then a random moment into the next call
        let reach = acknowledged + random.below(3) as usize;
        let mut seen = 0;
        let mut ended = true;
        for line in &mut lines {
            if line.unwrap().contains("done ") {
                seen += 1;
            }
            if seen > reach {
                ended = false;
                break;
            }
        }
        if ended {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "seed {seed}: {}", String::from_utf8_lossy(&output.stderr));
            check_file(place.path(), "a.txt", 0..CALLS, CALLS, seed);
            (place, acknowledged) = (fresh(), 0);
            continue;
        }
        spin(Duration::from_micros(random.below(40_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        acknowledged = acknowledged.max(seen) + lines.map_while(Result::ok).filter(|line| line.contains("done ")).count();
        let multi = |up_to: usize| (0..up_to).filter(|number| number % 2 == 1).count();
        // opening the executor again completes what was cut: then all files of a call agree
        let before = fs::read_to_string(place.path().join("project/c.txt")).unwrap();
        drop(executor(place.path()));
        between += usize::from(before != fs::read_to_string(place.path().join("project/c.txt")).unwrap());
        let present = check_file(place.path(), "a.txt", 0..CALLS, acknowledged, seed);
        for file in ["b.txt", "c.txt"] {
            let lines = check_file(place.path(), file, (0..CALLS).filter(|number| number % 2 == 1), multi(acknowledged), seed);
            assert_eq!(lines, multi(present), "seed {seed}: {file}: half a change");
        }
        acknowledged = acknowledged.min(present);
    }
    println!("{kills} kills, {between} in the middle of a change");
}

/// Passes time without sleeping: the kill must fall inside a call, and a sleep is too coarse.
fn spin(time: Duration) {
    let start = std::time::Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}
