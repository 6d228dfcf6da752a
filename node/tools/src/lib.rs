//! Tools that touch a working tree: files, edits, commands, and the sandbox they run in.
//!
//! Linked by the node and by the terminal program. Knows no session, no model and no network.

mod outcome;

pub use outcome::{
    AccessRecord, FileChange, ToolCall, ToolOutcome, ToolStatus, Verdict, VerdictStep,
};

/// Most bytes of one tool output a model sees.
pub const OUTPUT_BYTES_MAX: usize = 64 << 10;
