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
const CRASHES: u64 = 40;

fn call(number: usize) -> ToolCall {
    // a marker is pushed before itself: carried out twice, the line would stand twice
    let push = |file: &str| json!({"path": file, "edits": [{"old": "# next\n", "new": format!("line {number}\n# next\n")}]});
    let (name, arguments) = if number.is_multiple_of(2) {
        let mut one = push("a.txt");
        one["verify"] = json!(false);
        ("edit_file", one)
    } else {
        (
            "edit_files",
            json!({"files": [push("a.txt"), push("b.txt"), push("c.txt")], "verify": false}),
        )
    };
    ToolCall {
        call_id: format!("call-{number}"),
        name: name.into(),
        arguments: arguments.to_string(),
    }
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
    let Some(place) = std::env::var_os("AIEX_CRASH_PLACE") else {
        return;
    };
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
fn check_file(
    place: &Path,
    file: &str,
    calls: impl Iterator<Item = usize>,
    acknowledged: usize,
    seed: u64,
) -> usize {
    let text = fs::read_to_string(place.join("project").join(file)).unwrap();
    let expected: Vec<String> = calls.map(|number| format!("line {number}")).collect();
    let found: Vec<&str> = text.lines().filter(|line| *line != "# next").collect();
    assert!(
        found.len() >= acknowledged,
        "seed {seed}: {file}: an acknowledged edit is lost: {text}"
    );
    assert_eq!(
        found,
        expected[..found.len()],
        "seed {seed}: {file}: an edit is missing, doubled or out of order"
    );
    found.len()
}

#[test]
fn edits_survive_kills_and_happen_once() {
    let setting =
        |name: &str| std::env::var_os(name).and_then(|text| text.to_str()?.parse::<u64>().ok());
    let crashes = setting("AIEX_CRASHES").unwrap_or(CRASHES);
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let seed = setting("AIEX_SEED").unwrap_or(u64::from(now.subsec_nanos()) << 1 | 1);
    println!("AIEX_SEED={seed}");
    let mut random = Random(seed);
    let (mut place, mut acknowledged, mut kills, mut between) = (fresh(), 0, 0, 0);
    while kills < crashes {
        // let it replay what is recorded, then a little further, then a random moment into the next call
        let reach = acknowledged + random.below(3) as usize;
        let moment = Duration::from_micros(random.below(40_000));
        match run_and_kill(place.path(), reach, moment, seed) {
            None => {
                check_file(place.path(), "a.txt", 0..CALLS, CALLS, seed);
                (place, acknowledged) = (fresh(), 0);
            }
            Some(seen) => {
                kills += 1;
                let (present, completed) = check_all(place.path(), seen, seed);
                between += usize::from(completed);
                acknowledged = seen.min(present);
            }
        }
    }
    println!("{kills} kills, {between} in the middle of a change");
}

/// Gives how many calls were acknowledged before the kill; `None` when the session came to its end.
fn run_and_kill(place: &Path, reach: usize, moment: Duration, seed: u64) -> Option<usize> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env("AIEX_CRASH_PLACE", place)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let seen = lines
        .by_ref()
        .filter(|line| line.contains("done "))
        .take(reach + 1)
        .count();
    if seen <= reach {
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "seed {seed}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        return None;
    }
    spin(moment);
    child.kill().unwrap();
    child.wait().unwrap();
    Some(seen + lines.filter(|line| line.contains("done ")).count())
}

/// Opens the executor again, which completes what was cut: then all files of a call must agree.
fn check_all(place: &Path, acknowledged: usize, seed: u64) -> (usize, bool) {
    let odd = |up_to: usize| (0..up_to).filter(|number| number % 2 == 1);
    let last_file = || fs::read_to_string(place.join("project/c.txt")).unwrap();
    let before = last_file();
    drop(executor(place));
    let present = check_file(place, "a.txt", 0..CALLS, acknowledged, seed);
    for file in ["b.txt", "c.txt"] {
        let lines = check_file(place, file, odd(CALLS), odd(acknowledged).count(), seed);
        assert_eq!(
            lines,
            odd(present).count(),
            "seed {seed}: {file}: half a change"
        );
    }
    (present, before != last_file())
}

/// Passes time without sleeping: the kill must fall inside a call, and a sleep is too coarse.
fn spin(time: Duration) {
    let start = std::time::Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}
