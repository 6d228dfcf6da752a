//! Our own bytes for what the consensus library keeps: its types may change with every release, disks may not.

use std::collections::{BTreeMap, BTreeSet};

use aiex_storage::{EntryKind, Error, LogEntry, log};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use openraft::{BasicNode, EntryPayload};

use crate::types::{Entry, LeaderId, LogId, Membership, Proposals, StoredMembership, Vote};

pub(crate) fn stored_id(id: &LogId) -> log::LogId {
    log::LogId {
        term: id.leader_id.term,
        leader: id.leader_id.node_id,
        index: id.index,
    }
}

pub(crate) fn library_id(id: log::LogId) -> LogId {
    LogId {
        leader_id: LeaderId {
            term: id.term,
            node_id: id.leader,
        },
        index: id.index,
    }
}

pub(crate) fn stored_vote(vote: &Vote) -> log::Vote {
    log::Vote {
        term: vote.leader_id.term,
        node: vote.leader_id.node_id,
        committed: vote.committed,
    }
}

pub(crate) fn library_vote(vote: log::Vote) -> Vote {
    Vote {
        leader_id: LeaderId {
            term: vote.term,
            node_id: vote.node,
        },
        committed: vote.committed,
    }
}

pub(crate) fn stored_entry(entry: &Entry) -> LogEntry {
    let (kind, payload) = match &entry.payload {
        EntryPayload::Blank => (EntryKind::Blank, Bytes::new()),
        EntryPayload::Normal(proposals) => (EntryKind::Normal, encode_proposals(proposals)),
        EntryPayload::Membership(membership) => {
            let mut bytes = BytesMut::new();
            encode_membership(membership, &mut bytes);
            (EntryKind::Membership, bytes.freeze())
        }
    };
    LogEntry {
        id: stored_id(&entry.log_id),
        kind,
        payload,
    }
}

pub(crate) fn library_entry(entry: LogEntry) -> Result<Entry, Error> {
    let damaged = || Error::Damaged {
        what: format!("the content of log entry {}", entry.id.index),
    };
    let payload = match entry.kind {
        EntryKind::Blank => EntryPayload::Blank,
        EntryKind::Normal => {
            EntryPayload::Normal(decode_proposals(entry.payload.clone()).ok_or_else(damaged)?)
        }
        EntryKind::Membership => EntryPayload::Membership(
            decode_membership(&mut entry.payload.clone()).ok_or_else(damaged)?,
        ),
    };
    Ok(Entry {
        log_id: library_id(entry.id),
        payload,
    })
}

fn encode_proposals(proposals: &Proposals) -> Bytes {
    let size = proposals.0.iter().map(|p| p.len() + 4).sum::<usize>() + 4;
    let mut bytes = BytesMut::with_capacity(size);
    bytes.put_u32_le(proposals.0.len() as u32);
    for proposal in &proposals.0 {
        bytes.put_u32_le(proposal.len() as u32);
        bytes.put_slice(proposal);
    }
    bytes.freeze()
}

/// Shares the memory of `bytes`.
fn decode_proposals(mut bytes: Bytes) -> Option<Proposals> {
    let count = bytes.try_get_u32_le().ok()?;
    let mut proposals = Vec::new();
    for _ in 0..count {
        let length = bytes.try_get_u32_le().ok()? as usize;
        if bytes.len() < length {
            return None;
        }
        proposals.push(bytes.split_to(length));
    }
    bytes.is_empty().then_some(Proposals(proposals))
}

fn encode_membership(membership: &Membership, bytes: &mut BytesMut) {
    let configs = membership.get_joint_config();
    bytes.put_u16_le(configs.len() as u16);
    for voters in configs {
        bytes.put_u16_le(voters.len() as u16);
        voters.iter().for_each(|id| bytes.put_u64_le(*id));
    }
    bytes.put_u16_le(membership.nodes().count() as u16);
    for (id, node) in membership.nodes() {
        bytes.put_u64_le(*id);
        bytes.put_u16_le(node.addr.len() as u16);
        bytes.put_slice(node.addr.as_bytes());
    }
}

fn decode_membership(bytes: &mut Bytes) -> Option<Membership> {
    let mut configs = Vec::new();
    for _ in 0..bytes.try_get_u16_le().ok()? {
        let mut voters = BTreeSet::new();
        for _ in 0..bytes.try_get_u16_le().ok()? {
            voters.insert(bytes.try_get_u64_le().ok()?);
        }
        configs.push(voters);
    }
    let mut nodes = BTreeMap::new();
    for _ in 0..bytes.try_get_u16_le().ok()? {
        let id = bytes.try_get_u64_le().ok()?;
        let length = usize::from(bytes.try_get_u16_le().ok()?);
        if bytes.len() < length {
            return None;
        }
        let addr = String::from_utf8(bytes.split_to(length).to_vec()).ok()?;
        nodes.insert(id, BasicNode { addr });
    }
    Membership::new(configs, nodes).ok()
}

/// How far a replica's state was applied, and under which membership.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) applied: Option<LogId>,
    pub(crate) membership: StoredMembership,
}

const MARK_VERSION: u8 = 1;

impl Mark {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = BytesMut::new();
        bytes.put_u8(MARK_VERSION);
        put_optional_id(&mut bytes, self.applied.as_ref());
        put_optional_id(&mut bytes, self.membership.log_id().as_ref());
        encode_membership(self.membership.membership(), &mut bytes);
        bytes.put_u32_le(crc32c::crc32c(&bytes));
        bytes.to_vec()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let damaged = || Error::Damaged {
            what: "the mark of a replica's state".to_owned(),
        };
        let (content, crc) = bytes.split_last_chunk::<4>().ok_or_else(damaged)?;
        if crc32c::crc32c(content).to_le_bytes() != *crc {
            return Err(damaged());
        }
        let parse = |mut bytes: Bytes| {
            (bytes.try_get_u8().ok()? == MARK_VERSION).then_some(())?;
            let applied = get_optional_id(&mut bytes)?;
            let membership_id = get_optional_id(&mut bytes)?;
            // The default membership, of a state before any, has no voters and is not valid by itself.
            let membership = match &membership_id {
                Some(_) => decode_membership(&mut bytes)?,
                None => Membership::default(),
            };
            Some(Self {
                applied,
                membership: StoredMembership::new(membership_id, membership),
            })
        };
        parse(Bytes::copy_from_slice(content)).ok_or_else(damaged)
    }
}

fn put_optional_id(bytes: &mut BytesMut, id: Option<&LogId>) {
    bytes.put_u8(u8::from(id.is_some()));
    if let Some(id) = id.map(stored_id) {
        bytes.put_u64_le(id.term);
        bytes.put_u64_le(id.leader);
        bytes.put_u64_le(id.index);
    }
}

fn get_optional_id(bytes: &mut Bytes) -> Option<Option<LogId>> {
    if bytes.try_get_u8().ok()? == 0 {
        return Some(None);
    }
    let mut field = || bytes.try_get_u64_le().ok();
    Some(Some(library_id(log::LogId {
        term: field()?,
        leader: field()?,
        index: field()?,
    })))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn membership() -> Membership {
        let node = |addr: &str| BasicNode {
            addr: addr.to_owned(),
        };
        let nodes = BTreeMap::from([(1, node("a:7401")), (2, node("b:7401")), (3, node(""))]);
        Membership::new(vec![BTreeSet::from([1, 2]), BTreeSet::from([2])], nodes).unwrap()
    }

    fn id(index: u64) -> LogId {
        library_id(log::LogId {
            term: 3,
            leader: 9,
            index,
        })
    }

    fn round_trip(payload: EntryPayload<Proposals, u64, BasicNode>) {
        let entry = Entry {
            log_id: id(5),
            payload,
        };
        assert_eq!(library_entry(stored_entry(&entry)).unwrap(), entry);
    }

    #[test]
    fn entries_round_trip() {
        round_trip(EntryPayload::Blank);
        round_trip(EntryPayload::Membership(membership()));
        round_trip(EntryPayload::Normal(Proposals(vec![])));
    }

    #[test]
    fn proposals_are_golden() {
        let bytes = encode_proposals(&Proposals(vec![Bytes::from_static(b"ab"), Bytes::new()]));
        assert_eq!(&bytes[..], b"\x02\0\0\0\x02\0\0\0ab\0\0\0\0");
    }

    #[test]
    fn marks_round_trip_and_reject_every_flipped_bit() {
        let full = Mark {
            applied: Some(id(7)),
            membership: StoredMembership::new(Some(id(2)), membership()),
        };
        for mark in [full.clone(), Mark::default()] {
            assert_eq!(Mark::decode(&mark.encode()).unwrap(), mark);
        }
        let bytes = full.encode();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Mark::decode(&flipped).is_err(), "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn any_proposals_round_trip(items in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..20)) {
            round_trip(EntryPayload::Normal(Proposals(items.into_iter().map(Bytes::from).collect())));
        }

        #[test]
        fn rubbish_is_refused_and_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode_proposals(Bytes::from(bytes.clone()));
            let _ = decode_membership(&mut Bytes::from(bytes));
        }
    }
}
