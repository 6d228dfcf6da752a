//! Explain, analyse, create, refactor and undo, on EEx and on a project of `mix new`; no model is configured.

use crate::world::World;
use anyhow::{Context, Result, ensure};

#[test]
fn code_is_explained_with_evidence() -> Result<()> {
    let world = World::eex()?;
    let before = world.files()?;
    for (target, says) in [
        ("lib/eex/engine.ex", "EEx.Engine"),
        ("EEx.SmartEngine", "implements the behaviour `EEx.Engine`"),
        ("SmartEngine", "# EEx.SmartEngine"),
        ("EEx.Engine.handle_assign/1", "2 clauses"),
        ("lib/eex/engine.ex:133", "fetch_assign!"),
    ] {
        let ran = world.run(&["explain", "code", target])?;
        let text = ran.expect(0).with_context(|| target.to_owned())?;
        ensure!(text.contains(says), "{target}: no {says:?} in\n{text}");
        let cites = |line: &str| line.contains("lib/eex/") && line.contains(".ex:");
        ensure!(text.lines().any(cites), "{target}: no place in\n{text}");
    }
    for (target, candidate) in [
        ("EEx.Engine.handle_assgn/1", "EEx.Engine.handle_assign/1"),
        ("EEx.SmartEngin", "EEx.SmartEngine"),
    ] {
        let ran = world.run(&["explain", "code", target])?;
        ran.expect(1)?;
        let suggested = ran.stderr.contains("did you mean") && ran.stderr.contains(candidate);
        ensure!(suggested, "{target}: no {candidate}:\n{}", ran.stderr);
        ensure!(
            ran.stderr.matches("is not in the project").count() == 1,
            "said more than once:\n{}",
            ran.stderr
        );
    }
    ensure!(world.files()? == before, "explaining changed a file");
    Ok(())
}

#[test]
fn analysis_counts_what_the_sources_hold() -> Result<()> {
    let world = World::eex()?;
    let report = world.document(&["analyze", "code", "lib"])?;
    let sources = world.files()?;
    let size: usize = sources
        .iter()
        .filter(|(path, _)| path.starts_with("lib/"))
        .map(|(_, content)| content.len())
        .sum();
    ensure!(report["totals"]["size_bytes"] == size, "{report}");
    ensure!(report["totals"]["broken_files"] == 0, "{report}");
    let modules = report["modules"].as_array().context("no modules")?;
    let names: Vec<_> = modules
        .iter()
        .filter_map(|it| it["module"].as_str())
        .collect();
    for name in ["EEx", "EEx.Compiler", "EEx.Engine", "EEx.SmartEngine"] {
        ensure!(names.contains(&name), "no {name} in {names:?}");
    }
    let engine = modules.iter().find(|it| it["module"] == "EEx.Engine");
    let functions = engine.and_then(|it| it["functions"].as_array());
    let assign = functions.context("no functions")?.iter();
    let assign = assign.clone().find(|it| it["name"] == "handle_assign");
    let assign = assign.context("no handle_assign")?;
    ensure!(
        assign["clauses"] == 2 && assign["has_spec"] == true,
        "{assign}"
    );
    Ok(())
}

#[test]
fn a_question_is_answered_without_a_model() -> Result<()> {
    let world = World::eex()?;
    let ran = world.run(&["ask", "which module compiles templates?"])?;
    let text = ran.expect(0)?;
    ensure!(text.contains("No model is configured"), "{text}");
    ensure!(text.contains("EEx.Compiler"), "{text}");
    Ok(())
}

#[test]
fn generated_tests_pass_and_undo_takes_them_back() -> Result<()> {
    let world = World::shop()?;
    let before = world.files()?;
    let dry = world.run(&["create", "tests", "Shop.Price", "--dry-run"])?;
    let offered = dry.expect(0)?;
    ensure!(
        offered.contains("Would write test/shop/price_test.exs"),
        "{offered}"
    );
    ensure!(world.files()? == before, "a dry run wrote a file");
    let ran = world.run(&["create", "tests", "Shop.Price", "--yes"])?;
    ensure!(ran.expect(0)?.contains("passed 3 times"), "{}", ran.stdout);
    let written = world.read("test/shop/price_test.exs")?;
    ensure!(written.contains("doctest Shop.Price"), "{written}");
    ensure!(written.contains("Price.free?("), "{written}");
    let verdict = world.mix_test(&["test/shop/price_test.exs"])?;
    ensure!(verdict.contains("0 failures"), "{verdict}");
    ensure!(verdict.contains("1 doctest"), "{verdict}");
    world.run(&["undo", "--yes"])?.expect(0)?;
    ensure!(world.files()? == before, "undo left something behind");
    Ok(())
}

/// One kind of module: what is asked for and what must stand in the file.
struct Kind {
    kind: &'static str,
    module: &'static str,
    path: &'static str,
    says: &'static str,
}

#[test]
fn modules_of_every_kind_are_written_and_verified() -> Result<()> {
    let world = World::shop()?;
    for Kind {
        kind,
        module,
        path,
        says,
    } in [
        Kind {
            kind: "plain",
            module: "Shop.Tax",
            path: "shop/tax",
            says: "def run(",
        },
        Kind {
            kind: "genserver",
            module: "Shop.Stock",
            path: "shop/stock",
            says: "use GenServer",
        },
        Kind {
            kind: "supervisor",
            module: "Shop.Crew",
            path: "shop/crew",
            says: "use Supervisor",
        },
        Kind {
            kind: "behaviour",
            module: "Shop.Payment",
            path: "shop/payment",
            says: "@callback",
        },
        Kind {
            kind: "struct",
            module: "Shop.V2.Line",
            path: "shop/v2/line",
            says: "defstruct",
        },
    ] {
        let (ran, lines) = world.json(&["create", "module", module, "--kind", kind, "--yes"])?;
        ran.expect(0).with_context(|| kind.to_owned())?;
        let result = lines.last().context("no result")?;
        let steps = result["verdict"]["steps"]
            .as_array()
            .context("no verdict")?;
        let passed = steps.len() == 4 && steps.iter().all(|step| step["status"] == "passed");
        ensure!(passed, "{kind}: not verified: {result}");
        let source = world.read(&format!("lib/{path}.ex"))?;
        ensure!(source.contains(says), "{kind}: no {says:?} in\n{source}");
        world.read(&format!("test/{path}_test.exs"))?;
    }
    world.mix_test(&[])?;
    let before = world.files()?;
    let again = world.run(&["create", "module", "Shop.Tax", "--yes"])?;
    again.expect(1)?;
    ensure!(again.stderr.contains("already exists"), "{}", again.stderr);
    world
        .run(&["create", "module", "Shop.Vat", "--dry-run"])?
        .expect(0)?;
    ensure!(
        world.files()? == before,
        "a refusal or a dry run wrote a file"
    );
    Ok(())
}

#[test]
fn a_function_is_renamed_everywhere_and_undone_to_the_byte() -> Result<()> {
    let world = World::shop()?;
    let before = world.files()?;
    let rename = [
        "refactor",
        "code",
        "rename-function",
        "Shop.Price.plus/2",
        "add",
    ];
    let dry = world.run(&[&rename[..], &["--dry-run"]].concat())?;
    let plan = dry.expect(0)?;
    ensure!(plan.contains("lib/shop/order.ex"), "{plan}");
    ensure!(
        plan.contains("+  def add(a, b), do: a + b"),
        "no diff in\n{plan}"
    );
    ensure!(world.files()? == before, "a dry run changed a file");
    world.run(&[&rename[..], &["--yes"]].concat())?.expect(0)?;
    ensure!(world.read("lib/shop/order.ex")?.contains("&Price.add/2"));
    let price = world.read("lib/shop/price.ex")?;
    for text in ["iex> Shop.Price.add(1, 2)", "@spec add(", "def add(a, b)"] {
        ensure!(price.contains(text), "no {text:?} in\n{price}");
    }
    ensure!(!price.contains("plus"), "{price}");
    world.mix_test(&[])?;
    let after = world.files()?;
    let dry = world.run(&["undo", "--dry-run"])?;
    dry.expect(0)?;
    ensure!(dry.stderr.contains("+  def plus(a, b)"), "{}", dry.stderr);
    ensure!(world.files()? == after, "a dry run changed a file");
    world.run(&["undo", "--yes"])?.expect(0)?;
    ensure!(world.files()? == before, "undo left something behind");
    Ok(())
}

#[test]
fn a_rename_that_cannot_be_changes_nothing() -> Result<()> {
    let world = World::shop()?;
    let before = world.files()?;
    for (target, name, says) in [
        (
            "Shop.Price.pluss/2",
            "add",
            "did you mean Shop.Price.plus/2",
        ),
        ("Shop.Order.total/1", "total", "total"),
        ("Shop.Price.plus/2", "if", "if"),
    ] {
        let args = ["refactor", "code", "rename-function", target, name, "--yes"];
        let ran = world.run(&args)?;
        ran.expect(1).with_context(|| target.to_owned())?;
        let hinted = ran.stderr.contains(says) && ran.stderr.contains("hint:");
        ensure!(hinted, "{target} {name}: {}", ran.stderr);
    }
    ensure!(world.files()? == before, "a refused rename changed a file");
    Ok(())
}
