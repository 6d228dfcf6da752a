//! What a file says about each module it defines.

use crate::chunk::{Chunk, Doc, ParserUsed, Span};
use serde::{Deserialize, Serialize};

/// Everything one file yields. Serialisable, so that equal contents are analysed once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileAnalysis {
    pub path: String,
    pub size_bytes: u32,
    pub lines: u32,
    pub parser: ParserUsed,
    /// True when tree-sitter found an error or something missing.
    pub has_error: bool,
    pub modules: Vec<ModuleInfo>,
    pub chunks: Vec<Chunk>,
    pub calls: Vec<Call>,
}

/// How a module came to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "snake_case")]
pub enum ModuleForm {
    Module,
    Protocol,
    /// `defimpl protocol, for: target`.
    Implementation {
        protocol: String,
        target: String,
    },
}

/// One module, with its lexical environment resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleInfo {
    pub name: String,
    pub form: ModuleForm,
    pub span: Span,
    pub doc: Doc,
    /// `use X, opts`: full name and the source text of the options.
    pub uses: Vec<Directive>,
    pub aliases: Vec<Alias>,
    pub imports: Vec<Directive>,
    pub requires: Vec<Directive>,
    pub behaviours: Vec<String>,
    /// `@name value` at module level, as source text, except docs, specs and types.
    pub attributes: Vec<Attribute>,
    /// Struct fields in order with the source text of their default, if the module has a struct.
    pub struct_fields: Option<Vec<StructField>>,
    pub types: Vec<TypeDef>,
    pub callbacks: Vec<TypeDef>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directive {
    pub module: String,
    pub options: String,
    pub line: u32,
}

/// `alias full, as: short`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    pub short: String,
    pub full: String,
    pub line: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    pub name: String,
    pub value: String,
    pub line: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StructField {
    pub name: String,
    pub default: String,
}

/// `@type name(args) :: text`, `@callback name(args) :: text`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeDef {
    /// "type", "typep", "opaque", "callback", "macrocallback".
    pub kind: String,
    pub name: String,
    pub arity: u8,
    pub text: String,
    pub line: u32,
}

/// A call as written, resolved as far as one file allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Id of the chunk the call stands in; empty at module or file level.
    pub from_chunk: String,
    /// Module the call stands in.
    pub from_module: String,
    /// Full module name after aliases; `None` for a local or imported call. Erlang modules as `:name`.
    pub module: Option<String>,
    pub function: String,
    pub arity: u8,
    /// Byte range of the function's name, for renames.
    pub name_start_byte: u32,
    pub name_end_byte: u32,
    pub line: u32,
    pub form: CallForm,
}

/// How the call is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallForm {
    Plain,
    /// `x |> f(y)`; the arity counts `x`.
    Piped,
    /// `&f/1` or `&Mod.f/1`.
    Capture,
    /// `defdelegate f(x), to: Mod`.
    Delegate,
    /// `{Mod, :f, [args]}` and `apply(Mod, :f, [args])`.
    ModuleFunctionArgs,
}
