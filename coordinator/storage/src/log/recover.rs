//! Reads a log at open, and refuses one that has lost what it acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    GroupId, LogBounds, LogId, Space,
    medium::LogMedium,
    memory::GroupMemory,
    record::{
        ROUND_KEY, Tag, decode_entry, decode_log_id, decode_round, decode_vote, entry_key,
        meta_key, split_entry_key,
    },
};
use crate::Error;

/// What a sound log holds.
pub(crate) struct Recovered {
    pub(crate) groups: BTreeMap<GroupId, GroupMemory>,
    pub(crate) round: u64,
}

/// Checks every entry and position of `medium` against checksums, contiguity, the saved commits and `acknowledged`.
pub(crate) fn recover(medium: &dyn LogMedium, acknowledged: u64) -> Result<Recovered, Error> {
    let quarantine = |e: Error| match e {
        Error::Damaged { what } => Error::Quarantined {
            reason: format!("{what} fails its checksum"),
        },
        other => other,
    };
    let round = match medium.get(Space::Meta, &ROUND_KEY)? {
        Some(record) => decode_round(&record).map_err(quarantine)?,
        None => 0,
    };
    if round < acknowledged {
        let reason = format!(
            "the log ends at write round {round}, but round {acknowledged} was acknowledged"
        );
        return Err(Error::Quarantined { reason });
    }
    let mut groups = BTreeMap::new();
    for group in groups_of(medium)? {
        groups.insert(group, recover_group(medium, group).map_err(quarantine)?);
    }
    Ok(Recovered { groups, round })
}

fn groups_of(medium: &dyn LogMedium) -> Result<BTreeSet<GroupId>, Error> {
    let mut groups = BTreeSet::new();
    medium.scan(Space::Meta, &[], &ROUND_KEY, &mut |key, _| {
        if let Some(group) = key.first_chunk::<2>() {
            groups.insert(GroupId(u16::from_be_bytes(*group)));
        }
        Ok(true)
    })?;
    // Entries without any meta record: jump from group to group, reading one key of each.
    let mut from = Some(entry_key(GroupId(0), 0));
    while let Some(start) = from.take() {
        medium.scan(Space::Entries, &start, &[0xff; 11], &mut |key, _| {
            let (group, _) = split_entry_key(key)?;
            groups.insert(group);
            from = group
                .0
                .checked_add(1)
                .map(|next| entry_key(GroupId(next), 0));
            Ok(false)
        })?;
    }
    Ok(groups)
}

fn recover_group(medium: &dyn LogMedium, group: GroupId) -> Result<GroupMemory, Error> {
    let meta = |tag| {
        let key = meta_key(group, tag);
        Ok::<_, Error>(medium.get(Space::Meta, &key)?.map(|record| (key, record)))
    };
    let vote = meta(Tag::Vote)?
        .map(|(key, record)| decode_vote(&key, &record))
        .transpose()?;
    let committed = meta(Tag::Committed)?
        .map(|(key, record)| decode_log_id(&key, &record))
        .transpose()?;
    let purged = meta(Tag::Purged)?
        .map(|(key, record)| decode_log_id(&key, &record))
        .transpose()?;

    let mut last: Option<LogId> = purged;
    // Beginning behind the purged part keeps the scan off its tombstones.
    let from = entry_key(group, purged.map_or(0, |id| id.index + 1));
    medium.scan(
        Space::Entries,
        &from,
        &entry_key(group, u64::MAX),
        &mut |key, record| {
            let entry = decode_entry(key, record)?;
            let expected = last.map_or(0, |id| id.index + 1);
            if entry.id.index != expected {
                let reason = format!("entry {expected} of group {group} is missing");
                return Err(Error::Quarantined { reason });
            }
            if last.is_some_and(|id| (id.term, id.leader) > (entry.id.term, entry.id.leader)) {
                return Err(Error::Quarantined {
                    reason: format!("terms of group {group} run backwards at entry {expected}"),
                });
            }
            last = Some(entry.id);
            Ok(true)
        },
    )?;
    if let Some(commit) = committed
        && last.is_none_or(|id| id.index < commit.index)
    {
        let end = last.map_or_else(
            || "is empty".to_owned(),
            |id| format!("ends at entry {}", id.index),
        );
        let reason = format!(
            "the log of group {group} {end}, but entry {} was committed",
            commit.index
        );
        return Err(Error::Quarantined { reason });
    }
    Ok(GroupMemory::recovered(
        LogBounds { purged, last },
        vote,
        committed,
    ))
}
