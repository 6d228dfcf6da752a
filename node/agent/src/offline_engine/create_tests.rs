//! Tests for a module: propose, probe what calls give, try every test three times, keep what always passes.
//!
//! A function from the turn's transcript to its next step: the proposal is made again each time, and is equal each time.

use super::create_module::first_line;
use super::tool_results::{ToolResult, ToolResults};
use super::{IndexedSources, Next, Refusal, settle};
use aiex_analysis::test_gen::{
    Filtered, Origin, TestProposal, TestResult, filter, probe_script, propose, read_observations,
    render, with_observations,
};
use aiex_analysis::{Target, Unresolved};
use aiex_context::ProjectIndex;
use aiex_tools::TestReport;
use serde_json::json;
use std::fmt::Write as _;

/// Seeds of the trial runs; a test is kept when it passes with each.
const TRIAL_SEEDS: [u32; 3] = [1, 2, 3];
/// Seed of the run that only looks.
const PROBE_SEED: u32 = 0;
/// Dropped tests that the report names; more are counted.
const DROPPED_SHOWN_MAX: usize = 12;

pub(super) fn next(
    index: &ProjectIndex,
    target: &str,
    dry_run: bool,
    results: &ToolResults,
) -> Result<Next, Refusal> {
    let module = module_of(index, target)?;
    let proposal = propose(index.graph(), &IndexedSources(index), &module)
        .map_err(|error| Refusal::new(error.to_string(), "name a module with public functions"))?;
    let probed = !proposal.calls.is_empty();
    let proposal = match (probed, results.nth("run_tests", 0)) {
        (false, _) => proposal,
        (true, None) => return Ok(probe(&proposal)),
        (true, Some(result)) => {
            let printed = report_of(result)?.printed;
            with_observations(proposal, &read_observations(&printed))
        }
    };
    if proposal.tests.is_empty() {
        return Ok(Next::Answer(nothing_kept(&proposal, None)));
    }
    let Some(trial) = results.nth("run_tests", usize::from(probed)) else {
        return Ok(try_all(&proposal));
    };
    let report = report_of(trial)?;
    let filtered = filter(&proposal, &flat(&report), TRIAL_SEEDS.len() as u32);
    if filtered.kept.is_empty() {
        return Ok(Next::Answer(nothing_kept(
            &proposal,
            Some((&filtered, &report)),
        )));
    }
    let content = render(&proposal, &filtered.kept);
    if dry_run {
        let text = format!(
            "{}\nWould write {}:\n\n```elixir\n{content}```\n",
            summary(&proposal, &filtered),
            proposal.path
        );
        return Ok(Next::Answer(text));
    }
    match results.nth("write_file", 0) {
        None => Ok(Next::Call {
            text: format!(
                "Writing {} tests to {}.\n",
                filtered.kept.len(),
                proposal.path
            ),
            tool: "write_file",
            arguments: json!({ "path": proposal.path, "content": content }),
        }),
        Some(written) if written.is_error => Err(Refusal::new(
            format!(
                "the tests were not written: {}",
                first_line(&written.output)
            ),
            "nothing was changed; mend what the message names and run it again",
        )),
        Some(written) => {
            let put_back = vec![json!({ "path": proposal.path, "delete": true })];
            let done = summary(&proposal, &filtered);
            Ok(settle(
                written,
                results.nth("edit_files", 0),
                put_back,
                done,
            ))
        }
    }
}

/// The one module a target means.
fn module_of(index: &ProjectIndex, target: &str) -> Result<String, Refusal> {
    let resolved = index
        .graph()
        .resolve(target)
        .map_err(|unresolved: Unresolved| {
            Refusal::new(
                unresolved.to_string(),
                "name a module (Shop.Cart) or a file (lib/shop/cart.ex)",
            )
        })?;
    match resolved {
        Target::Module { name } => Ok(name),
        Target::Function { module, .. } => Ok(module),
        Target::File { path } | Target::Line { path, .. } => {
            let modules: Vec<&str> = index
                .graph()
                .file(&path)
                .map(|file| {
                    file.modules
                        .iter()
                        .map(|module| module.name.as_str())
                        .collect()
                })
                .unwrap_or_default();
            match modules.as_slice() {
                [] => Err(Refusal::new(
                    format!("{path} defines no module"),
                    "name a file with a module",
                )),
                [only] => Ok((*only).to_owned()),
                [first, ..] if modules.iter().all(|module| module.starts_with(first)) => {
                    Ok((*first).to_owned())
                }
                _ => Err(Refusal::new(
                    format!("{path} defines several modules"),
                    format!("name one of: {}", modules.join(", ")),
                )),
            }
        }
    }
}

fn probe(proposal: &TestProposal) -> Next {
    Next::Call {
        text: format!(
            "Trying {} calls of `{}` in a copy of the project to see what they give.\n",
            proposal.calls.len(),
            proposal.module
        ),
        tool: "run_tests",
        arguments: json!({ "path": proposal.path, "content": probe_script(proposal), "seeds": [PROBE_SEED] }),
    }
}

fn try_all(proposal: &TestProposal) -> Next {
    let all: Vec<String> = proposal.tests.iter().map(|test| test.id.clone()).collect();
    Next::Call {
        text: format!(
            "Running {} proposed tests with {} seeds.\n",
            all.len(),
            TRIAL_SEEDS.len()
        ),
        tool: "run_tests",
        arguments: json!({ "path": proposal.path, "content": render(proposal, &all), "seeds": TRIAL_SEEDS }),
    }
}

fn report_of(result: &ToolResult) -> Result<TestReport, Refusal> {
    // a run with failing tests is an error for a model, and a report for us
    let report: TestReport = serde_json::from_str(&result.output).map_err(|_| {
        Refusal::new(
            format!("the tests could not be run: {}", first_line(&result.output)),
            "aiex doctor shows whether Elixir and a sandbox are at hand",
        )
    })?;
    if !report.compiled && report.tests.is_empty() {
        return Err(Refusal::new(
            format!(
                "the project or the proposed tests do not compile: {}",
                first_line(&report.diagnostics)
            ),
            "run `mix test` to see whether the project compiles by itself",
        ));
    }
    Ok(report)
}

/// The report by run, as the filter wants it. Tests that were left out of the report count as not run.
fn flat(report: &TestReport) -> Vec<TestResult> {
    let mut flat = Vec::new();
    for test in &report.tests {
        for (run, state) in (0_u32..).zip(&test.states) {
            if state == "missing" {
                continue;
            }
            flat.push(TestResult {
                run,
                name: test.name.clone(),
                describe: test.describe.clone(),
                passed: state == "passed",
                message: test.message.clone().unwrap_or_default(),
            });
        }
    }
    flat
}

fn summary(proposal: &TestProposal, filtered: &Filtered) -> String {
    let mut text = format!(
        "Kept {} of {} tests for `{}`: each passed {} times with different seeds. No model was used.\n",
        filtered.kept.len(),
        proposal.tests.len(),
        proposal.module,
        TRIAL_SEEDS.len()
    );
    for (origin, words) in [
        (Origin::Doctest, "from doctests"),
        (Origin::Relation, "from relations between functions"),
        (Origin::Spec, "from typespecs"),
        (Origin::Literal, "from calls with literal arguments"),
        (
            Origin::Characterisation,
            "that record what the code does today",
        ),
    ] {
        let kept = proposal
            .tests
            .iter()
            .filter(|test| test.origin == origin && filtered.kept.contains(&test.id));
        let count = kept.count();
        if count > 0 {
            let _ = writeln!(text, "- {count} {words}");
        }
    }
    push_dropped(&mut text, proposal, filtered);
    text
}

fn push_dropped(text: &mut String, proposal: &TestProposal, filtered: &Filtered) {
    if !filtered.dropped.is_empty() {
        let _ = writeln!(text, "\nDropped {}:", filtered.dropped.len());
        for dropped in filtered.dropped.iter().take(DROPPED_SHOWN_MAX) {
            let _ = writeln!(text, "- {}: {}", dropped.name, dropped.reason);
        }
    }
    if !proposal.skipped.is_empty() {
        let _ = writeln!(text, "\nWithout a test:");
        for skipped in proposal.skipped.iter().take(DROPPED_SHOWN_MAX) {
            let _ = writeln!(text, "- `{}`: {}", skipped.function, skipped.reason);
        }
        let more = proposal.skipped.len().saturating_sub(DROPPED_SHOWN_MAX);
        if more > 0 {
            let _ = writeln!(text, "- and {more} more");
        }
    }
}

fn nothing_kept(proposal: &TestProposal, tried: Option<(&Filtered, &TestReport)>) -> String {
    let mut text = format!(
        "No test for `{}` is worth keeping; nothing was written.\n",
        proposal.module
    );
    match tried {
        Some((filtered, report)) => {
            if !report.diagnostics.is_empty() {
                let _ = writeln!(text, "\n```\n{}\n```", report.diagnostics.trim_end());
            }
            push_dropped(&mut text, proposal, filtered);
        }
        None => push_dropped(
            &mut text,
            proposal,
            &Filtered {
                kept: Vec::new(),
                dropped: Vec::new(),
            },
        ),
    }
    text
}
