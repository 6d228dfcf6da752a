//! Why a workspace cannot be stored, indexed or fitted into a prompt.

use std::path::PathBuf;

/// Refusals and failures of the context engine.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the content is {size_bytes} bytes, above the limit of {limit_bytes} a file")]
    ContentTooLarge { size_bytes: u64, limit_bytes: u64 },
    #[error("the content does not have the hash it was sent under")]
    HashMismatch,
    #[error("the project path `{path}` is not acceptable: {reason}")]
    PathRefused { path: String, reason: &'static str },
    #[error("the project has {files} files, above the limit of {limit}")]
    TooManyFiles { files: usize, limit: usize },
    #[error("the store is full: {used_bytes} bytes of {limit_bytes}")]
    Full { used_bytes: u64, limit_bytes: u64 },
    #[error("there is no workspace `{workspace_id}`")]
    UnknownWorkspace { workspace_id: String },
    #[error("{count} files of the workspace are not uploaded, the first is {first}")]
    ContentMissing { count: usize, first: String },
    #[error("the prompt needs at least {needed_tokens} tokens, but the budget is {budget_tokens}")]
    BudgetTooSmall {
        needed_tokens: u32,
        budget_tokens: u32,
    },
    #[error("the transcript has no message {index} to answer")]
    NoPrompt { index: usize },
    #[error("the tokenizer is not available")]
    Tokenizer,
    #[error("cannot {verb} {path}", path = path.display())]
    File {
        verb: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("indexing stopped: {reason}")]
    Indexing { reason: String },
}

impl Error {
    /// What the caller can do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::ContentTooLarge { .. } => "leave generated and binary files out of the project",
            Self::HashMismatch => "read the file again and send it under its BLAKE3 hash",
            Self::PathRefused { .. } => "send paths relative to the project root, with slashes",
            Self::TooManyFiles { .. } => "narrow the project with an ignore file",
            Self::Full { .. } => "raise the limit of the context store, or free its disk",
            Self::UnknownWorkspace { .. } => "sync the project first",
            Self::ContentMissing { .. } => "sync again and upload what is missing",
            Self::BudgetTooSmall { .. } => "shorten the request, or choose a model with more room",
            Self::NoPrompt { .. } => "begin the turn with a message of the user",
            Self::Tokenizer => "report this: the vocabulary is part of the program",
            Self::File { .. } => "check the data directory, its rights and its free space",
            Self::Indexing { .. } => "try again; report it if it stays",
        }
    }
}
