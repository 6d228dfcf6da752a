//! What a rename refuses before it looks at a single place.

use super::sites::Subject;
use crate::chunk::{Chunk, ChunkKind, FunctionKind};
use crate::error::Error;
use crate::graph::{CodeGraph, Resolution, accepts};
use crate::module::{FileAnalysis, ModuleForm, ModuleInfo};

/// Longest function name the BEAM takes, in bytes.
const MAX_NAME: usize = 255;

const RESERVED: [&str; 15] = [
    "after", "and", "catch", "do", "else", "end", "false", "fn", "in", "nil", "not", "or",
    "rescue", "true", "when",
];

/// Functions and macros every module imports, and special forms: a function of the same name would be ambiguous.
const IMPORTED_EVERYWHERE: &str = " abs alias alias! and apply binary_part binary_slice binding bit_size byte_size case ceil cond dbg \
def defdelegate defexception defguard defguardp defimpl defmacro defmacrop defmodule defoverridable defp defprotocol defstruct \
destructure div elem exit floor fn for function_exported? get_and_update_in get_in hd if import in inspect is_atom is_binary \
is_bitstring is_boolean is_exception is_float is_function is_integer is_list is_map is_map_key is_nil is_number is_pid is_port \
is_reference is_struct is_tuple length macro_exported? make_ref map_size match? max min node not or pop_in put_elem put_in quote \
raise receive rem require reraise round self send spawn spawn_link spawn_monitor struct struct! super tap then throw tl \
to_charlist to_string to_timeout trunc try tuple_size unless unquote unquote_splicing update_in use var! with ";

/// Callbacks of well-known behaviours outside every project.
const KNOWN_CALLBACKS: [(&str, u8); 22] = [
    ("init", 1),
    ("handle_call", 3),
    ("handle_cast", 2),
    ("handle_info", 2),
    ("handle_continue", 2),
    ("terminate", 2),
    ("code_change", 3),
    ("format_status", 1),
    ("format_status", 2),
    ("start", 2),
    ("stop", 1),
    ("child_spec", 1),
    ("run", 1),
    ("call", 2),
    ("mount", 3),
    ("render", 1),
    ("handle_event", 3),
    ("handle_params", 3),
    ("update", 2),
    ("perform", 1),
    ("callback_mode", 0),
    ("exception", 1),
];

/// Judges the new name by itself.
pub(super) fn new_name(name: &str) -> Result<(), Error> {
    let refuse = |reason| {
        Err(Error::BadFunctionName {
            name: name.to_owned(),
            reason,
        })
    };
    let body = name.strip_suffix(['?', '!']).unwrap_or(name);
    if !body.starts_with(|c: char| c == '_' || c.is_ascii_lowercase()) {
        return refuse("it begins with a lower-case letter");
    }
    if !body.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) {
        return refuse("only letters, digits and underscores, and one ? or ! at the end");
    }
    if name.len() > MAX_NAME {
        return refuse("it is longer than 255 bytes");
    }
    if RESERVED.contains(&name) {
        return refuse("it is a reserved word");
    }
    if IMPORTED_EVERYWHERE.contains(&format!(" {name} ")) {
        return refuse("every module imports a function or macro of this name");
    }
    if name.starts_with("__") {
        return refuse("names with two underscores in front belong to the compiler");
    }
    Ok(())
}

/// The functions that must be renamed together: the one asked for, or a callback with its implementations.
pub(super) fn family(
    graph: &CodeGraph,
    module: &ModuleInfo,
    file: &FileAnalysis,
    chunk: &Chunk,
) -> Result<Vec<Subject>, Error> {
    let subject = Subject {
        module: module.name.clone(),
        name: chunk.name.clone(),
        arity: chunk.arity,
    };
    let refuse = |reason: String| {
        Err(Error::RenameRefused {
            reference: subject.reference(),
            reason,
            place: place(file, chunk),
        })
    };
    if module.form != ModuleForm::Module {
        return refuse(
            "it belongs to a protocol, whose implementations may be anywhere".to_owned(),
        );
    }
    if !chunk
        .name
        .starts_with(|c: char| c == '_' || c.is_alphabetic())
        || chunk.name.starts_with("__")
    {
        return refuse("operators and the compiler's own functions keep their names".to_owned());
    }
    if let Some(behaviour) = behaviour_of(graph, module, chunk) {
        return relatives(graph, &behaviour, chunk);
    }
    let declares = module
        .callbacks
        .iter()
        .any(|c| c.name == chunk.name && accepts(chunk, &c.name, c.arity));
    if declares {
        return relatives(graph, &module.name.clone(), chunk);
    }
    let known = KNOWN_CALLBACKS
        .iter()
        .any(|(name, arity)| accepts(chunk, name, *arity));
    let outside = !module.uses.is_empty() || !module.behaviours.is_empty();
    if chunk.implements.is_some() || (known && outside) {
        return refuse("it implements a callback of a behaviour outside the project".to_owned());
    }
    Ok(vec![subject])
}

/// The behaviour of the project whose callback this function implements.
fn behaviour_of(graph: &CodeGraph, module: &ModuleInfo, chunk: &Chunk) -> Option<String> {
    let named = module
        .behaviours
        .iter()
        .chain(module.uses.iter().map(|u| &u.module))
        .chain(&chunk.implements);
    named
        .filter_map(|name| graph.module(name))
        .find_map(|(info, _)| {
            info.callbacks
                .iter()
                .any(|c| accepts(chunk, &c.name, c.arity))
                .then(|| info.name.clone())
        })
}

/// The behaviour itself and every module of the project that implements the callback.
fn relatives(graph: &CodeGraph, behaviour: &str, chunk: &Chunk) -> Result<Vec<Subject>, Error> {
    let subject = |module: &str, arity| Subject {
        module: module.to_owned(),
        name: chunk.name.clone(),
        arity,
    };
    let mut out = vec![subject(behaviour, chunk.arity)];
    for (info, _) in graph.modules().filter(|(info, _)| info.name != behaviour) {
        let implements = info.behaviours.iter().any(|b| b == behaviour)
            || info.uses.iter().any(|u| u.module == behaviour);
        let own = graph
            .functions_of(&info.name)
            .into_iter()
            .find(|c| accepts(c, &chunk.name, chunk.arity.1));
        if let Some(own) = own
            && implements
        {
            out.push(subject(&info.name, own.arity));
        }
    }
    Ok(out)
}

/// Refuses a name that would meet another function: in the module, in modules that import it, or imported into it.
pub(super) fn collisions(graph: &CodeGraph, subject: &Subject, new: &str) -> Result<(), Error> {
    for arity in subject.arity.0..=subject.arity.1 {
        if let Some(other) = graph.function(&subject.module, new, arity) {
            let place = graph
                .chunk(&other.id)
                .map_or_else(String::new, |(chunk, file)| place(file, chunk));
            return Err(Error::NameTaken {
                module: subject.module.clone(),
                name: new.to_owned(),
                arity,
                place,
            });
        }
    }
    for file in graph.files() {
        for call in file
            .calls
            .iter()
            .filter(|c| c.module.is_none() && c.function == new)
        {
            let touched = call.from_module == subject.module
                || imports(graph, &call.from_module, &subject.module);
            if touched && subject.accepts(usize::from(call.arity)) {
                return Err(Error::RenameRefused {
                    reference: subject.reference(),
                    reason: format!(
                        "{} already calls another {new}/{}",
                        call.from_module, call.arity
                    ),
                    place: format!("{}:{}", file.path, call.line),
                });
            }
        }
    }
    importers(graph, subject, new)
}

fn importers(graph: &CodeGraph, subject: &Subject, new: &str) -> Result<(), Error> {
    for (info, file) in graph
        .modules()
        .filter(|(info, _)| imports(graph, &info.name, &subject.module))
    {
        for arity in subject.arity.0..=subject.arity.1 {
            if graph.function(&info.name, new, arity).is_some() {
                return Err(Error::RenameRefused {
                    reference: subject.reference(),
                    reason: format!(
                        "{} imports {} and defines {new}/{arity} itself",
                        info.name, subject.module
                    ),
                    place: format!("{}:{}", file.path, info.span.start_line),
                });
            }
        }
    }
    Ok(())
}

fn imports(graph: &CodeGraph, module: &str, imported: &str) -> bool {
    graph
        .module(module)
        .is_some_and(|(info, _)| info.imports.iter().any(|i| i.module == imported))
}

/// Refuses when a macro may import the subject's module into others and they seem to call it.
pub(super) fn hidden_imports(
    graph: &CodeGraph,
    subject: &Subject,
    importer: &str,
) -> Result<(), Error> {
    for file in graph.files() {
        for call in file
            .calls
            .iter()
            .filter(|c| c.module.is_none() && c.function == subject.name)
        {
            if !subject.accepts(usize::from(call.arity)) || call.from_module == subject.module {
                continue;
            }
            let found = graph.edges().iter().any(|edge| {
                edge.path == file.path
                    && edge.call.name_start_byte == call.name_start_byte
                    && edge.resolution != Resolution::Use
            });
            if !found {
                return Err(Error::RenameRefused {
                    reference: subject.reference(),
                    reason: format!(
                        "a macro in {importer} imports it, and this call may come from there"
                    ),
                    place: format!("{}:{}", file.path, call.line),
                });
            }
        }
    }
    Ok(())
}

/// `path:line` of a chunk.
pub(super) fn place(file: &FileAnalysis, chunk: &Chunk) -> String {
    format!(
        "{}:{}",
        file.path,
        chunk.spans.first().map_or(0, |span| span.start_line)
    )
}

/// Whether a chunk is a function that can be renamed at all.
pub(super) fn is_function(chunk: &Chunk) -> bool {
    matches!(&chunk.kind, ChunkKind::Function { function } if *function != FunctionKind::Defdelegate || !chunk.name.is_empty())
}
