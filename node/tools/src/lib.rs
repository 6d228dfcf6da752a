//! Tools that touch a working tree: files, edits, commands, and the sandbox they run in.
//!
//! Linked by the node and by the terminal program. Knows no session, no model and no network.

mod arguments;
mod clock;
mod contents;
mod digest;
pub mod edit;
mod error;
mod executor;
mod ladder;
mod ledger;
mod lock;
mod outcome;
mod output;
mod path;
mod policy;
mod root;
pub mod sandbox;
mod search;
mod specs;
mod syntax;
mod test_run;
mod toolchain;
mod trail;
mod walk;
mod workspace;

pub use digest::content_hash;
pub use error::{Error, Result};
pub use executor::{Capabilities, Config, Executor};
pub use outcome::{
    AccessRecord, FileChange, ToolCall, ToolOutcome, ToolStatus, Verdict, VerdictStep,
};
pub use path::{PATH_BYTES_MAX, WorkspacePath};
pub use policy::{OutsideDirectory, Policy};
pub use root::{Root, TEXT_BYTES_MAX, TextFile};
pub use specs::{Effect, ToolSpec, specs};
pub use syntax::{SyntaxCheck, SyntaxProblem};
pub use test_run::{RunStatus, TestReport, TestResult, TestRun};

/// Most bytes of one tool output a model sees.
pub const OUTPUT_BYTES_MAX: usize = 64 << 10;
