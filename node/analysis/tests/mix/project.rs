//! A Mix project in a directory of its own, removed when the test ends.

use aiex_analysis::test_gen::TestResult;
use aiex_analysis::{CodeGraph, analyze_file};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::{fs, process::Command};

pub(crate) struct Project {
    root: tempfile::TempDir,
}

impl Project {
    /// Makes a project by `mix new`.
    pub(crate) fn new(name: &str) -> Self {
        let root = tempfile::tempdir().expect("temporary directory");
        let project = Self { root };
        project.run(&["new", ".", "--app", name]);
        project
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let full = self.root.path().join(path);
        fs::create_dir_all(full.parent().expect("a parent")).expect("directories");
        fs::write(full, text).expect("written");
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.path().join(path)).expect("a file")
    }

    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.root.path().join(path)).expect("removed");
    }

    /// Analyses files of the project as they stand now.
    pub(crate) fn graph(&self, paths: &[&str]) -> (CodeGraph, BTreeMap<String, String>) {
        let sources: BTreeMap<String, String> = paths
            .iter()
            .map(|p| ((*p).to_owned(), self.read(p)))
            .collect();
        let files: Vec<_> = sources
            .iter()
            .map(|(path, text)| Arc::new(analyze_file(path, text)))
            .collect();
        (CodeGraph::build(&files), sources)
    }

    /// Runs one test file with a seed; one result per test.
    pub(crate) fn results(&self, path: &str, run: usize, seed: u32) -> Vec<TestResult> {
        self.write(
            "test/test_helper.exs",
            &format!("{REPORT}\nExUnit.start(formatters: [Report])\n"),
        );
        let (_, output) = self.run(&["test", "--seed", &seed.to_string(), path]);
        self.write("test/test_helper.exs", "ExUnit.start()\n");
        let run = u32::try_from(run).expect("few runs");
        let lines = output
            .lines()
            .filter_map(|line| line.strip_prefix("RESULT "));
        lines
            .map(|line| {
                let (state, name) = line.split_once(' ').expect("state and name");
                TestResult {
                    run,
                    name: name.to_owned(),
                    describe: None,
                    passed: state == "ok",
                    message: String::new(),
                }
            })
            .collect()
    }

    /// Fails with both texts when `mix format` would change a file.
    pub(crate) fn check_formatted(&self, path: &str) {
        let before = self.read(path);
        self.mix(&["format", path]);
        let after = self.read(path);
        let place = before.lines().zip(after.lines()).position(|(a, b)| a != b);
        let context = |text: &str| {
            text.lines()
                .skip(place.unwrap_or(0).saturating_sub(6))
                .take(16)
                .collect::<Vec<_>>()
                .join("\n")
        };
        assert!(
            before == after,
            "{path} is not formatted; before:\n{}\nafter:\n{}",
            context(&before),
            context(&after)
        );
    }

    /// Runs Mix and gives its output; panics with it on failure.
    pub(crate) fn mix(&self, arguments: &[&str]) -> String {
        let (ok, output) = self.run(arguments);
        assert!(ok, "mix {arguments:?} failed:\n{output}");
        output
    }

    /// Runs Mix; true when it ended with 0.
    pub(crate) fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = Command::new("mix")
            .args(arguments)
            .current_dir(self.root.path())
            .env("MIX_HOME", self.root.path().join(".mix"))
            .env("NO_COLOR", "1")
            .output()
            .expect("mix runs; install Elixir with tests/setup");
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    }
}

/// A formatter that prints one line per test.
const REPORT: &str = r#"defmodule Report do
  use GenServer
  def init(_), do: {:ok, nil}

  def handle_cast({:test_finished, test}, state) do
    IO.puts("\nRESULT #{if test.state == nil, do: "ok", else: "failed"} #{test.name}")
    {:noreply, state}
  end

  def handle_cast(_, state), do: {:noreply, state}
end
"#;

/// Evaluates a script and gives what it prints.
pub(crate) fn elixir(script: &str) -> String {
    let output = Command::new("elixir")
        .args(["-e", script])
        .output()
        .expect("elixir runs; install it with tests/setup");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
