//! Renaming a function across a project.

use super::checks;
use super::documentation::mentions;
use super::sites::{Site, Subject, sites};
use super::{FileEdit, RenamePlan, Splice, Warning};
use crate::error::Error;
use crate::graph::{CodeGraph, Resolution, Target, accepts};
use crate::module::FileAnalysis;
use crate::sources::SourceText;
use crate::syntax::{argument_nodes, keyword_value, parse_tree, slice};
use std::collections::{BTreeMap, BTreeSet};
use tree_sitter::Node;

/// Plans the rename of a function: definitions, specs, calls, captures, imports, delegates, documentation, doctests, tests.
///
/// All arities of one group (default arguments) go together. A callback of a behaviour in the project goes with all its
/// implementations. What cannot be decided from text is a warning with its line; nothing else in the files changes.
///
/// # Errors
/// [`Error::BadReference`], [`Error::UnknownFunction`], [`Error::BadFunctionName`], [`Error::NameTaken`],
/// [`Error::RenameRefused`], [`Error::BrokenFile`], [`Error::MissingSource`].
pub fn rename_function(
    graph: &CodeGraph,
    sources: &dyn SourceText,
    reference: &str,
    new_name: &str,
) -> Result<RenamePlan, Error> {
    checks::new_name(new_name)?;
    let (module, name, arity) = resolve(graph, reference)?;
    if name == new_name {
        return Err(Error::BadFunctionName {
            name,
            reason: "it has this name already",
        });
    }
    let unknown = || Error::UnknownFunction {
        reference: reference.to_owned(),
        candidates: Vec::new(),
    };
    let chunk = graph
        .function(&module, &name, arity)
        .filter(|c| checks::is_function(c))
        .ok_or_else(unknown)?;
    let (info, file) = graph.module(&module).ok_or_else(unknown)?;
    let family = checks::family(graph, info, file, chunk)?;
    for subject in &family {
        checks::collisions(graph, subject, new_name)?;
    }
    let mut rename = Rename {
        graph,
        new_name,
        edits: BTreeMap::new(),
        warnings: BTreeSet::new(),
        atoms: Vec::new(),
    };
    for file in graph.files() {
        rename.file(file, sources, &family)?;
    }
    rename.plan(sources, &family)
}

fn resolve(graph: &CodeGraph, reference: &str) -> Result<(String, String, u8), Error> {
    match graph.resolve(reference) {
        Ok(Target::Function {
            module,
            name,
            arity,
        }) => Ok((module, name, arity)),
        Ok(_) => Err(Error::BadReference {
            text: reference.to_owned(),
        }),
        Err(unresolved) => Err(Error::UnknownFunction {
            reference: reference.to_owned(),
            candidates: unresolved.candidates,
        }),
    }
}

struct Rename<'a> {
    graph: &'a CodeGraph,
    new_name: &'a str,
    edits: BTreeMap<String, BTreeSet<Splice>>,
    warnings: BTreeSet<Warning>,
    atoms: Vec<Atom>,
}

/// An atom that is spelled like the function.
struct Atom {
    path: String,
    start: usize,
    end: usize,
    line: u32,
}

impl Rename<'_> {
    fn file(
        &mut self,
        file: &FileAnalysis,
        sources: &dyn SourceText,
        family: &[Subject],
    ) -> Result<(), Error> {
        let missing = || Error::MissingSource {
            path: file.path.clone(),
        };
        let Some(first) = family.first() else {
            return Ok(());
        };
        let text = sources.text(&file.path).ok_or_else(missing)?;
        if !text.contains(&first.name) {
            return Ok(());
        }
        if file.has_error {
            return Err(Error::BrokenFile {
                path: file.path.clone(),
            });
        }
        let tree = parse_tree(&text).ok_or_else(|| Error::BrokenFile {
            path: file.path.clone(),
        })?;
        for subject in family {
            self.calls(file, &text, tree.root_node(), subject)?;
            for site in sites(tree.root_node(), &text, file, subject) {
                self.site(file, &text, subject, site)?;
            }
            let groups = self.graph.functions_of(&subject.module);
            let alone = groups.iter().filter(|c| c.name == subject.name).count() < 2;
            for (start, end) in mentions(tree.root_node(), &text, file, subject, alone) {
                self.splice(&file.path, start, end, self.new_name.to_owned());
            }
        }
        Ok(())
    }

    /// Calls, captures, `apply` and delegates that the graph resolves to the subject.
    fn calls(
        &mut self,
        file: &FileAnalysis,
        text: &str,
        root: Node<'_>,
        subject: &Subject,
    ) -> Result<(), Error> {
        let Some(chunk) = self
            .graph
            .function(&subject.module, &subject.name, subject.arity.1)
        else {
            return Ok(());
        };
        for edge in self.graph.callers_of_chunk(&chunk.id) {
            let (start, end) = (
                edge.call.name_start_byte as usize,
                edge.call.name_end_byte as usize,
            );
            if edge.path != file.path
                || start == end
                || !accepts(chunk, &edge.call.function, edge.call.arity)
            {
                continue;
            }
            let written = text.get(start..end).unwrap_or_default();
            if edge.resolution == Resolution::Delegate {
                self.delegate(file, text, root, start, subject);
            } else if written == subject.name {
                self.splice(&file.path, start, end, self.new_name.to_owned());
            } else if written.strip_prefix(':') == Some(subject.name.as_str()) {
                self.splice(&file.path, start, end, format!(":{}", self.new_name));
            } else {
                return Err(Error::RenameRefused {
                    reference: subject.reference(),
                    reason: format!("a call is written as {written:?}"),
                    place: format!("{}:{}", file.path, edge.call.line),
                });
            }
        }
        Ok(())
    }

    /// `defdelegate f(x), to: Subject`: its own name stays, `as:` follows the target.
    fn delegate(
        &mut self,
        file: &FileAnalysis,
        text: &str,
        root: Node<'_>,
        at: usize,
        subject: &Subject,
    ) {
        let Some(definition) = enclosing_delegate(root, text, at) else {
            return;
        };
        match keyword_value(definition, "as", text) {
            Some(target) if slice(target, text).trim_start_matches(':') == subject.name => {
                self.splice(
                    &file.path,
                    target.start_byte(),
                    target.end_byte(),
                    format!(":{}", self.new_name),
                );
            }
            Some(_) => {}
            None => {
                if let Some(last) = argument_nodes(definition).into_iter().next_back() {
                    self.splice(
                        &file.path,
                        last.end_byte(),
                        last.end_byte(),
                        format!(", as: :{}", self.new_name),
                    );
                }
            }
        }
    }

    fn site(
        &mut self,
        file: &FileAnalysis,
        text: &str,
        subject: &Subject,
        site: Site<'_>,
    ) -> Result<(), Error> {
        match site {
            Site::Name { start, end } => {
                self.splice(&file.path, start, end, self.new_name.to_owned());
            }
            Site::DelegateHead { definition, name } => {
                self.splice(
                    &file.path,
                    name.start_byte(),
                    name.end_byte(),
                    self.new_name.to_owned(),
                );
                if keyword_value(definition, "as", text).is_none()
                    && let Some(last) = argument_nodes(definition).into_iter().next_back()
                {
                    self.splice(
                        &file.path,
                        last.end_byte(),
                        last.end_byte(),
                        format!(", as: :{}", subject.name),
                    );
                }
            }
            Site::Quoted { line } => {
                let message = format!(
                    "a function {} is defined inside quote for other modules and keeps its name",
                    subject.name
                );
                self.warn(file, line, message);
            }
            Site::QuotedImport { line } => {
                checks::hidden_imports(self.graph, subject, &format!("{}:{line}", file.path))?;
                self.warn(
                    file,
                    line,
                    format!(
                        "a macro imports {}; modules that use it may call the old name",
                        subject.module
                    ),
                );
            }
            Site::Atom { start, end, line } => self.atoms.push(Atom {
                path: file.path.clone(),
                start,
                end,
                line,
            }),
            Site::Text { line } => {
                self.warn(
                    file,
                    line,
                    format!("code in a text here seems to call {}", subject.name),
                );
            }
            Site::Dynamic { line } => {
                self.warn(
                    file,
                    line,
                    format!("the receiver of .{} is not known here", subject.name),
                );
            }
        }
        Ok(())
    }

    fn warn(&mut self, file: &FileAnalysis, line: u32, message: String) {
        self.warnings.insert(Warning {
            path: file.path.clone(),
            line,
            message,
        });
    }

    fn splice(&mut self, path: &str, start: usize, end: usize, text: String) {
        let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(end)) else {
            return;
        };
        self.edits
            .entry(path.to_owned())
            .or_default()
            .insert(Splice { start, end, text });
    }

    fn plan(self, sources: &dyn SourceText, family: &[Subject]) -> Result<RenamePlan, Error> {
        let mut edits = Vec::with_capacity(self.edits.len());
        let mut warnings = self.warnings;
        for atom in self.atoms {
            // One that was renamed as part of a call needs no look.
            let inside = |s: &Splice| s.start as usize >= atom.start && s.end as usize <= atom.end;
            if !self
                .edits
                .get(&atom.path)
                .is_some_and(|splices| splices.iter().any(inside))
            {
                let message = format!(
                    "the atom may name {}",
                    family.first().map_or_else(String::new, Subject::reference)
                );
                warnings.insert(Warning {
                    path: atom.path,
                    line: atom.line,
                    message,
                });
            }
        }
        for (path, splices) in self.edits {
            let text = sources
                .text(&path)
                .ok_or_else(|| Error::MissingSource { path: path.clone() })?;
            let before_hash = blake3::hash(text.as_bytes()).to_hex().to_string();
            edits.push(FileEdit {
                path,
                before_hash,
                splices: splices.into_iter().collect(),
            });
        }
        Ok(RenamePlan {
            renamed: family.iter().map(Subject::reference).collect(),
            new_name: self.new_name.to_owned(),
            edits,
            warnings: warnings.into_iter().collect(),
        })
    }
}

fn enclosing_delegate<'t>(root: Node<'t>, text: &str, at: usize) -> Option<Node<'t>> {
    let mut node = root.descendant_for_byte_range(at, at + 1)?;
    while crate::syntax::call_name(node, text) != Some("defdelegate") {
        node = node.parent()?;
    }
    Some(node)
}
