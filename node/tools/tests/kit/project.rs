//! A project made by `mix new`, an executor for it, and calls with fresh ids.

use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use aiex_tools::{
    Config, Executor, Policy, SyntaxCheck, SyntaxProblem, TestReport, ToolCall, ToolOutcome,
    Verdict,
};
use serde_json::Value;

pub struct Project {
    place: tempfile::TempDir,
    pub executor: Executor,
    next: Cell<u32>,
}

/// Stands in for the real parser: counts `do` and `end`.
pub struct Balanced;

impl SyntaxCheck for Balanced {
    fn check(&self, _path: &str, text: &str) -> Vec<SyntaxProblem> {
        let count = |word: &str| {
            text.split_whitespace()
                .filter(|found| *found == word)
                .count()
        };
        if count("do") == count("end") {
            return vec![];
        }
        vec![SyntaxProblem {
            line: 1,
            column: 1,
            message: "`do` without `end`".into(),
        }]
    }
}

impl Project {
    /// Makes a new Mix project. Fails loudly when Mix is missing: tests/setup installs it.
    pub fn new() -> Self {
        Self::with_policy(Policy::default())
    }

    pub fn with_policy(policy: Policy) -> Self {
        let place = tempfile::tempdir().unwrap();
        let made = Command::new("mix")
            .args(["new", "demo"])
            .current_dir(place.path())
            .env("HOME", place.path())
            .output()
            .expect("mix is needed; run tests/setup");
        assert!(made.status.success(), "mix new: {made:?}");
        let executor = Self::executor(place.path(), policy);
        Self {
            place,
            executor,
            next: Cell::new(0),
        }
    }

    pub fn bare() -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("demo")).unwrap();
        let executor = Self::executor(place.path(), Policy::default());
        Self {
            place,
            executor,
            next: Cell::new(0),
        }
    }

    fn executor(place: &Path, policy: Policy) -> Executor {
        Executor::new(Config {
            project_root: place.join("demo"),
            state_dir: place.join("state"),
            policy,
            syntax: Some(Arc::new(Balanced)),
            search_path: "/usr/local/bin:/usr/bin:/bin".into(),
            mix_home: None,
        })
        .unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path().join("demo").join(name)
    }

    /// Beside the project and the state: nothing inside may reach it.
    pub fn outside(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub fn put(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn run(&self, name: &str, arguments: Value) -> ToolOutcome {
        self.next.set(self.next.get() + 1);
        self.executor.run(&ToolCall {
            call_id: format!("call-{}", self.next.get()),
            name: name.into(),
            arguments: arguments.to_string(),
        })
    }

    pub fn report(&self, arguments: Value) -> TestReport {
        let outcome = self.run("run_tests", arguments);
        serde_json::from_str(&outcome.output).unwrap_or_else(|error| panic!("{error}: {outcome:?}"))
    }
}

/// The four step statuses in one line.
pub fn steps(verdict: &Verdict) -> String {
    let steps: Vec<String> = verdict
        .steps
        .iter()
        .map(|step| format!("{}={}", step.name, step.status))
        .collect();
    steps.join(" ")
}
