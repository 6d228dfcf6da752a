//! `run_tests`: a test file, run for real, once for each seed, and never in the user's tree.

use std::time::Duration;

use super::{super::Executor, copy::Copy, jobs::Start};
use crate::{
    ToolCall, ToolStatus, Verdict,
    arguments::{self, RunTests},
    error::{Error, Result},
    lock::Lock,
    path::WorkspacePath,
    sandbox::{Access, Finished, Mount},
    test_run::{FORMATTER, FORMATTER_MODULE, RawRun, TestReport},
    trail::Trail,
};

/// Time one run gets unless the call says otherwise; the first one may compile the project.
const RUN_DEFAULT: Duration = Duration::from_secs(180);
/// Runs in one call.
const SEEDS_MAX: usize = 10;
/// Bytes of results read from one run.
const RESULTS_BYTES_MAX: u64 = 8 << 20;

impl Executor {
    pub(super) fn run_tests(
        &self,
        call: &ToolCall,
        trail: &mut Trail,
    ) -> Result<(ToolStatus, String, Option<Verdict>)> {
        let wanted: RunTests = arguments::parse(call)?;
        let path = self
            .check_tests(&wanted)
            .inspect_err(|error| trail.refused("execute", &wanted.path, error))?;
        let project = self.mix_project(&path).ok_or_else(|| Error::NoMixProject {
            path: path.to_string(),
        })?;
        let seeds = if wanted.seeds.is_empty() {
            vec![0]
        } else {
            wanted.seeds.clone()
        };
        let limit = self
            .config
            .policy
            .command_limit(wanted.timeout_ms, RUN_DEFAULT);
        let _build = Lock::wait(&self.build_lock("test"))?;
        let mut runs = Vec::new();
        for seed in seeds {
            let line = format!("mix test {path} --seed {seed}");
            // anew for each run: a test may have spoilt the last copy
            let copy = self.copy_project()?;
            copy.put(&path, &wanted.content)?;
            let run = self
                .run_once(&copy, &project, &path, seed, limit)
                .inspect_err(|error| trail.refused("execute", &line, error))?;
            trail.allowed_with("execute", &line, self.tier_note(), run.lines.len() as u64);
            // what does not compile once will not compile with another seed
            let hopeless = run.lines.is_empty() && !run.succeeded;
            runs.push(run);
            if hopeless {
                break;
            }
        }
        let report = TestReport::new(path.as_str(), &runs);
        let status = if report.passed() {
            ToolStatus::Ok
        } else {
            ToolStatus::Failed
        };
        Ok((status, report.into_json(), None))
    }

    fn check_tests(&self, wanted: &RunTests) -> Result<WorkspacePath> {
        let wrong = |reason: &str| Error::Arguments {
            tool: "run_tests".into(),
            reason: reason.into(),
        };
        let path = WorkspacePath::parse(&wanted.path)?;
        if path.is_protected() {
            return Err(Error::Protected {
                path: path.to_string(),
            });
        }
        if !path.as_str().ends_with("_test.exs") {
            return Err(wrong("`path` must end in _test.exs"));
        }
        if wanted.seeds.len() > SEEDS_MAX {
            return Err(wrong("at most 10 `seeds` are possible"));
        }
        if self.toolchain().mix().is_none() {
            return Err(Error::ProgramMissing {
                program: "mix".into(),
            });
        }
        Ok(path)
    }

    fn run_once(
        &self,
        copy: &Copy,
        project: &WorkspacePath,
        path: &WorkspacePath,
        seed: u32,
        limit: Duration,
    ) -> Result<RawRun> {
        let failed = |error| Error::io("preparing the test run", error);
        let results = copy.side().join("results.ndjson");
        let formatter = copy.side().join("result_lines.exs");
        std::fs::write(&formatter, FORMATTER)
            .and_then(|()| std::fs::write(&results, ""))
            .map_err(failed)?;
        let finished = self.run_mix_test(copy, project, path, seed, limit)?;
        use std::io::Read;
        let mut lines = String::new();
        std::fs::File::open(&results)
            .and_then(|file| file.take(RESULTS_BYTES_MAX).read_to_string(&mut lines))
            .map_err(|error| Error::io("reading the test results", error))?;
        Ok(RawRun {
            seed,
            lines,
            output: finished.combined(),
            printed: finished.stdout.clone(),
            succeeded: finished.succeeded(),
            timed_out: finished.timed_out,
            duration_ms: finished.duration_ms,
        })
    }

    fn run_mix_test(
        &self,
        copy: &Copy,
        project: &WorkspacePath,
        path: &WorkspacePath,
        seed: u32,
        limit: Duration,
    ) -> Result<Finished> {
        let root = self.workspace.project().location();
        // shown at the project's own place where possible: same paths in messages, and nothing compiles anew
        let shown_at = if self.sandbox().can_move_mounts() {
            root.to_owned()
        } else {
            copy.tree()
        };
        let mut mounts = vec![Mount {
            from: copy.tree(),
            to: shown_at.clone(),
            access: Access::Write,
        }];
        let mut extra = vec![(
            "AIEX_RESULTS".to_owned(),
            copy.side().join("results.ndjson").display().to_string(),
        )];
        let dependencies = root.join("deps");
        if dependencies.is_dir() {
            let to = if self.sandbox().can_move_mounts() {
                shown_at.join("deps")
            } else {
                dependencies.clone()
            };
            extra.push(("MIX_DEPS_PATH".to_owned(), to.display().to_string()));
            mounts.push(Mount {
                from: dependencies,
                to,
                access: Access::Read,
            });
        }
        mounts.push(Mount::same(copy.side(), Access::Write));
        let test = path
            .as_str()
            .strip_prefix(project.as_str())
            .unwrap_or(path.as_str())
            .trim_start_matches('/');
        let formatter = copy.side().join("result_lines.exs").display().to_string();
        let seed = seed.to_string();
        let words = [
            "-r",
            &formatter,
            "-S",
            "mix",
            "test",
            test,
            "--seed",
            &seed,
            "--formatter",
            FORMATTER_MODULE,
        ];
        let arguments: Vec<String> = words.iter().map(ToString::to_string).collect();
        let elixir = self
            .toolchain()
            .elixir()
            .ok_or_else(|| Error::ProgramMissing {
                program: "elixir".into(),
            })?;
        let directory = shown_at.join(project.as_str());
        let start = Start {
            program: elixir,
            words: &arguments,
            environment: "test",
            limit,
        };
        let mut job = self.job(directory, &start, mounts)?;
        job.env.extend(extra);
        self.sandbox().run(&job)
    }
}
