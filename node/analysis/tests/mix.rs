//! What is generated is judged by real Mix: it compiles without warnings, is formatted, and its tests pass.
#![allow(clippy::expect_used, reason = "a test suite")]

#[path = "mix/project.rs"]
mod project;

use aiex_analysis::module_gen::{self, ModuleKind, Neighbour};
use aiex_analysis::refactor;
use aiex_analysis::test_gen::{
    self, CandidateCall, Observation, Origin, Outcome, Purpose, TestResult,
};
use project::Project;

#[test]
fn every_kind_of_module_compiles_is_formatted_and_passes() {
    let project = Project::new("shop");
    let neighbours = [Neighbour {
        module: "Shop".into(),
        path: "lib/shop.ex".into(),
    }];
    let description =
        "Sums up \"things\" such as #{this}.\n\nSecond paragraph with a \\ and \"\"\" inside.";
    for kind in ModuleKind::ALL {
        for (prefix, text) in [("Shop.Longer", description), ("Top", "")] {
            let name = format!("{prefix}{kind:?}Part");
            let made = module_gen::create(kind, &name, text, &neighbours).expect("generated");
            project.write(&made.path, &made.source);
            project.write(&made.test_path, &made.test_source);
        }
    }
    let longest = format!("Shop.{}", "Abcdef".repeat(6));
    for (at, kind) in ModuleKind::ALL.into_iter().enumerate() {
        let made = module_gen::create(
            kind,
            &format!("{longest}.{}{at}", "Abcd".repeat(6)),
            "",
            &neighbours,
        )
        .expect("generated");
        project.write(&made.path, &made.source);
        project.write(&made.test_path, &made.test_source);
    }
    project.mix(&["format", "--check-formatted"]);
    project.mix(&["test", "--warnings-as-errors"]);
}

#[test]
fn underscore_agrees_with_elixir() {
    let names = [
        "Shop",
        "HTTPClient",
        "SAPExample",
        "FooV2",
        "Foo2Bar",
        "ABC",
        "A1B2",
        "Foo_Bar",
        "FooBAR.Baz",
        "HTTP2Server",
        "X509Cert",
    ];
    let list: Vec<String> = names.iter().map(|n| format!("{n:?}")).collect();
    let script = format!(
        "for n <- [{}], do: IO.puts(Macro.underscore(n))",
        list.join(", ")
    );
    let expected = project::elixir(&script);
    let got: Vec<String> = names.iter().map(|n| module_gen::underscore(n)).collect();
    assert_eq!(got, expected.lines().collect::<Vec<_>>());
}

/// Everything a generator meets: docs with examples, specs, relations, structs, effects, unstable and broken functions.
const SHOP: &str = include_str!("mix/basket.ex");

#[test]
fn generated_tests_are_tried_filtered_formatted_and_pass() {
    let project = Project::new("shop");
    project.write("lib/shop/basket.ex", SHOP);
    project.write(
        "lib/shop/use.ex",
        "defmodule Shop.Use do\n  def x, do: Shop.Basket.normalize(\"  Ab \")\nend\n",
    );
    project.mix(&["format"]);
    let (graph, sources) = project.graph(&["lib/shop/basket.ex", "lib/shop/use.ex"]);
    let proposal = test_gen::propose(&graph, &sources, "Shop.Basket").expect("a proposal");

    project.write("test/probe_test.exs", &test_gen::probe_script(&proposal));
    let (_, output) = project.run(&["test", "test/probe_test.exs"]);
    project.remove("test/probe_test.exs");
    let observations = test_gen::read_observations(&output);
    assert_eq!(
        observations.len(),
        proposal.calls.len(),
        "every call is reported:\n{output}"
    );
    let observed = test_gen::with_observations(proposal, &observations);

    let all: Vec<String> = observed.tests.iter().map(|t| t.id.clone()).collect();
    project.write(&observed.path, &test_gen::render(&observed, &all));
    project.check_formatted(&observed.path);
    let results: Vec<TestResult> = [1, 2]
        .into_iter()
        .enumerate()
        .flat_map(|(run, seed)| project.results(&observed.path, run, seed))
        .collect();
    let filtered = test_gen::filter(&observed, &results, 2);
    let dropped: Vec<&str> = filtered.dropped.iter().map(|d| d.id.as_str()).collect();
    assert_eq!(
        dropped,
        ["label/1 spec"],
        "only the wrong spec fails: {:?}\n{}",
        filtered.dropped,
        test_gen::render(&observed, &all)
    );
    for id in [
        "add/3 doctest",
        "count/1 doctest",
        "encode/1 relation 1",
        "decode!/1 relation 1",
        "normalize/1 relation 1",
        "add/3 spec",
        "size/1 call 1",
        "normalize/1 call 1",
    ] {
        assert!(
            filtered.kept.iter().any(|k| k == id),
            "{id} is missing in {:?}\n{:?}",
            filtered.kept,
            observed.skipped
        );
    }
    for never in [
        "total/1 doctest",
        "write",
        "stamp",
        "pid",
        "crash",
        "forever",
    ] {
        assert!(
            !filtered.kept.iter().any(|k| k.starts_with(never)),
            "{never} must not be kept"
        );
    }
    check_kept(&project, &observed, &filtered.kept);
}

/// What stays is formatted, compiles without warnings and passes by itself.
fn check_kept(project: &Project, observed: &test_gen::TestProposal, ids: &[String]) {
    let kept = test_gen::render(observed, ids);
    project.write(&observed.path, &kept);
    project.check_formatted(&observed.path);
    project.mix(&["test", "--warnings-as-errors", &observed.path]);
    assert!(
        !kept.contains("FunctionClauseError") && !kept.contains("Process.sleep"),
        "{kept}"
    );
}

/// A small generator of literals; the seed is printed by the assertion that uses it.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn literal(&mut self, depth: u64) -> String {
        let many = |random: &mut Self, depth| {
            let count = random.below(5);
            (0..count)
                .map(|_| random.literal(depth))
                .collect::<Vec<_>>()
        };
        match self.below(if depth == 0 { 5 } else { 10 }) {
            0 => self.below(10_000_000).to_string(),
            1 => format!("\"{}\"", "word ".repeat(self.below(9) as usize)),
            2 => [
                ":ok",
                "nil",
                "true",
                ":\"odd name\"",
                "1.5",
                "-7",
                "~D[2024-02-29]",
            ][self.below(7) as usize]
                .to_owned(),
            3 => format!("\"a\\nb{}\"", "x".repeat(self.below(30) as usize)),
            4 => format!(":{}", "atom".repeat(1 + self.below(6) as usize)),
            5 | 6 => format!("[{}]", many(self, depth - 1).join(", ")),
            7 => format!("{{{}}}", many(self, depth - 1).join(", ")),
            8 => {
                let pairs: Vec<String> = many(self, depth - 1)
                    .into_iter()
                    .enumerate()
                    .map(|(i, v)| format!("key{i}: {v}"))
                    .collect();
                if self.below(2) == 0 {
                    format!("%{{{}}}", pairs.join(", "))
                } else {
                    format!("[{}]", pairs.join(", "))
                }
            }
            _ => {
                let pairs: Vec<String> = many(self, depth - 1)
                    .into_iter()
                    .enumerate()
                    .map(|(i, v)| format!("\"k{i}\" => {v}"))
                    .collect();
                format!("%{{{}}}", pairs.join(", "))
            }
        }
    }
}

#[test]
fn recorded_values_of_any_shape_are_formatted() {
    let seed = 0x5eed_2026;
    let mut random = Random(seed);
    let mut proposal = test_gen::TestProposal {
        module: "Shop.Basket".into(),
        path: "test/layout_test.exs".into(),
        test_module: "Shop.LayoutTest".into(),
        template: "ExUnit.Case, async: true".into(),
        tests: Vec::new(),
        calls: Vec::new(),
        skipped: Vec::new(),
    };
    let mut observations = Vec::new();
    for at in 0..400 {
        let arguments: Vec<String> = (0..random.below(3)).map(|_| random.literal(1)).collect();
        let id = format!("f{at}/0 call 1");
        proposal.calls.push(CandidateCall {
            id: id.clone(),
            function: format!("f{at}/0"),
            expression: format!("Shop.Basket.f({})", arguments.join(", ")),
            purpose: Purpose::Record {
                origin: Origin::Characterisation,
            },
        });
        observations.push(Observation {
            id,
            outcome: Outcome::Value,
            text: random.literal(3),
            stable: true,
            readable: true,
        });
    }
    let observed = test_gen::with_observations(proposal, &observations);
    let all: Vec<String> = observed.tests.iter().map(|t| t.id.clone()).collect();
    assert!(
        all.len() > 150,
        "seed {seed}: only {} of 400 could be written",
        all.len()
    );
    let project = Project::new("shop");
    project.write(&observed.path, &test_gen::render(&observed, &all));
    project.check_formatted(&observed.path);
}

#[test]
fn a_renamed_function_still_compiles_and_passes() {
    let project = Project::new("shop");
    let test = "defmodule Shop.BasketTest do\n  use ExUnit.Case, async: true\n  doctest Shop.Basket, only: [count: 1], import: true\n\n  describe \"count/1\" do\n    test \"counts\" do\n      import Shop.Basket, only: [count: 1]\n      assert count(%Shop.Basket{items: [{\"a\", 2}]}) == 2\n      assert Enum.map([%Shop.Basket{}], &Shop.Basket.count/1) == [0]\n      assert Shop.Use.count(%Shop.Basket{}) == 0\n      assert apply(Shop.Basket, :count, [%Shop.Basket{}]) == 0\n    end\n  end\nend\n";
    project.write("lib/shop/basket.ex", SHOP);
    project.write(
        "lib/shop/use.ex",
        "defmodule Shop.Use do\n  defdelegate count(basket), to: Shop.Basket\nend\n",
    );
    project.write("test/shop/basket_test.exs", test);
    project.mix(&["format"]);
    let (graph, sources) = project.graph(&[
        "lib/shop/basket.ex",
        "lib/shop/use.ex",
        "test/shop/basket_test.exs",
    ]);
    let plan = refactor::rename_function(&graph, &sources, "Shop.Basket.count/1", "item_count")
        .expect("a plan");
    for edit in &plan.edits {
        let text = refactor::apply(&sources[&edit.path], &edit.splices).expect("splices fit");
        project.write(&edit.path, &text);
    }
    let renamed = project.read("test/shop/basket_test.exs");
    assert!(
        !renamed.contains("Shop.Basket.count") && renamed.contains("describe \"item_count/1\""),
        "{renamed}"
    );
    let output = project.mix(&["test", "--warnings-as-errors", "test/shop/basket_test.exs"]);
    assert!(output.contains("1 doctest, 1 test, 0 failures"), "{output}");
}
