//! Values of a type: the edges first, then ordinary ones, the same every time.

use super::{Emptiness, Type, TypeSource};
use crate::literal::Literal;

/// Deepest type followed for samples.
const MAX_DEPTH: usize = 6;
/// Most values given for one type.
const MAX_VALUES: usize = 6;

/// Makes sample values; named types are looked up in `types`, local ones in `module`.
pub(crate) struct Samples<'a> {
    pub(crate) types: &'a dyn TypeSource,
    pub(crate) module: &'a str,
}

impl Samples<'_> {
    /// Gives up to six values of the type; none when no value can be written as a literal.
    pub(crate) fn of(&self, kind: &Type) -> Vec<Literal> {
        let mut values = self.values(kind, 0);
        values.truncate(MAX_VALUES);
        values
    }

    fn values(&self, kind: &Type, depth: usize) -> Vec<Literal> {
        if depth > MAX_DEPTH {
            return Vec::new();
        }
        let depth = depth + 1;
        match kind {
            Type::Any => vec![
                Literal::atom("nil"),
                Literal::integer(1),
                Literal::text("text"),
                Literal::List(vec![]),
                Literal::atom("some"),
            ],
            Type::Value(value) => vec![value.clone()],
            Type::Integer(low, high) => integers(*low, *high),
            Type::Float => ["0.0", "1.5", "-2.25"]
                .map(|n| Literal::Float(n.into()))
                .to_vec(),
            Type::Boolean => vec![Literal::atom("true"), Literal::atom("false")],
            Type::Atom => vec![Literal::atom("ok"), Literal::atom("some")],
            Type::Module => vec![Literal::Module("Enum".into())],
            Type::Text | Type::Bitstring => ["text", "", "Two Words", "42", " né "]
                .map(Literal::text)
                .to_vec(),
            Type::Charlist => vec![Literal::Charlist("text".into()), Literal::List(vec![])],
            Type::Iodata => vec![
                Literal::text("text"),
                Literal::List(vec![Literal::text("a"), Literal::integer(98)]),
            ],
            Type::List(item, emptiness) => self.lists(item, *emptiness, depth),
            Type::Keyword(fields) => self.keywords(fields, depth),
            Type::Tuple(None) => vec![Literal::Tuple(vec![
                Literal::atom("ok"),
                Literal::integer(1),
            ])],
            Type::Tuple(Some(items)) => self
                .products(items, depth)
                .into_iter()
                .map(Literal::Tuple)
                .collect(),
            Type::Map(None) => {
                vec![
                    Literal::Map(vec![]),
                    Literal::Map(vec![(Literal::atom("a"), Literal::integer(1))]),
                ]
            }
            Type::Map(Some(fields)) => self.maps(fields, depth),
            Type::Struct(module, fields) => self.structs(module, fields, depth),
            Type::Union(members) => self.union(members, depth),
            Type::Named(module, name, arguments) => {
                let owner = module.as_deref().unwrap_or(self.module);
                if name == "t" && owner == "Enumerable" {
                    return self.lists(&Type::Integer(None, None), Emptiness::MayBeEmpty, depth);
                }
                self.types
                    .find(owner, name, arguments)
                    .map_or_else(Vec::new, |found| {
                        Samples {
                            types: self.types,
                            module: owner,
                        }
                        .values(&found, depth)
                    })
            }
            Type::Never | Type::Function(_) | Type::Pid | Type::Port | Type::Reference => {
                Vec::new()
            }
        }
    }

    fn lists(&self, item: &Type, emptiness: Emptiness, depth: usize) -> Vec<Literal> {
        let items = self.values(item, depth);
        let mut out = Vec::new();
        if !items.is_empty() {
            out.push(Literal::List(items.iter().take(3).cloned().collect()));
        }
        if emptiness == Emptiness::MayBeEmpty {
            out.push(Literal::List(vec![]));
        }
        out.extend(items.first().map(|one| Literal::List(vec![one.clone()])));
        if let (Some(first), Some(last)) = (items.first(), items.get(1)) {
            out.push(Literal::List(vec![
                last.clone(),
                first.clone(),
                last.clone(),
            ]));
        }
        out
    }

    fn keywords(&self, fields: &[(String, Type)], depth: usize) -> Vec<Literal> {
        let mut out = vec![Literal::List(vec![])];
        let pairs: Option<Vec<Literal>> = fields
            .iter()
            .map(|(key, kind)| {
                let value = self.values(kind, depth).into_iter().next()?;
                Some(Literal::Tuple(vec![Literal::atom(key), value]))
            })
            .collect();
        out.extend(pairs.filter(|p| !p.is_empty()).map(Literal::List));
        out
    }

    fn maps(&self, fields: &[(Type, Type)], depth: usize) -> Vec<Literal> {
        let keys: Option<Vec<Literal>> = fields
            .iter()
            .map(|(key, _)| self.values(key, depth).into_iter().next())
            .collect();
        let Some(keys) = keys else { return Vec::new() };
        let kinds: Vec<Type> = fields.iter().map(|(_, value)| value.clone()).collect();
        let rows = self.products(&kinds, depth);
        rows.into_iter()
            .map(|row| Literal::Map(keys.iter().cloned().zip(row).collect()))
            .collect()
    }

    fn structs(&self, module: &str, fields: &[(String, Type)], depth: usize) -> Vec<Literal> {
        let sigil = |text: &str| vec![Literal::Sigil(text.to_owned())];
        match module {
            "Date" => return sigil("~D[2024-02-29]"),
            "Time" => return sigil("~T[23:59:59]"),
            "NaiveDateTime" => return sigil("~N[2024-02-29 23:59:59]"),
            "DateTime" => return sigil("~U[2024-02-29 23:59:59Z]"),
            "Regex" => return sigil("~r/a+/"),
            "Range" => {
                let range = Literal::Range(
                    Box::new(Literal::integer(1)),
                    Box::new(Literal::integer(3)),
                    None,
                );
                return vec![range];
            }
            "MapSet" | "Version" | "URI" => return Vec::new(),
            _ => {}
        }
        let kinds: Vec<Type> = fields.iter().map(|(_, kind)| kind.clone()).collect();
        if kinds.is_empty() {
            let bare = self
                .types
                .bare_struct(module)
                .then(|| Literal::Struct(module.to_owned(), Vec::new()));
            return bare.into_iter().collect();
        }
        let rows = self.products(&kinds, depth).into_iter();
        let names: Vec<String> = fields.iter().map(|(name, _)| name.clone()).collect();
        rows.map(|row| Literal::Struct(module.to_owned(), names.iter().cloned().zip(row).collect()))
            .collect()
    }

    /// First values of every member before second ones.
    fn union(&self, members: &[Type], depth: usize) -> Vec<Literal> {
        let columns: Vec<Vec<Literal>> = members.iter().map(|m| self.values(m, depth)).collect();
        let longest = columns.iter().map(Vec::len).max().unwrap_or(0);
        let mut out: Vec<Literal> = Vec::new();
        for row in 0..longest {
            for value in columns.iter().filter_map(|column| column.get(row)) {
                if !out.contains(value) {
                    out.push(value.clone());
                }
            }
        }
        out
    }

    fn products(&self, kinds: &[Type], depth: usize) -> Vec<Vec<Literal>> {
        let columns: Vec<Vec<Literal>> =
            kinds.iter().map(|kind| self.values(kind, depth)).collect();
        combine(&columns)
    }
}

/// Combines columns of values into at most six distinct rows; none when a column is empty.
pub(crate) fn combine(columns: &[Vec<Literal>]) -> Vec<Vec<Literal>> {
    if columns.iter().any(Vec::is_empty) {
        return Vec::new();
    }
    let longest = columns.iter().map(Vec::len).max().unwrap_or(1);
    let mut rows: Vec<Vec<Literal>> = Vec::new();
    for row in 0..longest.max(1) * 2 {
        // The second round shifts the columns against each other.
        let shift = row / longest.max(1);
        let values = columns
            .iter()
            .enumerate()
            .map(|(at, column)| column[(row + shift * at) % column.len()].clone());
        let values: Vec<Literal> = values.collect();
        if !rows.contains(&values) {
            rows.push(values);
        }
        if rows.len() == MAX_VALUES {
            break;
        }
    }
    rows
}

fn integers(low: Option<i64>, high: Option<i64>) -> Vec<Literal> {
    let candidates = [
        Some(2),
        low,
        Some(0),
        Some(1),
        Some(-1),
        Some(42),
        high,
        Some(7),
    ];
    let mut out = Vec::new();
    for value in candidates.into_iter().flatten() {
        let inside = low.is_none_or(|l| value >= l) && high.is_none_or(|h| value <= h);
        let literal = Literal::integer(value);
        if inside && !out.contains(&literal) {
            out.push(literal);
        }
    }
    out
}

/// Guesses the type of an unspecified parameter from its name; `None` says nothing.
pub(crate) fn by_parameter_name(name: &str) -> Option<Type> {
    let name = name.trim_start_matches('_');
    let last = name.rsplit('_').next().unwrap_or(name);
    Some(match last {
        "string" | "text" | "name" | "str" | "binary" | "word" | "line" | "title" | "slug"
        | "prefix" | "suffix" | "message" | "email" | "url" | "label" | "input" | "body"
        | "source" | "content" => Type::Text,
        "count" | "n" | "index" | "size" | "length" | "limit" | "number" | "int" | "integer"
        | "amount" | "quantity" | "age" | "year" | "month" | "day" | "x" | "y" | "a" | "b"
        | "i" | "total" | "price" | "width" | "height" | "min" | "max" => Type::Integer(None, None),
        "list" | "items" | "numbers" | "values" | "enumerable" | "integers" => {
            Type::List(Box::new(Type::Integer(None, None)), Emptiness::MayBeEmpty)
        }
        "strings" | "words" | "names" | "lines" => {
            Type::List(Box::new(Type::Text), Emptiness::MayBeEmpty)
        }
        "opts" | "options" | "keyword" => Type::Keyword(Vec::new()),
        "map" | "attrs" | "params" => Type::Map(None),
        "boolean" | "flag" => Type::Boolean,
        "float" => Type::Float,
        "date" => Type::Struct("Date".into(), Vec::new()),
        _ => return None,
    })
}
