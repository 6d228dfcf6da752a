//! Appends of 256-byte events, acknowledged after fsync: the journal as a node uses it, and the consensus
//! below it alone. Closed loop: each writer waits for its answer before the next append.

use crate::Bench;
use crate::disk_probe::{self, Probed};
use crate::distribution::Distribution;
use crate::report::{Goal, Line, Report};
use crate::session_node::{self, SessionNode};
use crate::sync_counter::SyncCounter;
use aiex_coordinator::{Config, Coordinator, ShardMachine, StateTx};
use aiex_session::{ContentBlock, Event, EventStore as _, StopReason, Usage, encode};
use anyhow::Context as _;
use bytes::Bytes;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const AREA: &str = "append";
const EVENT_BYTES: usize = 256;
const WRITERS: [usize; 2] = [1, 64];
/// Appends that begin before this are not counted: files, caches and keys are made in it.
const WARM_UP: Duration = Duration::from_secs(1);
const WINDOW: Duration = Duration::from_secs(5);
/// Ambition with many writers: appends share syncs.
const SYNCS_PER_APPEND_MAX: f64 = 0.1;

/// What a closed loop did after its warm-up.
struct Looped {
    times: Distribution,
    per_second: f64,
}

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let syncs = SyncCounter::install()?;
    runtime.block_on(through_journal(bench, &syncs, report))?;
    runtime.block_on(through_consensus(bench, report))
}

/// The whole way: seal, propose, sync, apply, answer.
async fn through_journal(
    bench: &Bench,
    syncs: &SyncCounter,
    report: &mut Report,
) -> anyhow::Result<()> {
    let folder = bench.folder("append-journal")?;
    let event = event_of(EVENT_BYTES)?;
    let mut first_session = 0;
    let node = SessionNode::start(&folder.join("node")).await?;
    for writers in WRITERS {
        let probed = disk_probe::run(&folder)?;
        let store = node.store()?;
        let sessions: Vec<_> = (first_session..first_session + writers)
            .map(session_node::session)
            .collect();
        first_session += writers;
        for session in &sessions {
            let first = session_node::append(*session, 0, vec![session_node::created()]);
            store.append(first).await.context("create a session")?;
        }
        let synced = syncs.count();
        let event = event.clone();
        let looped = closed_loop(writers, move |writer, nth| {
            let store = Arc::clone(&store);
            let append = session_node::append(sessions[writer], nth + 1, vec![event.clone()]);
            async move { Ok(store.append(append).await.map(drop)?) }
        })
        .await?;
        let synced = syncs.count() - synced;
        tell(report, "journal", writers, &looped, &probed);
        // syncs are counted over the warm-up too: its appends come at the same rate
        let appends = looped.per_second * (WARM_UP + WINDOW).as_secs_f64();
        let shared = Line::new(
            AREA,
            format!("{}: syncs per append", who("journal", writers)),
            synced as f64 / appends.max(1.0),
            "",
        );
        report.add(match writers {
            1 => shared,
            _ => shared.goal(Goal::at_most(SYNCS_PER_APPEND_MAX).ambition()),
        });
    }
    node.stop().await
}

/// Entries of the same size into a machine that only keeps them.
async fn through_consensus(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let folder = bench.folder("append-consensus")?;
    let config = Config::new(folder.join("node"));
    let (handle, coordinator) = Coordinator::start(config, Arc::new(LastEntry)).await?;
    let entry = Bytes::from(vec![b'e'; EVENT_BYTES]);
    for writers in WRITERS {
        let probed = disk_probe::run(&folder)?;
        let (proposer, entry) = (handle.clone(), entry.clone());
        let looped = closed_loop(writers, move |writer, _| {
            let shard = proposer.shard_of(session_node::session(writer).as_bytes());
            let (handle, entry) = (proposer.clone(), entry.clone());
            async move { Ok(handle.propose(shard, entry).await.map(drop)?) }
        })
        .await?;
        tell(report, "consensus alone", writers, &looped, &probed);
    }
    coordinator.shutdown().await?;
    Ok(())
}

/// A machine whose state is its last entry.
struct LastEntry;

impl ShardMachine for LastEntry {
    fn apply(&self, tx: &mut dyn StateTx, _index: u64, entry: &[u8]) -> Vec<u8> {
        tx.put(b"last", entry);
        Vec::new()
    }
}

/// Runs writers side by side, each a task; `step` is asked for a writer's steps, counted from 0.
async fn closed_loop<F, Step>(writers: usize, step: F) -> anyhow::Result<Looped>
where
    F: Fn(usize, u64) -> Step + Clone + Send + 'static,
    Step: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let from = Instant::now() + WARM_UP;
    let mut running = JoinSet::new();
    for writer in 0..writers {
        let step = step.clone();
        running.spawn(write(move |nth| step(writer, nth), from));
    }
    let mut times = Distribution::new()?;
    while let Some(done) = running.join_next().await {
        times.add(&done.context("a writer failed")??)?;
    }
    let per_second = times.count() as f64 / from.elapsed().as_secs_f64();
    Ok(Looped { times, per_second })
}

/// One writer: takes step after step until the window after `from` is over.
async fn write<F, Step>(step: F, from: Instant) -> anyhow::Result<Distribution>
where
    F: Fn(u64) -> Step,
    Step: Future<Output = anyhow::Result<()>>,
{
    let mut times = Distribution::new()?;
    for nth in 0.. {
        let began = Instant::now();
        if began >= from + WINDOW {
            break;
        }
        step(nth).await?;
        if began >= from {
            times.record(began.elapsed());
        }
    }
    Ok(times)
}

fn tell(report: &mut Report, layer: &str, writers: usize, looped: &Looped, probed: &Probed) {
    let who = who(layer, writers);
    let (p50, p99) = (looped.times.median(), looped.times.percentile(99.0));
    let ratio = p50.as_secs_f64() / probed.median.as_secs_f64();
    let against = format!("{ratio:.1} × an fdatasync ({})", probed.words());
    report.add(Line::millis(AREA, format!("{who}: p50"), p50).note(against));
    report.add(Line::millis(AREA, format!("{who}: p99"), p99));
    let times = looped.per_second / probed.per_second;
    let against = format!(
        "{times:.1} × one writer's syncs ({:.0}/s)",
        probed.per_second
    );
    let rate = Line::new(AREA, format!("{who}: rate"), looped.per_second, "appends/s");
    report.add(rate.note(against));
}

fn who(layer: &str, writers: usize) -> String {
    let plural = if writers == 1 { "" } else { "s" };
    format!("{layer}, {writers} writer{plural}")
}

/// A model's reply that takes `bytes` as a stored event.
fn event_of(bytes: usize) -> anyhow::Result<Event> {
    let reply = |text: String| Event::ModelReplied {
        turn: 1,
        call_id: "call".to_owned(),
        provider: "bench".to_owned(),
        content: vec![ContentBlock::Text { text }],
        stop: StopReason::EndTurn,
        usage: Usage::default(),
    };
    let empty = encode(&reply(String::new()))?.len();
    let text = bytes
        .checked_sub(empty)
        .context("the event is larger without text")?;
    Ok(reply("x".repeat(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_the_size_they_are_said_to_have() {
        assert_eq!(encode(&event_of(EVENT_BYTES).unwrap()).unwrap().len(), 256);
        assert!(event_of(10).is_err());
    }
}
