//! A node that nobody uses: how fast it is there, and what it costs to have.

use crate::Bench;
use crate::node_process::NodeProcess;
use crate::report::{Goal, Line, Report};
use std::collections::HashSet;
use std::time::{Duration, Instant};

const AREA: &str = "node";
/// An idle node is looked at this often, from outside.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);
/// Samples after a start that do not count.
const SETTLE_SAMPLES: usize = 3;
const SAMPLES: usize = 15;
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
    let Idle { percent, resident } = watch(&node).await?;
    let groups = groups(&node.get("/metrics").await?);
    let of = match groups {
        0 => String::new(),
        // one of them keeps the placement
        all => format!("{} shards", all - 1),
    };
    report.add(
        Line::new(AREA, "idle, most resident memory", resident, "MiB")
            .goal(Goal::at_most(RESIDENT_MIB))
            .note(of),
    );
    let goal = Goal::at_most(PROCESSOR_PERCENT).ambition();
    let over = format!("over {SAMPLES} s");
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

/// What an idle node costs.
struct Idle {
    /// Processor time, in percent of a core.
    percent: f64,
    /// Largest resident memory seen, in MiB.
    resident: f64,
}

/// Samples the node while nobody asks anything of it: that time passes is what is measured.
async fn watch(node: &NodeProcess) -> anyhow::Result<Idle> {
    let mut ticks = tokio::time::interval(SAMPLE_EVERY);
    for _ in 0..=SETTLE_SAMPLES {
        ticks.tick().await;
    }
    let (before, started) = (node.processor_time()?, Instant::now());
    let mut resident = node.resident_mib()?;
    for _ in 0..SAMPLES {
        ticks.tick().await;
        resident = resident.max(node.resident_mib()?);
    }
    let used = node.processor_time()?.saturating_sub(before);
    let percent = 100.0 * used.as_secs_f64() / started.elapsed().as_secs_f64();
    Ok(Idle { percent, resident })
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
