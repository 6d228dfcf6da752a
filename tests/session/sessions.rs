//! Sessions as documents: listed, shown as they were, forked, carried elsewhere, put away.

use crate::world::World;
use anyhow::{Context, Result, ensure};
use serde_json::Value;

#[test]
fn sessions_are_listed_shown_and_gone_on_with() -> Result<()> {
    let world = World::shop()?;
    world.run(&["ask", "Shop.Price"])?.expect(0)?;
    let first = world.last_session()?;
    world.run(&["explain", "code", "Shop.Order"])?.expect(0)?;
    let second = world.last_session()?;
    ensure!(
        first != second,
        "a verb of its own goes into an old session"
    );
    ensure!(titles(&world)? == ["explain Shop.Order", "Shop.Price"]);

    world.run(&["ask", "--continue", "Shop.Price"])?.expect(0)?;
    ensure!(
        world.last_session()? == second,
        "--continue left the session"
    );
    let shown = world.document(&["show", "session", &second])?;
    ensure!(shown["session"]["turns"] == 2, "{shown}");
    let text = world.run(&["show", "session", &second])?;
    for said in [
        "> explain Shop.Order",
        "> Shop.Price",
        "lib/shop/price.ex:1",
    ] {
        ensure!(
            text.expect(0)?.contains(said),
            "no {said:?} in\n{}",
            text.stdout
        );
    }
    let events = world.document(&["show", "session", &second, "--events"])?;
    let events = events["events"].as_array().context("no events")?.clone();
    ensure!(events.len() == world.events(&second)?.len());

    // As it was when the first turn had just ended.
    let ended = |event: &&Value| event["event"]["type"] == "turn_finished";
    let end = events.iter().find(ended).context("no end")?;
    let at = end["seq"].to_string();
    let then = world.document(&["show", "session", &second, "--at", &at])?;
    ensure!(then["session"]["turns"] == 1, "{then}");
    ensure!(then["session"]["head_seq"] == end["seq"], "{then}");
    let beyond = world.run(&["show", "session", &second, "--at", "9999"])?;
    ensure!(
        beyond.code == Some(1) && beyond.stderr.contains("hint:"),
        "{}",
        beyond.transcript()
    );

    let resumed = world.run(&["resume", "session", &first])?;
    ensure!(
        resumed.expect(0)?.contains("> Shop.Price"),
        "{}",
        resumed.stdout
    );
    ensure!(
        world.last_session()? == first,
        "a resumed session is the current one"
    );
    Ok(())
}

fn titles(world: &World) -> Result<Vec<String>> {
    let list = world.document(&["list", "sessions"])?;
    let sessions = list["sessions"].as_array().context("no sessions")?;
    let title = |session: &Value| session["title"].as_str().unwrap_or_default().to_owned();
    Ok(sessions.iter().map(title).collect())
}

#[test]
fn a_fork_goes_its_own_way() -> Result<()> {
    let world = World::shop()?;
    world.run(&["ask", "Shop.Price"])?.expect(0)?;
    let parent = world.last_session()?;
    let before = world.events(&parent)?;
    let fork = world.document(&[
        "fork",
        "session",
        &parent,
        "--at",
        "2",
        "--title",
        "other way",
    ])?;
    let fork = fork["session_id"].as_str().context("no id")?.to_owned();
    let shown = world.document(&["show", "session", &fork])?;
    ensure!(shown["session"]["title"] == "other way", "{shown}");
    ensure!(
        shown["session"]["parent_session_id"] == parent.as_str(),
        "{shown}"
    );
    world.check_whole(&fork)?;
    let asked = world.run(&["ask", "--session", &fork, "Shop.Order"])?;
    ensure!(
        asked.expect(0)?.contains("lib/shop/order.ex"),
        "{}",
        asked.stdout
    );
    ensure!(
        world.events(&parent)? == before,
        "the fork wrote into its parent"
    );
    Ok(())
}

#[test]
fn an_export_imported_is_the_same_session() -> Result<()> {
    let world = World::shop()?;
    let create = ["create", "module", "Shop.Tax", "--kind", "struct", "--yes"];
    world.run(&create)?.expect(0)?;
    let session = world.last_session()?;
    world.run(&["ask", "--continue", "Shop.Tax"])?.expect(0)?;
    let export = world.home.path().join("session.ndjson");
    let file = export.to_str().context("a path")?;
    world
        .run(&["export", "session", &session, "-o", file])?
        .expect(0)?;
    let again = world.run(&["export", "session", &session, "-o", file])?;
    ensure!(
        again.code == Some(1) && again.stderr.contains("exists"),
        "{}",
        again.transcript()
    );

    let imported = world.run(&["import", "session", file])?;
    let copy = imported.expect(0)?.trim().to_owned();
    ensure!(copy != session, "an import is a session of its own");
    ensure!(
        world.events(&copy)? == world.events(&session)?,
        "the copy differs"
    );
    let transcript = |id: &str| -> Result<Value> {
        Ok(world.document(&["show", "session", id])?["transcript"].clone())
    };
    ensure!(transcript(&copy)? == transcript(&session)?);
    world.check_whole(&copy)?;
    refuse_damaged(&world, &std::fs::read_to_string(&export)?)
}

/// A document that was cut, changed or is something else makes no session.
fn refuse_damaged(world: &World, export: &str) -> Result<()> {
    let lines = export.lines().count();
    let cut: String = export.split_inclusive('\n').take(lines - 1).collect();
    let changed = export.replacen("Shop.Tax", "Shop.Fax", 1);
    ensure!(changed != export, "nothing to change");
    let sessions = titles(world)?.len();
    for (what, document) in [
        ("cut", cut.as_str()),
        ("changed", changed.as_str()),
        ("mix.exs", "defmodule Shop.MixProject do\nend\n"),
        ("empty", ""),
    ] {
        let file = world.home.path().join("damaged.ndjson");
        std::fs::write(&file, document)?;
        let ran = world.run(&["import", "session", file.to_str().context("a path")?])?;
        ran.expect(1).with_context(|| what.to_owned())?;
        ensure!(ran.stderr.contains("hint:"), "{what}: {}", ran.stderr);
    }
    ensure!(
        titles(world)?.len() == sessions,
        "a damaged document left a session"
    );
    Ok(())
}

#[test]
fn an_archived_session_is_read_and_not_written() -> Result<()> {
    let world = World::shop()?;
    world.run(&["ask", "Shop.Price"])?.expect(0)?;
    let session = world.last_session()?;
    world.run(&["archive", "session", &session])?.expect(0)?;
    let events = world.events(&session)?;
    for args in [
        &["ask", "--session", &session, "more"][..],
        &["undo", "--session", &session, "--yes"],
    ] {
        let ran = world.run(args)?;
        ran.expect(1)?;
        let said = ran.stderr.contains("archived") && ran.stderr.contains("fork");
        ensure!(said, "{args:?}: {}", ran.stderr);
    }
    ensure!(
        world.events(&session)? == events,
        "a refused turn left events"
    );
    ensure!(
        titles(&world)?.is_empty(),
        "archived sessions are still listed"
    );
    let all = world.document(&["list", "sessions", "--archived"])?;
    ensure!(all["sessions"][0]["state"] == "archived", "{all}");
    let text = world.run(&["show", "session", &session])?;
    ensure!(text.expect(0)?.contains("> Shop.Price"), "{}", text.stdout);
    let fork = world.document(&["fork", "session", &session])?;
    world.check_whole(fork["session_id"].as_str().context("no id")?)
}

#[test]
fn the_context_is_itemised_and_fits_its_budget() -> Result<()> {
    let world = World::shop()?;
    world.run(&["ask", "Shop.Order"])?.expect(0)?;
    let context = world.document(&["show", "context", "how does plus add amounts?"])?;
    let items = context["items"].as_array().context("no items")?;
    let sum: u64 = items
        .iter()
        .filter_map(|item| item["tokens"].as_u64())
        .sum();
    ensure!(context["total_tokens"] == sum, "{context}");
    ensure!(context["budget_tokens"].as_u64() >= Some(sum), "{context}");
    let kind = |kind: &str| items.iter().filter(|item| item["kind"] == kind).count();
    for expected in ["system", "tools", "transcript", "code", "prompt"] {
        ensure!(kind(expected) > 0, "no {expected} in {context}");
    }
    let code = items.iter().filter(|item| item["kind"] == "code");
    let mut sources = code.filter_map(|item| item["source"].as_str());
    ensure!(
        sources.any(|source| source.starts_with("lib/shop/price.ex")),
        "{context}"
    );
    let reasons = items.iter().all(|item| item["reason"] != "");
    ensure!(reasons, "an item without a reason: {context}");
    let text = world.run(&["show", "context", "plus"])?;
    ensure!(
        text.expect(0)?.contains("tokens, counted with"),
        "{}",
        text.stdout
    );
    Ok(())
}

#[test]
fn undo_takes_back_one_change_at_a_time() -> Result<()> {
    let world = World::shop()?;
    let start = world.files()?;
    world
        .run(&["create", "module", "Shop.Tax", "--yes"])?
        .expect(0)?;
    let session = world.last_session()?;
    let between = world.files()?;
    let second = [
        "create",
        "module",
        "Shop.Stock",
        "--kind",
        "struct",
        "--yes",
        "--session",
        &session,
    ];
    world.run(&second)?.expect(0)?;
    ensure!(
        world.last_session()? == session,
        "--session made a new session"
    );
    ensure!(world.files()? != between);
    world.run(&["undo", "--yes"])?.expect(0)?;
    ensure!(world.files()? == between, "the first undo is not exact");
    world.run(&["undo", "--yes"])?.expect(0)?;
    ensure!(world.files()? == start, "the second undo is not exact");
    let third = world.run(&["undo", "--yes"])?;
    third.expect(1)?;
    ensure!(third.stderr.contains("hint:"), "{}", third.stderr);
    ensure!(world.files()? == start);
    world.check_whole(&session)
}

#[test]
fn undo_does_not_overwrite_what_came_later() -> Result<()> {
    let world = World::shop()?;
    world
        .run(&["create", "module", "Shop.Tax", "--yes"])?
        .expect(0)?;
    let mine = format!("{}# mine\n", world.read("lib/shop/tax.ex")?);
    world.write("lib/shop/tax.ex", &mine)?;
    let edited = world.files()?;
    let undo = world.run(&["undo", "--yes"])?;
    undo.expect(1)?;
    let told = undo.stderr.contains("lib/shop/tax.ex") && undo.stderr.contains("hint:");
    ensure!(told, "{}", undo.stderr);
    ensure!(world.files()? == edited, "a change of a person was lost");
    world.check_whole(&world.last_session()?)
}

#[test]
fn two_projects_do_not_see_each_other() -> Result<()> {
    let world = World::shop()?;
    world.run(&["ask", "Shop.Price"])?.expect(0)?;
    let session = world.last_session()?;
    let bakery = aiex_tests::mix_project(world.home.path(), "bakery")?;
    let other = world.cli_in(&bakery)?;
    let none = other.run(["show", "session"])?;
    none.expect(2)?;
    ensure!(none.stderr.contains("no session yet"), "{}", none.stderr);
    let asked = other.run(["ask", "Shop Price Bakery"])?;
    let answer = asked.expect(0)?;
    ensure!(answer.contains("lib/bakery.ex"), "{answer}");
    ensure!(
        !answer.contains("price.ex"),
        "code of another project: {answer}"
    );
    let list = other.run(["list", "sessions"])?;
    ensure!(!list.expect(0)?.contains(&session), "{}", list.stdout);
    let everywhere = other.run(["list", "sessions", "--everywhere"])?;
    ensure!(
        everywhere.expect(0)?.contains(&session),
        "{}",
        everywhere.stdout
    );
    for args in [
        ["ask", "--session", &session, "more"],
        ["undo", "--session", &session, "--yes"],
    ] {
        let ran = other.run(args)?;
        ran.expect(1)?;
        ensure!(
            ran.stderr.contains("belongs to the project shop"),
            "{}",
            ran.stderr
        );
    }
    ensure!(
        world.last_session()? == session,
        "the other project moved --continue"
    );
    world.check_whole(&session)
}
