//! Source of a spec or type → [`Type`].

use super::{Emptiness, Scope, Spec, Type};
use crate::literal::{Literal, expression, from_node};
use tree_sitter::Node;

/// Deepest nesting of a type.
const MAX_DEPTH: usize = 24;

type Bindings = Vec<(String, Type)>;

struct Reader<'a> {
    text: &'a str,
    scope: &'a Scope<'a>,
}

pub(super) fn spec(text: &str, scope: &Scope<'_>) -> Option<Spec> {
    let text = text.trim();
    expression(text, |node| {
        let reader = Reader { text, scope };
        let (node, bindings) = reader.split_when(node)?;
        let head = reader.operand(node, "::", "left")?;
        let name = reader
            .slice(head.child_by_field_name("target").unwrap_or(head))
            .to_owned();
        let arguments = reader
            .arguments(head)
            .into_iter()
            .map(|a| reader.read(a, &bindings, 0))
            .collect();
        let result = reader.read(node.child_by_field_name("right")?, &bindings, 0);
        Some(Spec {
            name,
            arguments,
            result,
        })
    })
}

pub(super) fn definition(
    text: &str,
    name: &str,
    arguments: &[Type],
    scope: &Scope<'_>,
) -> Option<Type> {
    let text = text.trim();
    expression(text, |node| {
        let reader = Reader { text, scope };
        let mut bindings = Bindings::new();
        let mut body = node;
        if let Some(head) = reader.operand(node, "::", "left") {
            let target = reader.slice(head.child_by_field_name("target").unwrap_or(head));
            if target == name {
                let names = reader
                    .arguments(head)
                    .into_iter()
                    .map(|p| reader.slice(p).to_owned());
                bindings.extend(names.zip(arguments.iter().cloned()));
                body = node.child_by_field_name("right")?;
            }
        }
        Some(reader.read(body, &bindings, 0))
    })
}

impl<'a> Reader<'a> {
    fn slice(&self, node: Node<'_>) -> &'a str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    fn operand<'t>(&self, node: Node<'t>, operator: &str, side: &str) -> Option<Node<'t>> {
        if node.kind() != "binary_operator"
            || self.slice(node.child_by_field_name("operator")?) != operator
        {
            return None;
        }
        node.child_by_field_name(side)
    }

    /// Takes `when a: type` off a spec.
    fn split_when<'t>(&self, node: Node<'t>) -> Option<(Node<'t>, Bindings)> {
        let Some(left) = self.operand(node, "when", "left") else {
            return Some((node, Vec::new()));
        };
        let keywords = node.child_by_field_name("right")?;
        let mut bindings = Bindings::new();
        let mut cursor = keywords.walk();
        for pair in keywords.named_children(&mut cursor) {
            let (Some(key), Some(value)) = (
                pair.child_by_field_name("key"),
                pair.child_by_field_name("value"),
            ) else {
                continue;
            };
            let name = self.slice(key).trim_end().trim_end_matches(':').to_owned();
            let constraint = if self.slice(value) == "var" {
                Type::Any
            } else {
                self.read(value, &bindings, 0)
            };
            bindings.push((name, constraint));
        }
        Some((left, bindings))
    }

    fn arguments<'t>(&self, call: Node<'t>) -> Vec<Node<'t>> {
        let mut cursor = call.walk();
        let Some(list) = call
            .named_children(&mut cursor)
            .find(|c| c.kind() == "arguments")
        else {
            return Vec::new();
        };
        let mut cursor = list.walk();
        list.named_children(&mut cursor)
            .filter(|c| c.kind() != "comment")
            .collect()
    }

    fn read(&self, node: Node<'_>, bindings: &Bindings, depth: usize) -> Type {
        if depth > MAX_DEPTH {
            return Type::Any;
        }
        let depth = depth + 1;
        match node.kind() {
            "binary_operator" => self.operator(node, bindings, depth).unwrap_or(Type::Any),
            "identifier" => self.named(self.slice(node), Vec::new(), bindings),
            "call" => self.call(node, bindings, depth).unwrap_or(Type::Any),
            "list" => self.list(node, bindings, depth),
            "tuple" => {
                let mut cursor = node.walk();
                let items = node
                    .named_children(&mut cursor)
                    .filter(|c| c.kind() != "comment");
                Type::Tuple(Some(items.map(|c| self.read(c, bindings, depth)).collect()))
            }
            "map" => self.map(node, bindings, depth).unwrap_or(Type::Map(None)),
            "bitstring" => Type::Bitstring,
            "block" => self.block(node, bindings, depth),
            _ => from_node(node, self.text).map_or(Type::Any, Type::Value),
        }
    }

    fn operator(&self, node: Node<'_>, bindings: &Bindings, depth: usize) -> Option<Type> {
        let left = node.child_by_field_name("left")?;
        let right = node.child_by_field_name("right")?;
        match self.slice(node.child_by_field_name("operator")?) {
            "|" => {
                let mut members = Vec::new();
                for side in [
                    self.read(left, bindings, depth),
                    self.read(right, bindings, depth),
                ] {
                    match side {
                        Type::Union(inner) => members.extend(inner),
                        other => members.push(other),
                    }
                }
                Some(Type::Union(members))
            }
            "::" => Some(self.read(right, bindings, depth)),
            ".." => {
                let bound = |node| match from_node(node, self.text) {
                    Some(Literal::Integer(n)) => n.parse().ok(),
                    _ => None,
                };
                Some(Type::Integer(bound(left), bound(right)))
            }
            _ => None,
        }
    }

    fn call(&self, node: Node<'_>, bindings: &Bindings, depth: usize) -> Option<Type> {
        let target = node.child_by_field_name("target")?;
        let arguments: Vec<Type> = self
            .arguments(node)
            .into_iter()
            .map(|a| self.read(a, bindings, depth))
            .collect();
        if target.kind() != "dot" {
            return Some(self.named(self.slice(target), arguments, bindings));
        }
        let module = self.slice(target.child_by_field_name("left")?);
        let name = self.slice(target.child_by_field_name("right")?);
        let module = if module.starts_with(':') {
            module.to_owned()
        } else {
            self.scope.expand(module)
        };
        Some(remote(module, name, arguments))
    }

    /// A variable bound by `when` or a type parameter, a built-in type, or a type of the module.
    fn named(&self, name: &str, arguments: Vec<Type>, bindings: &Bindings) -> Type {
        if arguments.is_empty()
            && let Some((_, bound)) = bindings.iter().find(|(variable, _)| variable == name)
        {
            return bound.clone();
        }
        built_in(name, &arguments).unwrap_or_else(|| Type::Named(None, name.to_owned(), arguments))
    }

    fn list(&self, node: Node<'_>, bindings: &Bindings, depth: usize) -> Type {
        let mut cursor = node.walk();
        let items: Vec<Node<'_>> = node
            .named_children(&mut cursor)
            .filter(|c| c.kind() != "comment")
            .collect();
        let Some(first) = items.first() else {
            return Type::Value(Literal::List(Vec::new()));
        };
        if first.kind() == "keywords" {
            return Type::Keyword(self.fields(*first, bindings, depth));
        }
        let emptiness = if items.len() > 1 {
            Emptiness::NonEmpty
        } else {
            Emptiness::MayBeEmpty
        };
        Type::List(Box::new(self.read(*first, bindings, depth)), emptiness)
    }

    fn fields(&self, keywords: Node<'_>, bindings: &Bindings, depth: usize) -> Vec<(String, Type)> {
        let mut cursor = keywords.walk();
        keywords
            .named_children(&mut cursor)
            .filter_map(|pair| {
                let key = self
                    .slice(pair.child_by_field_name("key")?)
                    .trim_end()
                    .trim_end_matches(':');
                Some((
                    key.to_owned(),
                    self.read(pair.child_by_field_name("value")?, bindings, depth),
                ))
            })
            .collect()
    }

    fn map(&self, node: Node<'_>, bindings: &Bindings, depth: usize) -> Option<Type> {
        let mut fields = Vec::new();
        let mut module = None;
        let mut cursor = node.walk();
        for part in node.named_children(&mut cursor) {
            if part.kind() == "struct" {
                module = Some(self.scope.expand(self.slice(part)));
                continue;
            }
            let mut inner = part.walk();
            for entry in part.named_children(&mut inner) {
                if entry.kind() == "keywords" {
                    let named = self.fields(entry, bindings, depth).into_iter();
                    fields
                        .extend(named.map(|(key, value)| (Type::Value(Literal::Atom(key)), value)));
                } else {
                    fields.extend(self.pair(entry, bindings, depth));
                }
            }
        }
        let Some(module) = module else {
            return Some(Type::Map(Some(fields)));
        };
        let named = fields.into_iter().filter_map(|(key, value)| match key {
            Type::Value(Literal::Atom(name)) => Some((name, value)),
            _ => None,
        });
        Some(Type::Struct(module, named.collect()))
    }

    /// `required(key) => value`; optional keys are left out, for a map without them is of the type too.
    fn pair(&self, entry: Node<'_>, bindings: &Bindings, depth: usize) -> Option<(Type, Type)> {
        let left = self.operand(entry, "=>", "left")?;
        let target = left.child_by_field_name("target").map(|t| self.slice(t));
        let key = match target {
            Some("optional") => return None,
            Some("required") => self.read(*self.arguments(left).first()?, bindings, depth),
            _ => match self.read(left, bindings, depth) {
                value @ Type::Value(_) => value,
                // `%{type => type}` without `required` is optional.
                _ => return None,
            },
        };
        Some((
            key,
            self.read(entry.child_by_field_name("right")?, bindings, depth),
        ))
    }

    /// `(a, b -> c)`, or a type in parentheses.
    fn block(&self, node: Node<'_>, bindings: &Bindings, depth: usize) -> Type {
        let Some(inner) = node.named_child(0) else {
            return Type::Any;
        };
        if inner.kind() != "stab_clause" {
            return self.read(inner, bindings, depth);
        }
        let Some(left) = inner.child_by_field_name("left") else {
            return Type::Function(Some(0));
        };
        let arity = if self.slice(left).trim() == "..." {
            None
        } else {
            Some(left.named_child_count())
        };
        Type::Function(arity)
    }
}

fn built_in(name: &str, arguments: &[Type]) -> Option<Type> {
    let element = || Box::new(arguments.first().cloned().unwrap_or(Type::Any));
    Some(match (name, arguments.len()) {
        ("any" | "term" | "dynamic", 0) => Type::Any,
        ("no_return" | "none", 0) => Type::Never,
        ("integer", 0) => Type::Integer(None, None),
        ("non_neg_integer" | "arity", 0) => Type::Integer(Some(0), None),
        ("byte", 0) => Type::Integer(Some(0), Some(255)),
        ("char", 0) => Type::Integer(Some(0), Some(0x10_FFFF)),
        ("pos_integer", 0) => Type::Integer(Some(1), None),
        ("neg_integer", 0) => Type::Integer(None, Some(-1)),
        ("float", 0) => Type::Float,
        ("number", 0) => Type::Union(vec![Type::Integer(None, None), Type::Float]),
        ("timeout", 0) => Type::Union(vec![
            Type::Value(Literal::atom("infinity")),
            Type::Integer(Some(0), None),
        ]),
        ("boolean", 0) => Type::Boolean,
        ("atom" | "node", 0) => Type::Atom,
        ("module", 0) => Type::Module,
        ("binary" | "nonempty_binary", 0) => Type::Text,
        ("bitstring", 0) => Type::Bitstring,
        ("charlist" | "nonempty_charlist", 0) => Type::Charlist,
        ("iodata" | "iolist", 0) => Type::Iodata,
        ("list", 0 | 1) => Type::List(element(), Emptiness::MayBeEmpty),
        ("nonempty_list", 0 | 1) => Type::List(element(), Emptiness::NonEmpty),
        ("keyword", 0 | 1) => Type::Keyword(Vec::new()),
        ("tuple", 0) => Type::Tuple(None),
        ("mfa", 0) => Type::Tuple(Some(vec![
            Type::Module,
            Type::Atom,
            Type::Integer(Some(0), Some(255)),
        ])),
        ("map", 0) => Type::Map(None),
        ("struct", 0) => Type::Map(None),
        ("fun" | "function", 0) => Type::Function(None),
        ("pid", 0) => Type::Pid,
        ("port", 0) => Type::Port,
        ("reference", 0) => Type::Reference,
        _ => return None,
    })
}

/// Types of the standard library with values of their own.
fn remote(module: String, name: &str, arguments: Vec<Type>) -> Type {
    match (module.as_str(), name) {
        ("String", "t" | "grapheme" | "codepoint") | ("Path", "t") => Type::Text,
        ("Keyword", "t") => Type::Keyword(Vec::new()),
        (
            "Date" | "Time" | "DateTime" | "NaiveDateTime" | "Regex" | "MapSet" | "Range"
            | "Version" | "URI",
            "t",
        ) => Type::Struct(module, Vec::new()),
        _ => Type::Named(Some(module), name.to_owned(), arguments),
    }
}
