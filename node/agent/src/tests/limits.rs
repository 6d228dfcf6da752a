//! Limits by the clock.

use super::world::{Ledger, Line, World, says};
use aiex_session::TurnEnd;

#[tokio::test(start_paused = true)]
async fn a_turn_nobody_carries_ends_with_its_time() {
    let world = World::new(vec![vec![Line::Calls("read_file", "{}".to_owned())]]);
    let (agent, _) = world.node_with_session().await;
    let mut client = world.watch(&agent, 0).await;
    client.ask("r1").await;
    client
        .until(|frame| match frame {
            crate::Outgoing::Event(recorded) => {
                matches!(recorded.event, aiex_session::Event::ToolCallIntended { .. }).then_some(())
            }
            _ => None,
        })
        .await;
    world.pass_ms(60 * 60 * 1000 + 1);
    let limit = "time".to_owned();
    assert_eq!(client.turn_end().await, TurnEnd::LimitReached { limit });
}

#[tokio::test(start_paused = true)]
async fn an_executor_that_never_answers_loses_the_call() {
    let mut world = World::new(vec![
        vec![Line::Calls("read_file", "{}".to_owned())],
        vec![says("x")],
    ]);
    world.config.tool_call_ms_max = 60_000;
    let (agent, _) = world.node_with_session().await;
    let mut other = world.work(&agent, 0).await;
    let mut stuck = world.work(&agent, 0).await;
    stuck.ask("r1").await;
    let (call, _) = stuck.tool_call().await;
    let (again, _) = other.tool_call().await;
    assert_eq!(again, call);
    let mut ledger = Ledger::default();
    let outcome = ledger.run(&again, "read_file");
    other.result(&again, outcome).await;
    assert_eq!(other.turn_end().await, TurnEnd::Completed);
    assert_eq!(stuck.serve(&mut ledger).await, None, "it was let go");
}

#[tokio::test(start_paused = true)]
async fn a_session_without_clients_is_put_away_and_taken_up_again() {
    let world = World::new(vec![vec![says("x")]]);
    let (agent, _) = world.node_with_session().await;
    let client = world.watch(&agent, 0).await;
    let sender = client.attachment.sender();
    drop(client);
    sender.ended().await;
    assert_eq!(agent.at_work(), 0);
    let mut client = world.watch(&agent, 0).await;
    client.ask("r1").await;
    assert_eq!(client.turn_end().await, TurnEnd::Completed);
}
