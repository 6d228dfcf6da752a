//! What the names of two functions promise together, and what the name of one promises of itself.

use crate::chunk::Chunk;

/// A promise, as an assertion over the variable `value` (or all parameters for [`Relation::Agrees`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Relation {
    /// The other function undoes this one.
    UndoneBy(String),
    /// Applying it twice changes nothing more.
    Idempotent,
    /// `name!` gives the value that `name` gives in `{:ok, value}`.
    Agrees(String),
}

/// Words that mean the way there and the way back.
const PAIRS: [(&str, &str); 15] = [
    ("encode", "decode"),
    ("serialize", "deserialize"),
    ("serialise", "deserialise"),
    ("dump", "load"),
    ("escape", "unescape"),
    ("pack", "unpack"),
    ("compress", "decompress"),
    ("compress", "uncompress"),
    ("to_", "from_"),
    ("to_string", "parse"),
    ("to_string", "new"),
    ("to_string", "from_string"),
    ("format", "parse"),
    ("wrap", "unwrap"),
    ("quote", "unquote"),
];

/// Names of things that are done once.
const IDEMPOTENT: [&str; 20] = [
    "normalize",
    "normalise",
    "trim",
    "canonicalize",
    "sanitize",
    "sanitise",
    "sort",
    "uniq",
    "dedup",
    "downcase",
    "upcase",
    "squeeze",
    "compact",
    "clean",
    "slugify",
    "simplify",
    "flatten",
    "abs",
    "strip",
    "unique",
];

/// Finds the relations of a function within its module's public functions.
pub(super) fn relations(chunk: &Chunk, arity: u8, public: &[&Chunk]) -> Vec<Relation> {
    let mut out = Vec::new();
    let exists = |name: &str, arity: u8| {
        public
            .iter()
            .any(|other| other.name == name && (other.arity.0..=other.arity.1).contains(&arity))
    };
    if arity == 1 {
        for (there, back) in PAIRS {
            let Some(at) = chunk.name.find(there) else {
                continue;
            };
            let at_word = at == 0 || chunk.name.as_bytes()[at - 1] == b'_';
            let other = chunk.name.replacen(there, back, 1);
            if at_word
                && other != chunk.name
                && exists(&other, 1)
                && !out.contains(&Relation::UndoneBy(other.clone()))
            {
                out.push(Relation::UndoneBy(other));
            }
        }
        let stem = IDEMPOTENT.iter().any(|stem| {
            chunk.name == *stem
                || chunk
                    .name
                    .strip_prefix(stem)
                    .is_some_and(|rest| rest.starts_with('_'))
        });
        if stem {
            out.push(Relation::Idempotent);
        }
    }
    if let Some(plain) = chunk.name.strip_suffix('!')
        && exists(plain, arity)
    {
        out.push(Relation::Agrees(plain.to_owned()));
    }
    out
}
