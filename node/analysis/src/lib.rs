//! Elixir source, understood without running it: syntax, chunks, graph, findings, refactorings, tests.
//!
//! Pure: text in, facts out. The only crate that knows tree-sitter.

mod analyze;
mod chunk;
mod sources;
mod project_types;
mod effect;
mod clause;
mod error;
mod explain;
mod offline;
mod fallback;
mod graph;
mod literal;
mod typespec;
mod module;
mod syntax;
pub mod findings;
pub mod metrics;
pub mod module_gen;
pub mod refactor;
pub mod otp;
pub mod test_gen;

pub use analyze::analyze_file;
pub use chunk::{Chunk, ChunkKind, Doc, FunctionKind, ParserUsed, Span};
pub use error::Error;
pub use explain::{Evidence, Explanation, Fact, Section, explain, render_markdown};
pub use offline::offline_answer;
pub use graph::{CodeGraph, Edge, Resolution, Target, TestReach, Unresolved};
pub use module::{
    Alias, Attribute, Call, CallForm, Directive, FileAnalysis, ModuleForm, ModuleInfo,
    StructField, TypeDef,
};
pub use sources::SourceText;
pub use syntax::{MAX_PARSED_BYTES, SyntaxError, SyntaxTree, parse, syntax_errors};
