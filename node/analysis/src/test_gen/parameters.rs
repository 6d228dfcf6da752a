//! Inputs for a function: from its spec, its clauses' patterns and guards, the names of its parameters.

use crate::chunk::Chunk;
use crate::clause::{Clause, Parameter, clauses};
use crate::literal::Literal;
use crate::module::ModuleInfo;
use crate::module_gen::underscore;
use crate::project_types::{ProjectTypes, specs};
use crate::typespec::{Emptiness, Samples, Scope, Spec, Type, by_parameter_name, combine};

/// Words that cannot be variables, and names the generated code uses itself.
const TAKEN: [&str; 15] = [
    "do", "end", "fn", "nil", "true", "false", "when", "and", "or", "not", "in", "result", "cases",
    "after", "else",
];
/// Most values of one parameter taken from patterns.
const MAX_FROM_HEADS: usize = 3;

/// What to call a function with.
pub(super) struct Inputs {
    /// One variable per argument.
    pub(super) names: Vec<String>,
    pub(super) rows: Vec<Vec<Literal>>,
    /// The spec of this arity.
    pub(super) spec: Option<Spec>,
}

/// Looks at one function at one arity.
pub(super) struct Signature {
    pub(super) arity: u8,
    spec: Option<Spec>,
    clauses: Vec<Clause>,
}

impl Signature {
    /// Chooses the arity to test: the one a spec describes, else the smallest.
    pub(super) fn read(info: &ModuleInfo, chunk: &Chunk, text: &str) -> Self {
        let (low, high) = chunk.arity;
        let spec = specs(info, &chunk.specs)
            .into_iter()
            .filter(|spec| spec.name == chunk.name)
            .find(|spec| (usize::from(low)..=usize::from(high)).contains(&spec.arguments.len()));
        let arity = spec
            .as_ref()
            .and_then(|s| u8::try_from(s.arguments.len()).ok())
            .unwrap_or(low);
        Self {
            arity,
            spec,
            clauses: clauses(chunk, text),
        }
    }

    /// Makes names and rows of values.
    pub(super) fn inputs(self, info: &ModuleInfo, types: &ProjectTypes<'_>) -> Inputs {
        let arity = usize::from(self.arity);
        let samples = Samples {
            types,
            module: &info.name,
        };
        let aliases: Vec<(String, String)> = info
            .aliases
            .iter()
            .map(|a| (a.short.clone(), a.full.clone()))
            .collect();
        let scope = Scope {
            module: &info.name,
            aliases: &aliases,
        };
        let mut names = Vec::with_capacity(arity);
        let mut columns = Vec::with_capacity(arity);
        for at in 0..arity {
            let parameters: Vec<(&Parameter, &Clause)> = self
                .clauses
                .iter()
                .filter_map(|c| Some((*given(c, self.arity).get(at)?, c)))
                .collect();
            names.push(variable(&parameters, at, &names, &scope));
            let declared = self.spec.as_ref().and_then(|s| s.arguments.get(at));
            columns.push(column(declared, &parameters, &samples, &scope));
        }
        let rows = if arity == 0 {
            vec![Vec::new()]
        } else {
            combine(&columns)
        };
        Inputs {
            names,
            rows,
            spec: self.spec,
        }
    }
}

/// The parameters that a call of this arity fills; defaults are filled from the left.
fn given(clause: &Clause, arity: u8) -> Vec<&Parameter> {
    let required = clause
        .parameters
        .iter()
        .filter(|p| p.default.is_none())
        .count();
    let mut spare = usize::from(arity).saturating_sub(required);
    clause
        .parameters
        .iter()
        .filter(|parameter| {
            if parameter.default.is_none() {
                return true;
            }
            let filled = spare > 0;
            spare = spare.saturating_sub(1);
            filled
        })
        .collect()
}

fn variable(
    parameters: &[(&Parameter, &Clause)],
    at: usize,
    before: &[String],
    scope: &Scope<'_>,
) -> String {
    let plain = parameters.iter().filter_map(|(p, _)| p.name.clone());
    // `%Basket{}` without a variable is called after the struct.
    let structures = parameters.iter().filter_map(|(p, _)| {
        let full = scope.expand(p.structure.as_deref()?.trim_start_matches('%'));
        Some(underscore(full.rsplit('.').next()?))
    });
    let fits = |name: &String| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.len() <= 24
            && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
            && !TAKEN.contains(&name.as_str())
            && !before.iter().any(|b| b == name)
    };
    plain
        .chain(structures)
        .find(fits)
        .unwrap_or_else(|| format!("arg{}", at + 1))
}

/// Values of one argument, the most telling first.
fn column(
    declared: Option<&Type>,
    parameters: &[(&Parameter, &Clause)],
    samples: &Samples<'_>,
    scope: &Scope<'_>,
) -> Vec<Literal> {
    let mut values: Vec<Literal> = Vec::new();
    let mut add = |value: Literal| {
        if !values.contains(&value) {
            values.push(value);
        }
    };
    let typed = declared.map(|kind| samples.of(kind)).unwrap_or_default();
    let from_heads = parameters.iter().filter_map(|(p, _)| p.literal.clone());
    if typed.is_empty() {
        from_heads.clone().take(MAX_FROM_HEADS).for_each(&mut add);
        let guessed = parameters
            .iter()
            .find_map(|(p, clause)| guess(p, clause, scope));
        let kind = guessed.unwrap_or(if declared.is_some() {
            Type::Never
        } else {
            Type::Any
        });
        samples.of(&kind).into_iter().for_each(&mut add);
    } else {
        let mut typed = typed.into_iter();
        typed.by_ref().take(1).for_each(&mut add);
        from_heads.take(MAX_FROM_HEADS).for_each(&mut add);
        typed.for_each(&mut add);
    }
    values
}

/// The type a pattern, a guard or a name suggests.
fn guess(parameter: &Parameter, clause: &Clause, scope: &Scope<'_>) -> Option<Type> {
    if let Some(structure) = &parameter.structure {
        return Some(Type::Struct(
            scope.expand(structure.trim_start_matches('%')),
            Vec::new(),
        ));
    }
    let integers = || Box::new(Type::Integer(None, None));
    match parameter.shape {
        Some("map") => return Some(Type::Map(None)),
        Some("list") => return Some(Type::List(integers(), Emptiness::MayBeEmpty)),
        Some("binary") => return Some(Type::Text),
        _ => {}
    }
    let name = parameter.name.as_deref()?;
    if let Some(guard) = &clause.guard {
        let tests = [
            ("is_integer", Type::Integer(None, None)),
            ("is_binary", Type::Text),
            ("is_bitstring", Type::Text),
            ("is_atom", Type::Atom),
            ("is_list", Type::List(integers(), Emptiness::MayBeEmpty)),
            ("is_map", Type::Map(None)),
            ("is_float", Type::Float),
            ("is_number", Type::Integer(None, None)),
            ("is_boolean", Type::Boolean),
            ("is_tuple", Type::Tuple(None)),
        ];
        if let Some((_, kind)) = tests
            .into_iter()
            .find(|(test, _)| guard.contains(&format!("{test}({name})")))
        {
            return Some(kind);
        }
    }
    by_parameter_name(name)
}
