//! The tools that run programs: `run_command`, `verify`, `run_tests`.

mod copy;
mod effects;
mod jobs;
mod tests_run;
mod verification;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Executor, answer::Answer};
use crate::{
    ToolCall, ToolOutcome, ToolStatus,
    arguments::{self, RunCommand},
    error::{Error, Result},
    ledger::{CallKey, Intent},
    lock::Lock,
    path::WorkspacePath,
    sandbox::Finished,
    trail::Trail,
};
use effects::Snapshot;
use jobs::Start;

/// Time a command gets unless the call says otherwise.
const COMMAND_DEFAULT: Duration = Duration::from_secs(120);
/// Most words in `argv`, and bytes in them together.
const ARGV_WORDS_MAX: usize = 200;
const ARGV_BYTES_MAX: usize = 64 << 10;
/// Mix tasks that may be run again after an interruption: they change only what they can make anew.
const REPEATABLE_TASKS: [&str; 6] = ["test", "compile", "format", "xref", "help", "deps.tree"];

impl Executor {
    pub(super) fn execute(&self, call: &ToolCall, key: &CallKey) -> Result<ToolOutcome> {
        let mut trail = Trail::default();
        let outcome = match call.name.as_str() {
            "run_command" => return self.run_command(call, key, trail),
            "verify" => self.verify_paths(call, &mut trail),
            _ => self.run_tests(call, &mut trail),
        };
        // both are read-only for the project: an interrupted one simply runs again, no intent needed
        Ok(match outcome {
            Ok((status, output, verdict)) => {
                Answer::with(status, output, trail, Vec::new(), verdict)
            }
            Err(error) => Answer::error(&error, trail),
        })
    }

    fn run_command(&self, call: &ToolCall, key: &CallKey, mut trail: Trail) -> Result<ToolOutcome> {
        let checked = arguments::parse::<RunCommand>(call).and_then(|wanted| {
            let line = wanted.argv.join(" ");
            match self.check_command(&wanted) {
                Ok(program) => Ok((wanted, program, line)),
                Err(error) => {
                    trail.refused("execute", &line, &error);
                    Err(error)
                }
            }
        });
        let (wanted, program, line) = match checked {
            Ok(checked) => checked,
            Err(error) => return Ok(Answer::error(&error, trail)),
        };
        let repeatable = wanted.argv[0] == "mix"
            && wanted
                .argv
                .get(1)
                .is_some_and(|task| REPEATABLE_TASKS.contains(&task.as_str()));
        self.ledger.intend(key, &Intent::Command { repeatable })?;
        let before = Snapshot::take(self.workspace.project());
        let finished = self.run_checked(&wanted, &program);
        Ok(match finished {
            Ok(finished) => {
                let text = finished.combined();
                trail.allowed_with("execute", &line, self.tier_note(), text.len() as u64);
                let effects = before.compare(self.workspace.project());
                effects.record(&mut trail);
                let output = format!("{}\n{}{text}", finished.end(), effects.summary());
                let status = if finished.succeeded() {
                    ToolStatus::Ok
                } else {
                    ToolStatus::Failed
                };
                Answer::with(status, output, trail, effects.changes, None)
            }
            Err(error) => {
                trail.refused("execute", &line, &error);
                Answer::error(&error, trail)
            }
        })
    }

    fn run_checked(&self, wanted: &RunCommand, program: &Path) -> Result<Finished> {
        let environment = mix_environment(wanted);
        let _build = Lock::wait(&self.build_lock(&environment))?;
        let start = Start {
            program,
            words: &wanted.argv[1..],
            environment: &environment,
            limit: self
                .config
                .policy
                .command_limit(wanted.timeout_ms, COMMAND_DEFAULT),
        };
        let mut job = self.project_job(&WorkspacePath::root(), &start)?;
        job.env.extend(wanted.env.clone());
        self.sandbox().run(&job)
    }

    /// Gives the program to start, or says why not.
    fn check_command(&self, wanted: &RunCommand) -> Result<PathBuf> {
        let wrong = |reason: &str| Error::Arguments {
            tool: "run_command".into(),
            reason: reason.into(),
        };
        let Some(name) = wanted.argv.first() else {
            return Err(wrong("`argv` is empty"));
        };
        let bytes: usize = wanted.argv.iter().map(String::len).sum();
        if wanted.argv.len() > ARGV_WORDS_MAX || bytes > ARGV_BYTES_MAX {
            return Err(wrong("`argv` is too long"));
        }
        let words = wanted.argv.iter().chain(wanted.env.values());
        if words
            .chain(wanted.env.keys())
            .any(|word| word.contains('\0'))
        {
            return Err(wrong("a word contains a NUL byte"));
        }
        if name.contains('/') || !self.config.policy.allows_program(name) {
            return Err(Error::ProgramRefused {
                program: name.clone(),
            });
        }
        if let Some(name) = wanted
            .env
            .keys()
            .find(|name| !self.config.policy.allows_environment(name))
        {
            return Err(Error::EnvironmentRefused { name: name.clone() });
        }
        let missing = || Error::ProgramMissing {
            program: name.clone(),
        };
        match name.as_str() {
            "mix" => self.toolchain().mix().map(Into::into).ok_or_else(missing),
            "elixir" => self
                .toolchain()
                .elixir()
                .map(Into::into)
                .ok_or_else(missing),
            name => Ok(name.into()),
        }
    }

    /// The tier, for the access record of a command.
    fn tier_note(&self) -> String {
        format!("sandbox: {}", self.sandbox().tier().name())
    }
}

/// The Mix environment a command will use, which names its build directory.
fn mix_environment(wanted: &RunCommand) -> String {
    let asked = wanted.env.get("MIX_ENV").map(String::as_str);
    let is_test = wanted.argv.first().is_some_and(|name| name == "mix")
        && wanted.argv.get(1).is_some_and(|task| task == "test");
    let name = asked.unwrap_or(if is_test { "test" } else { "dev" });
    let plain = !name.is_empty()
        && name.len() <= 32
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plain {
        name.to_owned()
    } else {
        "other".to_owned()
    }
}
