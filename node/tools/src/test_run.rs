//! The report of `run_tests`: every test with its state in every run, from the lines our formatter wrote.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::output::{clip, floor_boundary, without_controls};

/// The ExUnit formatter that a run loads beside the project.
pub(crate) const FORMATTER: &str = include_str!("test_run/result_lines.exs");
/// Its module.
pub(crate) const FORMATTER_MODULE: &str = "Aiex.ResultLines";
/// Tests in one report; more make it incomplete, and it says so.
pub(crate) const TESTS_MAX: usize = 400;
/// Longest failure message and longest diagnostics, in bytes.
const MESSAGE_BYTES_MAX: usize = 1_500;
const DIAGNOSTICS_BYTES_MAX: usize = 8_000;
/// Most bytes of what the tests of a single run printed.
const PRINTED_BYTES_MAX: usize = 40 << 10;
/// Bytes of the whole report; below what a tool may answer.
const REPORT_BYTES_MAX: usize = 60 << 10;

/// What `run_tests` answers, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestReport {
    pub path: String,
    /// The test file and the project compiled in every run.
    pub compiled: bool,
    pub runs: Vec<TestRun>,
    pub tests: Vec<TestResult>,
    /// What the compiler or Mix said, when something did not end as it should.
    pub diagnostics: String,
    /// With one run: what it wrote to standard output, in whole lines, the end left out when it is long.
    #[serde(default)]
    pub printed: String,
    /// Messages or tests were left out to keep within bounds.
    pub truncated: bool,
}

/// One run with one seed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestRun {
    pub seed: u32,
    pub status: RunStatus,
    pub duration_ms: u64,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    Passed,
    Failed,
    /// No test ran to its end: the file or the project does not compile, or the VM died.
    DidNotRun,
    TimedOut,
}

/// One test over all runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestResult {
    pub module: String,
    /// As ExUnit names it, with the leading `test `, and the `describe` text where there is one.
    pub name: String,
    pub describe: Option<String>,
    pub line: u32,
    /// By run: `passed`, `failed`, `skipped`, `excluded`, `invalid`, or `missing` when it did not run.
    pub states: Vec<String>,
    /// Of the first run that did not pass.
    pub message: Option<String>,
}

/// One line of the formatter.
#[derive(Debug, Deserialize)]
struct EventLine {
    event: String,
    #[serde(default)]
    module: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    describe: Option<String>,
    #[serde(default)]
    state: String,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    line: u32,
}

/// What is known of one run before the runs are joined.
pub(crate) struct RawRun {
    pub(crate) seed: u32,
    pub(crate) lines: String,
    pub(crate) output: String,
    pub(crate) printed: String,
    pub(crate) succeeded: bool,
    pub(crate) timed_out: bool,
    pub(crate) duration_ms: u64,
}

impl TestReport {
    /// Joins the runs.
    pub(crate) fn new(path: &str, runs: &[RawRun]) -> Self {
        let mut report = Self {
            path: path.to_owned(),
            compiled: true,
            runs: Vec::new(),
            tests: Vec::new(),
            diagnostics: String::new(),
            printed: match runs {
                [only] => whole_lines(&only.printed, PRINTED_BYTES_MAX),
                _ => String::new(),
            },
            truncated: false,
        };
        let mut tests: BTreeMap<(String, u32, String), TestResult> = BTreeMap::new();
        for (index, run) in runs.iter().enumerate() {
            // a line cut by a dying VM is no event
            let events: Vec<EventLine> = run
                .lines
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect();
            let finished = events.iter().any(|event| event.event == "finished");
            let status = match (run.timed_out, finished, run.succeeded) {
                (true, _, _) => RunStatus::TimedOut,
                (false, false, _) => RunStatus::DidNotRun,
                (false, true, true) => RunStatus::Passed,
                (false, true, false) => RunStatus::Failed,
            };
            report.compiled &= status != RunStatus::DidNotRun;
            let broken = events
                .iter()
                .find(|event| event.event == "module")
                .and_then(|event| event.message.clone());
            let explained = broken.or_else(|| {
                matches!(status, RunStatus::DidNotRun | RunStatus::TimedOut)
                    .then(|| run.output.clone())
            });
            if let Some(text) = explained.filter(|_| report.diagnostics.is_empty()) {
                report.diagnostics = clip(without_controls(&text), DIAGNOSTICS_BYTES_MAX);
            }
            report.runs.push(TestRun {
                seed: run.seed,
                status,
                duration_ms: run.duration_ms,
            });
            for event in events.into_iter().filter(|event| event.event == "test") {
                add(&mut tests, event, index, runs.len());
            }
        }
        report.truncated = tests.len() > TESTS_MAX;
        report.tests = tests.into_values().take(TESTS_MAX).collect();
        report
    }

    /// Says whether every run passed.
    pub fn passed(&self) -> bool {
        !self.runs.is_empty() && self.runs.iter().all(|run| run.status == RunStatus::Passed)
    }

    /// The report as JSON within the bounds of a tool's answer: messages give way first, then output and tests.
    pub(crate) fn into_json(mut self) -> String {
        for limit in [MESSAGE_BYTES_MAX, 300, 80, 0] {
            for test in &mut self.tests {
                let short = test.message.take().map(|text| clip(text, limit.max(70)));
                test.message = short.filter(|_| limit > 0);
            }
            let text = serde_json::to_string(&self).unwrap_or_default();
            if text.len() <= REPORT_BYTES_MAX {
                return text;
            }
            self.truncated = true;
        }
        loop {
            if self.printed.is_empty() {
                self.tests.truncate(self.tests.len() / 2);
            } else {
                self.printed = whole_lines(&self.printed, self.printed.len() / 2);
            }
            let text = serde_json::to_string(&self).unwrap_or_default();
            if text.len() <= REPORT_BYTES_MAX || (self.tests.is_empty() && self.printed.is_empty())
            {
                return text;
            }
        }
    }
}

/// The beginning of a text, cut after a line.
fn whole_lines(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let head = &text[..floor_boundary(text, limit)];
    head[..head.rfind('\n').map_or(0, |at| at + 1)].to_owned()
}

fn add(
    tests: &mut BTreeMap<(String, u32, String), TestResult>,
    event: EventLine,
    run: usize,
    runs: usize,
) {
    let key = (event.module.clone(), event.line, event.name.clone());
    let test = tests.entry(key).or_insert_with(|| TestResult {
        module: event.module,
        name: event.name,
        describe: event.describe,
        line: event.line,
        states: vec!["missing".into(); runs],
        message: None,
    });
    if event.state != "passed" && test.message.is_none() {
        test.message = event.message.map(|text| without_controls(&text));
    }
    test.states[run] = event.state;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seed: u32, lines: &str, succeeded: bool) -> RawRun {
        RawRun {
            seed,
            lines: lines.into(),
            output: "** (CompileError)".into(),
            printed: format!("{}tail", "line\n".repeat(20_000)),
            succeeded,
            timed_out: false,
            duration_ms: 5,
        }
    }

    #[test]
    fn joins_runs_by_test() {
        let one = "{\"event\":\"test\",\"module\":\"A\",\"name\":\"test x\",\"describe\":null,\"state\":\"passed\",\"message\":null,\"line\":3}\n{\"event\":\"finished\"}\n";
        let two = one.replace(
            "\"passed\",\"message\":null",
            "\"failed\",\"message\":\"boom\"",
        );
        let report = TestReport::new(
            "test/a_test.exs",
            &[
                run(1, one, true),
                run(2, &two, false),
                run(3, "{\"event\":\"te", false),
            ],
        );
        assert_eq!(report.tests[0].states, ["passed", "failed", "missing"]);
        assert_eq!(report.tests[0].message.as_deref(), Some("boom"));
        let statuses: Vec<_> = report.runs.iter().map(|run| run.status).collect();
        assert_eq!(
            statuses,
            [RunStatus::Passed, RunStatus::Failed, RunStatus::DidNotRun]
        );
        assert!(
            !report.compiled && !report.passed() && report.diagnostics.contains("CompileError")
        );
    }

    #[test]
    fn stays_json_within_bounds() {
        let line = |n: usize| {
            format!(
                "{{\"event\":\"test\",\"module\":\"A\",\"name\":\"test {n} {}\",\"state\":\"failed\",\"message\":\"{}\",\"line\":{n}}}\n",
                "n".repeat(100),
                "m".repeat(4_000)
            )
        };
        let lines: String = (0..1_000).map(line).collect();
        let text = TestReport::new("t", &[run(1, &lines, false)]).into_json();
        assert!(text.len() <= REPORT_BYTES_MAX);
        let report: TestReport = serde_json::from_str(&text).unwrap();
        assert!(report.truncated && report.tests.len() > 100);
        let quiet = TestReport::new("t", &[run(1, "{\"event\":\"finished\"}\n", true)]).into_json();
        let report: TestReport = serde_json::from_str(&quiet).unwrap();
        assert!(report.printed.len() > 20_000 && report.printed.ends_with("line\n"));
    }
}
