//! The proposer of a group: joins what is waiting into one Raft entry, and never waits for more.
//!
//! Ends when every sender of its queue is gone and the queue is empty.

use bytes::Bytes;
use openraft::{
    Raft,
    errors::{ClientWriteError, Fatal, RaftError},
};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc, oneshot},
    time::Instant,
};

use aiex_placement::NodeId;
use aiex_storage::GroupId;

use crate::{
    Error,
    machine_adapter::{GroupMachine, Unflushed},
    metrics as names,
    settings::{BATCH_BYTES, BATCH_PROPOSALS, SNAPSHOT_BYTES},
    types::{Proposals, Types},
};

/// One entry on its way.
pub(crate) struct Proposal {
    pub(crate) entry: Bytes,
    pub(crate) queued: Instant,
    pub(crate) reply: oneshot::Sender<Result<Bytes, Error>>,
    /// The share of the group's bytes in flight; given back with the result.
    pub(crate) _share: OwnedSemaphorePermit,
}

pub(crate) struct Proposer {
    pub(crate) group: GroupId,
    pub(crate) raft: Raft<Types, GroupMachine>,
    pub(crate) queue: mpsc::Receiver<Proposal>,
    pub(crate) unflushed: Unflushed,
}

impl Proposer {
    pub(crate) async fn run(mut self) {
        let mut held = None;
        loop {
            let first = match held.take() {
                Some(proposal) => proposal,
                None => match self.queue.recv().await {
                    Some(proposal) => proposal,
                    None => return,
                },
            };
            let batch = self.gather(first, &mut held);
            self.write(batch).await;
            if self.unflushed.bytes() >= SNAPSHOT_BYTES
                && let Err(error) = self.raft.trigger().snapshot().await
            {
                tracing::warn!(group = %self.group, %error, "a snapshot could not be asked for");
            }
        }
    }

    /// Takes what waits behind `first`; one that would not fit is held for the next batch.
    fn gather(&mut self, first: Proposal, held: &mut Option<Proposal>) -> Vec<Proposal> {
        let mut bytes = first.entry.len();
        let mut batch = vec![first];
        while batch.len() < BATCH_PROPOSALS
            && let Ok(next) = self.queue.try_recv()
        {
            bytes += next.entry.len();
            if bytes > BATCH_BYTES {
                *held = Some(next);
                break;
            }
            batch.push(next);
        }
        batch
    }

    async fn write(&self, batch: Vec<Proposal>) {
        metrics::histogram!(names::BATCH_PROPOSALS).record(batch.len() as f64);
        let entries = batch.iter().map(|p| p.entry.clone()).collect();
        let result = self.raft.client_write(Proposals(entries)).await;
        let mut replies = match result {
            Ok(response) => Ok(response.data.0.into_iter()),
            Err(error) => Err(write_error(error)),
        };
        for proposal in batch {
            let reply = match &mut replies {
                Ok(replies) => replies.next().ok_or(Error::OutcomeUnknown),
                Err(error) => Err(error.clone()),
            };
            metrics::histogram!(names::PROPOSE_SECONDS)
                .record(proposal.queued.elapsed().as_secs_f64());
            // A caller that went away has given up on its result, not on its entry.
            let _ = proposal.reply.send(reply);
        }
    }
}

pub(crate) fn write_error(error: RaftError<Types, ClientWriteError<Types>>) -> Error {
    match error {
        RaftError::APIError(ClientWriteError::ForwardToLeader(to)) => Error::NotLeader {
            hint: to.leader_id.map(NodeId),
        },
        RaftError::APIError(ClientWriteError::LogEntryDiscarded(_)) => Error::OutcomeUnknown,
        RaftError::APIError(other) => Error::Unavailable {
            reason: other.to_string(),
        },
        // The entry may be in the log already, and a later leader may commit it.
        RaftError::Fatal(Fatal::Stopped) => Error::OutcomeUnknown,
        RaftError::Fatal(fatal) => fatal_error(&fatal),
    }
}

pub(crate) fn fatal_error(fatal: &Fatal<Types>) -> Error {
    match fatal {
        Fatal::StorageError(error) => Error::Stopped(error.to_string()),
        Fatal::Panicked => Error::Stopped("the consensus task panicked".to_owned()),
        Fatal::Stopped => Error::Unavailable {
            reason: "the node is stopping".to_owned(),
        },
    }
}
