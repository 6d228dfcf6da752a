//! What a tool is asked and what it answers; the JSON that crosses the session stream.

use serde::{Deserialize, Serialize};

/// One call, named by an id that is never used for other arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    pub call_id: String,
    pub name: String,
    /// The raw text the model wrote; the tool parses it and says what is wrong with it.
    pub arguments: String,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolStatus {
    Ok,
    Failed,
    /// Refused by the boundary, the allowlist, the sandbox policy or a person.
    Denied,
}

/// The answer to a call. Equal for every repeat of the same call id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolOutcome {
    pub status: ToolStatus,
    /// What the model sees. Bounded by [`crate::OUTPUT_BYTES_MAX`].
    pub output: String,
    pub accesses: Vec<AccessRecord>,
    pub changes: Vec<FileChange>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

/// One file operation or command, allowed or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRecord {
    /// "read", "list", "search", "write", "create", "delete", "execute".
    pub operation: String,
    /// Relative to the project root, or the command line.
    pub path: String,
    /// "allowed" or "denied".
    pub decision: String,
    pub reason: String,
    pub size_bytes: u64,
}

/// A file before and after; `None` means it did not exist. Text only: tools refuse to change binary files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    pub path: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// How far an edit was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// In order: "parse", "format", "compile", "tests".
    pub steps: Vec<VerdictStep>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictStep {
    pub name: String,
    /// "passed", "failed" or "skipped".
    pub status: String,
    pub detail: String,
    pub duration_ms: u64,
}
