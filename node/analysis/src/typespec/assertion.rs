//! Assertions that a value is of a type, as strong as one readable line can be.

use super::{Type, TypeSource};
use crate::literal::Literal;

/// Deepest named type followed.
const MAX_DEPTH: usize = 6;
/// Most members of a union that are spelled out.
const MAX_MEMBERS: usize = 6;
/// Names of the variables in a pattern, in order.
const NAMES: [&str; 4] = ["value", "second", "third", "fourth"];

/// How one type is recognised: a pattern and guards over its variables.
struct Shape {
    pattern: String,
    guards: Vec<String>,
}

/// Gives boolean expressions over `variable`, all of which hold for values of the type.
///
/// Empty when the type admits anything that could be checked, so that no empty assertion is written.
pub(crate) fn assertions(
    kind: &Type,
    variable: &str,
    module: &str,
    types: &dyn TypeSource,
) -> Vec<Vec<String>> {
    let reader = Reader { types };
    let (kind, module) = reader.resolve(kind, module, 0);
    match &kind {
        Type::Union(members) => {
            let mut any = Vec::new();
            for member in reader.flatten(members, &module, 0) {
                match reader.single(&member.0, variable, &member.1) {
                    Some(expression) if !any.contains(&expression) => any.push(expression),
                    Some(_) => {}
                    // One member admits everything.
                    None => return Vec::new(),
                }
            }
            if any.is_empty() || any.len() > MAX_MEMBERS {
                Vec::new()
            } else {
                vec![any]
            }
        }
        Type::List(item, _) => {
            let mut all = vec![vec![format!("is_list({variable})")]];
            let (item, _) = reader.resolve(item, &module, 0);
            if let Some(guard) = capture(&item) {
                all.push(vec![format!("Enum.all?({variable}, {guard})")]);
            }
            all
        }
        Type::Integer(low, high) => integer_guards(variable, *low, *high)
            .into_iter()
            .map(|g| vec![g])
            .collect(),
        single => reader
            .single(single, variable, &module)
            .map(|e| vec![vec![e]])
            .unwrap_or_default(),
    }
}

struct Reader<'a> {
    types: &'a dyn TypeSource,
}

impl Reader<'_> {
    /// Follows named types to what they stand for, with the module they are written in.
    fn resolve(&self, kind: &Type, module: &str, depth: usize) -> (Type, String) {
        match kind {
            Type::Named(owner, name, arguments) if depth < MAX_DEPTH => {
                let owner = owner.as_deref().unwrap_or(module);
                match self.types.find(owner, name, arguments) {
                    Some(found) => self.resolve(&found, owner, depth + 1),
                    None => (Type::Any, module.to_owned()),
                }
            }
            Type::Named(..) => (Type::Any, module.to_owned()),
            other => (other.clone(), module.to_owned()),
        }
    }

    fn flatten(&self, members: &[Type], module: &str, depth: usize) -> Vec<(Type, String)> {
        let mut out = Vec::new();
        for member in members {
            let (kind, owner) = self.resolve(member, module, depth);
            match kind {
                Type::Never => {}
                Type::Union(inner) if depth < MAX_DEPTH => {
                    out.extend(self.flatten(&inner, &owner, depth + 1));
                }
                other => out.push((other, owner)),
            }
        }
        out
    }

    /// One expression; `None` when the type admits everything.
    fn single(&self, kind: &Type, variable: &str, module: &str) -> Option<String> {
        match kind {
            Type::Value(value) => Some(format!("{variable} == {value}")),
            Type::Integer(low, high) => {
                let guards = integer_guards("value", *low, *high);
                if guards.len() == 1 {
                    return Some(format!("is_integer({variable})"));
                }
                Some(format!(
                    "match?(value when {}, {variable})",
                    guards.join(" and ")
                ))
            }
            Type::Tuple(Some(_)) | Type::Map(Some(_)) => {
                let mut names = NAMES.iter();
                let shape = self.shape(kind, module, &mut names, 0);
                let guards = shape.guards.join(" and ");
                let when = if guards.is_empty() {
                    String::new()
                } else {
                    format!(" when {guards}")
                };
                if shape.pattern == "%{}" {
                    return Some(format!("is_map({variable})"));
                }
                Some(format!("match?({}{when}, {variable})", shape.pattern))
            }
            Type::Struct(name, _) => Some(format!("is_struct({variable}, {name})")),
            other => guard(other, variable),
        }
    }

    fn shape(
        &self,
        kind: &Type,
        module: &str,
        names: &mut std::slice::Iter<'_, &str>,
        depth: usize,
    ) -> Shape {
        let wild = || Shape {
            pattern: "_".into(),
            guards: Vec::new(),
        };
        let (kind, module) = self.resolve(kind, module, depth);
        match &kind {
            Type::Value(value @ (Literal::Atom(_) | Literal::Integer(_) | Literal::Text(_))) => {
                Shape {
                    pattern: value.to_string(),
                    guards: Vec::new(),
                }
            }
            Type::Tuple(Some(items)) if depth < MAX_DEPTH => {
                let shapes: Vec<Shape> = items
                    .iter()
                    .map(|i| self.shape(i, &module, names, depth + 1))
                    .collect();
                let pattern: Vec<&str> = shapes.iter().map(|s| s.pattern.as_str()).collect();
                Shape {
                    pattern: format!("{{{}}}", pattern.join(", ")),
                    guards: shapes.iter().flat_map(|s| s.guards.clone()).collect(),
                }
            }
            Type::Map(Some(fields)) => {
                let keys: Vec<String> = fields
                    .iter()
                    .filter_map(|(key, _)| match key {
                        Type::Value(Literal::Atom(name)) if crate::literal::is_bare_atom(name) => {
                            Some(format!("{name}: _"))
                        }
                        _ => None,
                    })
                    .collect();
                Shape {
                    pattern: format!("%{{{}}}", keys.join(", ")),
                    guards: Vec::new(),
                }
            }
            Type::Map(None) => Shape {
                pattern: "%{}".into(),
                guards: Vec::new(),
            },
            Type::Struct(name, _) => Shape {
                pattern: format!("%{name}{{}}"),
                guards: Vec::new(),
            },
            Type::Integer(low, high) => names.next().map_or_else(wild, |name| Shape {
                pattern: (*name).to_owned(),
                guards: integer_guards(name, *low, *high),
            }),
            other => {
                if guard(other, "x").is_none() {
                    return wild();
                }
                names.next().map_or_else(wild, |name| Shape {
                    pattern: (*name).to_owned(),
                    guards: guard(other, name).into_iter().collect(),
                })
            }
        }
    }
}

fn integer_guards(variable: &str, low: Option<i64>, high: Option<i64>) -> Vec<String> {
    let mut out = vec![format!("is_integer({variable})")];
    out.extend(low.map(|n| format!("{variable} >= {}", Literal::integer(n))));
    out.extend(high.map(|n| format!("{variable} <= {}", Literal::integer(n))));
    out
}

/// A guard that holds for every value of the type.
fn guard(kind: &Type, variable: &str) -> Option<String> {
    let test = guard_name(kind)?;
    Some(match kind {
        Type::Function(Some(arity)) => format!("is_function({variable}, {arity})"),
        _ => format!("{test}({variable})"),
    })
}

fn guard_name(kind: &Type) -> Option<&'static str> {
    Some(match kind {
        Type::Integer(..) => "is_integer",
        Type::Float => "is_float",
        Type::Boolean => "is_boolean",
        Type::Atom | Type::Module => "is_atom",
        Type::Text => "is_binary",
        Type::Bitstring => "is_bitstring",
        Type::Charlist | Type::List(..) | Type::Keyword(_) => "is_list",
        Type::Tuple(_) => "is_tuple",
        Type::Map(_) => "is_map",
        Type::Function(_) => "is_function",
        Type::Pid => "is_pid",
        Type::Port => "is_port",
        Type::Reference => "is_reference",
        _ => return None,
    })
}

/// `&is_integer/1` for the elements of a list.
fn capture(kind: &Type) -> Option<String> {
    match kind {
        Type::Struct(name, _) => Some(format!("&is_struct(&1, {name})")),
        Type::Function(Some(arity)) => Some(format!("&is_function(&1, {arity})")),
        other => guard_name(other).map(|name| format!("&{name}/1")),
    }
}
