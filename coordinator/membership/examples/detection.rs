//! Prints how long three nodes on loopback take to join, to spread a word, and to see a dead one: fresh and steady.
//!
//! `cargo run -p aiex-membership --example detection [SECONDS]`: how long the steady case settles before the kill, 60 if
//! not given. Figures, not verdicts: the machine may be busy.

#![allow(clippy::print_stdout, reason = "a program that prints figures")]

use std::{env, path::Path, sync::Arc, time::Duration};

use aiex_membership::{
    ClusterChange, Config, Handle, MemberState, Readiness, Service, SystemClock, SystemResolver,
    Timing,
};
use aiex_placement::NodeId;
use anyhow::Context as _;
use tokio::time::Instant;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let steady = env::args().nth(1).map_or(Ok(60), |text| text.parse())?;
    for (name, settle) in [
        ("fresh", Duration::ZERO),
        ("after 5 s", Duration::from_secs(5)),
        ("steady", Duration::from_secs(steady)),
    ] {
        measure(name, settle).await?;
    }
    Ok(())
}

async fn measure(name: &str, settle: Duration) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let began = Instant::now();
    let first = start(directory.path(), 1, vec![]).await?;
    let seed = first.handle().gossip_address().to_string();
    let second = start(directory.path(), 2, vec![seed.clone()]).await?;
    let third = start(directory.path(), 3, vec![seed]).await?;
    let watching = first.handle();
    until(&watching, 2, |state| state == Some(MemberState::Up)).await?;
    until(&watching, 3, |state| state == Some(MemberState::Up)).await?;
    let joined = began.elapsed();

    let began = Instant::now();
    third.handle().set_readiness(Readiness::Ready).await?;
    let mut changes = watching.subscribe();
    while !watching
        .member(NodeId(3))
        .is_some_and(|member| member.takes_work())
    {
        changes.next().await.context("the stream ended")?;
    }
    let spread = began.elapsed();

    tokio::time::sleep(settle).await;
    let began = Instant::now();
    third.stop().await;
    until(&watching, 3, |state| state == Some(MemberState::Suspect)).await?;
    let suspect = began.elapsed();
    until(&watching, 3, |state| state == Some(MemberState::Dead)).await?;
    println!(
        "{name:>10}: three joined {joined:.2?}, a word spread {spread:.2?}, suspect after {suspect:.2?}, dead after {:.2?}",
        began.elapsed()
    );
    first.stop().await;
    second.stop().await;
    Ok(())
}

async fn start(directory: &Path, node: u64, seeds: Vec<String>) -> anyhow::Result<Service> {
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        advertise: None,
        cluster_id: uuid::Uuid::from_u128(1),
        node_id: NodeId(node),
        seeds,
        generation_file: directory.join(format!("GENERATION-{node}")),
        client_address: "localhost:7400".to_owned(),
        peer_address: "localhost:7401".to_owned(),
        zone: String::new(),
        version: "0".to_owned(),
        storage_epoch: 0,
        timing: Timing::default(),
    };
    Ok(Service::start(config, Arc::new(SystemClock), Arc::new(SystemResolver)).await?)
}

async fn until(
    handle: &Handle,
    node: u64,
    wanted: impl Fn(Option<MemberState>) -> bool,
) -> anyhow::Result<()> {
    let mut changes = handle.subscribe();
    loop {
        let change: ClusterChange = changes.next().await.context("the stream ended")?;
        drop(change);
        if wanted(handle.member(NodeId(node)).map(|member| member.state)) {
            return Ok(());
        }
    }
}
