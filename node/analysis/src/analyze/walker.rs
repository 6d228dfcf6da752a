//! What the walk over one file gathers, and how its chunks grow.

use super::body::Frame;
use super::environment::Environment;
use crate::chunk::{Chunk, ChunkKind, Doc, FunctionKind, ParserUsed, Span};
use crate::module::{Call, FileAnalysis, ModuleInfo};
use std::collections::HashMap;
use tree_sitter::Node;

/// Modules and blocks nested deeper than this are not entered.
pub(crate) const MAX_NESTING: usize = 64;

/// Walks one file's tree and gathers its facts.
pub(crate) struct Walker<'s> {
    pub(super) path: &'s str,
    pub(super) text: &'s str,
    pub(super) modules: Vec<ModuleInfo>,
    pub(super) chunks: Vec<Chunk>,
    /// Tokens of each chunk, hashed at the end.
    pub(super) tokens: Vec<Vec<u8>>,
    pub(super) calls: Vec<Call>,
    pub(super) environment: Environment,
    pub(super) nesting: usize,
    /// Frames of the running body walk, kept to save allocations.
    pub(super) frames: Vec<Frame>,
    /// What the chunks being added are marked with.
    pub(super) parser: ParserUsed,
    ids: HashMap<String, u16>,
}

/// One module, or the file around all modules, while it is read.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// Index into the modules; `None` for the file.
    pub(super) module: Option<usize>,
    pub(super) name: String,
    pub(super) header: Option<usize>,
    /// The chunk the previous statement went to.
    pub(super) last: Option<usize>,
    pub(super) groups: HashMap<(FunctionKind, String, u8), usize>,
    pub(super) pending: Pending,
    pub(super) specs: Vec<(String, u8, String)>,
    /// Attributes whose value is a module.
    pub(super) module_attributes: Vec<(String, String)>,
    pub(super) describe: Option<String>,
    /// The last data chunk holds one-line calls only and may take in another.
    pub(super) run: bool,
}

/// Comments and attributes that wait for the definition below them.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// Start byte and 1-based line, end line.
    pub(super) start: Option<(u32, u32)>,
    pub(super) end_line: u32,
    pub(super) from_attribute: bool,
    pub(super) doc: Option<Doc>,
    pub(super) implements: Option<String>,
    pub(super) tokens: Vec<u8>,
}

impl Pending {
    /// Joins one more comment or attribute; a comment with an empty line below it stands alone.
    pub(super) fn join(&mut self, node: Node<'_>, is_attribute: bool) {
        let line = node.start_position().row as u32 + 1;
        if self.start.is_none() || (!self.from_attribute && line > self.end_line + 1) {
            self.start = Some((node.start_byte() as u32, line));
        }
        self.from_attribute |= is_attribute;
        self.end_line = node.end_position().row as u32 + 1;
    }

    /// Returns where a chunk that begins with this node starts, and forgets the position.
    pub(super) fn take_start(&mut self, node: Node<'_>) -> (u32, u32) {
        let line = node.start_position().row as u32 + 1;
        let own = (node.start_byte() as u32, line);
        let joined = self.from_attribute || line <= self.end_line + 1;
        let start = self.start.take().filter(|_| joined).unwrap_or(own);
        self.from_attribute = false;
        start
    }

    /// Drops comments that turned out to belong to nothing; attributes go on waiting.
    pub(super) fn forget_comments(&mut self) {
        if !self.from_attribute {
            self.start = None;
        }
    }
}

impl<'s> Walker<'s> {
    pub(crate) fn new(path: &'s str, text: &'s str) -> Self {
        Self {
            path,
            text,
            modules: Vec::new(),
            chunks: Vec::new(),
            tokens: Vec::new(),
            calls: Vec::new(),
            environment: Environment::default(),
            nesting: 0,
            frames: Vec::new(),
            parser: ParserUsed::TreeSitter,
            ids: HashMap::new(),
        }
    }

    /// Sets what the chunks added from now on are marked with.
    pub(crate) fn set_parser(&mut self, parser: ParserUsed) {
        self.parser = parser;
    }

    /// Adds a chunk without spans and returns its index.
    pub(super) fn add_chunk(
        &mut self,
        scope: &Scope,
        kind: ChunkKind,
        name: &str,
        arity: (u8, u8),
    ) -> usize {
        let id = self.unique_id(&scope.name, &kind, name, arity.1);
        self.chunks.push(Chunk {
            id,
            kind,
            module: scope.name.clone(),
            name: name.to_owned(),
            arity,
            spans: Vec::with_capacity(1),
            doc: Doc::Missing,
            specs: Vec::new(),
            implements: None,
            clauses: 0,
            body_hash: String::new(),
            parser: self.parser,
        });
        self.tokens.push(Vec::new());
        self.chunks.len() - 1
    }

    fn unique_id(&mut self, module: &str, kind: &ChunkKind, name: &str, arity: u8) -> String {
        let mut id = format!("{}#{module}:{}", self.path, kind_word(kind));
        match kind {
            ChunkKind::Function { .. } => id.push_str(&format!(":{name}/{arity}")),
            ChunkKind::Test { description } => id.push_str(&format!(":{description}")),
            ChunkKind::ModuleHeader => {}
            _ => id.push_str(&format!(":{name}")),
        }
        let seen = self.ids.entry(id.clone()).or_insert(0);
        *seen = seen.saturating_add(1);
        if *seen > 1 {
            id.push_str(&format!("~{seen}"));
        }
        id
    }

    /// Lengthens a chunk by a range: its last span when the chunk was the last one touched, else a new span.
    pub(super) fn extend(
        &mut self,
        scope: &mut Scope,
        chunk: usize,
        start: (u32, u32),
        node: Node<'_>,
    ) {
        self.extend_to(
            scope,
            chunk,
            start,
            (node.end_byte() as u32, node.end_position().row as u32 + 1),
        );
    }

    pub(super) fn extend_to(
        &mut self,
        scope: &mut Scope,
        chunk: usize,
        start: (u32, u32),
        end: (u32, u32),
    ) {
        let spans = &mut self.chunks[chunk].spans;
        match spans.last_mut() {
            Some(last) if scope.last == Some(chunk) => {
                last.end_byte = last.end_byte.max(end.0);
                last.end_line = last.end_line.max(end.1);
            }
            _ => spans.push(Span {
                start_byte: start.0,
                end_byte: end.0,
                start_line: start.1,
                end_line: end.1,
            }),
        }
        scope.last = Some(chunk);
    }

    /// Gives up the walk's result.
    pub(crate) fn finish(mut self, size_bytes: u32) -> FileAnalysis {
        for (chunk, tokens) in self.chunks.iter_mut().zip(&self.tokens) {
            chunk.body_hash = hash(tokens);
        }
        self.calls.sort_by_key(|call| call.name_start_byte);
        FileAnalysis {
            path: self.path.to_owned(),
            size_bytes,
            lines: count_lines(self.text),
            parser: ParserUsed::TreeSitter,
            has_error: false,
            modules: self.modules,
            chunks: self.chunks,
            calls: self.calls,
        }
    }
}

/// Sixteen bytes are plenty to tell versions of one function apart.
fn hash(tokens: &[u8]) -> String {
    let mut hex = blake3::hash(tokens).to_hex().to_string();
    hex.truncate(32);
    hex
}

fn count_lines(text: &str) -> u32 {
    let breaks = text.bytes().filter(|byte| *byte == b'\n').count() as u32;
    breaks + u32::from(!text.is_empty() && !text.ends_with('\n'))
}

fn kind_word(kind: &ChunkKind) -> &'static str {
    match kind {
        ChunkKind::Function { function } => function.keyword(),
        ChunkKind::ModuleHeader => "header",
        ChunkKind::Data { .. } => "data",
        ChunkKind::Types => "types",
        ChunkKind::Test { .. } => "test",
        ChunkKind::TestSetup => "setup",
        ChunkKind::Script => "script",
    }
}
