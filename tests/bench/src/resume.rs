//! Resuming a long session: its events are read from the shard, opened, and replayed into a state.

use crate::Bench;
use crate::distribution::Distribution;
use crate::report::{Goal, Line, Report};
use crate::session_node::{self, SessionNode};
use aiex_session::{
    Content, ContentBlock, Event, EventStore, FileAccess, Recorded, Seq, SessionId, State,
    StopReason, Task, TurnEnd, TurnNumber, Usage, encode,
};
use anyhow::ensure;
use std::time::{Duration, Instant};

const AREA: &str = "resume";
const EVENTS: usize = 10_000;
const EVENTS_PER_APPEND: usize = 250;
/// As many as the agent asks for at once.
const PAGE_EVENTS: usize = 1_024;
const WARM_LOADS: usize = 9;
const GOAL_MS: f64 = 200.0;

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(resume(bench, report))
}

async fn resume(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let folder = bench.folder("resume")?;
    let session = session_node::session(0);
    let events = long_session(EVENTS);
    let bytes: usize = events
        .iter()
        .map(|e| encode(e).map_or(0, |b| b.len()))
        .sum();
    let node = SessionNode::start(&folder).await?;
    write(&node, session, &events).await?;
    node.stop().await?;

    let node = SessionNode::start(&folder).await?;
    let mut warm = Distribution::new()?;
    let (mut first, mut first_read) = (Duration::ZERO, Duration::ZERO);
    for nth in 0..=WARM_LOADS {
        // a store of its own each time: keys and summaries are not at hand, as after a move to this node
        let store = node.store()?;
        let started = Instant::now();
        let recorded = read_all(store.as_ref(), session).await?;
        let read = started.elapsed();
        let state = State::replay(&recorded);
        let took = started.elapsed();
        ensure!(
            state.head == EVENTS as Seq,
            "{} events came back",
            state.head
        );
        if nth == 0 {
            (first, first_read) = (took, read);
        } else {
            warm.record(took);
        }
    }
    node.stop().await?;
    let size = format!(
        "{EVENTS} events, {:.1} MB; reading took {:.0} ms of it",
        bytes as f64 / 1e6,
        first_read.as_secs_f64() * 1e3
    );
    let goal = Goal::at_most(GOAL_MS);
    report.add(
        Line::millis(AREA, "first load after a restart", first)
            .goal(goal)
            .note(size),
    );
    report.add(
        Line::millis(
            AREA,
            format!("again, median of {WARM_LOADS}"),
            warm.median(),
        )
        .goal(goal),
    );
    Ok(())
}

async fn write(node: &SessionNode, session: SessionId, events: &[Event]) -> anyhow::Result<()> {
    let store = node.store()?;
    let mut head: Seq = 0;
    for part in events.chunks(EVENTS_PER_APPEND) {
        let appended = store
            .append(session_node::append(session, head, part.to_vec()))
            .await?;
        head = appended.last_seq;
    }
    Ok(())
}

async fn read_all(store: &dyn EventStore, session: SessionId) -> anyhow::Result<Vec<Recorded>> {
    let mut all: Vec<Recorded> = Vec::new();
    loop {
        let after = all.last().map_or(0, |last| last.seq);
        let page = store.read(session, after, PAGE_EVENTS).await?;
        let last = page.len() < PAGE_EVENTS;
        all.extend(page);
        if last {
            return Ok(all);
        }
    }
}

/// Turn after turn of reading a file and answering, cut at `count` events.
fn long_session(count: usize) -> Vec<Event> {
    let turns = (1..).flat_map(turn);
    let all = std::iter::once(session_node::created()).chain(turns);
    all.take(count).collect()
}

fn turn(turn: TurnNumber) -> [Event; 8] {
    let (first, second, tool) = (
        format!("m{turn}-1"),
        format!("m{turn}-2"),
        format!("t{turn}-1"),
    );
    let arguments = format!(r#"{{"path":"lib/shop/cart_{turn}.ex"}}"#);
    let intended = |call_id: &str| Event::ModelCallIntended {
        turn,
        call_id: call_id.to_owned(),
        model: "large".to_owned(),
        prompt_tokens: 4_000,
        prompt_digest: "0".repeat(64),
    };
    let replied = |call_id: &str, block: ContentBlock, stop: StopReason| Event::ModelReplied {
        turn,
        call_id: call_id.to_owned(),
        provider: "bench".to_owned(),
        content: vec![block],
        stop,
        usage: Usage::default(),
    };
    let wish = ContentBlock::ToolUse {
        id: tool.clone(),
        name: "read_file".to_owned(),
        arguments: arguments.clone(),
    };
    let answer = ContentBlock::Text {
        text: "The total is computed in Shop.Cart.total/1. ".repeat(8),
    };
    [
        started(turn),
        intended(&first),
        replied(&first, wish, StopReason::ToolUse),
        Event::ToolCallIntended {
            turn,
            call_id: tool.clone(),
            tool_use_id: None,
            name: "read_file".to_owned(),
            arguments,
        },
        finished(turn, tool),
        intended(&second),
        replied(&second, answer, StopReason::EndTurn),
        Event::TurnFinished {
            turn,
            end: TurnEnd::Completed,
        },
    ]
}

fn started(turn: TurnNumber) -> Event {
    Event::TurnStarted {
        turn,
        request_id: format!("request-{turn}"),
        task: Task::Ask {
            text: format!("Where is the total of cart {turn} computed?"),
        },
        model: "large".to_owned(),
        workspace_id: "0".repeat(64),
    }
}

fn finished(turn: TurnNumber, call_id: String) -> Event {
    Event::ToolCallFinished {
        turn,
        call_id,
        status: "ok".to_owned(),
        output: Content::Inline("  def total(cart), do: Enum.sum(cart.items)\n".repeat(20)),
        accesses: vec![FileAccess {
            operation: "read".to_owned(),
            path: format!("lib/shop/cart_{turn}.ex"),
            decision: "allowed".to_owned(),
            reason: "project".to_owned(),
            size_bytes: 880,
        }],
        changes: Vec::new(),
        verdict: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_session_is_one_that_could_have_happened() {
        let recorded = Recorded::sequence(0, 5, "user:bench", long_session(1 + 8 * 20));
        let state = State::replay(&recorded);
        assert_eq!(state.head, 161);
        assert_eq!(state.turns, 20);
        assert!(state.turn.is_none(), "every turn ended");
        assert!(state.abandoned_calls.is_empty());
        assert_eq!(state.finished_calls.len(), 20);
    }
}
