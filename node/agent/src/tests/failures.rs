//! The log cannot be used for a while, or a client asks for the impossible: the session stays whole.

use super::world::{Client, Fault, Ledger, Line, World, outcome, says};
use crate::{Error, Outgoing};
use aiex_session::{Task, TurnEnd};
use aiex_tools::{AccessRecord, ToolOutcome};

#[tokio::test(start_paused = true)]
async fn a_shard_without_leader_for_a_moment_is_not_noticed() {
    let world = World::new(vec![vec![says("x")]]);
    let (agent, store) = world.node_with_session().await;
    let mut client = world.watch(&agent, 0).await;
    store.fail([Fault::Unavailable, Fault::AnswerLost, Fault::Unavailable]);
    client.ask("r1").await;
    assert_eq!(client.turn_end().await, TurnEnd::Completed);
    assert_eq!(client.seen, world.events().await);
}

#[tokio::test(start_paused = true)]
async fn a_shard_without_leader_for_long_is_told_and_the_session_goes_on_after_it() {
    for lost_after in 0..5 {
        let world = World::new(vec![
            vec![Line::Calls("read_file", "{}".to_owned())],
            vec![says("x")],
        ]);
        let (agent, store) = world.node_with_session().await;
        let mut client = world.work(&agent, 0).await;
        client.caught_up().await;
        store.pass(lost_after);
        store.fail(
            std::iter::once(Fault::AnswerLost).chain(std::iter::repeat_n(Fault::Unavailable, 20)),
        );
        client.ask("r1").await;
        let mut ledger = Ledger::default();
        let ended = loop {
            match client.next().await {
                Some(Outgoing::Refused {
                    code, retryable, ..
                }) => {
                    assert_eq!((code.as_str(), retryable), ("unavailable", true));
                }
                Some(Outgoing::ToolCall { call_id, name, .. }) => {
                    let outcome = ledger.run(&call_id, &name);
                    client.result(&call_id, outcome).await;
                }
                Some(Outgoing::Event(event)) if super::world::end_of(&event.event).is_some() => {
                    break true;
                }
                Some(_) => {}
                None => break false,
            }
        };
        assert!(!ended, "it was let go");
        store.heal();
        let last = client.seen.last().unwrap().seq;
        let mut again = world.work(&agent, last).await;
        again.ask("r1").await;
        assert_eq!(
            again.serve(&mut ledger).await,
            Some(TurnEnd::Completed),
            "{lost_after}"
        );
        let mut seen = client.seen;
        seen.extend(again.seen);
        assert_eq!(seen, world.events().await);
        assert_eq!(world.state().await.turns, 1);
        assert_eq!(ledger.results.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_prompt_too_large_to_record_is_refused_to_its_sender_alone() {
    let world = World::new(vec![vec![says("x")]]);
    let (agent, _) = world.node_with_session().await;
    let mut client = world.watch(&agent, 0).await;
    let mut other = world.watch(&agent, 0).await;
    let text = "why? ".repeat(1 << 19);
    client.prompt("r1", Task::Ask { text }).await;
    assert_eq!(client.refusal().await, ("limit_reached".to_owned(), false));
    other.ask("r2").await;
    assert_eq!(other.turn_end().await, TurnEnd::Completed);
    assert_eq!(client.turn_end().await, TurnEnd::Completed);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_too_large_to_record_becomes_one_that_says_so() {
    let world = World::new(vec![
        vec![Line::Calls("read_file", "{}".to_owned())],
        vec![says("x")],
    ]);
    let (agent, _) = world.node_with_session().await;
    let mut client = world.work(&agent, 0).await;
    client.ask("r1").await;
    let (call, _) = client.tool_call().await;
    let access = AccessRecord {
        operation: "read".to_owned(),
        path: "lib/".repeat(100),
        decision: "allowed".to_owned(),
        reason: String::new(),
        size_bytes: 1,
    };
    let huge = ToolOutcome {
        accesses: vec![access; 10_000],
        ..serde_json::from_str(&outcome("text")).unwrap()
    };
    client
        .result(&call, serde_json::to_string(&huge).unwrap())
        .await;
    assert_eq!(client.turn_end().await, TurnEnd::Completed);
    let state = world.state().await;
    let told = serde_json::to_string(&state.messages).unwrap();
    assert!(told.contains("too large"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_outcome_is_refused_and_the_call_stays_open() {
    let world = World::new(vec![
        vec![Line::Calls("read_file", "{}".to_owned())],
        vec![says("x")],
    ]);
    let (agent, _) = world.node_with_session().await;
    let mut client = world.work(&agent, 0).await;
    client.ask("r1").await;
    let (call, _) = client.tool_call().await;
    client.result(&call, "{".to_owned()).await;
    assert_eq!(
        client.refusal().await,
        ("invalid_argument".to_owned(), false)
    );
    client.result(&call, outcome("text")).await;
    assert_eq!(client.turn_end().await, TurnEnd::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_agent_takes_nobody_in() {
    let world = World::new(vec![vec![says("one"), Line::Waits]]);
    let (agent, _) = world.node_with_session().await;
    let mut client = world.watch(&agent, 0).await;
    client.ask("r1").await;
    client.delta().await;
    agent.shutdown().await;
    assert_eq!(client.serve(&mut Ledger::default()).await, None);
    let refused = Client::try_attach(&agent, world.session, 0, None)
        .await
        .err();
    assert_eq!(refused, Some(Error::ShuttingDown));
    assert_eq!(world.types().await.last(), Some(&"model_call_intended"));
}
