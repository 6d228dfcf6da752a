//! Elixir source, understood without running it: syntax, chunks, graph, findings, refactorings, tests.
//!
//! Pure: text in, facts out. The only crate that knows tree-sitter.

mod chunk;
mod error;
mod literal;
mod typespec;
mod module;
pub mod module_gen;

pub use chunk::{Chunk, ChunkKind, Doc, FunctionKind, ParserUsed, Span};
pub use error::Error;
pub use module::{
    Alias, Attribute, Call, CallForm, Directive, FileAnalysis, ModuleForm, ModuleInfo,
    StructField, TypeDef,
};
