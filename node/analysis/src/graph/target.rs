//! What a person means by `lib/a.ex:12`, `Cart` or `Cart.total/1`.

use super::CodeGraph;
use super::words::distance;
use crate::chunk::{Chunk, ChunkKind};

/// At most this many suggestions.
const MAX_CANDIDATES: usize = 6;

/// Something in the project that can be explained or worked on.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "target", rename_all = "snake_case")]
pub enum Target {
    File {
        path: String,
    },
    Line {
        path: String,
        line: u32,
    },
    Module {
        name: String,
    },
    Function {
        module: String,
        name: String,
        arity: u8,
    },
}

/// Nothing, or more than one thing, has that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{target}` is not in the project{}", suggestion(candidates))]
pub struct Unresolved {
    pub target: String,
    /// Targets that would resolve, best first; at most six.
    pub candidates: Vec<String>,
}

fn suggestion(candidates: &[String]) -> String {
    if candidates.is_empty() {
        String::new()
    } else {
        format!(", did you mean {}?", candidates.join(", "))
    }
}

pub(super) fn resolve(graph: &CodeGraph, target: &str) -> Result<Target, Unresolved> {
    let wanted = target
        .trim()
        .trim_start_matches('&')
        .trim_start_matches("Elixir.");
    if let Some(found) = file_target(graph, wanted) {
        return Ok(found);
    }
    // A module may have any name, even one that looks like a function.
    if let Some((info, _)) = graph.module(wanted) {
        return Ok(Target::Module {
            name: info.name.clone(),
        });
    }
    let (name, arity) = split_arity(wanted);
    match split_function(name) {
        Some((module, function)) => function_target(graph, target, module, function, arity),
        None => module_target(graph, target, wanted),
    }
}

fn file_target(graph: &CodeGraph, wanted: &str) -> Option<Target> {
    let (path, line) = match wanted.rsplit_once(':') {
        Some((path, line)) if line.parse::<u32>().is_ok() => (path, line.parse().ok()),
        _ => (wanted, None),
    };
    let path = path.strip_prefix("./").unwrap_or(path);
    let found = match graph.file(path) {
        Some(file) => file.path.clone(),
        None => only(
            graph
                .files()
                .filter(|file| file.path.ends_with(&format!("/{path}"))),
        )?
        .path
        .clone(),
    };
    Some(match line {
        Some(line) => Target::Line { path: found, line },
        None => Target::File { path: found },
    })
}

fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

fn split_arity(wanted: &str) -> (&str, Option<u8>) {
    match wanted.rsplit_once('/') {
        Some((name, arity)) if !name.is_empty() && !name.ends_with('.') => match arity.parse() {
            Ok(arity) => (name, Some(arity)),
            Err(_) => (wanted, None),
        },
        _ => (wanted, None),
    }
}

/// `Shop.Cart.total` → module and function; operators are functions too: `Kernel.+`, `Range...`.
fn split_function(name: &str) -> Option<(&str, &str)> {
    if name.starts_with(|first: char| first.is_lowercase()) {
        return name.rsplit_once('.');
    }
    let end = name.char_indices().find(|(at, c)| {
        *c == '.' && !name[at + 1..].starts_with(|next: char| next.is_ascii_uppercase())
    });
    let (at, _) = end?;
    let (module, function) = (&name[..at], &name[at + 1..]);
    (!module.is_empty() && !function.is_empty()).then_some((module, function))
}

fn module_target(graph: &CodeGraph, typed: &str, wanted: &str) -> Result<Target, Unresolved> {
    match modules_named(graph, wanted).as_slice() {
        [only] => Ok(Target::Module {
            name: (*only).to_owned(),
        }),
        [] => Err(Unresolved {
            target: typed.to_owned(),
            candidates: near_modules(graph, wanted),
        }),
        several => Err(Unresolved {
            target: typed.to_owned(),
            candidates: first_few(several),
        }),
    }
}

fn function_target(
    graph: &CodeGraph,
    typed: &str,
    module: &str,
    function: &str,
    arity: Option<u8>,
) -> Result<Target, Unresolved> {
    let modules = modules_named(graph, module);
    let mut matches = Vec::new();
    for name in &modules {
        for chunk in graph.functions_of(name) {
            let fits = arity.is_none_or(|arity| (chunk.arity.0..=chunk.arity.1).contains(&arity));
            if chunk.name == function && fits {
                matches.push((*name, arity.unwrap_or(chunk.arity.1)));
            }
        }
    }
    matches.dedup();
    if let [(module, arity)] = matches.as_slice() {
        return Ok(Target::Function {
            module: (*module).to_owned(),
            name: function.to_owned(),
            arity: *arity,
        });
    }
    let candidates = if matches.is_empty() {
        near_functions(graph, &modules, module, function)
    } else {
        let named: Vec<String> = matches
            .iter()
            .map(|(module, arity)| format!("{module}.{function}/{arity}"))
            .collect();
        named.into_iter().take(MAX_CANDIDATES).collect()
    };
    Err(Unresolved {
        target: typed.to_owned(),
        candidates,
    })
}

/// Returns the module of that exact name, else all whose name ends with it.
fn modules_named<'g>(graph: &'g CodeGraph, wanted: &str) -> Vec<&'g str> {
    if let Some((info, _)) = graph.module(wanted) {
        return vec![&info.name];
    }
    let ending = format!(".{wanted}");
    graph
        .modules()
        .map(|(info, _)| info.name.as_str())
        .filter(|name| name.ends_with(&ending))
        .collect()
}

fn near_modules(graph: &CodeGraph, wanted: &str) -> Vec<String> {
    let scored = graph
        .modules()
        .map(|(info, _)| (nearness(&info.name, wanted), info.name.clone()));
    best(scored.collect(), wanted)
}

fn near_functions(
    graph: &CodeGraph,
    modules: &[&str],
    module: &str,
    function: &str,
) -> Vec<String> {
    let mut scored = Vec::new();
    for (info, _) in graph.modules() {
        let module_distance = if modules.contains(&info.name.as_str()) {
            0
        } else {
            nearness(&info.name, module)
        };
        for chunk in graph.functions_of(&info.name) {
            let score = module_distance + distance(&chunk.name, function);
            scored.push((score, label(chunk)));
        }
    }
    best(scored, &format!("{module}.{function}"))
}

fn label(chunk: &Chunk) -> String {
    match chunk.kind {
        ChunkKind::Function { .. } => format!("{}.{}/{}", chunk.module, chunk.name, chunk.arity.1),
        _ => chunk.module.clone(),
    }
}

/// Distance to the whole name or to its end, whichever is nearer.
fn nearness(full: &str, wanted: &str) -> usize {
    let segments = wanted.matches('.').count() + 1;
    let tail_start = full
        .rmatch_indices('.')
        .nth(segments - 1)
        .map_or(0, |(at, _)| at + 1);
    distance(full, wanted).min(distance(full.get(tail_start..).unwrap_or(full), wanted))
}

fn best(mut scored: Vec<(usize, String)>, wanted: &str) -> Vec<String> {
    let limit = (wanted.chars().count() / 3).max(2);
    scored.sort();
    scored
        .into_iter()
        .filter(|(score, _)| *score <= limit)
        .map(|(_, name)| name)
        .take(MAX_CANDIDATES)
        .collect()
}

fn first_few(names: &[&str]) -> Vec<String> {
    names
        .iter()
        .take(MAX_CANDIDATES)
        .map(|name| (*name).to_owned())
        .collect()
}
