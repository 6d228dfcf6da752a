//! Bytes of the log on disk, ours and not the consensus library's, so that its upgrades never touch a disk.
//!
//! Entry: `version u8 ‖ kind u8 ‖ term u64 ‖ leader u64 ‖ crc32c u32 ‖ payload`, little-endian; the checksum covers the key,
//! the fields before it and the payload. Positions and votes: `fields ‖ crc32c u32`, the checksum covers the key as well.

use bytes::Bytes;

use super::{EntryKind, GroupId, LogEntry, LogId, Vote};
use crate::Error;

const VERSION: u8 = 1;
const ENTRY_HEADER: usize = 18;
const CRC: usize = 4;

/// What a meta key of a group holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    Vote = 1,
    Committed = 2,
    Purged = 3,
}

/// Key of the round counter; sorts after every group's meta keys.
pub(crate) const ROUND_KEY: [u8; 4] = [0xff; 4];

pub(crate) fn entry_key(group: GroupId, index: u64) -> [u8; 10] {
    let mut key = [0; 10];
    key[..2].copy_from_slice(&group.0.to_be_bytes());
    key[2..].copy_from_slice(&index.to_be_bytes());
    key
}

pub(crate) fn split_entry_key(key: &[u8]) -> Result<(GroupId, u64), Error> {
    match (
        key.first_chunk::<2>(),
        key.get(2..).and_then(|rest| <[u8; 8]>::try_from(rest).ok()),
    ) {
        (Some(group), Some(index)) => Ok((
            GroupId(u16::from_be_bytes(*group)),
            u64::from_be_bytes(index),
        )),
        _ => Err(Error::Damaged {
            what: format!("log key {key:02x?}"),
        }),
    }
}

pub(crate) fn meta_key(group: GroupId, tag: Tag) -> [u8; 3] {
    let [high, low] = group.0.to_be_bytes();
    [high, low, tag as u8]
}

pub(crate) fn encode_entry(key: &[u8], entry: &LogEntry) -> Vec<u8> {
    let mut record = Vec::with_capacity(ENTRY_HEADER + CRC + entry.payload.len());
    record.push(VERSION);
    record.push(match entry.kind {
        EntryKind::Blank => 0,
        EntryKind::Normal => 1,
        EntryKind::Membership => 2,
    });
    record.extend(entry.id.term.to_le_bytes());
    record.extend(entry.id.leader.to_le_bytes());
    let crc = crc32c::crc32c_append(checksum(key, &record), &entry.payload);
    record.extend(crc.to_le_bytes());
    record.extend(&entry.payload);
    record
}

pub(crate) fn decode_entry(key: &[u8], record: &[u8]) -> Result<LogEntry, Error> {
    let (group, index) = split_entry_key(key)?;
    let damaged = || Error::Damaged {
        what: format!("entry {index} of group {group}"),
    };
    let (header, rest) = record.split_at_checked(ENTRY_HEADER).ok_or_else(damaged)?;
    let (crc, payload) = rest.split_first_chunk::<CRC>().ok_or_else(damaged)?;
    if crc32c::crc32c_append(checksum(key, header), payload) != u32::from_le_bytes(*crc)
        || header[0] != VERSION
    {
        return Err(damaged());
    }
    let kind = match header[1] {
        0 => EntryKind::Blank,
        1 => EntryKind::Normal,
        2 => EntryKind::Membership,
        _ => return Err(damaged()),
    };
    let id = LogId {
        term: u64_at(header, 2),
        leader: u64_at(header, 10),
        index,
    };
    Ok(LogEntry {
        id,
        kind,
        payload: Bytes::copy_from_slice(payload),
    })
}

pub(crate) fn encode_log_id(key: &[u8], id: LogId) -> Vec<u8> {
    sealed(key, &[id.term, id.leader, id.index])
}

pub(crate) fn decode_log_id(key: &[u8], record: &[u8]) -> Result<LogId, Error> {
    let [term, leader, index] = opened(key, record)?;
    Ok(LogId {
        term,
        leader,
        index,
    })
}

pub(crate) fn encode_vote(key: &[u8], vote: Vote) -> Vec<u8> {
    sealed(key, &[vote.term, vote.node, u64::from(vote.committed)])
}

pub(crate) fn decode_vote(key: &[u8], record: &[u8]) -> Result<Vote, Error> {
    let [term, node, committed] = opened(key, record)?;
    Ok(Vote {
        term,
        node,
        committed: committed == 1,
    })
}

pub(crate) fn encode_round(round: u64) -> Vec<u8> {
    sealed(&ROUND_KEY, &[round])
}

pub(crate) fn decode_round(record: &[u8]) -> Result<u64, Error> {
    let [round] = opened(&ROUND_KEY, record)?;
    Ok(round)
}

fn checksum(key: &[u8], fields: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(key), fields)
}

fn sealed(key: &[u8], fields: &[u64]) -> Vec<u8> {
    let mut record: Vec<u8> = fields
        .iter()
        .flat_map(|field| field.to_le_bytes())
        .collect();
    record.extend(checksum(key, &record).to_le_bytes());
    record
}

fn opened<const N: usize>(key: &[u8], record: &[u8]) -> Result<[u64; N], Error> {
    let damaged = || Error::Damaged {
        what: format!("log record {key:02x?}"),
    };
    let (fields, crc) = record.split_at_checked(8 * N).ok_or_else(damaged)?;
    if crc != checksum(key, fields).to_le_bytes() {
        return Err(damaged());
    }
    Ok(std::array::from_fn(|i| u64_at(fields, 8 * i)))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes
        .get(at..at + 8)
        .and_then(|b| b.try_into().ok())
        .map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> LogEntry {
        LogEntry {
            id: LogId {
                term: 3,
                leader: 7,
                index: 9,
            },
            kind: EntryKind::Normal,
            payload: Bytes::from_static(b"payload"),
        }
    }

    #[test]
    fn entry_bytes_are_golden() {
        let record = encode_entry(&entry_key(GroupId(5), 9), &entry());
        let hex: String = record.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(
            &hex[..36],
            "010103000000000000000700000000000000",
            "fields moved: old disks would not open"
        );
        assert_eq!(&hex[44..], "7061796c6f6164");
    }

    #[test]
    fn every_flipped_bit_of_an_entry_is_found() {
        let key = entry_key(GroupId(5), 9);
        let record = encode_entry(&key, &entry());
        assert_eq!(decode_entry(&key, &record).unwrap(), entry());
        for bit in 0..record.len() * 8 {
            let mut flipped = record.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(
                matches!(decode_entry(&key, &flipped), Err(Error::Damaged { .. })),
                "bit {bit}"
            );
        }
        assert!(
            decode_entry(&entry_key(GroupId(5), 10), &record).is_err(),
            "an entry moved to another index"
        );
        for len in 0..record.len() {
            assert!(decode_entry(&key, &record[..len]).is_err(), "cut to {len}");
        }
    }

    #[test]
    fn positions_and_votes_round_trip_and_reject_damage() {
        let key = meta_key(GroupId(1), Tag::Vote);
        let vote = Vote {
            term: 4,
            node: 2,
            committed: true,
        };
        let mut record = encode_vote(&key, vote);
        assert_eq!(decode_vote(&key, &record).unwrap(), vote);
        assert!(decode_vote(&meta_key(GroupId(2), Tag::Vote), &record).is_err());
        record[0] ^= 1;
        assert!(decode_vote(&key, &record).is_err());
        let id = LogId {
            term: 1,
            leader: 2,
            index: 3,
        };
        assert_eq!(decode_log_id(&key, &encode_log_id(&key, id)).unwrap(), id);
        assert_eq!(decode_round(&encode_round(77)).unwrap(), 77);
    }
}
