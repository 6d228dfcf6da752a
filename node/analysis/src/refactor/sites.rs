//! Places in a file's tree that name a function without calling it: definitions, specs, keyword lists, delegates, atoms.

use super::documentation::documentation;
use crate::analyze::parse_head;
use crate::module::FileAnalysis;
use crate::syntax::{
    argument_nodes, arguments, call_name, keyword_pairs, keyword_value, left, named_children,
    operand, operator, right, slice, target,
};
use tree_sitter::Node;

/// A function by module, name and the arities of its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) module: String,
    pub(super) name: String,
    pub(super) arity: (u8, u8),
}

impl Subject {
    pub(super) fn accepts(&self, arity: usize) -> bool {
        (usize::from(self.arity.0)..=usize::from(self.arity.1)).contains(&arity)
    }

    pub(super) fn reference(&self) -> String {
        format!("{}.{}/{}", self.module, self.name, self.arity.1)
    }
}

/// One place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Site<'t> {
    /// The name itself, in a head, a spec, a callback or a keyword list.
    Name { start: usize, end: usize },
    /// A delegate's own head: the old name must live on in `as:`.
    DelegateHead {
        definition: Node<'t>,
        name: Node<'t>,
    },
    /// The definition stands inside `quote`.
    Quoted { line: u32 },
    /// The atom stands where it may name the function.
    Atom { start: usize, end: usize, line: u32 },
    /// A call on something unknown: `implementation.name(…)`.
    Dynamic { line: u32 },
    /// A text that seems to hold code with a call of it.
    Text { line: u32 },
    /// `import Module` inside `quote`: the importing modules are not known.
    QuotedImport { line: u32 },
}

/// Finds the sites of a subject in one file.
pub(super) fn sites<'t>(
    root: Node<'t>,
    text: &str,
    file: &FileAnalysis,
    subject: &Subject,
) -> Vec<Site<'t>> {
    let finder = Finder {
        text,
        file,
        subject,
    };
    let mut out = Vec::new();
    let mut pending = vec![root];
    while let Some(node) = pending.pop() {
        if documentation(node, text).is_some() {
            continue;
        }
        finder.visit(node, &mut out);
        pending.extend(named_children(node));
    }
    out
}

struct Finder<'a> {
    text: &'a str,
    file: &'a FileAnalysis,
    subject: &'a Subject,
}

impl Finder<'_> {
    fn visit<'t>(&self, node: Node<'t>, out: &mut Vec<Site<'t>>) {
        match node.kind() {
            "call" => self.call(node, out),
            "unary_operator" if operator(node, self.text) == "@" => self.attribute(node, out),
            "atom"
                if slice(node, self.text).strip_prefix(':') == Some(self.subject.name.as_str()) =>
            {
                out.push(Site::Atom {
                    start: node.start_byte(),
                    end: node.end_byte(),
                    line: line(node),
                });
            }
            "quoted_content" => self.quoted(node, out),
            _ => {}
        }
    }

    /// Code in strings, such as a module that a test compiles.
    fn quoted<'t>(&self, node: Node<'t>, out: &mut Vec<Site<'t>>) {
        let content = slice(node, self.text);
        let name = self.subject.name.as_str();
        for (at, _) in content.match_indices(name) {
            let before = content[..at].chars().next_back();
            let bare = !before.is_some_and(|c| c == '_' || c.is_alphanumeric());
            if bare && content[at + name.len()..].starts_with('(') {
                let lines = content[..at].matches('\n').count();
                out.push(Site::Text {
                    line: line(node) + lines as u32,
                });
            }
        }
    }

    fn call<'t>(&self, node: Node<'t>, out: &mut Vec<Site<'t>>) {
        match call_name(node, self.text) {
            Some(
                "def" | "defp" | "defmacro" | "defmacrop" | "defguard" | "defguardp"
                | "defdelegate",
            ) => {
                self.definition(node, out);
            }
            Some("import") => self.import(node, out),
            Some("doctest") if self.names_module(node) => {
                for key in ["only", "except"] {
                    self.keyword_list(keyword_value(node, key, self.text), out);
                }
            }
            Some("defoverridable") if self.inside_module(node) => {
                self.keyword_list(argument_nodes(node).into_iter().next(), out);
            }
            Some(_) => {}
            None => self.dynamic(node, out),
        }
    }

    fn definition<'t>(&self, node: Node<'t>, out: &mut Vec<Site<'t>>) {
        let Some(first) = argument_nodes(node).into_iter().next() else {
            return;
        };
        let Some(head) = parse_head(first, self.text).filter(|head| head.name == self.subject.name)
        else {
            return;
        };
        let reaches = (head.arity.saturating_sub(head.defaults)..=head.arity)
            .any(|a| self.subject.accepts(usize::from(a)));
        if !reaches || !self.inside_module(node) {
            return;
        }
        if self.inside_quote(node) {
            out.push(Site::Quoted { line: line(node) });
        } else if call_name(node, self.text) == Some("defdelegate") {
            out.push(Site::DelegateHead {
                definition: node,
                name: head.name_node,
            });
        } else {
            out.push(name_site(head.name_node));
        }
    }

    fn import<'t>(&self, node: Node<'t>, out: &mut Vec<Site<'t>>) {
        let line = line(node);
        let listed = self.file.modules.iter().flat_map(|m| &m.imports);
        let imports = listed
            .into_iter()
            .any(|d| d.module == self.subject.module && d.line == line)
            || self.names_module(node);
        if !imports {
            return;
        }
        if self.inside_quote(node) {
            out.push(Site::QuotedImport { line });
        }
        for key in ["only", "except"] {
            self.keyword_list(keyword_value(node, key, self.text), out);
        }
    }

    /// `@spec`, `@callback`, and attributes that list functions by name and arity.
    fn attribute<'t>(&self, node: Node<'t>, out: &mut Vec<Site<'t>>) {
        let Some(call) = operand(node).filter(|c| c.kind() == "call") else {
            return;
        };
        if !self.inside_module(node) {
            return;
        }
        let Some(first) = argument_nodes(call).into_iter().next() else {
            return;
        };
        match call_name(call, self.text) {
            Some("spec" | "callback" | "macrocallback") => {
                if let Some(name) = self.spec_name(first) {
                    out.push(name_site(name));
                }
            }
            Some("compile" | "dialyzer" | "optional_callbacks") => {
                let mut pending = vec![first];
                while let Some(part) = pending.pop() {
                    if part.kind() == "keywords" || part.kind() == "list" {
                        self.keyword_list(Some(part), out);
                    } else {
                        pending.extend(named_children(part));
                    }
                }
            }
            _ => {}
        }
    }

    fn spec_name<'t>(&self, spec: Node<'t>) -> Option<Node<'t>> {
        let typed = if operator(spec, self.text) == "when" {
            left(spec)?
        } else {
            spec
        };
        let head = if operator(typed, self.text) == "::" {
            left(typed)?
        } else {
            return None;
        };
        let name = if head.kind() == "call" {
            target(head)?
        } else {
            head
        };
        let matches = slice(name, self.text) == self.subject.name
            && self.subject.accepts(argument_nodes(head).len());
        matches.then_some(name)
    }

    /// `[name: arity]`.
    fn keyword_list<'t>(&self, list: Option<Node<'t>>, out: &mut Vec<Site<'t>>) {
        let Some(list) = list else { return };
        for (key, value) in keyword_pairs(list, self.text) {
            let arity = slice(value, self.text).parse::<usize>();
            if key == self.subject.name && arity.is_ok_and(|a| self.subject.accepts(a)) {
                let Some(pair) = value.parent() else { continue };
                let start = pair.start_byte();
                out.push(Site::Name {
                    start,
                    end: start + key.len(),
                });
            }
        }
    }

    fn dynamic<'t>(&self, node: Node<'t>, out: &mut Vec<Site<'t>>) {
        let Some(dot) = target(node).filter(|t| t.kind() == "dot") else {
            return;
        };
        let (Some(receiver), Some(name)) = (left(dot), right(dot)) else {
            return;
        };
        let unknown = matches!(
            receiver.kind(),
            "identifier" | "call" | "unary_operator" | "dot" | "access_call"
        );
        let current_module = slice(receiver, self.text) == "__MODULE__";
        // A field of a map has no arguments in parentheses.
        if unknown
            && !current_module
            && slice(name, self.text) == self.subject.name
            && arguments(node).is_some()
        {
            let piped = node
                .parent()
                .is_some_and(|p| operator(p, self.text) == "|>" && right(p) == Some(node));
            if self
                .subject
                .accepts(argument_nodes(node).len() + usize::from(piped))
            {
                out.push(Site::Dynamic { line: line(node) });
            }
        }
    }

    /// Whether the first argument is the subject's module, in full or by its last part.
    fn names_module(&self, node: Node<'_>) -> bool {
        let Some(first) = argument_nodes(node).into_iter().next() else {
            return false;
        };
        let written = slice(first, self.text);
        let module = &self.subject.module;
        let aliased = self
            .file
            .modules
            .iter()
            .flat_map(|m| &m.aliases)
            .any(|a| a.short == written && a.full == *module);
        written == module || aliased || (written == "__MODULE__" && self.inside_module(node))
    }

    fn inside_module(&self, node: Node<'_>) -> bool {
        enclosing_module(self.file, node.start_byte()) == Some(self.subject.module.as_str())
    }

    fn inside_quote(&self, node: Node<'_>) -> bool {
        let mut above = node.parent();
        while let Some(parent) = above {
            if call_name(parent, self.text) == Some("quote") {
                return true;
            }
            above = parent.parent();
        }
        false
    }
}

/// The innermost module around a byte.
pub(super) fn enclosing_module(file: &FileAnalysis, byte: usize) -> Option<&str> {
    let around = file
        .modules
        .iter()
        .filter(|m| (m.span.start_byte as usize..m.span.end_byte as usize).contains(&byte));
    around
        .min_by_key(|m| m.span.end_byte - m.span.start_byte)
        .map(|m| m.name.as_str())
}

fn name_site(node: Node<'_>) -> Site<'_> {
    Site::Name {
        start: node.start_byte(),
        end: node.end_byte(),
    }
}

fn line(node: Node<'_>) -> u32 {
    node.start_position().row as u32 + 1
}
