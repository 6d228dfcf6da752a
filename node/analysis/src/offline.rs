//! Answers a question without a model: what the search found, said from the code.

use crate::chunk::{Chunk, ChunkKind, Doc};
use crate::explain::{first_line, first_paragraph};
use crate::graph::CodeGraph;
use crate::sources::SourceText;
use std::fmt::Write;

/// First line of every answer.
const HEADER: &str = "No model is configured; this is what the code itself says.";
/// Most modules named in an answer.
const MAX_MODULES: usize = 4;
/// Most functions named of one module.
const MAX_FUNCTIONS: usize = 5;
/// Most calls between the found functions that are named.
const MAX_CALLS: usize = 8;
/// Hits below this share of the best score are left out.
const MIN_SHARE: f32 = 0.25;

/// Answers from search hits, best first: relevant modules and functions with places, how they call each other, what to type next.
pub fn offline_answer(
    graph: &CodeGraph,
    sources: &dyn SourceText,
    hits: &[(Chunk, f32)],
    question: &str,
) -> String {
    let best = hits.iter().map(|(_, score)| *score).fold(0.0f32, f32::max);
    let relevant: Vec<&Chunk> = hits
        .iter()
        .filter(|(_, score)| *score >= best * MIN_SHARE)
        .map(|(chunk, _)| chunk)
        .collect();
    let mut out = format!("{HEADER}\n\n");
    if relevant.is_empty() {
        let _ = write!(
            out,
            "Nothing in the index matches \"{}\".\n\nTry other words, or a name from the code: `aiex explain code Module.function/arity`.\n",
            question.trim()
        );
        return out;
    }
    let mut modules: Vec<(&str, Vec<&Chunk>)> = Vec::new();
    for chunk in relevant {
        let known = modules
            .iter_mut()
            .find(|(module, _)| *module == chunk.module);
        match known {
            Some((_, chunks)) => chunks.push(chunk),
            None => modules.push((&chunk.module, vec![chunk])),
        }
    }
    modules.truncate(MAX_MODULES);
    for (module, chunks) in &modules {
        write_module(graph, sources, module, chunks, &mut out);
    }
    let shown: Vec<&Chunk> = modules
        .iter()
        .flat_map(|(_, chunks)| chunks.iter().take(MAX_FUNCTIONS).copied())
        .collect();
    write_calls(graph, &shown, &mut out);
    write_suggestions(&modules, &mut out);
    out
}

fn write_module(
    graph: &CodeGraph,
    sources: &dyn SourceText,
    module: &str,
    chunks: &[&Chunk],
    out: &mut String,
) {
    match graph.module(module) {
        Some((info, file)) => {
            let _ = write!(
                out,
                "**`{module}`** ({}:{})",
                file.path, info.span.start_line
            );
            let about = match &info.doc {
                Doc::Text(doc) => first_paragraph(doc),
                Doc::Hidden | Doc::Missing => None,
            };
            let _ = writeln!(
                out,
                "{}",
                about.map_or_else(
                    || ": not documented.".to_owned(),
                    |text| format!(": {text}")
                )
            );
        }
        None => {
            let _ = writeln!(out, "**outside any module**");
        }
    }
    for chunk in chunks.iter().take(MAX_FUNCTIONS) {
        let Some((_, file)) = graph.chunk(&chunk.id) else {
            continue;
        };
        // The index may be older than the files.
        if sources.text(&file.path).is_none() {
            continue;
        }
        let line = chunk.spans.first().map_or(1, |span| span.start_line);
        let _ = writeln!(out, "- {} ({}:{line})", describe(chunk), file.path);
    }
    out.push('\n');
}

fn describe(chunk: &Chunk) -> String {
    match &chunk.kind {
        ChunkKind::Function { function } => {
            let about = match &chunk.doc {
                Doc::Text(doc) => first_line(doc),
                Doc::Hidden | Doc::Missing => None,
            };
            let spec = chunk
                .specs
                .first()
                .map(|s| format!("`{}`", crate::clause::one_line(s)));
            let words = about
                .or(spec)
                .unwrap_or_else(|| "not documented".to_owned());
            format!(
                "`{} {}/{}`: {words}",
                function.keyword(),
                chunk.name,
                chunk.arity.1
            )
        }
        ChunkKind::Test { description } => format!("test \"{description}\""),
        ChunkKind::Data { call } => format!("`{call}` block"),
        ChunkKind::ModuleHeader => "the module's header".to_owned(),
        ChunkKind::Types => "its types".to_owned(),
        ChunkKind::TestSetup => "test setup".to_owned(),
        ChunkKind::Script => "script code".to_owned(),
    }
}

fn write_calls(graph: &CodeGraph, shown: &[&Chunk], out: &mut String) {
    let mut lines: Vec<String> = Vec::new();
    for chunk in shown {
        for edge in graph.callees(&chunk.id) {
            let Some(to) = shown
                .iter()
                .find(|other| other.id == edge.to_chunk && other.id != chunk.id)
            else {
                continue;
            };
            let line = format!(
                "- `{}` calls `{}` ({}:{})",
                label(chunk),
                label(to),
                edge.path,
                edge.call.line
            );
            if !lines.contains(&line) && lines.len() < MAX_CALLS {
                lines.push(line);
            }
        }
    }
    if !lines.is_empty() {
        let _ = write!(out, "How they are connected:\n{}\n\n", lines.join("\n"));
    }
}

fn label(chunk: &Chunk) -> String {
    match &chunk.kind {
        ChunkKind::Function { .. } => format!("{}.{}/{}", chunk.module, chunk.name, chunk.arity.1),
        ChunkKind::Test { description } => format!("test \"{description}\""),
        _ => chunk.module.clone(),
    }
}

fn write_suggestions(modules: &[(&str, Vec<&Chunk>)], out: &mut String) {
    out.push_str("To see more:\n");
    for (module, chunks) in modules
        .iter()
        .filter(|(module, _)| !module.is_empty())
        .take(2)
    {
        let _ = writeln!(out, "- `aiex explain code {module}`");
        if let Some(function) = chunks
            .iter()
            .find(|c| matches!(c.kind, ChunkKind::Function { .. }))
        {
            let _ = writeln!(out, "- `aiex explain code {}`", label(function));
        }
    }
}

#[cfg(test)]
mod tests;
