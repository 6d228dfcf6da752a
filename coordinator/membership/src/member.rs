//! What a node says about itself: the gossiped keys, their limits, and a member as others see it.

use std::{fmt, net::SocketAddr, time::Duration};

use aiex_placement::NodeId;

use crate::Error;

/// Most bytes of all keys and values of one node, so that a fresh peer learns many nodes from one datagram.
pub const MAX_STATE_BYTES: usize = 1200;
/// Most bytes of one address: a DNS name and a port.
const MAX_ADDRESS_BYTES: usize = 261;

/// The node's id, decimal; must agree with the name it gossips under.
pub(crate) const KEY_NODE: &str = "node";
/// Where clients reach it, `host:port`.
pub(crate) const KEY_CLIENT: &str = "client";
/// Where peers reach it, `host:port`.
pub(crate) const KEY_PEER: &str = "peer";
/// Its failure domain; empty if unknown.
pub(crate) const KEY_ZONE: &str = "zone";
/// The program's version.
pub(crate) const KEY_VERSION: &str = "version";
/// `ready` or `not_ready`.
pub(crate) const KEY_READINESS: &str = "readiness";
/// `1` while it drains.
pub(crate) const KEY_DRAINING: &str = "draining";
/// `1` once it said good-bye; for ever, under this generation.
pub(crate) const KEY_LEFT: &str = "left";
/// How often it began with an empty disk.
pub(crate) const KEY_STORAGE_EPOCH: &str = "storage_epoch";

const YES: &str = "1";
const NO: &str = "0";

/// Whether a node takes work, as it says itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Readiness {
    /// Starting or in trouble: send no requests.
    NotReady,
    /// Serves.
    Ready,
}

impl Readiness {
    fn as_str(self) -> &'static str {
        match self {
            Self::NotReady => "not_ready",
            Self::Ready => "ready",
        }
    }

    /// A word of a later version is not understood, hence not ready.
    fn parse(text: &str) -> Self {
        if text == Self::Ready.as_str() {
            Self::Ready
        } else {
            Self::NotReady
        }
    }
}

/// How this node sees a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberState {
    /// Answers.
    Up,
    /// Does not answer since a moment; it may be a pause.
    Suspect,
    /// Was suspect for [`crate::Timing::dead_after`]: takes no new placement.
    Dead,
    /// Answers, and wants to get rid of its work.
    Draining,
    /// Said good-bye. It comes back only under a higher generation.
    Left,
}

impl MemberState {
    /// Lists all states.
    pub const ALL: [Self; 5] = [
        Self::Up,
        Self::Suspect,
        Self::Dead,
        Self::Draining,
        Self::Left,
    ];

    /// Returns its name as metrics and tables write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Suspect => "suspect",
            Self::Dead => "dead",
            Self::Draining => "draining",
            Self::Left => "left",
        }
    }

    /// Returns true if the member answers.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Up | Self::Draining)
    }
}

impl fmt::Display for MemberState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One run of one node's process. The higher generation is the later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Incarnation {
    pub(crate) generation: u64,
    pub(crate) address: SocketAddr,
}

/// One member of the cluster as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub node: NodeId,
    /// Grows with every start of its process.
    pub generation: u64,
    /// Where it gossips.
    pub gossip_address: SocketAddr,
    /// Where clients reach it, `host:port`.
    pub client_address: String,
    /// Where peers reach it, `host:port`.
    pub peer_address: String,
    /// Failure domain; empty if unknown.
    pub zone: String,
    /// Version of its program.
    pub version: String,
    /// What it says of itself; the last word of one that is not live.
    pub readiness: Readiness,
    /// Whether it asked to be drained; kept when it is down.
    pub draining: bool,
    /// How often it began with an empty disk.
    pub storage_epoch: u64,
    /// How this node sees it.
    pub state: MemberState,
    /// When it came into this state, on the clock of [`crate::Handle::elapsed`].
    pub since: Duration,
    /// When it stopped answering or left, on the same clock; `None` while it is live.
    pub down_since: Option<Duration>,
}

impl Member {
    /// Returns true if requests may be sent there: it is up and says it is ready.
    pub fn takes_work(&self) -> bool {
        self.state == MemberState::Up && self.readiness == Readiness::Ready
    }
}

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) client_address: String,
    pub(crate) peer_address: String,
    pub(crate) zone: String,
    pub(crate) version: String,
    pub(crate) readiness: Readiness,
    pub(crate) draining: bool,
    pub(crate) left: bool,
    pub(crate) storage_epoch: u64,
}

impl Facts {
    /// Writes it as keys and values, or says which limit it breaks.
    pub(crate) fn encode(&self, node: NodeId) -> Result<Vec<(&'static str, String)>, Error> {
        for (key, value) in [
            ("client_address", &self.client_address),
            ("peer_address", &self.peer_address),
        ] {
            if !is_host_and_port(value) {
                return Err(Error::Config {
                    key,
                    reason: format!("{value:?} is not host:port"),
                });
            }
        }
        let flag = |set| if set { YES } else { NO }.to_owned();
        let pairs = vec![
            (KEY_NODE, node.0.to_string()),
            (KEY_CLIENT, self.client_address.clone()),
            (KEY_PEER, self.peer_address.clone()),
            (KEY_ZONE, self.zone.clone()),
            (KEY_VERSION, self.version.clone()),
            (KEY_READINESS, self.readiness.as_str().to_owned()),
            (KEY_DRAINING, flag(self.draining)),
            (KEY_LEFT, flag(self.left)),
            (KEY_STORAGE_EPOCH, self.storage_epoch.to_string()),
        ];
        let size = pairs.iter().map(|(k, v)| k.len() + v.len()).sum();
        if size >= MAX_STATE_BYTES {
            return Err(Error::StateTooLarge {
                size,
                limit: MAX_STATE_BYTES,
            });
        }
        Ok(pairs)
    }

    /// Reads the keys of a node, unless a required one is absent or malformed or the whole is too large.
    ///
    /// Keys it does not know are those of a later version, and are passed over.
    pub(crate) fn decode<'a>(
        name: &str,
        size: usize,
        get: impl Fn(&str) -> Option<&'a str>,
    ) -> Option<(NodeId, Self)> {
        let node = NodeId(name.parse().ok()?);
        let is_plain = node.0.to_string() == name;
        if !is_plain || size >= MAX_STATE_BYTES || get(KEY_NODE)? != name {
            return None;
        }
        let address = |key| get(key).filter(|value| is_host_and_port(value));
        let facts = Self {
            client_address: address(KEY_CLIENT)?.to_owned(),
            peer_address: address(KEY_PEER)?.to_owned(),
            zone: get(KEY_ZONE)?.to_owned(),
            version: get(KEY_VERSION)?.to_owned(),
            readiness: Readiness::parse(get(KEY_READINESS)?),
            draining: get(KEY_DRAINING) == Some(YES),
            left: get(KEY_LEFT) == Some(YES),
            storage_epoch: get(KEY_STORAGE_EPOCH)?.parse().ok()?,
        };
        Some((node, facts))
    }
}

/// Returns true for a host name or address and a port, such as `node-0.aiex:7401` or `[::1]:7401`.
pub(crate) fn is_host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let host_is_good = match bare {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(is_host_byte),
    };
    text.len() <= MAX_ADDRESS_BYTES
        && host_is_good
        && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

#[cfg(test)]
mod tests;
