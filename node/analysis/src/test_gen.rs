//! Proposes ExUnit tests for a module from its docs, specs, relations and examples; other hands run them.
//!
//! Two runs decide. A probe run tells what candidate calls give ([`probe_script`], [`read_observations`],
//! [`with_observations`]); trial runs of the rendered file tell which tests stay ([`filter`]). Nothing is run here.

mod doctest;
mod effects;
mod examples;
mod filter;
mod header;
mod observe;
mod parameters;
mod probe;
mod propose;
mod relations;
mod render;

pub use filter::{Dropped, Filtered, TestResult, filter};
pub use observe::{Observation, Outcome, read_observations, with_observations};
pub use probe::probe_script;
pub use propose::propose;
pub use render::render;

pub(crate) use doctest::examples as doctest_examples;

use serde::{Deserialize, Serialize};

/// Most tests proposed for one function.
pub const MAX_TESTS_PER_FUNCTION: usize = 5;
/// Most candidate calls tried for one function.
const MAX_CALLS_PER_FUNCTION: usize = 8;
/// Most functions of one module that tests are proposed for.
const MAX_FUNCTIONS: usize = 200;

/// Where a test comes from, most trustworthy first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// `iex>` examples in the documentation, run by `doctest`.
    Doctest,
    /// What the names promise together: `decode` undoes `encode`.
    Relation,
    /// The result type of a `@spec`.
    Spec,
    /// A call with literal arguments found in the project.
    Literal,
    /// What the code gives today for made-up input.
    Characterisation,
}

/// How the body of a test is made; kept so that observations can narrow it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "plan", rename_all = "snake_case")]
pub enum Plan {
    /// `doctest Module, only: [name: arity]`; arity `None` is the module's own documentation.
    Doctest {
        name: String,
        arity: Option<u8>,
        import: bool,
    },
    /// Over all rows: bind `result` to the call, then assert each line (alternatives joined by `or`).
    Loop {
        parameters: Vec<String>,
        rows: Vec<Vec<String>>,
        call: String,
        assertions: Vec<Vec<String>>,
    },
    /// `assert call == expected`.
    Equal { call: String, expected: String },
}

/// One test that may be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposedTest {
    /// Stable within the proposal.
    pub id: String,
    /// `name/arity`, the heading it stands under.
    pub describe: String,
    pub name: String,
    /// Lines without indentation of the file around them.
    pub body: String,
    pub origin: Origin,
    /// `name/arity` of the function under test.
    pub function: String,
    pub plan: Plan,
}

/// What a candidate call is tried for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "purpose", rename_all = "snake_case")]
pub enum Purpose {
    /// Becomes an assertion on what it gives.
    Record { origin: Origin },
    /// Row of a loop that only stays if the call gives what is expected.
    Row {
        test: String,
        row: usize,
        expect: Expect,
    },
    /// A doctest that must at least compile.
    Compile { test: String },
}

/// What a row's call must give to stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "expect", rename_all = "snake_case")]
pub enum Expect {
    /// Any value; it must not raise.
    Anything,
    True,
    /// This value, or `{:ok, value}`.
    Value {
        text: String,
    },
}

/// A call or doctest to try in the probe run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateCall {
    pub id: String,
    /// `name/arity`.
    pub function: String,
    /// Source that can be evaluated anywhere: full module names.
    pub expression: String,
    pub purpose: Purpose,
}

/// A function without proposals, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    pub function: String,
    pub reason: String,
}

/// Everything proposed for one module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestProposal {
    pub module: String,
    /// Mirrored path in the right application; beside an existing test file when there is one.
    pub path: String,
    pub test_module: String,
    /// After `use`: `ExUnit.Case, async: true` or the project's own template.
    pub template: String,
    pub tests: Vec<ProposedTest>,
    pub calls: Vec<CandidateCall>,
    pub skipped: Vec<Skipped>,
}

impl TestProposal {
    /// Last part of the module name, used inside the tests.
    pub(crate) fn short_name(&self) -> &str {
        self.module.rsplit('.').next().unwrap_or(&self.module)
    }
}

#[cfg(test)]
mod tests;
