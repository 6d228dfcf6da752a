//! Private functions that nothing mentions.

use super::{Hit, Rule, Severity, Subject};
use crate::chunk::{Chunk, ChunkKind};

pub(super) const RULE: Rule = Rule {
    name: "unused_private",
    severity: Severity::Warning,
    summary: "a private function is never called",
    reason: "it is dead weight, or its call was forgotten",
    fix: "remove it, or call it where it was meant to be called",
    check,
};

fn check(subject: &Subject<'_>, hits: &mut Vec<Hit>) {
    for chunk in &subject.file.chunks {
        let ChunkKind::Function { function } = chunk.kind else {
            continue;
        };
        // Operators, and the functions of modules that build themselves at compile time, have no findable callers.
        let nameable = chunk
            .name
            .starts_with(|c: char| c.is_alphabetic() || c == '_');
        if function.is_public() || !nameable || is_mentioned(subject.text(), chunk) {
            continue;
        }
        if renders_templates(subject, &chunk.module) || is_called_by_used_macros(subject, chunk) {
            continue;
        }
        let called_elsewhere = subject.file.calls.iter().any(|call| {
            call.function == chunk.name
                && call.from_module == chunk.module
                && call.from_chunk != chunk.id
        });
        if !called_elsewhere {
            let line = chunk
                .spans
                .first()
                .map_or(1, |span| span.end_line.min(span.start_line));
            hits.push(Hit::new(
                line,
                format!(
                    "{} {}/{} is never used",
                    function.keyword(),
                    chunk.name,
                    chunk.arity.1
                ),
            ));
        }
    }
}

/// Templates compiled into the module call its private functions from other files.
fn renders_templates(subject: &Subject<'_>, module: &str) -> bool {
    let text = subject.text();
    let embeds = [
        "embed_template",
        "embed_text",
        "EEx.",
        "Phoenix.View",
        "Phoenix.Template",
    ];
    let by_use = subject.module(module).is_some_and(|info| {
        info.uses.iter().any(|used| {
            [":view", ":html", ":component", ":live", ":mailer"]
                .iter()
                .any(|kind| used.options.starts_with(kind))
        })
    });
    by_use || embeds.iter().any(|word| text.contains(word))
}

/// A macro of another module may put a call of what looks unused here into this module.
fn is_called_by_used_macros(subject: &Subject<'_>, chunk: &Chunk) -> bool {
    let Some(info) = subject.module(&chunk.module) else {
        return false;
    };
    let with_macros = info.uses.iter().chain(&info.requires).chain(&info.imports);
    with_macros
        .filter_map(|used| subject.graph.module(&used.module))
        .any(|(_, file)| {
            file.calls
                .iter()
                .any(|call| call.function == chunk.name && call.module.is_none())
        })
}

/// Looks for the name as a word outside the function's own text: an atom, a macro or a string may well use it.
fn is_mentioned(text: &str, chunk: &Chunk) -> bool {
    text.match_indices(chunk.name.as_str()).any(|(at, name)| {
        let own = chunk
            .spans
            .iter()
            .any(|span| (span.start_byte as usize..span.end_byte as usize).contains(&at));
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !own && !is_word(before) && !is_word(after)
    })
}
