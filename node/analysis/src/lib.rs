//! Elixir source, understood without running it: syntax, chunks, graph, findings, refactorings, tests.
//!
//! Pure: text in, facts out. The only crate that knows tree-sitter.

mod analyze;
mod chunk;
mod clause;
mod effect;
mod error;
mod explain;
mod fallback;
pub mod findings;
mod graph;
mod literal;
pub mod metrics;
mod module;
pub mod module_gen;
mod offline;
pub mod otp;
mod project_types;
pub mod refactor;
mod sources;
mod syntax;
pub mod test_gen;
mod typespec;

pub use analyze::analyze_file;
pub use chunk::{Chunk, ChunkKind, Doc, FunctionKind, ParserUsed, Span};
pub use error::Error;
pub use explain::{Evidence, Explanation, Fact, Section, explain, render_markdown};
pub use graph::{CodeGraph, Edge, Resolution, Target, TestReach, Unresolved};
pub use module::{
    Alias, Attribute, Call, CallForm, Directive, FileAnalysis, ModuleForm, ModuleInfo, StructField,
    TypeDef,
};
pub use offline::offline_answer;
pub use sources::SourceText;
pub use syntax::{MAX_PARSED_BYTES, SyntaxError, SyntaxTree, parse, syntax_errors};
