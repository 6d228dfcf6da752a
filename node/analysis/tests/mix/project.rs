//! A Mix project in a directory of its own, removed when the test ends.

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
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }
}

/// Evaluates a script and gives what it prints.
pub(crate) fn elixir(script: &str) -> String {
    let output = Command::new("elixir").args(["-e", script]).output().expect("elixir runs; install it with tests/setup");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
