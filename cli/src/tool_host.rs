//! The hands: one thread that owns the executor of this project and runs one call at a time.
//!
//! The thread ends when the host is dropped and its call is done; nobody waits for it.

use crate::error::Error;
use aiex_proto::code::ErrorCode;
use aiex_tools::{
    Config, Executor, OutsideDirectory, Policy, SyntaxCheck, SyntaxProblem, ToolCall, ToolOutcome,
    ToolStatus,
};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc as blocking;
use tokio::sync::{mpsc, oneshot};

/// Calls that may wait; the node sends the calls of one model reply together.
const CALLS_MAX: usize = 256;
/// Tools that change files of the project.
const WRITING_TOOLS: [&str; 3] = ["write_file", "edit_file", "edit_files"];
/// Tools that run the project's code, or other commands.
const RUNNING_TOOLS: [&str; 3] = ["run_command", "run_tests", "verify"];

/// What this run lets tools do, beyond what the sandbox allows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) dry_run: bool,
    pub(crate) read_only: bool,
    pub(crate) denied_tools: Vec<String>,
}

impl Limits {
    /// Why a tool may not run at all; `None` when it may.
    pub(crate) fn refusal(&self, tool: &str) -> Option<String> {
        let writes = WRITING_TOOLS.contains(&tool);
        let runs = RUNNING_TOOLS.contains(&tool);
        if self.denied_tools.iter().any(|denied| denied == tool) {
            return Some(format!("{tool} is denied by deny_tools in .aiex.toml"));
        }
        if self.read_only && (writes || runs) {
            return Some(format!("{tool} is denied by read_only in .aiex.toml"));
        }
        if self.dry_run && (writes || tool == "run_command") {
            return Some("this is a dry run: nothing is changed".to_owned());
        }
        None
    }
}

/// True when a person must agree before a tool runs. Tests and verification run in the sandbox and need no answer.
pub(crate) fn needs_approval(tool: &str) -> bool {
    WRITING_TOOLS.contains(&tool) || tool == "run_command"
}

/// What the executor can do here.
#[derive(Debug, Clone)]
pub(crate) struct Capabilities {
    pub(crate) tools: Vec<String>,
    pub(crate) elixir_available: bool,
    pub(crate) sandbox_tier: String,
    /// Why the tier is not the best one; empty when it is.
    pub(crate) sandbox_note: String,
}

/// A finished call.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) call_id: String,
    pub(crate) outcome: ToolOutcome,
}

/// The handle on the thread.
#[derive(Debug)]
pub(crate) struct ToolHost {
    calls: blocking::SyncSender<ToolCall>,
    finished: mpsc::Receiver<Finished>,
    pub(crate) capabilities: Capabilities,
}

/// Where the executor works.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) project_root: PathBuf,
    pub(crate) state_dir: PathBuf,
    pub(crate) read_outside: Vec<PathBuf>,
    pub(crate) allow_unsandboxed: bool,
    pub(crate) search_path: Option<OsString>,
    pub(crate) mix_home: Option<PathBuf>,
}

/// A host whose executor is still probing the machine.
#[derive(Debug)]
pub(crate) struct Starting {
    calls: blocking::SyncSender<ToolCall>,
    finished: mpsc::Receiver<Finished>,
    ready: oneshot::Receiver<Result<Capabilities, Error>>,
}

impl ToolHost {
    /// Starts the thread; it probes the sandbox while others connect.
    ///
    /// # Errors
    /// When the thread cannot be made.
    pub(crate) fn start(place: Place) -> Result<Starting, Error> {
        let (calls, queue) = blocking::sync_channel::<ToolCall>(CALLS_MAX);
        let (answers, finished) = mpsc::channel(CALLS_MAX);
        let (tell_ready, ready) = oneshot::channel();
        let work = move || {
            let executor = match open(place) {
                Ok(executor) => executor,
                Err(error) => {
                    let _nobody_waits = tell_ready.send(Err(error));
                    return;
                }
            };
            if tell_ready.send(Ok(capabilities(&executor))).is_err() {
                return;
            }
            while let Ok(call) = queue.recv() {
                let outcome = executor.run(&call);
                if answers
                    .blocking_send(Finished {
                        call_id: call.call_id,
                        outcome,
                    })
                    .is_err()
                {
                    return;
                }
            }
        };
        std::thread::Builder::new()
            .name("aiex-tool-host".to_owned())
            .spawn(work)
            .map_err(|error| {
                Error::internal(format!("the thread for tools does not start: {error}"))
            })?;
        Ok(Starting {
            calls,
            finished,
            ready,
        })
    }

    /// Queues a call; its result comes from [`ToolHost::finished`].
    ///
    /// # Errors
    /// When more calls wait than a node may send, or the thread is gone.
    pub(crate) fn run(&self, call: ToolCall) -> Result<(), Error> {
        self.calls.try_send(call).map_err(|error| match error {
            blocking::TrySendError::Full(_) => {
                Error::internal(format!("more than {CALLS_MAX} tool calls wait"))
            }
            blocking::TrySendError::Disconnected(_) => {
                Error::internal("the thread for tools ended")
            }
        })
    }

    /// The next finished call. Cancel-safe.
    pub(crate) async fn finished(&mut self) -> Option<Finished> {
        self.finished.recv().await
    }
}

impl Starting {
    /// Waits until the executor knows what it can do.
    ///
    /// # Errors
    /// When the executor cannot be opened.
    pub(crate) async fn ready(self) -> Result<ToolHost, Error> {
        let capabilities = self
            .ready
            .await
            .map_err(|_| Error::internal("the thread for tools ended"))??;
        Ok(ToolHost {
            calls: self.calls,
            finished: self.finished,
            capabilities,
        })
    }
}

/// Lends the tools our parser, so that an edit is checked without running anything.
struct ElixirSyntax;

impl SyntaxCheck for ElixirSyntax {
    fn check(&self, path: &str, text: &str) -> Vec<SyntaxProblem> {
        if !(path.ends_with(".ex") || path.ends_with(".exs")) {
            return Vec::new();
        }
        let problem = |error: aiex_analysis::SyntaxError| SyntaxProblem {
            line: error.line as usize,
            column: error.column as usize,
            message: error.message,
        };
        aiex_analysis::syntax_errors(text)
            .into_iter()
            .map(problem)
            .collect()
    }
}

fn open(place: Place) -> Result<Executor, Error> {
    let outside = place
        .read_outside
        .into_iter()
        .map(|path| OutsideDirectory {
            path,
            writable: false,
        })
        .collect();
    let config = Config {
        project_root: place.project_root,
        state_dir: place.state_dir,
        policy: Policy {
            outside,
            allow_unsandboxed: place.allow_unsandboxed,
            ..Policy::default()
        },
        syntax: Some(Arc::new(ElixirSyntax)),
        search_path: place
            .search_path
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        mix_home: place.mix_home,
    };
    Executor::new(config).map_err(|error| {
        Error::refused(
            ErrorCode::Internal,
            format!("the tools do not start: {error}"),
            "aiex doctor looks for causes",
        )
    })
}

fn capabilities(executor: &Executor) -> Capabilities {
    let found = executor.capabilities();
    Capabilities {
        tools: found
            .tools
            .iter()
            .map(|spec| spec.name.to_owned())
            .collect(),
        elixir_available: found.elixir_available,
        sandbox_tier: found.sandbox_tier.name().to_owned(),
        sandbox_note: found.sandbox_note,
    }
}

/// The outcome of a call that was not run because somebody or some rule said no.
pub(crate) fn denied(reason: &str) -> ToolOutcome {
    ToolOutcome {
        status: ToolStatus::Denied,
        output: reason.to_owned(),
        accesses: Vec::new(),
        changes: Vec::new(),
        verdict: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_only_take_away() {
        let none = Limits::default();
        for tool in ["read_file", "edit_file", "run_command", "run_tests"] {
            assert_eq!(none.refusal(tool), None);
        }
        let dry_run = Limits {
            dry_run: true,
            ..Limits::default()
        };
        assert!(
            dry_run.refusal("edit_files").is_some() && dry_run.refusal("run_command").is_some()
        );
        assert!(dry_run.refusal("run_tests").is_none() && dry_run.refusal("read_file").is_none());
        let read_only = Limits {
            read_only: true,
            ..Limits::default()
        };
        assert!(
            read_only.refusal("verify").is_some() && read_only.refusal("search_text").is_none()
        );
        let named = Limits {
            denied_tools: vec!["read_file".into()],
            ..Limits::default()
        };
        assert!(
            named
                .refusal("read_file")
                .is_some_and(|reason| reason.contains("deny_tools"))
        );
    }
}
