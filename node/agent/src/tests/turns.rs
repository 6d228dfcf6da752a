//! From prompt to answer.

use super::world::{Ledger, Line, World, permit, says};
use crate::{Error, Incoming};
use aiex_llm::ErrorKind;
use aiex_security::SessionArchive;
use aiex_session::{Status, TurnEnd};

#[tokio::test(start_paused = true)]
async fn a_prompt_becomes_deltas_and_then_a_reply() {
    let world = World::new(vec![vec![says("Be"), says("cause.")]]);
    let (agent, _) = world.node_with_session().await;
    let mut client = world.watch(&agent, 0).await;
    client.ask("r1").await;
    assert_eq!(client.turn_end().await, TurnEnd::Completed);
    assert_eq!(client.shown, "Because.");
    let expected = [
        "session_created",
        "turn_started",
        "model_call_intended",
        "model_replied",
        "turn_finished",
    ];
    assert_eq!(world.types().await, expected);
    assert_eq!(client.seen, world.events().await);
    agent.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_call_goes_out_and_its_outcome_back_to_the_model() {
    let world = World::assembling(vec![
        vec![
            Line::Calls("read_file", "{}".to_owned()),
            Line::Calls("list_files", "{}".to_owned()),
        ],
        vec![says("done")],
    ]);
    let (agent, _) = world.node_with_session().await;
    let mut client = world.work(&agent, 0).await;
    client.ask("r1").await;
    let mut ledger = Ledger::default();
    assert_eq!(client.serve(&mut ledger).await, Some(TurnEnd::Completed));
    assert_eq!(ledger.asked.values().copied().collect::<Vec<_>>(), [1, 1]);
    assert_eq!(world.state().await.finished_calls.len(), 2);
    assert_eq!(world.model.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_prompt_starts_one_turn() {
    let world = World::new(vec![vec![Line::Waits, says("x")]]);
    let (agent, _) = world.node_with_session().await;
    let mut client = world.watch(&agent, 0).await;
    client.ask("r1").await;
    client.ask("r1").await;
    world.model.go_on();
    client.turn_end().await;
    client.ask("r1").await;
    client.ask("r2").await;
    world.model.go_on();
    client.turn_end().await;
    assert_eq!(world.state().await.turns, 2);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_model_is_silent_from_then_on() {
    let world = World::new(vec![vec![says("one"), Line::Waits, says("two")]]);
    let (agent, _) = world.node_with_session().await;
    let mut client = world.watch(&agent, 0).await;
    client.ask("r1").await;
    client.delta().await;
    let cancel = Incoming::CancelTurn {
        reason: "enough".to_owned(),
    };
    client.send(cancel.clone()).await;
    let reason = "enough".to_owned();
    assert_eq!(client.turn_end().await, TurnEnd::Cancelled { reason });
    world.model.go_on();
    client.send(cancel).await;
    assert_eq!(client.refusal().await, ("conflict".to_owned(), false));
    assert_eq!(client.shown, "one");
    assert!(!world.types().await.contains(&"model_replied"));
    // the session goes on
    client.ask("r2").await;
    world.model.go_on();
    assert_eq!(client.turn_end().await, TurnEnd::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_failing_model_ends_the_turn_with_code_and_hint() {
    let world = World::new(vec![vec![says("so"), Line::Fails(ErrorKind::Server)]]);
    let (agent, _) = world.node_with_session().await;
    let mut client = world.watch(&agent, 0).await;
    client.ask("r1").await;
    let TurnEnd::Failed {
        code,
        message,
        hint,
    } = client.turn_end().await
    else {
        panic!("it did not fail")
    };
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("provider_failed", "the provider is on fire")
    );
    assert!(!hint.is_empty());
    assert_eq!(world.state().await.status, Status::Idle);
}

#[tokio::test(start_paused = true)]
async fn a_panicking_provider_ends_the_turn_not_the_session() {
    let world = World::new(vec![vec![says("so"), Line::Panics]]);
    let (agent, _) = world.node_with_session().await;
    let mut client = world.watch(&agent, 0).await;
    client.ask("r1").await;
    let end = client.turn_end().await;
    assert!(
        matches!(&end, TurnEnd::Failed { code, .. } if code == "internal"),
        "{end:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_unknown_model_is_refused_with_those_there_are() {
    let world = World::new(vec![vec![says("x")]]);
    let (agent, _) = world.node_with_session().await;
    let mut client = world.watch(&agent, 0).await;
    client
        .send(Incoming::Prompt(crate::Prompt {
            request_id: "r1".to_owned(),
            task: aiex_session::Task::Ask {
                text: "why?".to_owned(),
            },
            model: "huge".to_owned(),
            workspace_id: String::new(),
        }))
        .await;
    assert_eq!(client.refusal().await, ("not_found".to_owned(), false));
}

#[tokio::test(start_paused = true)]
async fn archive_waits_for_the_turn_and_may_be_repeated() {
    let world = World::new(vec![vec![Line::Waits, says("x")]]);
    let (agent, _) = world.node_with_session().await;
    let mut client = world.watch(&agent, 0).await;
    client.ask("r1").await;
    client
        .until(|frame| matches!(frame, crate::Outgoing::Event(_)).then_some(()))
        .await;
    let archive = permit("ana", SessionArchive);
    let refused = agent.archive(&archive, world.session).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Rejected { code, .. } if code == "conflict"),
        "{refused:?}"
    );
    world.model.go_on();
    client.turn_end().await;
    agent.archive(&archive, world.session).await.unwrap();
    // the answer to the first may have been lost
    agent.archive(&archive, world.session).await.unwrap();
    assert_eq!(world.types().await.last(), Some(&"session_archived"));
    client.ask("r2").await;
    assert_eq!(client.refusal().await.0, "conflict");
}

#[tokio::test(start_paused = true)]
async fn create_may_be_repeated_but_not_for_something_else() {
    let world = World::new(vec![vec![says("x")]]);
    let (agent, _) = world.node_with_session().await;
    let create = permit("ana", aiex_security::SessionCreate);
    let again = agent
        .create(&create, world.session, "t".to_owned(), "shop".to_owned())
        .await;
    assert_eq!(again, Ok(1));
    let other = agent
        .create(
            &create,
            world.session,
            "other".to_owned(),
            "shop".to_owned(),
        )
        .await;
    assert!(
        matches!(&other, Err(Error::Rejected { code, .. }) if code == "conflict"),
        "{other:?}"
    );
}
