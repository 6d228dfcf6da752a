//! What a model gets to see: workspaces and their indexes, retrieval, token budgets, assembly.
//!
//! Deterministic: equal input gives equal bytes on every node, which keeps provider caches warm.
//! The only crate that knows a tokenizer.

mod analyses;
mod assemble;
mod code_piece;
mod contents;
mod error;
mod history;
mod manifest;
mod metrics;
mod postings;
mod project_index;
mod ranking;
mod symbols;
mod terms;
mod texts;
mod tokens;
mod worker_threads;
mod workspace_store;

pub use assemble::{AssembleInput, Assembled, Budget, Item, ItemKind, Rules, assemble};
pub use code_piece::CodePiece;
pub use contents::{ContentHash, FILE_BYTES_MAX};
pub use error::Error;
pub use manifest::{FILES_MAX, ManifestEntry};
pub use project_index::{Hit, IndexSize, ProjectIndex};
pub use ranking::HITS_MAX;
pub use tokens::Tokenizer;
pub use workspace_store::{Config, SyncResult, Usage, WorkspaceStore};
