//! Typespecs read as values: what a function takes and gives back, with samples and assertions made from it.

mod assertion;
mod read;
mod samples;

pub(crate) use assertion::assertions;
pub(crate) use samples::{Samples, by_parameter_name, combine};

use crate::literal::Literal;

/// A type expression. What is not understood is [`Type::Any`], never guessed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Type {
    Any,
    /// `no_return()` or `none()`.
    Never,
    /// One value: `:ok`, `0`, `[]`.
    Value(Literal),
    /// Inclusive bounds, where there are any.
    Integer(Option<i64>, Option<i64>),
    Float,
    Boolean,
    Atom,
    Module,
    /// `binary()` and `String.t()`.
    Text,
    Bitstring,
    Charlist,
    Iodata,
    List(Box<Type>, Emptiness),
    /// `[key: type]` and `keyword(type)`; an empty list of keys means any key.
    Keyword(Vec<(String, Type)>),
    /// `tuple()` is `None`.
    Tuple(Option<Vec<Type>>),
    /// `map()` is `None`; otherwise the fields that must be there.
    Map(Option<Vec<(Type, Type)>>),
    /// Full module name and the fields whose type is given.
    Struct(String, Vec<(String, Type)>),
    /// Arity when known.
    Function(Option<usize>),
    Pid,
    Port,
    Reference,
    Union(Vec<Type>),
    /// A type defined elsewhere; no module means the module of the spec.
    Named(Option<String>, String, Vec<Type>),
}

/// Whether a list type admits `[]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Emptiness {
    MayBeEmpty,
    NonEmpty,
}

/// `@spec name(arguments) :: result`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spec {
    pub(crate) name: String,
    pub(crate) arguments: Vec<Type>,
    pub(crate) result: Type,
}

/// Where type names are looked up: the module of the spec with its aliases, and the types of a project.
pub(crate) struct Scope<'a> {
    pub(crate) module: &'a str,
    /// Short name → full name.
    pub(crate) aliases: &'a [(String, String)],
}

impl Scope<'_> {
    /// Full name of a module as written.
    pub(crate) fn expand(&self, written: &str) -> String {
        if written == "__MODULE__" {
            return self.module.to_owned();
        }
        let (head, rest) = written
            .split_once('.')
            .map_or((written, None), |(h, r)| (h, Some(r)));
        let full = if head == "__MODULE__" {
            self.module
        } else {
            self.aliases
                .iter()
                .find(|(short, _)| short == head)
                .map_or(head, |(_, full)| full)
        };
        rest.map_or_else(|| full.to_owned(), |rest| format!("{full}.{rest}"))
    }
}

/// Finds the definition of a named type: its type with the parameters filled in.
pub(crate) trait TypeSource {
    /// `module` is a full name.
    fn find(&self, module: &str, name: &str, arguments: &[Type]) -> Option<Type>;

    /// Whether `%module{}` can be written without any field.
    fn bare_struct(&self, _module: &str) -> bool {
        false
    }
}

impl Spec {
    /// Reads the text of a `@spec`, without the attribute name.
    pub(crate) fn parse(text: &str, scope: &Scope<'_>) -> Option<Self> {
        read::spec(text, scope)
    }
}

impl Type {
    /// Reads a type definition, `name(params) :: type` or only the right side.
    pub(crate) fn parse_definition(
        text: &str,
        name: &str,
        arguments: &[Self],
        scope: &Scope<'_>,
    ) -> Option<Self> {
        read::definition(text, name, arguments, scope)
    }
}

#[cfg(test)]
mod tests;
