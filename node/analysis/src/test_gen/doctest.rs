//! `iex>` examples in documentation.

/// One example: what is typed and what is shown, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Example {
    /// Expression, continuation lines joined by line breaks.
    pub(crate) expression: String,
    /// Expected text; empty when nothing is shown.
    pub(crate) expected: String,
    /// Line within the documentation, from 0.
    pub(crate) line: usize,
}

/// Finds the examples of a documentation text in order.
pub(crate) fn examples(doc: &str) -> Vec<Example> {
    let mut out: Vec<Example> = Vec::new();
    let mut state = State::Prose;
    for (line, raw) in doc.lines().enumerate() {
        let text = raw.trim();
        if let Some(typed) = prompt(text, "iex") {
            out.push(Example {
                expression: typed.to_owned(),
                expected: String::new(),
                line,
            });
            state = State::Typed;
            continue;
        }
        let Some(current) = out.last_mut() else {
            continue;
        };
        if text.is_empty() || text.starts_with("```") {
            state = State::Prose;
            continue;
        }
        match (state, prompt(text, "...")) {
            (State::Typed, Some(more)) => {
                current.expression.push('\n');
                current.expression.push_str(more);
            }
            (State::Typed, None) => {
                current.expected.push_str(text);
                state = State::Shown;
            }
            (State::Shown, _) => {
                current.expected.push('\n');
                current.expected.push_str(text);
            }
            (State::Prose, _) => {}
        }
    }
    out
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Prose,
    Typed,
    Shown,
}

/// `iex> x`, `iex(1)> x`, `...> x`.
fn prompt<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(name)?;
    let rest = match rest.strip_prefix('(') {
        Some(counted) => {
            let (number, after) = counted.split_once(')')?;
            number
                .bytes()
                .all(|b| b.is_ascii_digit())
                .then_some(after)?
        }
        None => rest,
    };
    rest.strip_prefix('>').map(str::trim_start)
}
