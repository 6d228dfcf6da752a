//! A node that nobody uses: how fast it is there, and what it costs to have.

use crate::Bench;
use crate::node_process::NodeProcess;
use crate::report::{Goal, Line, Report};
use std::collections::HashSet;
use std::time::{Duration, Instant};

const AREA: &str = "node";
/// After a start, before anything is counted.
const SETTLE: Duration = Duration::from_secs(3);
const WINDOW: Duration = Duration::from_secs(15);
const RESIDENT_MIB: f64 = 150.0;
/// Ambition: share of one core that an idle node takes.
const PROCESSOR_PERCENT: f64 = 3.0;

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(idle(bench, report))
}

async fn idle(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let program = bench.binaries.join("aiex-node");
    let home = bench.folder("node")?;
    let (node, fresh) = NodeProcess::start(&program, &home).await?;
    report.add(Line::millis(AREA, "start to ready, empty directory", fresh));
    tokio::time::sleep(SETTLE).await;
    let (before, started) = (node.processor_time()?, Instant::now());
    tokio::time::sleep(WINDOW).await;
    let used = node.processor_time()?.saturating_sub(before);
    let percent = 100.0 * used.as_secs_f64() / started.elapsed().as_secs_f64();
    let resident = node.resident_mib()?;
    let groups = groups(&node.get("/metrics").await?);
    let of = match groups {
        0 => String::new(),
        // one of them keeps the placement
        all => format!("{} shards", all - 1),
    };
    report.add(
        Line::new(AREA, "idle, resident memory", resident, "MiB")
            .goal(Goal::at_most(RESIDENT_MIB))
            .note(of),
    );
    let goal = Goal::at_most(PROCESSOR_PERCENT).ambition();
    let over = format!("over {} s", WINDOW.as_secs());
    report.add(
        Line::new(AREA, "idle, processor", percent, "% of a core")
            .goal(goal)
            .note(over),
    );
    let stopped = node.stop().await?;
    report.add(Line::millis(AREA, "stop when asked", stopped));

    let (node, again) = NodeProcess::start(&program, &home).await?;
    report.add(Line::millis(AREA, "start to ready, after a stop", again));
    node.kill().await?;
    let (node, killed) = NodeProcess::start(&program, &home).await?;
    report.add(Line::millis(AREA, "start to ready, after kill -9", killed));
    node.kill().await
}

/// Counts the Raft groups that a node's metrics name.
fn groups(metrics: &str) -> usize {
    let applied = metrics
        .lines()
        .filter(|line| line.starts_with("aiex_raft_applied_index{"));
    let names: HashSet<&str> = applied.filter_map(|line| line.split('"').nth(1)).collect();
    names.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_counts_once() {
        let metrics = "# TYPE aiex_raft_applied_index gauge\naiex_raft_applied_index{group=\"0\"} 4\naiex_raft_applied_index{group=\"1\"} 2\naiex_raft_propose_seconds_count{group=\"2\"} 2\n";
        assert_eq!(groups(metrics), 2);
        assert_eq!(groups(""), 0);
    }
}
