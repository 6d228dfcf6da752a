//! Semantic pieces of Elixir source: what a person would call "this function", "this test", "this schema".

use serde::{Deserialize, Serialize};

/// Half-open byte range and 1-based inclusive lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    pub start_byte: u32,
    pub end_byte: u32,
    pub start_line: u32,
    pub end_line: u32,
}

/// What defines a function group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FunctionKind {
    Def,
    Defp,
    Defmacro,
    Defmacrop,
    Defguard,
    Defguardp,
    Defdelegate,
}

impl FunctionKind {
    /// True for what other modules can call.
    pub const fn is_public(self) -> bool {
        matches!(
            self,
            Self::Def | Self::Defmacro | Self::Defguard | Self::Defdelegate
        )
    }

    /// Returns the keyword that defines it.
    pub const fn keyword(self) -> &'static str {
        match self {
            Self::Def => "def",
            Self::Defp => "defp",
            Self::Defmacro => "defmacro",
            Self::Defmacrop => "defmacrop",
            Self::Defguard => "defguard",
            Self::Defguardp => "defguardp",
            Self::Defdelegate => "defdelegate",
        }
    }

    /// Returns the kind for a keyword, `None` for any other word.
    pub fn from_keyword(word: &str) -> Option<Self> {
        Some(match word {
            "def" => Self::Def,
            "defp" => Self::Defp,
            "defmacro" => Self::Defmacro,
            "defmacrop" => Self::Defmacrop,
            "defguard" => Self::Defguard,
            "defguardp" => Self::Defguardp,
            "defdelegate" => Self::Defdelegate,
            _ => return None,
        })
    }
}

/// The kind of a chunk.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "chunk", rename_all = "snake_case")]
pub enum ChunkKind {
    /// All clauses of one name/arity with the attributes directly above.
    Function { function: FunctionKind },
    /// From `defmodule` to the first group: docs, uses, aliases, attributes.
    ModuleHeader,
    /// `defstruct`, `defexception`, schema, router scope, other top-level DSL calls.
    Data { call: String },
    /// A run of `@type`, `@typep`, `@opaque`, `@callback`, `@macrocallback`.
    Types,
    /// One `test` or `property`.
    Test { description: String },
    /// `setup`, `setup_all`, helpers at the level of tests.
    TestSetup,
    /// Code outside any module: scripts, configuration.
    Script,
}

/// One chunk. Ranges are several because clauses may stand apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Stable under formatting: path, module, kind, name, arity and ordinal; no bytes or lines.
    pub id: String,
    pub kind: ChunkKind,
    /// Full module name; empty outside modules. A `defimpl P, for: T` is module `P.T`.
    pub module: String,
    /// Function or macro name, or a short label for other kinds.
    pub name: String,
    /// Smallest and largest arity; default arguments make a range. `(0, 0)` for other kinds.
    pub arity: (u8, u8),
    pub spans: Vec<Span>,
    pub doc: Doc,
    /// Source text of each `@spec`, without the attribute name.
    pub specs: Vec<String>,
    /// `@impl` value: `Some("true")` or the behaviour's name.
    pub implements: Option<String>,
    pub clauses: u16,
    /// Hash of the tokens: white space and comments do not count.
    pub body_hash: String,
    pub parser: ParserUsed,
}

/// Which parser saw the chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParserUsed {
    TreeSitter,
    /// The indentation scanner, because the file does not parse.
    Fallback,
}

/// The documentation state of a module or function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doc {
    Missing,
    /// `@doc false`.
    Hidden,
    Text(String),
}
