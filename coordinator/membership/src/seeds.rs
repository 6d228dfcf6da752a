//! Seeds: where to look for the first peer, and for the others after a partition.
//!
//! Names are resolved again and again, since in a cluster that starts they appear one by one. A name that stops
//! resolving keeps its last addresses; one that never resolved is no error.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    Error,
    config::{DEFAULT_GOSSIP_PORT, refused},
    member::is_host_and_port,
};

/// Most seeds of one node.
pub const MAX_SEEDS: usize = 64;
/// Most addresses taken from one name.
const MAX_ADDRESSES: usize = 64;
/// Time for resolving one name.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two resolutions while no peer is known.
const PAUSE_ALONE: Duration = Duration::from_secs(1);
/// Between two resolutions once there are peers.
const PAUSE_IN_COMPANY: Duration = Duration::from_secs(30);
/// Seeds spoken to in one round by a node that is alone.
const FANOUT: usize = 3;
/// Rounds between two words to a seed that is not a live peer, by a node that has others.
const ROUNDS_IN_COMPANY: u32 = 4;

/// A name lookup under way.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// Turns a name into addresses.
pub trait Resolve: Send + Sync + 'static {
    /// Looks `host` up; errors and empty answers mean it is not there now.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a>;
}

/// The system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }
}

/// One seed as configured.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Seed {
    Address(SocketAddr),
    Name(String, u16),
}

impl Seed {
    pub(crate) fn parse_all(texts: &[String]) -> Result<Vec<Self>, Error> {
        if texts.len() > MAX_SEEDS {
            return Err(refused("seeds", &format!("more than {MAX_SEEDS} of them")));
        }
        texts.iter().map(|text| Self::parse(text.trim())).collect()
    }

    fn parse(text: &str) -> Result<Self, Error> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        if let Ok(ip) = text.parse() {
            return Ok(Self::Address(SocketAddr::new(ip, DEFAULT_GOSSIP_PORT)));
        }
        let whole = if text.contains(':') {
            text.to_owned()
        } else {
            format!("{text}:{DEFAULT_GOSSIP_PORT}")
        };
        whole
            .rsplit_once(':')
            .filter(|_| is_host_and_port(&whole))
            .and_then(|(host, port)| Some(Self::Name(host.to_owned(), port.parse().ok()?)))
            .ok_or_else(|| {
                refused(
                    "seeds",
                    &format!("{text:?} is no address:port and no name:port"),
                )
            })
    }
}

/// Resolves all names for as long as somebody listens to `found`; returns at once if there are none.
pub(crate) async fn keep_resolving(
    seeds: Vec<Seed>,
    resolver: Arc<dyn Resolve>,
    found: watch::Sender<BTreeSet<SocketAddr>>,
    mut alone: watch::Receiver<bool>,
) {
    let mut by_seed: BTreeMap<Seed, Vec<SocketAddr>> = BTreeMap::new();
    for seed in &seeds {
        if let Seed::Address(address) = seed {
            by_seed.insert(seed.clone(), vec![*address]);
        }
    }
    publish(&found, &by_seed);
    let is_name = |seed: &&Seed| matches!(seed, Seed::Name(..));
    while seeds.iter().any(|seed| is_name(&seed)) && !found.is_closed() {
        for seed in &seeds {
            let Seed::Name(host, port) = seed else {
                continue;
            };
            match timeout(RESOLVE_TIMEOUT, resolver.resolve(host, *port)).await {
                Ok(Ok(mut addresses)) if !addresses.is_empty() => {
                    addresses.truncate(MAX_ADDRESSES);
                    by_seed.insert(seed.clone(), addresses);
                    publish(&found, &by_seed);
                }
                Ok(Ok(_)) => tracing::debug!(%host, "a seed name has no address now"),
                Ok(Err(error)) => tracing::debug!(%host, %error, "a seed name does not resolve"),
                Err(_) => tracing::debug!(%host, "a seed name takes too long to resolve"),
            }
        }
        let pause = if *alone.borrow_and_update() {
            PAUSE_ALONE
        } else {
            PAUSE_IN_COMPANY
        };
        tokio::select! {
            () = sleep(pause) => {}
            changed = alone.changed() => if changed.is_err() { return },
        }
    }
}

fn publish(found: &watch::Sender<BTreeSet<SocketAddr>>, by_seed: &BTreeMap<Seed, Vec<SocketAddr>>) {
    let all: BTreeSet<SocketAddr> = by_seed.values().flatten().copied().collect();
    found.send_if_modified(|current| {
        let is_new = *current != all;
        *current = all;
        is_new
    });
}

/// Chooses which seeds to speak to, in turn.
#[derive(Debug, Default)]
pub(crate) struct SeedTurns {
    turn: usize,
    rested: u32,
}

impl SeedTurns {
    /// Returns the seeds of this round: several for a node alone, now and then one that is not a `live` peer else.
    pub(crate) fn next(
        &mut self,
        seeds: &BTreeSet<SocketAddr>,
        own: SocketAddr,
        live: &BTreeSet<SocketAddr>,
    ) -> Vec<SocketAddr> {
        let absent: Vec<SocketAddr> = seeds
            .iter()
            .filter(|address| **address != own && !live.contains(*address))
            .copied()
            .collect();
        self.rested = self.rested.saturating_add(1);
        let wanted = if live.is_empty() {
            FANOUT.min(absent.len())
        } else if self.rested >= ROUNDS_IN_COMPANY {
            usize::from(!absent.is_empty())
        } else {
            0
        };
        if wanted > 0 {
            self.rested = 0;
        }
        let first = self.turn;
        self.turn = self.turn.wrapping_add(wanted);
        (first..first + wanted)
            .filter_map(|turn| absent.get(turn % absent.len()).copied())
            .collect()
    }
}

#[cfg(test)]
mod tests;
