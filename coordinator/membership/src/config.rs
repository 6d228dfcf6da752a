//! What membership must be told at its start.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use aiex_placement::NodeId;
use uuid::Uuid;

use crate::{
    Error,
    member::{Facts, Readiness},
    seeds::Seed,
};

/// Port of gossip when a seed names none.
pub const DEFAULT_GOSSIP_PORT: u16 = 7402;

/// Configuration of [`crate::Service`].
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen for gossip, UDP; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where peers reach it; `None`: as it listens. Port 0 means the port listened on.
    pub advertise: Option<SocketAddr>,
    /// The cluster; nodes of another one are kept out. A guard against mistakes, not against attackers.
    pub cluster_id: Uuid,
    /// This node; never reused.
    pub node_id: NodeId,
    /// Where to find others: `address:port`, `name:port` or `name`. Names are resolved again and again. A seed that is
    /// not there is no error; without seeds the node starts alone.
    pub seeds: Vec<String>,
    /// File that keeps the generation; its directory must exist.
    pub generation_file: PathBuf,
    /// Where clients reach this node, `host:port`.
    pub client_address: String,
    /// Where peers reach this node, `host:port`.
    pub peer_address: String,
    /// Failure domain; empty if unknown.
    pub zone: String,
    /// Version of this program.
    pub version: String,
    /// How often this node began with an empty disk.
    pub storage_epoch: u64,
    /// How often to gossip and when to give somebody up.
    pub timing: Timing,
}

/// When a member is thought to be what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// Between two rounds of gossip.
    pub gossip_interval: Duration,
    /// Heartbeat interval assumed of a node not yet known.
    pub initial_interval: Duration,
    /// Heartbeats further apart than this say nothing about the usual interval.
    pub max_interval: Duration,
    /// A node is not live when its heartbeat is this many usual intervals late.
    pub phi: f64,
    /// A node heard of within this time is never suspect, however regular it was: a busy machine stalls for shorter.
    pub min_silence: Duration,
    /// From suspect to dead.
    pub dead_after: Duration,
    /// From not answering, or leaving, to being forgotten.
    pub dead_grace: Duration,
    /// Two incarnations of one node alive side by side for this long are two processes, not a restart.
    pub duplicate_after: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            gossip_interval: Duration::from_millis(250),
            initial_interval: Duration::from_millis(500),
            max_interval: Duration::from_secs(3),
            phi: 8.0,
            min_silence: Duration::from_millis(1_250),
            dead_after: Duration::from_secs(10),
            dead_grace: Duration::from_secs(15 * 60),
            duplicate_after: Duration::from_secs(5),
        }
    }
}

impl Timing {
    /// Longest time without a heartbeat in which a node of usual pace is still live.
    pub(crate) fn patience(&self) -> Duration {
        self.initial_interval.mul_f64(self.phi)
    }

    fn check(&self) -> Result<(), Error> {
        let positive = [
            ("timing.gossip_interval", self.gossip_interval),
            ("timing.initial_interval", self.initial_interval),
            ("timing.max_interval", self.max_interval),
            ("timing.dead_grace", self.dead_grace),
        ];
        for (key, value) in positive {
            if value.is_zero() {
                return Err(refused(key, "it must be above 0"));
            }
        }
        if !(1.0..=100.0).contains(&self.phi) {
            return Err(refused("timing.phi", "it must be between 1 and 100"));
        }
        if self.max_interval <= self.gossip_interval {
            return Err(refused(
                "timing.max_interval",
                "it must be above the gossip interval, or no heartbeat counts",
            ));
        }
        if self.dead_grace <= self.min_silence + self.dead_after {
            return Err(refused(
                "timing.dead_grace",
                "it must be above dead_after, or nobody is ever dead",
            ));
        }
        Ok(())
    }
}

impl Config {
    /// Returns the seeds as they are understood; says what cannot be used.
    pub(crate) fn check(&self) -> Result<Vec<Seed>, Error> {
        self.timing.check()?;
        self.facts().encode(self.node_id)?;
        if self.generation_file.file_name().is_none() {
            return Err(refused("generation_file", "it names no file"));
        }
        let ip = self.advertise.unwrap_or(self.listen).ip();
        if is_everywhere(ip) {
            return Err(refused(
                "advertise",
                "peers cannot reach an unspecified address; name one of this machine",
            ));
        }
        Seed::parse_all(&self.seeds)
    }

    /// Returns where peers reach a node that listens on `bound`.
    pub(crate) fn advertised(&self, bound: SocketAddr) -> SocketAddr {
        let mut address = self.advertise.unwrap_or(bound);
        if address.port() == 0 {
            address.set_port(bound.port());
        }
        address
    }

    /// Returns what this node says of itself at its start.
    pub(crate) fn facts(&self) -> Facts {
        Facts {
            client_address: self.client_address.clone(),
            peer_address: self.peer_address.clone(),
            zone: self.zone.clone(),
            version: self.version.clone(),
            readiness: Readiness::NotReady,
            draining: false,
            left: false,
            storage_epoch: self.storage_epoch,
        }
    }
}

fn is_everywhere(ip: IpAddr) -> bool {
    ip.is_unspecified() || ip.is_multicast()
}

pub(crate) fn refused(key: &'static str, reason: &str) -> Error {
    Error::Config {
        key,
        reason: reason.to_owned(),
    }
}
