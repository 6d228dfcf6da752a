//! Which tests stay after the trial runs: those that passed every time.

use super::{Origin, Plan, TestProposal};
use serde::{Deserialize, Serialize};

/// Result of one test in one run, as the formatter reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestResult {
    /// Which run, from 0.
    pub run: u32,
    /// ExUnit's name: `test total/1 sums prices` or `doctest Shop.Cart.total/1 (1)`; the leading `test ` may be absent.
    pub name: String,
    /// Heading, when reported apart from the name.
    #[serde(default)]
    pub describe: Option<String>,
    pub passed: bool,
    #[serde(default)]
    pub message: String,
}

/// A proposed test that is not offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    pub id: String,
    pub name: String,
    pub reason: String,
}

/// What stays and what goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filtered {
    pub kept: Vec<String>,
    pub dropped: Vec<Dropped>,
}

/// Longest piece of a failure message quoted in a reason, in characters.
const MAX_MESSAGE: usize = 160;

/// Keeps the tests of the proposal that ran in each of `runs` runs and never failed.
pub fn filter(proposal: &TestProposal, results: &[TestResult], runs: u32) -> Filtered {
    let mut filtered = Filtered {
        kept: Vec::new(),
        dropped: Vec::new(),
    };
    for test in &proposal.tests {
        let own: Vec<&TestResult> = results
            .iter()
            .filter(|r| belongs(r, test, &proposal.module))
            .collect();
        let failed = own.iter().find(|r| !r.passed);
        let passed_runs = (0..runs)
            .filter(|run| own.iter().any(|r| r.run == *run))
            .count();
        let passes = own.iter().filter(|r| r.passed).count();
        let reason = match failed {
            Some(failure) if passes > 0 && !matches!(test.plan, Plan::Doctest { .. }) => {
                format!(
                    "flaky: failed in run {}: {}",
                    failure.run + 1,
                    first_line(&failure.message)
                )
            }
            Some(failure) => format!("failed: {}", first_line(&failure.message)),
            None if passed_runs == 0 => "did not run".to_owned(),
            None if passed_runs < runs as usize => {
                format!("ran only {passed_runs} of {runs} times")
            }
            None => {
                filtered.kept.push(test.id.clone());
                continue;
            }
        };
        filtered.dropped.push(Dropped {
            id: test.id.clone(),
            name: format!("{} {}", test.describe, test.name),
            reason,
        });
    }
    filtered
}

fn belongs(result: &TestResult, test: &super::ProposedTest, module: &str) -> bool {
    let name = result.name.trim();
    if test.origin == Origin::Doctest {
        let Plan::Doctest {
            name: function,
            arity,
            ..
        } = &test.plan
        else {
            return false;
        };
        let wanted = match arity {
            Some(arity) => format!("doctest {module}.{function}/{arity} ("),
            None => format!("doctest module {module} ("),
        };
        return name.starts_with(&wanted);
    }
    let bare = name.strip_prefix("test ").unwrap_or(name);
    let full = format!("{} {}", test.describe, test.name);
    bare == full
        || (bare == test.name && result.describe.as_deref() == Some(test.describe.as_str()))
}

fn first_line(message: &str) -> String {
    let line = message
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("no message");
    line.chars().take(MAX_MESSAGE).collect()
}
