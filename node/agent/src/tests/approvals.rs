//! Calls that a person is asked about.

use super::world::{Client, Ledger, Line, World, says};
use crate::Outgoing;
use aiex_session::{Event, TurnEnd};

fn writing() -> World {
    World::new(vec![
        vec![Line::Calls("write_file", r#"{"path":"a"}"#.to_owned())],
        vec![says("written")],
    ])
}

async fn until_decided(client: &mut Client) -> bool {
    client
        .until(|frame| match frame {
            Outgoing::Event(recorded) => match &recorded.event {
                Event::ApprovalDecided { granted, .. } => Some(*granted),
                _ => None,
            },
            _ => None,
        })
        .await
}

#[tokio::test(start_paused = true)]
async fn a_granted_call_runs() {
    let world = writing();
    let (agent, _) = world.node_with_session().await;
    let mut client = world.work(&agent, 0).await;
    client.ask("r1").await;
    let mut ledger = Ledger::default();
    assert_eq!(client.serve(&mut ledger).await, Some(TurnEnd::Completed));
    let types = world.types().await;
    let at = |wanted| types.iter().position(|kind| *kind == wanted).unwrap();
    assert!(at("tool_call_intended") < at("approval_decided"));
    assert!(at("approval_decided") < at("tool_call_finished"));
}

#[tokio::test(start_paused = true)]
async fn a_denied_call_never_runs_and_ends_the_turn() {
    let world = writing();
    let (agent, _) = world.node_with_session().await;
    let mut client = world.work(&agent, 0).await;
    client.ask("r1").await;
    let call = client.approval().await;
    client.answer(&call, false).await;
    let mut ledger = Ledger::default();
    let end = client.serve(&mut ledger).await.unwrap();
    assert!(
        matches!(&end, TurnEnd::Failed { code, .. } if code == "approval_denied"),
        "{end:?}"
    );
    assert!(ledger.asked.is_empty());
    let state = world.state().await;
    assert!(
        state.finished_calls.contains_key(&call),
        "the denial is its outcome"
    );
}

#[tokio::test(start_paused = true)]
async fn the_first_of_two_answers_stands() {
    for first_grants in [true, false] {
        let world = writing();
        let (agent, _) = world.node_with_session().await;
        let mut here = world.work(&agent, 0).await;
        let mut there = world.watch(&agent, 0).await;
        here.ask("r1").await;
        let call = here.approval().await;
        assert_eq!(there.approval().await, call);
        there.answer(&call, first_grants).await;
        here.answer(&call, !first_grants).await;
        assert_eq!(until_decided(&mut there).await, first_grants);
        let (code, retryable) = here.refusal().await;
        assert_eq!((code.as_str(), retryable), ("conflict", false));
        let decided = world
            .types()
            .await
            .iter()
            .filter(|kind| **kind == "approval_decided")
            .count();
        assert_eq!(decided, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn who_attaches_later_is_asked_too_and_nobody_twice() {
    let world = writing();
    let (agent, _) = world.node_with_session().await;
    let mut here = world.work(&agent, 0).await;
    here.ask("r1").await;
    let call = here.approval().await;
    let mut there = world.watch(&agent, 0).await;
    assert_eq!(there.approval().await, call);
    there.answer(&call, true).await;
    let (dispatched, _) = here
        .until(|frame| match frame {
            Outgoing::ApprovalRequest { .. } => panic!("asked twice"),
            Outgoing::ToolCall { call_id, name, .. } => Some((call_id.clone(), name.clone())),
            _ => None,
        })
        .await;
    assert_eq!(dispatched, call);
}
