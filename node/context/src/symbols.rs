//! Names of modules and functions in a question, so that they are found by name and not by words.

use aiex_analysis::{Chunk, ChunkKind};

const MENTIONS_MAX: usize = 32;

/// One name as it stands in a question: `Shop.Cart.total/1`, `Shop.Cart`, `total/1`, `apply_vat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mention {
    /// As written, perhaps only the last part of the module's name.
    module: Option<String>,
    function: Option<String>,
    arity: Option<u8>,
}

impl Mention {
    /// Gives 0 for another thing, else how exactly the chunk is named: up to 4.
    pub(crate) fn closeness(&self, chunk: &Chunk) -> f32 {
        let by_module = match &self.module {
            None => 0.0,
            Some(named) if *named == chunk.module => 2.0,
            Some(named) if is_last_part(named, &chunk.module) => 1.0,
            Some(_) => return 0.0,
        };
        let Some(function) = &self.function else {
            return if chunk.kind == ChunkKind::ModuleHeader {
                by_module
            } else {
                0.0
            };
        };
        if !matches!(chunk.kind, ChunkKind::Function { .. }) || chunk.name != *function {
            return 0.0;
        }
        let (least, most) = chunk.arity;
        match self.arity {
            None => by_module + 1.0,
            Some(arity) if (least..=most).contains(&arity) => by_module + 2.0,
            // the right name with a wrong arity is still the best guess there is
            Some(_) => by_module + 0.5,
        }
    }
}

fn is_last_part(named: &str, module: &str) -> bool {
    module
        .strip_suffix(named)
        .is_some_and(|before| before.ends_with('.'))
}

/// Finds the names in a question. Plain words are no names; a question of one word is.
pub(crate) fn mentions(query: &str) -> Vec<Mention> {
    let alone = !query.trim().contains(char::is_whitespace);
    let mut found: Vec<Mention> = Vec::new();
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '/' | '?' | '!');
    for word in query.split(|c: char| !is_name(c)) {
        let Some(mention) = mention(word, alone) else {
            continue;
        };
        if found.len() < MENTIONS_MAX && !found.contains(&mention) {
            found.push(mention);
        }
    }
    found
}

fn mention(word: &str, alone: bool) -> Option<Mention> {
    let (name, arity) = match word.split_once('/') {
        Some((name, arity)) => (
            name,
            Some(arity.trim_end_matches(['.', '?', '!']).parse().ok()?),
        ),
        // the end of a sentence is not part of a name
        None => (word.trim_end_matches('.'), None),
    };
    let mut modules = Vec::new();
    let mut function = None;
    for part in name.split('.') {
        let first = part.chars().next()?;
        if function.is_some() {
            return None;
        }
        if first.is_uppercase() {
            modules.push(part.trim_end_matches(['?', '!']));
        } else if first.is_lowercase() || first == '_' {
            function = Some(part);
        } else {
            return None;
        }
    }
    let module = (!modules.is_empty()).then(|| modules.join("."));
    let telling = match (&module, function) {
        (Some(_), Some(_)) => true,
        // a capital at the start of a sentence is no module, unless one follows it
        (Some(module), None) => alone || module.contains('.') || is_camel(module),
        (None, Some(function)) => {
            alone || arity.is_some() || function.trim_matches('_').contains('_')
        }
        (None, None) => false,
    };
    let function = match function {
        // outside code, `?` and `!` end a sentence more often than a name
        Some(function) if module.is_none() && arity.is_none() && !alone => {
            Some(function.to_owned()).filter(|name| !name.is_empty())
        }
        other => other.map(str::to_owned),
    };
    telling.then_some(Mention {
        module,
        function,
        arity,
    })
}

fn is_camel(word: &str) -> bool {
    word.chars().skip(1).any(char::is_uppercase) && word.chars().any(char::is_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(query: &str) -> Vec<String> {
        mentions(query)
            .iter()
            .map(|mention| {
                let module = mention.module.as_deref().unwrap_or("-");
                let function = mention.function.as_deref().unwrap_or("-");
                let arity = mention.arity.map_or("-".into(), |arity| arity.to_string());
                format!("{module} {function} {arity}")
            })
            .collect()
    }

    #[test]
    fn names_are_told_from_words() {
        for (query, expected) in [
            (
                "what does Shop.Cart.total/1 do?",
                &["Shop.Cart total 1"][..],
            ),
            ("Where is the total computed?", &[]),
            ("explain `Shop.Cart`.", &["Shop.Cart - -"]),
            ("Cart.total", &["Cart total -"]),
            (
                "rename apply_vat to add_vat",
                &["- apply_vat -", "- add_vat -"],
            ),
            ("total/1 and valid?/2", &["- total 1", "- valid? 2"]),
            ("total", &["- total -"]),
            ("GenServer", &["GenServer - -"]),
            ("How does GenServer work", &["GenServer - -"]),
            ("see lib/shop/cart.ex please", &[]),
            ("a/b 1/2 ... // ?!", &[]),
        ] {
            assert_eq!(shown(query), expected, "{query}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_question_can_be_read(query in "(\\PC|[A-Za-z_./?!0-9 ]){0,60}") {
            for mention in mentions(&query) {
                proptest::prop_assert!(mention.module.is_some() || mention.function.is_some());
            }
            crate::terms::terms(&query);
        }
    }
}
