//! One workspace, understood: its graph, its texts, and search over its chunks. Immutable.

use crate::analyses::IndexedFile;
use crate::code_piece::CodePiece;
use crate::contents::ContentHash;
use crate::metrics::SEARCH_SECONDS;
use crate::postings::sources;
use crate::ranking::{RankedFile, rank};
use crate::texts::{TextRead, Texts};
use aiex_analysis::{Chunk, ChunkKind, CodeGraph, FileAnalysis, Span};
use metrics::histogram;
use serde::Serialize;
use std::sync::Arc;
use std::time::Instant;

/// Files that hold a project's own rules for agents, the first that is there counts.
const RULE_FILES: [&str; 2] = ["AGENTS.md", "CLAUDE.md"];

/// One result of a search.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hit {
    pub chunk_id: String,
    pub path: String,
    /// From the first to the last line of the chunk; other chunks may stand in between.
    pub span: Span,
    /// Comparable within one search only.
    pub score: f32,
    /// As a person would name it: `Shop.Cart.total/1`.
    pub title: String,
}

/// What an index holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct IndexSize {
    pub files: usize,
    pub analysed_files: usize,
    pub chunks: usize,
    pub source_bytes: u64,
    pub index_bytes: usize,
}

pub(crate) struct ProjectFile {
    pub(crate) path: String,
    pub(crate) hash: ContentHash,
    pub(crate) size_bytes: u64,
    pub(crate) indexed: Option<Arc<IndexedFile>>,
}

/// The index of one workspace.
pub struct ProjectIndex {
    workspace_id: String,
    files: Vec<ProjectFile>,
    graph: CodeGraph,
    texts: Arc<Texts>,
}

impl ProjectIndex {
    /// Takes files in the order of their paths.
    pub(crate) fn new(workspace_id: &str, files: Vec<ProjectFile>, texts: Arc<Texts>) -> Self {
        let analyses: Vec<Arc<FileAnalysis>> = files
            .iter()
            .filter_map(|file| Some(Arc::clone(&file.indexed.as_ref()?.analysis)))
            .collect();
        let graph = CodeGraph::build(&analyses);
        Self {
            workspace_id: workspace_id.to_owned(),
            files,
            graph,
            texts,
        }
    }

    /// Gives the id of the workspace this is the index of.
    pub fn workspace_id(&self) -> &str {
        &self.workspace_id
    }

    /// Gives the graph over all Elixir files.
    pub const fn graph(&self) -> &CodeGraph {
        &self.graph
    }

    /// Gives all paths in order, also of files that are not Elixir.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.path.as_str())
    }

    /// Gives a file's text; `None` when there is no such file, it is not UTF-8, or its content
    /// was lost. May read the disk.
    pub fn source(&self, path: &str) -> Option<Arc<str>> {
        let at = self
            .files
            .binary_search_by(|file| file.path.as_str().cmp(path))
            .ok()?;
        match self.texts.read(&self.files[at].hash) {
            Ok(TextRead::Text(text)) => Some(text),
            Ok(TextRead::Binary | TextRead::Missing) => None,
            Err(error) => {
                tracing::warn!(%error, path, "cannot read a content");
                None
            }
        }
    }

    /// Gives the project's rules for agents: path and text.
    pub fn rules(&self) -> Option<(&'static str, Arc<str>)> {
        RULE_FILES
            .into_iter()
            .find_map(|path| Some((path, self.source(path)?)))
    }

    /// Ranks chunks for a question, best first, at most [`crate::HITS_MAX`]. The same index and
    /// question give the same answer everywhere.
    pub fn search(&self, query: &str, limit: usize) -> Vec<Hit> {
        let started = Instant::now();
        let files: Vec<RankedFile<'_>> = self
            .files
            .iter()
            .filter_map(|file| file.indexed.as_ref())
            .map(|file| RankedFile {
                analysis: &file.analysis,
                postings: &file.postings,
            })
            .collect();
        let scored = rank(&files, &self.graph, query, limit);
        let hits = scored.into_iter().map(|scored| {
            let analysis = files[scored.file].analysis;
            hit(&analysis.chunks[scored.chunk], &analysis.path, scored.score)
        });
        let hits = hits.collect();
        histogram!(SEARCH_SECONDS).record(started.elapsed());
        hits
    }

    /// Gives a chunk and the analysis of its file.
    pub fn chunk(&self, chunk_id: &str) -> Option<(&Chunk, &FileAnalysis)> {
        self.graph.chunk(chunk_id)
    }

    /// Gives the source of hits, to be put into a prompt. Hits whose text is gone are left out.
    pub fn code_pieces(&self, hits: &[Hit]) -> Vec<CodePiece> {
        hits.iter()
            .enumerate()
            .filter_map(|(rank, hit)| self.code_piece(rank, hit))
            .collect()
    }

    /// Gives what the index holds.
    pub fn size(&self) -> IndexSize {
        let indexed = || self.files.iter().filter_map(|file| file.indexed.as_ref());
        IndexSize {
            files: self.files.len(),
            analysed_files: indexed().count(),
            chunks: indexed().map(|file| file.analysis.chunks.len()).sum(),
            source_bytes: self.files.iter().map(|file| file.size_bytes).sum(),
            index_bytes: indexed().map(|file| file.size_bytes()).sum(),
        }
    }

    fn code_piece(&self, rank: usize, hit: &Hit) -> Option<CodePiece> {
        let (chunk, analysis) = self.chunk(&hit.chunk_id)?;
        let text = self.source(&analysis.path)?;
        let parts: Vec<&str> = sources(chunk, &text).map(|part| part.trim_end()).collect();
        if parts.is_empty() {
            return None;
        }
        Some(CodePiece::new(rank, hit, chunk, &parts.join("\n")))
    }
}

fn hit(chunk: &Chunk, path: &str, score: f32) -> Hit {
    Hit {
        chunk_id: chunk.id.clone(),
        path: path.to_owned(),
        span: covering(&chunk.spans),
        score,
        title: title(chunk, path),
    }
}

fn covering(spans: &[Span]) -> Span {
    let none = Span {
        start_byte: 0,
        end_byte: 0,
        start_line: 1,
        end_line: 1,
    };
    let first = spans
        .iter()
        .min_by_key(|span| span.start_byte)
        .unwrap_or(&none);
    let last = spans
        .iter()
        .max_by_key(|span| span.end_byte)
        .unwrap_or(&none);
    Span {
        end_byte: last.end_byte,
        end_line: last.end_line,
        ..*first
    }
}

fn title(chunk: &Chunk, path: &str) -> String {
    let module = &chunk.module;
    match &chunk.kind {
        ChunkKind::Function { .. } => match chunk.arity {
            (least, most) if least == most => format!("{module}.{}/{most}", chunk.name),
            (least, most) => format!("{module}.{}/{least}..{most}", chunk.name),
        },
        ChunkKind::ModuleHeader => format!("{module} (header)"),
        ChunkKind::Data { call } => format!("{module} {call}"),
        ChunkKind::Types => format!("{module} (types)"),
        ChunkKind::Test { description } => format!("{module} test \"{description}\""),
        ChunkKind::TestSetup => format!("{module} (test setup)"),
        ChunkKind::Script => format!("{path} (script)"),
    }
}
