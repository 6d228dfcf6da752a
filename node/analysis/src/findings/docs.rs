//! Public functions left without documentation in a module that documents the others.

use super::{Hit, Rule, Severity, Subject};
use crate::chunk::{Chunk, ChunkKind, Doc};
use crate::metrics::is_interface;
use crate::module::{ModuleForm, ModuleInfo};

/// Share of a module's public functions that must be documented before the rest counts as forgotten.
const DOCUMENTED_SHARE: f64 = 0.5;

pub(super) const RULE: Rule = Rule {
    name: "missing_doc",
    severity: Severity::Hint,
    summary: "a public function has no @doc although its neighbours have",
    reason: "readers take what is documented for the interface and miss the rest",
    fix: "add @doc with one sentence and an example, or @doc false when it is not for others",
    check,
};

fn check(subject: &Subject<'_>, hits: &mut Vec<Hit>) {
    if subject.is_tooling() {
        return;
    }
    for module in &subject.file.modules {
        if !matches!(module.doc, Doc::Text(_)) || module.form != ModuleForm::Module {
            continue;
        }
        let interface: Vec<&Chunk> = subject
            .file
            .chunks
            .iter()
            .filter(|chunk| chunk.module == module.name && is_interface(module, chunk))
            .filter(|chunk| !is_callback(subject, module, chunk))
            .collect();
        let documented: Vec<&&Chunk> = interface
            .iter()
            .filter(|chunk| matches!(chunk.doc, Doc::Text(_)))
            .collect();
        if (documented.len() as f64) < interface.len() as f64 * DOCUMENTED_SHARE
            || documented.is_empty()
        {
            continue;
        }
        for chunk in &interface {
            let described = documented.iter().any(|other| other.name == chunk.name);
            if chunk.doc == Doc::Missing && !described && !is_deprecated(subject.text(), chunk) {
                let line = chunk
                    .spans
                    .first()
                    .map_or(module.span.start_line, |span| span.start_line);
                hits.push(Hit::new(
                    line,
                    format!("{}/{} has no @doc", chunk.name, chunk.arity.1),
                ));
            }
        }
    }
}

/// A deprecated function says by its attribute what to use.
fn is_deprecated(text: &str, chunk: &Chunk) -> bool {
    let span = chunk.spans.first().copied();
    let own = span.and_then(|span| text.get(span.start_byte as usize..span.end_byte as usize));
    own.is_some_and(|own| own.contains("@deprecated"))
}

/// A callback is documented by its behaviour, even where `@impl` is missing.
fn is_callback(subject: &Subject<'_>, module: &ModuleInfo, chunk: &Chunk) -> bool {
    let well_known = matches!(
        chunk.name.as_str(),
        "init"
            | "handle_call"
            | "handle_cast"
            | "handle_info"
            | "handle_continue"
            | "terminate"
            | "code_change"
            | "format_status"
            | "start_link"
            | "child_spec"
            | "call"
            | "run"
            | "start"
            | "stop"
            | "exception"
            | "message"
            | "changeset"
    );
    let declared = module
        .behaviours
        .iter()
        .chain(module.uses.iter().map(|used| &used.module))
        .any(|behaviour| {
            subject.graph.module(behaviour).is_some_and(|(info, _)| {
                info.callbacks
                    .iter()
                    .any(|callback| callback.name == chunk.name && callback.arity == chunk.arity.1)
            })
        });
    let delegates = matches!(
        chunk.kind,
        ChunkKind::Function {
            function: crate::FunctionKind::Defdelegate
        }
    );
    well_known || declared || delegates
}
