//! A piece of code on its way into a prompt: whole if there is room, else its signature.

use crate::project_index::Hit;
use aiex_analysis::{Chunk, ChunkKind, Doc};

/// One chunk's text with its place and why it was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodePiece {
    /// `lib/shop/cart.ex:10-24`.
    pub source: String,
    pub title: String,
    pub reason: String,
    /// The source as it stands in the file.
    pub text: String,
    /// Specs, heads and the first line of the doc; empty when there is nothing shorter.
    pub signature: String,
}

impl CodePiece {
    pub(crate) fn new(rank: usize, hit: &Hit, chunk: &Chunk, text: &str) -> Self {
        let lines = match (hit.span.start_line, hit.span.end_line) {
            (start, end) if start == end => start.to_string(),
            (start, end) => format!("{start}-{end}"),
        };
        Self {
            source: format!("{}:{lines}", hit.path),
            title: hit.title.clone(),
            reason: format!("search rank {}, score {:.1}", rank + 1, hit.score),
            signature: signature(chunk, text),
            text: text.to_owned(),
        }
    }
}

fn signature(chunk: &Chunk, text: &str) -> String {
    if !matches!(chunk.kind, ChunkKind::Function { .. }) {
        return String::new();
    }
    let mut lines: Vec<String> = Vec::new();
    if let Doc::Text(doc) = &chunk.doc {
        lines.extend(
            doc.trim()
                .lines()
                .next()
                .map(|line| format!("# {}", line.trim())),
        );
    }
    lines.extend(
        chunk
            .specs
            .iter()
            .map(|spec| format!("@spec {}", spec.trim())),
    );
    let head = text
        .lines()
        .map(str::trim)
        .find(|line| is_head(line, &chunk.name));
    lines.extend(head.map(|line| without_body(line).to_owned()));
    lines.join("\n")
}

fn is_head(line: &str, name: &str) -> bool {
    line.starts_with("def") && line.contains(name)
}

fn without_body(line: &str) -> &str {
    let cut = line
        .find(", do:")
        .or_else(|| line.strip_suffix(" do").map(str::len));
    line[..cut.unwrap_or(line.len())].trim_end()
}
