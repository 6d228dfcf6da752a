//! What the probe printed, and the proposal narrowed and widened by it.

use super::render::body;
use super::{
    CandidateCall, Expect, MAX_TESTS_PER_FUNCTION, Origin, Plan, ProposedTest, Purpose, Skipped,
    TestProposal,
};
use crate::literal::{Literal, argument_list};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Longest recorded value, in characters: nobody reads a longer one.
const MAX_RECORDED: usize = 400;
/// Longest part of a call or value in a test's name, in characters.
const MAX_NAME: usize = 40;

/// How a candidate call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Value,
    /// `text` is the exception's module.
    Raised,
    Exited,
    TimedOut,
    /// A doctest that compiles.
    Compiled,
}

/// One line of the probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    #[serde(rename = "aiex_probe")]
    pub id: String,
    pub outcome: Outcome,
    /// `inspect` of the value.
    #[serde(default)]
    pub text: String,
    /// Two calls gave the same.
    #[serde(default)]
    pub stable: bool,
    /// The text reads back as the same value.
    #[serde(default)]
    pub readable: bool,
}

/// Finds the probe's lines in whatever else a test run prints.
pub fn read_observations(output: &str) -> Vec<Observation> {
    let lines = output
        .lines()
        .filter_map(|line| line.find("{\"aiex_probe\":").map(|at| &line[at..]));
    lines
        .filter_map(|line| {
            serde_json::Deserializer::from_str(line)
                .into_iter::<Observation>()
                .next()?
                .ok()
        })
        .collect()
}

/// Gives the proposal with loops narrowed to rows that hold and recorded values added; no candidate calls are left.
///
/// At most five tests per function remain, the most trustworthy first. Exceptions are never recorded: for made-up input
/// they say nothing about what the function is for.
pub fn with_observations(mut proposal: TestProposal, observations: &[Observation]) -> TestProposal {
    let seen: HashMap<&str, &Observation> =
        observations.iter().map(|o| (o.id.as_str(), o)).collect();
    let calls = std::mem::take(&mut proposal.calls);
    let tests = std::mem::take(&mut proposal.tests);
    for test in tests {
        let own: Vec<&CandidateCall> = calls
            .iter()
            .filter(|call| belongs_to(call, &test.id))
            .collect();
        match narrowed(test, &own, &seen) {
            Ok(test) => proposal.tests.push(test),
            Err(skipped) => proposal.skipped.push(skipped),
        }
    }
    for call in &calls {
        if let Purpose::Record { origin } = call.purpose
            && let Some(observation) = seen.get(call.id.as_str())
            && let Some(test) = recorded(&proposal, call, origin, observation)
        {
            proposal.tests.push(test);
        }
    }
    order(&mut proposal, &calls);
    proposal
}

fn belongs_to(call: &CandidateCall, test: &str) -> bool {
    match &call.purpose {
        Purpose::Row { test: own, .. } | Purpose::Compile { test: own } => own == test,
        Purpose::Record { .. } => false,
    }
}

type Seen<'a> = HashMap<&'a str, &'a Observation>;

fn narrowed(
    mut test: ProposedTest,
    own: &[&CandidateCall],
    seen: &Seen<'_>,
) -> Result<ProposedTest, Skipped> {
    let refuse = |reason: &str| Skipped {
        function: test.function.clone(),
        reason: format!("{}: {reason}", test.name),
    };
    if !own.iter().any(|call| seen.contains_key(call.id.as_str())) {
        return Err(refuse(
            "was not tried: the module has more candidates than one run reports",
        ));
    }
    if let Plan::Doctest { .. } = test.plan {
        let compiled = own.iter().any(|call| {
            seen.get(call.id.as_str())
                .is_some_and(|o| o.outcome == Outcome::Compiled)
        });
        return if compiled {
            Ok(test)
        } else {
            Err(refuse("the examples do not compile on their own"))
        };
    }
    let Plan::Loop {
        parameters,
        rows,
        call,
        assertions,
    } = test.plan.clone()
    else {
        return Ok(test);
    };
    let verdicts: Vec<Option<Fit>> = own.iter().map(|call| fit(call, seen)).collect();
    // All rows of one test must hold in the same way.
    let wanted = if verdicts.contains(&Some(Fit::Plain)) {
        Fit::Plain
    } else {
        Fit::Wrapped
    };
    let holds: Vec<Vec<String>> = rows
        .into_iter()
        .zip(&verdicts)
        .filter(|(_, v)| **v == Some(wanted))
        .map(|(row, _)| row)
        .collect();
    if holds.is_empty() {
        return Err(refuse(
            "no input of mine gives a value that could be checked",
        ));
    }
    let assertions = if wanted == Fit::Wrapped {
        wrapped(assertions)
    } else {
        assertions
    };
    test.plan = Plan::Loop {
        parameters,
        rows: holds,
        call,
        assertions,
    };
    match body(&test.plan) {
        Some(text) => {
            test.body = text;
            Ok(test)
        }
        None => Err(refuse("too wide to be readable")),
    }
}

/// How a row holds.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fit {
    Plain,
    /// The value comes back in `{:ok, value}`.
    Wrapped,
}

fn fit(call: &CandidateCall, seen: &Seen<'_>) -> Option<Fit> {
    let observation = seen
        .get(call.id.as_str())
        .filter(|o| o.outcome == Outcome::Value)?;
    let Purpose::Row { expect, .. } = &call.purpose else {
        return None;
    };
    match expect {
        Expect::Anything => Some(Fit::Plain),
        Expect::True => (observation.text == "true").then_some(Fit::Plain),
        Expect::Value { text } => {
            let expected = Literal::parse(text)?;
            let got = Literal::parse(&observation.text)?;
            if got == expected {
                return Some(Fit::Plain);
            }
            (got == Literal::Tuple(vec![Literal::atom("ok"), expected])).then_some(Fit::Wrapped)
        }
    }
}

/// `decode(encode(x)) == x` → `decode(encode(x)) == {:ok, x}`.
fn wrapped(assertions: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let wrap = |assertion: String| match assertion.rsplit_once(" == ") {
        Some((left, right)) => format!("{left} == {{:ok, {right}}}"),
        None => assertion,
    };
    assertions
        .into_iter()
        .map(|any| any.into_iter().map(wrap).collect())
        .collect()
}

fn recorded(
    proposal: &TestProposal,
    call: &CandidateCall,
    origin: Origin,
    seen: &Observation,
) -> Option<ProposedTest> {
    let usable = seen.outcome == Outcome::Value && seen.stable && seen.readable;
    if !usable || seen.text.chars().count() > MAX_RECORDED {
        return None;
    }
    let value = Literal::parse(&seen.text)?.aliased(&proposal.module);
    let own = call.expression.strip_prefix(proposal.module.as_str())?;
    let (function, arguments) = own.split_once('(')?;
    let arguments =
        Literal::parse(&format!("[{}]", arguments.strip_suffix(')')?))?.aliased(&proposal.module);
    let arguments = match arguments {
        Literal::List(items) => argument_list(&items),
        _ => return None,
    };
    let number = call.id.rsplit(' ').next().unwrap_or_default();
    let plan = Plan::Equal {
        call: format!("{}{function}({arguments})", proposal.short_name()),
        expected: value.to_string(),
    };
    Some(ProposedTest {
        id: call.id.clone(),
        describe: call.function.clone(),
        name: title(&arguments, &value.to_string(), number),
        body: body(&plan)?,
        origin,
        function: call.function.clone(),
        plan,
    })
}

/// `gives 3 for 1, 2`; what is too long to be read in a name is left to the body.
fn title(arguments: &str, value: &str, number: &str) -> String {
    let brief = |text: &str| text.chars().count() <= MAX_NAME;
    let given = match arguments {
        "" => String::new(),
        arguments if brief(arguments) => format!(" for {arguments}"),
        _ => format!(" for input {number}"),
    };
    if brief(value) {
        format!("gives {value}{given}")
    } else {
        format!("gives the recorded value{given}")
    }
}

/// Puts the tests in the order of the functions, keeps five of each, and makes names unique.
fn order(proposal: &mut TestProposal, calls: &[CandidateCall]) {
    let mut functions: Vec<String> = Vec::new();
    let named = proposal
        .tests
        .iter()
        .map(|t| &t.function)
        .chain(calls.iter().map(|c| &c.function));
    for function in named {
        if !functions.contains(function) {
            functions.push(function.clone());
        }
    }
    let mut kept = Vec::new();
    for function in functions {
        let (mut own, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut proposal.tests)
            .into_iter()
            .partition(|t| t.function == function);
        proposal.tests = rest;
        own.sort_by_key(|test| test.origin);
        kept.extend(telling(own));
    }
    for at in 0..kept.len() {
        let (before, rest) = kept.split_at_mut(at);
        let Some(test) = rest.first_mut() else { break };
        let plain = test.name.clone();
        let mut number = 1;
        while before
            .iter()
            .any(|other| other.describe == test.describe && other.name == test.name)
        {
            number += 1;
            test.name = format!("{plain} ({number})");
        }
    }
    proposal.tests = kept;
}

/// The five tests that say most: a result not seen yet before one that repeats.
fn telling(own: Vec<ProposedTest>) -> Vec<ProposedTest> {
    let mut results: Vec<String> = Vec::new();
    let (mut first, mut repeated) = (Vec::new(), Vec::new());
    for test in own {
        match &test.plan {
            Plan::Equal { expected, .. } if results.contains(expected) => repeated.push(test),
            Plan::Equal { expected, .. } => {
                results.push(expected.clone());
                first.push(test);
            }
            _ => first.push(test),
        }
    }
    first.extend(repeated.into_iter().take(1));
    first.truncate(MAX_TESTS_PER_FUNCTION);
    first
}
