//! A node in a process of its own, so that it can be killed. The test binary runs itself again as the child.

use std::{
    io::{BufRead, BufReader, Lines, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
};

use aiex_coordinator::{Config, Coordinator};

use crate::counter::{Counter, add};

const DIRECTORY: &str = "AIEX_TEST_CHILD_DIRECTORY";
pub(crate) const WRITERS: usize = 4;

/// The key that writer `number` adds to; the keys lie on different shards.
pub(crate) fn key(number: usize) -> String {
    format!("writer-{number}")
}

/// Not a test of its own: what the child does. Each writer adds to its key and prints `ack <writer> <total>` after each
/// answer, for ever; a start that fails prints `error <message>`.
#[test]
#[ignore = "runs only as the child of other tests"]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let started = Coordinator::start(Config::new(directory), Arc::new(Counter)).await;
        let (handle, _coordinator) = match started {
            Ok(started) => started,
            Err(error) => return say(&format!("error {error}")),
        };
        say("ready");
        let mut writers = tokio::task::JoinSet::new();
        for number in 0..WRITERS {
            let handle = handle.clone();
            writers.spawn(async move {
                loop {
                    let total = add(&handle, &key(number), 1).await.unwrap();
                    say(&format!("ack {number} {total}"));
                }
            });
        }
        writers.join_next().await;
    });
}

fn say(line: &str) {
    // One write per line, so that a killed child never leaves half a line that reads like a whole one.
    std::io::stdout()
        .write_all(format!("\n{line}\n").as_bytes())
        .unwrap();
}

/// A running child and what it says.
pub(crate) struct Node {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Node {
    pub(crate) fn start(directory: &Path) -> Self {
        Self::start_with(Command::new(std::env::current_exe().unwrap()), directory)
    }

    /// Starts `program`, a copy of this test binary.
    pub(crate) fn start_with(mut program: Command, directory: &Path) -> Self {
        let mut process = program
            .args([
                "child::child",
                "--exact",
                "--ignored",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(DIRECTORY, directory)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// Returns the next thing the child says; `None` when it has ended.
    pub(crate) fn hear(&mut self) -> Option<String> {
        let ours = |line: &String| {
            ["ready", "ack ", "error "]
                .iter()
                .any(|start| line.starts_with(start))
        };
        self.lines.by_ref().map_while(Result::ok).find(ours)
    }

    /// Kills the child with SIGKILL and returns the rest of what it said.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.process.kill().unwrap();
        let rest = std::iter::from_fn(|| self.hear()).collect();
        self.process.wait().unwrap();
        rest
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
