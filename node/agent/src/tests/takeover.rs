//! A node dies at every boundary between two appends of a turn; the next one finishes the turn.

use super::world::{Client, Ledger, Line, World, says};
use crate::{ExecutorInfo, Outgoing};
use aiex_session::{Event, Recorded, TurnEnd};
use std::collections::BTreeMap;

/// Two rounds of tools, one of them asks a person, then an answer.
fn world() -> World {
    World::new(vec![
        vec![
            says("looking"),
            Line::Calls("read_file", "{}".to_owned()),
            Line::Calls("list_files", "{}".to_owned()),
        ],
        vec![Line::Calls("write_file", r#"{"path":"a"}"#.to_owned())],
        vec![says("all "), says("done")],
    ])
}

/// Works until the turn ends or the node is dead: nothing more comes.
async fn serve_until_dead(client: &mut Client, ledger: &mut Ledger) -> bool {
    let silence = std::time::Duration::from_secs(30);
    tokio::time::timeout(silence, client.serve(ledger))
        .await
        .is_ok()
}

fn count(events: &[Recorded], key: impl Fn(&Event) -> Option<String>) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for id in events.iter().filter_map(|recorded| key(&recorded.event)) {
        *counted.entry(id).or_default() += 1;
    }
    counted
}

fn intended(event: &Event) -> Option<String> {
    match event {
        Event::ToolCallIntended { call_id, .. } => Some(call_id.clone()),
        _ => None,
    }
}

fn finished(event: &Event) -> Option<String> {
    match event {
        Event::ToolCallFinished { call_id, .. } => Some(call_id.clone()),
        _ => None,
    }
}

/// Events without their times.
fn story(events: &[Recorded]) -> Vec<Event> {
    events
        .iter()
        .map(|recorded| recorded.event.clone())
        .collect()
}

async fn undisturbed() -> Vec<Recorded> {
    let world = world();
    let (agent, _) = world.node_with_session().await;
    let mut client = world.work(&agent, 0).await;
    client.ask("r1").await;
    assert_eq!(
        client.serve(&mut Ledger::default()).await,
        Some(TurnEnd::Completed)
    );
    world.events().await
}

#[tokio::test(start_paused = true)]
async fn a_turn_survives_its_node_at_every_boundary() {
    let whole = undisturbed().await;
    let last = whole.last().unwrap().seq;
    assert!(
        last >= 12,
        "the turn is too short to prove much: {last} events"
    );
    for seq in 1..last {
        for acknowledging in [false, true] {
            let world = world();
            let mut ledger = Ledger::default();
            let (dying, store) = world.node_with_session().await;
            let mut before = world.work(&dying, 0).await;
            store.die_after(seq, acknowledging);
            before.ask("r1").await;
            assert!(
                !serve_until_dead(&mut before, &mut ledger).await,
                "event {seq} was not the end"
            );

            let (next, _) = world.node();
            let shown = before.seen.last().map_or(0, |recorded| recorded.seq);
            let mut after =
                Client::attach(&next, world.session, shown, Some(ExecutorInfo::default())).await;
            after.ask("r1").await;
            let end = after.serve(&mut ledger).await;
            let place = format!("died after event {seq}, acknowledging: {acknowledging}");
            if shown < world.events().await.len() as u64 {
                assert_eq!(end, Some(TurnEnd::Completed), "{place}");
            }

            let events = world.events().await;
            let mut seen = before.seen.clone();
            seen.extend(after.seen.clone());
            assert_eq!(seen, events, "{place}: a gap or a repeat");
            assert_eq!(story(&events), story(&whole), "{place}: another story");
            let intents = count(&events, intended);
            assert!(
                intents.keys().all(|call| ledger.asked.contains_key(call)),
                "{place}: a call was never asked"
            );
            assert_eq!(
                count(&events, finished),
                intents,
                "{place}: an outcome is missing or double"
            );
            assert!(intents.values().all(|times| *times == 1), "{place}");
            assert_eq!(
                ledger.results.len(),
                intents.len(),
                "{place}: an effect too many"
            );
            next.shutdown().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_after_a_death_hears_that_the_answer_starts_again() {
    let world = World::new(vec![vec![says("one "), Line::Waits, says("two")]]);
    let (dying, store) = world.node_with_session().await;
    let mut before = world.watch(&dying, 0).await;
    before.ask("r1").await;
    before.delta().await;
    store.die_after(0, false);
    let (next, _) = world.node();
    let mut after = world.watch(&next, before.seen.last().unwrap().seq).await;
    after.shown = before.shown.clone();
    after
        .until(|frame| matches!(frame, Outgoing::AnswerRestarted { .. }).then_some(()))
        .await;
    world.model.go_on();
    world.model.go_on();
    after.turn_end().await;
    assert_eq!(after.shown, "one two");
    let calls = world.model.asked();
    assert_eq!(calls[0], calls[1], "the repeat has the id of the first");
}
