//! One group's state machine as the consensus library wants it: a [`ShardMachine`] over a [`Replica`].

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use aiex_storage::{Error, GroupId, Replica};
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use openraft::{
    EntryPayload, OptionalSend, RaftSnapshotBuilder,
    storage::{ApplyResponder, EntryResponder, RaftStateMachine},
};
use tokio::sync::watch;

use crate::{
    ShardMachine,
    codec::Mark,
    log_adapter::io_error,
    metrics as names,
    settings::{APPLY_BYTES, APPLY_ENTRIES},
    transaction::Writing,
    types::{Entry, Flushed, LogId, Replies, Snapshot, SnapshotMeta, StoredMembership, Types},
};

/// Bytes applied since the last flush; shared with the proposer, which asks for the next one.
#[derive(Clone, Default)]
pub(crate) struct Unflushed(Arc<AtomicU64>);

impl Unflushed {
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The state machine of one group.
pub(crate) struct GroupMachine {
    group: GroupId,
    machine: Arc<dyn ShardMachine>,
    replica: Arc<dyn Replica>,
    mark: Mark,
    applied: watch::Sender<u64>,
    unflushed: Unflushed,
    snapshot: Arc<Mutex<Option<SnapshotMeta>>>,
}

impl GroupMachine {
    /// Reads where the replica stands. Blocks.
    pub(crate) fn open(
        group: GroupId,
        machine: Arc<dyn ShardMachine>,
        replica: Arc<dyn Replica>,
        unflushed: Unflushed,
    ) -> Result<Self, Error> {
        let mark = replica
            .mark()?
            .map(|bytes| Mark::decode(&bytes))
            .transpose()?
            .unwrap_or_default();
        let (applied, _) = watch::channel(index_of(mark.applied.as_ref()));
        // What is read right after opening came from the disk, so it is flushed.
        let snapshot = mark.applied.map(|_| meta_of(&mark));
        Ok(Self {
            group,
            machine,
            replica,
            mark,
            applied,
            unflushed,
            snapshot: Arc::new(Mutex::new(snapshot)),
        })
    }

    pub(crate) fn mark(&self) -> &Mark {
        &self.mark
    }

    pub(crate) fn watch_applied(&self) -> watch::Receiver<u64> {
        self.applied.subscribe()
    }

    async fn apply_chunk(
        &mut self,
        chunk: Vec<(Entry, Option<ApplyResponder<Types>>)>,
    ) -> io::Result<()> {
        let (entries, responders): (Vec<_>, Vec<_>) = chunk.into_iter().unzip();
        let (machine, replica, mark) = (
            Arc::clone(&self.machine),
            Arc::clone(&self.replica),
            self.mark.clone(),
        );
        let group = self.group;
        let applied = tokio::task::spawn_blocking(move || {
            apply_entries(&*machine, &*replica, mark, &entries)
        })
        .await
        .map_err(|e| io::Error::other(format!("the state machine of group {group} failed: {e}")))?
        .map_err(io_error)?;
        self.mark = applied.mark;
        self.unflushed.0.fetch_add(applied.bytes, Ordering::Relaxed);
        let index = index_of(self.mark.applied.as_ref());
        metrics::gauge!(names::APPLIED_INDEX, "group" => group.to_string()).set(index as f64);
        self.applied.send_replace(index);
        for (responder, replies) in responders.into_iter().zip(applied.replies) {
            if let Some(responder) = responder {
                responder.send(replies);
            }
        }
        Ok(())
    }
}

fn index_of(id: Option<&LogId>) -> u64 {
    id.map_or(0, |id| id.index)
}

fn meta_of(mark: &Mark) -> SnapshotMeta {
    SnapshotMeta {
        last_log_id: mark.applied,
        last_membership: mark.membership.clone(),
    }
}

struct Applied {
    mark: Mark,
    replies: Vec<Replies>,
    bytes: u64,
}

/// Applies entries as one batch of the state: all of them and the mark, or nothing.
fn apply_entries(
    machine: &dyn ShardMachine,
    replica: &dyn Replica,
    mut mark: Mark,
    entries: &[Entry],
) -> Result<Applied, Error> {
    let mut tx = Writing::new(replica);
    let mut replies = Vec::with_capacity(entries.len());
    let mut bytes = 0;
    for entry in entries {
        mark.applied = Some(entry.log_id);
        replies.push(match &entry.payload {
            EntryPayload::Blank => Replies::default(),
            EntryPayload::Normal(proposals) => {
                bytes += proposals.0.iter().map(Bytes::len).sum::<usize>() as u64;
                let apply = |p: &Bytes| Bytes::from(machine.apply(&mut tx, entry.log_id.index, p));
                Replies(proposals.0.iter().map(apply).collect())
            }
            EntryPayload::Membership(membership) => {
                mark.membership = StoredMembership::new(Some(entry.log_id), membership.clone());
                Replies::default()
            }
        });
    }
    replica.write(&tx.finish()?, &mark.encode())?;
    Ok(Applied {
        mark,
        replies,
        bytes,
    })
}

impl RaftStateMachine<Types> for GroupMachine {
    type SnapshotData = Flushed;
    type SnapshotBuilder = Flush;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.mark.applied, self.mark.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + OptionalSend,
    {
        loop {
            let mut chunk = Vec::new();
            let mut bytes = 0;
            while chunk.len() < APPLY_ENTRIES && bytes < APPLY_BYTES {
                let Some((entry, responder)) = entries.try_next().await? else {
                    break;
                };
                if let EntryPayload::Normal(proposals) = &entry.payload {
                    bytes += proposals.0.iter().map(Bytes::len).sum::<usize>();
                }
                chunk.push((entry, responder));
            }
            if chunk.is_empty() {
                return Ok(());
            }
            self.apply_chunk(chunk).await?;
        }
    }

    async fn get_snapshot_builder(&mut self) -> Flush {
        Flush {
            group: self.group,
            replica: Arc::clone(&self.replica),
            meta: meta_of(&self.mark),
            unflushed: self.unflushed.clone(),
            snapshot: Arc::clone(&self.snapshot),
        }
    }

    async fn install_snapshot(&mut self, _: &SnapshotMeta, _: Flushed) -> io::Result<()> {
        // Reached only through a peer link, which this version does not have.
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "this node takes no snapshots from others",
        ))
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        let meta = self
            .snapshot
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Ok(meta.map(|meta| Snapshot {
            meta,
            snapshot: Flushed,
        }))
    }
}

/// Makes a snapshot by flushing the replica.
pub(crate) struct Flush {
    group: GroupId,
    replica: Arc<dyn Replica>,
    /// Where the replica stood when the snapshot was asked for; the flush covers at least that.
    meta: SnapshotMeta,
    unflushed: Unflushed,
    snapshot: Arc<Mutex<Option<SnapshotMeta>>>,
}

impl RaftSnapshotBuilder<Types> for Flush {
    type SnapshotData = Flushed;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let counted = self.unflushed.bytes();
        let replica = Arc::clone(&self.replica);
        let flushed = tokio::task::spawn_blocking(move || replica.flush())
            .await
            .map_err(io::Error::other)?;
        flushed.map_err(io_error)?;
        self.unflushed.0.fetch_sub(counted, Ordering::Relaxed);
        metrics::counter!(names::SNAPSHOTS_TOTAL, "group" => self.group.to_string()).increment(1);
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.meta.clone());
        Ok(Snapshot {
            meta: self.meta.clone(),
            snapshot: Flushed,
        })
    }
}

#[cfg(test)]
mod tests;
