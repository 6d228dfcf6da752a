//! A proposal as the text of a test file, as `mix format` leaves it.

use super::{Origin, Plan, ProposedTest, TestProposal};
use crate::literal::{LINE_WIDTH, Literal, fits, layout, opens_in_place, quote};
use std::collections::BTreeMap;

/// Column of a test's body inside `describe`.
const BODY: usize = 6;

/// Gives the source of the test file with the tests in `keep`, in the order of the proposal; empty when none is left.
pub fn render(proposal: &TestProposal, keep: &[String]) -> String {
    let kept: Vec<&ProposedTest> = proposal
        .tests
        .iter()
        .filter(|test| keep.contains(&test.id))
        .collect();
    if kept.is_empty() {
        return String::new();
    }
    let mut parts = Vec::new();
    let described = describes(&kept);
    let uses_alias = proposal.module.contains('.') && !described.is_empty();
    if uses_alias {
        parts.push(format!("  alias {}\n", proposal.module));
    }
    parts.extend(doctests(proposal, &kept));
    parts.extend(described);
    let body = parts.join("\n");
    format!(
        "defmodule {} do\n  use {}\n\n{body}end\n",
        proposal.test_module, proposal.template
    )
}

/// One `doctest` line for those that need `import`, one for the others.
fn doctests(proposal: &TestProposal, kept: &[&ProposedTest]) -> Vec<String> {
    let mut groups: BTreeMap<bool, Vec<String>> = BTreeMap::new();
    for test in kept {
        if let Plan::Doctest {
            name,
            arity,
            import,
        } = &test.plan
        {
            let item = match arity {
                Some(arity) => Literal::Tuple(vec![
                    Literal::atom(name),
                    Literal::integer(i64::from(*arity)),
                ])
                .to_string(),
                None => ":moduledoc".to_owned(),
            };
            groups.entry(*import).or_default().push(item);
        }
    }
    let lines = groups.into_iter().map(|(import, items)| {
        let only =
            Literal::parse(&format!("[{}]", items.join(", "))).unwrap_or(Literal::List(vec![]));
        doctest_line(&proposal.module, &only, import)
            .trim_end()
            .to_owned()
    });
    let text = spaced(lines.collect());
    if text.is_empty() {
        Vec::new()
    } else {
        vec![format!("{text}\n")]
    }
}

/// Joins expressions as the formatter does: one over several lines has empty lines around it.
fn spaced(expressions: Vec<String>) -> String {
    let mut out = String::new();
    let mut before_long = false;
    for expression in expressions {
        let long = expression.contains('\n');
        if !out.is_empty() {
            out.push_str(if long || before_long { "\n\n" } else { "\n" });
        }
        out.push_str(&expression);
        before_long = long;
    }
    out
}

fn doctest_line(module: &str, only: &Literal, import: bool) -> String {
    let tail = if import { ", import: true" } else { "" };
    let flat = format!("  doctest {module}, only: {}{tail}", keyword_tail(only));
    if fits(&flat, 0) {
        return format!("{flat}\n");
    }
    let list = layout(&reordered(only), 4 + "only: ".len(), 4, usize::from(import));
    let tail = if import { ",\n    import: true" } else { "" };
    format!("  doctest {module},\n    only: {list}{tail}\n")
}

/// `[:moduledoc, total: 1]`: plain items first, then pairs, as the language demands.
fn reordered(only: &Literal) -> Literal {
    let Literal::List(items) = only else {
        return only.clone();
    };
    let (mut plain, pairs): (Vec<Literal>, Vec<Literal>) = items
        .iter()
        .cloned()
        .partition(|item| !matches!(item, Literal::Tuple(_)));
    plain.extend(pairs);
    Literal::List(plain)
}

fn keyword_tail(only: &Literal) -> String {
    reordered(only).to_string()
}

fn describes(kept: &[&ProposedTest]) -> Vec<String> {
    let mut order: Vec<&str> = Vec::new();
    for test in kept.iter().filter(|test| test.origin != Origin::Doctest) {
        if !order.contains(&test.describe.as_str()) {
            order.push(&test.describe);
        }
    }
    order
        .into_iter()
        .map(|heading| {
            let tests = kept
                .iter()
                .filter(|t| t.origin != Origin::Doctest && t.describe == heading);
            let tests: Vec<String> = tests.map(|test| test_block(test)).collect();
            format!(
                "  describe {} do\n{}  end\n",
                quote(heading),
                tests.join("\n")
            )
        })
        .collect()
}

fn test_block(test: &ProposedTest) -> String {
    let label = match test.origin {
        Origin::Characterisation | Origin::Literal => {
            "    # Recorded from what the code gives today.\n    @tag :characterisation\n"
        }
        _ => "",
    };
    let body: String = test
        .body
        .lines()
        .map(|line| {
            if line.is_empty() {
                "\n".to_owned()
            } else {
                format!("{:BODY$}{line}\n", "")
            }
        })
        .collect();
    format!("{label}    test {} do\n{body}    end\n", quote(&test.name))
}

/// Lines of a test's body; `None` when they cannot be laid out within the formatter's width.
pub(super) fn body(plan: &Plan) -> Option<String> {
    match plan {
        Plan::Doctest { .. } => Some(String::new()),
        Plan::Equal { call, expected } => equal(call, &Literal::parse(expected)?, BODY),
        Plan::Loop {
            parameters,
            rows,
            call,
            assertions,
        } => looped(parameters, rows, call, assertions),
    }
}

/// `assert call == expected`, broken where the formatter breaks it.
fn equal(call: &str, expected: &Literal, column: usize) -> Option<String> {
    let start = format!("assert {call} ==");
    let flat = format!("{start} {expected}");
    if fits(&flat, column) {
        return Some(flat);
    }
    if !fits(&start, column + 2) {
        return None;
    }
    let inner = column + "assert ".len();
    let own_line = inner + 2;
    let whole_fits = fits(&expected.to_string(), own_line);
    let text = if opens_in_place(expected) || (matches!(expected, Literal::Tuple(_)) && !whole_fits)
    {
        format!("{start} {}", layout(expected, LINE_WIDTH, inner, 0))
    } else {
        format!("{start}\n{:own_line$}{expected}", "")
    };
    Some(without_margin(&text, column))
}

/// Takes the margin off continuation lines: the renderer puts it back.
fn without_margin(text: &str, margin: usize) -> String {
    let pad = " ".repeat(margin);
    text.lines()
        .map(|line| line.strip_prefix(&pad).unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n")
}

fn looped(
    parameters: &[String],
    rows: &[Vec<String>],
    call: &str,
    assertions: &[Vec<String>],
) -> Option<String> {
    if parameters.is_empty() {
        return checks(call, assertions, BODY);
    }
    if rows.is_empty() {
        return None;
    }
    let pattern = if parameters.len() == 1 {
        parameters[0].clone()
    } else {
        format!("{{{}}}", parameters.join(", "))
    };
    let values: Option<Vec<Literal>> = rows
        .iter()
        .map(|row| {
            let values: Option<Vec<Literal>> =
                row.iter().map(|text| Literal::parse(text)).collect();
            values.map(|mut values| {
                if values.len() == 1 {
                    values.remove(0)
                } else {
                    Literal::Tuple(values)
                }
            })
        })
        .collect();
    // A list of pairs prints as a keyword list and must read as what it is.
    let list = Literal::List(values?);
    let inner: String = checks(call, assertions, BODY + 2)?
        .lines()
        .map(|line| {
            if line.is_empty() {
                "\n".to_owned()
            } else {
                format!("  {line}\n")
            }
        })
        .collect();
    let flat = format!("for {pattern} <- {list} do");
    if fits(&flat, BODY) {
        return Some(format!("{flat}\n{inner}end"));
    }
    let cases = without_margin(&layout(&list, BODY + "cases = ".len(), BODY, 0), BODY);
    Some(format!(
        "cases = {cases}\n\nfor {pattern} <- cases do\n{inner}end"
    ))
}

/// `result = call` and its assertions, or one assertion on the call itself when there is only one use.
fn checks(call: &str, assertions: &[Vec<String>], column: usize) -> Option<String> {
    let uses: usize = assertions.iter().flatten().map(|a| occurrences(a)).sum();
    if let [single] = assertions
        && uses == 1
    {
        let inlined: Vec<String> = single.iter().map(|a| inline(a, call)).collect();
        let line = format!("assert {}", inlined.join(" or "));
        if fits(&line, column) {
            return Some(line);
        }
    }
    let binding = format!("result = {call}");
    if !fits(&binding, column) {
        return None;
    }
    let mut lines = if uses == 0 { Vec::new() } else { vec![binding] };
    for any in assertions {
        let flat = format!("assert {}", any.join(" or "));
        if fits(&flat, column) {
            lines.push(flat);
            continue;
        }
        let pad = format!(" or\n{:9}", "");
        let broken = format!("assert {}", any.join(&pad));
        if any.len() < 2 || broken.lines().any(|line| !fits(line, column)) {
            return None;
        }
        lines.push(broken);
    }
    Some(spaced(lines))
}

/// How often the word `result` stands in an assertion.
fn occurrences(assertion: &str) -> usize {
    words(assertion)
        .filter(|(_, word)| *word == "result")
        .count()
}

fn inline(assertion: &str, call: &str) -> String {
    match words(assertion).find(|(_, word)| *word == "result") {
        Some((at, word)) => format!(
            "{}{call}{}",
            &assertion[..at],
            &assertion[at + word.len()..]
        ),
        None => assertion.to_owned(),
    }
}

/// Words with their byte offsets.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |c: char| c == '_' || c.is_alphanumeric();
    text.split(move |c| !is_word(c))
        .filter(|w| !w.is_empty())
        .map(move |w| (w.as_ptr() as usize - text.as_ptr() as usize, w))
}
