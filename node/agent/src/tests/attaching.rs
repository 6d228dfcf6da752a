//! Clients come, go, fall behind and come again.

use super::world::{Client, Ledger, Line, World, outcome, permit, says};
use crate::{Error, Incoming, Outgoing};
use aiex_security::{SessionArchive, SessionWrite};
use aiex_session::{Append, Event, EventStore, ExpectedSeq, TurnEnd};

fn reading() -> World {
    World::new(vec![
        vec![Line::Calls("read_file", "{}".to_owned())],
        vec![says("read")],
    ])
}

#[tokio::test(start_paused = true)]
async fn the_newest_executor_is_asked() {
    let world = reading();
    let (agent, _) = world.node_with_session().await;
    let older = world.work(&agent, 0).await;
    let mut newer = world.work(&agent, 0).await;
    let watcher = world.watch(&agent, 0).await;
    watcher.ask("r1").await;
    assert_eq!(
        newer.serve(&mut Ledger::default()).await,
        Some(TurnEnd::Completed)
    );
    let mut older = older;
    older.turn_end().await;
    assert_eq!(older.seen, newer.seen);
}

#[tokio::test(start_paused = true)]
async fn an_executor_that_offers_the_tool_goes_before_a_newer_one() {
    let world = reading();
    let (agent, _) = world.node_with_session().await;
    let offering = |tool: &str| crate::ExecutorInfo {
        tools: vec![tool.to_owned()],
        ..crate::ExecutorInfo::default()
    };
    let mut able = Client::attach(&agent, world.session, 0, Some(offering("read_file"))).await;
    let _other = Client::attach(&agent, world.session, 0, Some(offering("list_files"))).await;
    able.ask("r1").await;
    assert_eq!(able.tool_call().await.1, "read_file");
}

#[tokio::test(start_paused = true)]
async fn a_call_is_handed_over_under_its_id() {
    let world = reading();
    let (agent, _) = world.node_with_session().await;
    let mut first = world.work(&agent, 0).await;
    first.ask("r1").await;
    let (call, _) = first.tool_call().await;
    drop(first);
    let mut second = world.work(&agent, 0).await;
    let (again, _) = second.tool_call().await;
    assert_eq!(again, call);
    second.result(&again, outcome("text")).await;
    assert_eq!(second.turn_end().await, TurnEnd::Completed);
}

/// The notice of a dropped attachment is lost when the mailbox is full just then.
#[tokio::test(start_paused = true)]
async fn a_call_is_handed_over_even_when_the_farewell_was_lost() {
    let world = reading();
    let (agent, _) = world.node_with_session().await;
    let mut other = world.work(&agent, 0).await;
    let mut first = world.work(&agent, 0).await;
    first.ask("r1").await;
    let (call, _) = first.tool_call().await;
    first.attachment.forget_farewell();
    drop(first);
    let (again, _) = other.tool_call().await;
    assert_eq!(again, call);
}

#[tokio::test(start_paused = true)]
async fn a_gone_executor_does_not_swallow_a_new_call() {
    let world = reading();
    let (agent, _) = world.node_with_session().await;
    let mut older = world.work(&agent, 0).await;
    let mut newer = world.work(&agent, 0).await;
    newer.attachment.forget_farewell();
    drop(newer);
    older.ask("r1").await;
    assert_eq!(
        older.serve(&mut Ledger::default()).await,
        Some(TurnEnd::Completed)
    );
}

#[tokio::test(start_paused = true)]
async fn a_repeated_result_is_recorded_once() {
    let world = reading();
    let (agent, _) = world.node_with_session().await;
    let mut client = world.work(&agent, 0).await;
    client.ask("r1").await;
    let (call, _) = client.tool_call().await;
    client.result(&call, outcome("text")).await;
    client.result(&call, outcome("text")).await;
    client.turn_end().await;
    client.result(&call, outcome("text")).await;
    client.result(&call, outcome("other text")).await;
    // the repeats were silent; only the contradiction is refused
    assert_eq!(client.refusal().await, ("conflict".to_owned(), false));
    let finished = world
        .types()
        .await
        .iter()
        .filter(|kind| **kind == "tool_call_finished")
        .count();
    assert_eq!(finished, 1);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_comes_after_a_cancel_is_still_recorded() {
    let world = reading();
    let (agent, _) = world.node_with_session().await;
    let mut client = world.work(&agent, 0).await;
    client.ask("r1").await;
    let (call, _) = client.tool_call().await;
    client
        .send(Incoming::CancelTurn {
            reason: String::new(),
        })
        .await;
    client.turn_end().await;
    client.result(&call, outcome("late")).await;
    client
        .until(|frame| match frame {
            Outgoing::Event(recorded) => {
                matches!(recorded.event, Event::ToolCallFinished { .. }).then_some(())
            }
            _ => None,
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_is_let_go_and_comes_back_without_gap_or_repeat() {
    let mut script: Vec<Line> = (0..3_000).map(|n| says(&format!("{n} "))).collect();
    script.push(Line::Calls("read_file", "{}".to_owned()));
    let world = World::new(vec![script, vec![says("read")]]);
    let (agent, _) = world.node_with_session().await;
    let mut slow = world.watch(&agent, 0).await;
    let mut quick = world.work(&agent, 0).await;
    slow.caught_up().await;
    quick.ask("r1").await;
    assert_eq!(
        quick.serve(&mut Ledger::default()).await,
        Some(TurnEnd::Completed)
    );
    let mut ledger = Ledger::default();
    assert_eq!(
        slow.serve(&mut ledger).await,
        None,
        "it read the rest and was let go"
    );
    let last = slow.seen.last().unwrap().seq;
    let mut again = world.watch(&agent, last).await;
    again.caught_up().await;
    let mut seen = slow.seen;
    seen.extend(again.seen);
    assert_eq!(seen, world.events().await);
}

#[tokio::test(start_paused = true)]
async fn who_attaches_while_the_model_speaks_sees_the_whole_answer() {
    let world = World::new(vec![vec![
        says("one "),
        says("two "),
        Line::Waits,
        says("three"),
    ]]);
    let (agent, _) = world.node_with_session().await;
    let mut early = world.watch(&agent, 0).await;
    early.ask("r1").await;
    early.delta().await;
    early.delta().await;
    let mut late = world.watch(&agent, 0).await;
    late.caught_up().await;
    // one who saw a part and lost the link
    let mut again = world.watch(&agent, early.seen.last().unwrap().seq).await;
    again.shown = "one ".to_owned();
    again.caught_up().await;
    world.model.go_on();
    for client in [&mut early, &mut late, &mut again] {
        client.turn_end().await;
        assert_eq!(client.shown, "one two three");
    }
}

/// What was committed while a client replays comes in its place among the deltas, never before them.
#[tokio::test(start_paused = true)]
async fn no_delta_comes_after_the_reply_it_belongs_to() {
    let world = World::new(vec![vec![Line::Waits, says("text")]]);
    let (agent, _) = world.node_with_session().await;
    let mut prompter = world.watch(&agent, 0).await;
    prompter.ask("r1").await;
    prompter
        .until(|frame| match frame {
            Outgoing::Event(recorded) => {
                matches!(recorded.event, Event::ModelCallIntended { .. }).then_some(())
            }
            _ => None,
        })
        .await;
    let mut client = world.watch(&agent, 0).await;
    world.model.go_on();
    prompter.turn_end().await;
    let mut replied = false;
    loop {
        match client.next().await.unwrap() {
            Outgoing::Event(recorded) => {
                replied |= matches!(recorded.event, Event::ModelReplied { .. });
                if matches!(recorded.event, Event::TurnFinished { .. }) {
                    break;
                }
            }
            Outgoing::Delta { .. } => assert!(!replied, "a delta after its reply"),
            _ => {}
        }
    }
    assert_eq!(client.shown, "text");
    assert_eq!(client.seen, world.events().await);
}

#[tokio::test(start_paused = true)]
async fn a_session_of_ten_thousand_events_loads() {
    let world = World::new(vec![vec![says("x")]]);
    let (agent, _) = world.node_with_session().await;
    let titles: Vec<Event> = (0..10_000)
        .map(|n| Event::SessionRetitled {
            title: format!("title {n}"),
        })
        .collect();
    for (page, events) in titles.chunks(250).enumerate() {
        let append = Append {
            session: world.session,
            expected: ExpectedSeq::Any,
            request_id: format!("page-{page}"),
            actor: "user:ana".to_owned(),
            at_unix_ms: 1,
            events: events.to_vec(),
        };
        world.kept.append(append).await.unwrap();
    }
    let mut client = world.watch(&agent, 0).await;
    assert_eq!(client.caught_up().await, 10_001);
    assert_eq!(client.seen, world.events().await);
    client.ask("r1").await;
    assert_eq!(client.turn_end().await, TurnEnd::Completed);
}

#[tokio::test(start_paused = true)]
async fn nobody_enters_another_ones_session() {
    let world = World::new(vec![vec![says("x")]]);
    let (agent, _) = world.node_with_session().await;
    let attach = agent
        .attach(&permit("bob", SessionWrite), world.session, 0, None)
        .await;
    assert!(matches!(&attach, Err(Error::Rejected { code, .. }) if code == "permission_denied"));
    let archive = agent
        .archive(&permit("bob", SessionArchive), world.session)
        .await;
    assert!(matches!(&archive, Err(Error::Rejected { code, .. }) if code == "permission_denied"));
    assert_eq!(world.types().await, ["session_created"]);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_not_there_is_not_found() {
    let world = World::new(vec![vec![says("x")]]);
    let (agent, _) = world.node();
    let attach = Client::try_attach(&agent, world.session, 0, None).await;
    assert_eq!(attach.err(), Some(Error::SessionNotFound(world.session)));
}

#[tokio::test(start_paused = true)]
async fn a_session_has_only_so_many_clients() {
    let world = World::new(vec![vec![says("x")]]);
    let (agent, _) = world.node_with_session().await;
    let mut clients = Vec::new();
    for _ in 0..crate::ATTACHMENTS_PER_SESSION_MAX {
        clients.push(world.watch(&agent, 0).await);
    }
    let refused = Client::try_attach(&agent, world.session, 0, None)
        .await
        .err();
    assert!(
        matches!(refused, Some(Error::LimitReached { .. })),
        "{refused:?}"
    );
    clients.pop();
    world.watch(&agent, 0).await;
}
