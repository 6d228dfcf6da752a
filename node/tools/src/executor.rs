//! Carries out tool calls beneath one project root, each effect once.
//!
//! Blocking; the caller gives it a thread. An executor has no running part: dropping it ends it. Several
//! executors of one project, in one process or more, may share a state directory.

mod answer;
mod apply;
mod changes;
mod commands;
mod files;

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use crate::{
    ToolCall, ToolOutcome, ToolSpec,
    contents::Contents,
    error::{Error, Result},
    ledger::{CallKey, Intent, Known, Ledger},
    lock::Lock,
    policy::Policy,
    sandbox::{Sandbox, Tier},
    specs::{Effect, effect_of, specs},
    syntax::SyntaxCheck,
    toolchain::Toolchain,
    trail::Trail,
    workspace::Workspace,
};
use answer::Answer;

/// Locks for call ids; two ids of one lock wait for each other, which is rare and harmless.
const CALL_LOCKS: u64 = 1024;

/// Formatted texts remembered before all are forgotten.
const FORMATTED_TEXTS_MAX: usize = 10_000;

/// What an executor needs to know.
#[derive(Clone)]
pub struct Config {
    pub project_root: PathBuf,
    /// Of this project alone, outside its tree, readable by its owner only.
    pub state_dir: PathBuf,
    pub policy: Policy,
    /// The parse step of verification; skipped when absent.
    pub syntax: Option<Arc<dyn SyntaxCheck>>,
    /// `PATH` of the caller, where Elixir is looked for.
    pub search_path: String,
    /// The user's own Mix home (`~/.mix`), lent to commands read-only for its archives (Hex, rebar).
    pub mix_home: Option<PathBuf>,
}

/// What this executor can do, to be announced when it attaches.
#[derive(Debug, Clone, PartialEq)]
pub struct Capabilities {
    pub tools: Vec<ToolSpec>,
    pub elixir_available: bool,
    pub sandbox_tier: Tier,
    /// Why the tier is not the best one; empty when it is.
    pub sandbox_note: String,
}

/// See the module's description.
pub struct Executor {
    config: Config,
    workspace: Workspace,
    contents: Contents,
    ledger: Ledger,
    toolchain: OnceLock<Toolchain>,
    sandbox: OnceLock<Sandbox>,
    /// Texts known to be formatted, by path and content: the formatter is slow to start.
    formatted: Mutex<HashSet<String>>,
}

impl Executor {
    /// Opens the project and the state, and completes writes that a crash left half-done.
    ///
    /// # Errors
    /// When a directory cannot be opened or made, the state lies inside the project, or the ledger is damaged.
    pub fn new(mut config: Config) -> Result<Self> {
        let workspace = Workspace::open(&config.project_root, &config.policy.outside)?;
        create_private(&config.state_dir)?;
        config.state_dir = config.state_dir.canonicalize().map_err(|error| {
            Error::io(format!("resolving {}", config.state_dir.display()), error)
        })?;
        config.project_root = workspace.project().location().to_owned();
        if config.state_dir.starts_with(&config.project_root) {
            return Err(Error::Arguments {
                tool: "executor".into(),
                reason: "the state directory lies inside the project".into(),
            });
        }
        create_private(&config.state_dir.join("calls"))?;
        let executor = Self {
            contents: Contents::open(&config.state_dir)?,
            ledger: Ledger::open(&config.state_dir)?,
            workspace,
            config,
            toolchain: OnceLock::new(),
            sandbox: OnceLock::new(),
            formatted: Mutex::default(),
        };
        // whoever holds the lock is alive and completes its own write
        if let Some(lock) = Lock::attempt(&executor.tree_lock())? {
            executor.recover(&lock)?;
        }
        Ok(executor)
    }

    /// Carries out a call, or gives the recorded answer when the id was carried out before.
    ///
    /// Never fails as such: what goes wrong is the outcome.
    pub fn run(&self, call: &ToolCall) -> ToolOutcome {
        match self.answer_once(call) {
            Ok(outcome) => outcome,
            // the ledger itself failed or refused: nothing was recorded and nothing done
            Err(error) => Answer::error(&error, Trail::default()),
        }
    }

    /// Says what this executor can do. The first call proves the sandbox, which takes some 100 ms.
    pub fn capabilities(&self) -> Capabilities {
        let sandbox = self.sandbox();
        Capabilities {
            tools: specs(),
            elixir_available: self.toolchain().mix().is_some(),
            sandbox_tier: sandbox.tier(),
            sandbox_note: sandbox.note().to_owned(),
        }
    }

    fn answer_once(&self, call: &ToolCall) -> Result<ToolOutcome> {
        let key = CallKey::new(&call.call_id, &call.name, &call.arguments);
        let _call = Lock::wait(&self.call_lock(&key))?;
        let outcome = match self.ledger.look_up(&key)? {
            Known::Answered(outcome) => return Ok(*outcome),
            Known::OtherArguments => {
                return Err(Error::CallIdReused {
                    call_id: call.call_id.clone(),
                });
            }
            Known::Forgotten => {
                return Err(Error::Forgotten {
                    call_id: call.call_id.clone(),
                });
            }
            Known::Nothing => self.carry_out(call, &key)?,
            Known::Intended(Intent::Command { repeatable: true }) => self.carry_out(call, &key)?,
            Known::Intended(Intent::Command { repeatable: false }) => Answer::error(
                &Error::Interrupted {
                    call_id: call.call_id.clone(),
                },
                Trail::default(),
            ),
            Known::Intended(intent @ Intent::Write { .. }) => {
                let lock = Lock::wait(&self.tree_lock())?;
                self.complete_write(&key, &intent, &lock)?;
                match self.ledger.look_up(&key)? {
                    Known::Answered(outcome) => return Ok(*outcome),
                    _ => self.conclude_write(call, &intent, true),
                }
            }
            Known::Applied(intent) => self.conclude_write(call, &intent, true),
        };
        self.ledger.answer(&key, &outcome)?;
        Ok(outcome)
    }

    fn carry_out(&self, call: &ToolCall, key: &CallKey) -> Result<ToolOutcome> {
        Ok(match effect_of(&call.name) {
            None => Answer::error(
                &Error::UnknownTool {
                    name: call.name.clone(),
                },
                Trail::default(),
            ),
            Some(Effect::Read) => self.read(call),
            Some(Effect::Write) => self.write(call, key)?,
            Some(Effect::Execute) => self.execute(call, key)?,
        })
    }

    fn toolchain(&self) -> &Toolchain {
        self.toolchain
            .get_or_init(|| Toolchain::find(&self.config.search_path))
    }

    fn sandbox(&self) -> &Sandbox {
        self.sandbox.get_or_init(|| {
            Sandbox::prove(
                &self.config.state_dir,
                self.toolchain(),
                &self.config.policy,
            )
        })
    }

    fn formatted_texts(&self) -> MutexGuard<'_, HashSet<String>> {
        let mut texts = self
            .formatted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if texts.len() > FORMATTED_TEXTS_MAX {
            texts.clear();
        }
        texts
    }

    fn call_lock(&self, key: &CallKey) -> PathBuf {
        let number = u64::from_str_radix(&key.id()[..8], 16).unwrap_or(0) % CALL_LOCKS;
        self.config.state_dir.join("calls").join(number.to_string())
    }

    /// Held from intent to applied by every write; a write intent met under it belongs to the dead.
    fn tree_lock(&self) -> PathBuf {
        self.config.state_dir.join("tree.lock")
    }
}

/// Makes a directory that only its owner can enter.
fn create_private(directory: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| Error::io(format!("creating {}", directory.display()), error))
}

#[cfg(test)]
mod tests;
