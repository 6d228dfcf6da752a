//! A Raft group on this node: propose, read, status, shut down.

mod membership;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aiex_placement::NodeId;
use aiex_storage::{GroupId, LogStore, Replica, StateStore, log};
use bytes::Bytes;
use openraft::{
    BasicNode, LinearizerOption, Raft, RaftNetworkFactory,
    async_runtime::watch::WatchReceiver as _,
    errors::{InitializeError, LinearizableReadError, RaftError},
};
use tokio::{
    sync::{Semaphore, mpsc, oneshot, watch},
    task::JoinHandle,
    time::Instant,
};

use crate::{
    Error, IN_FLIGHT_BYTES, MAX_ENTRY_BYTES, Settings, ShardMachine, StateReader,
    codec::stored_id,
    log_adapter::GroupLog,
    machine_adapter::{GroupMachine, Unflushed},
    metrics as names,
    network::NoPeers,
    peer::{GroupNetwork, PeerLink},
    proposer::{Proposal, Proposer, fatal_error},
    tasks,
    transaction::Reading,
    types::{Flushed, Types},
};

pub use membership::{GroupMembership, MembershipVersion};

/// What a proposal costs of the bytes in flight beside its length, so that empty ones are bounded too.
const PROPOSAL_OVERHEAD: usize = 128;
/// Proposals that fit the bytes in flight at most.
const QUEUE: usize = IN_FLIGHT_BYTES / PROPOSAL_OVERHEAD;
/// How long a shutdown waits for proposals that were taken.
const DRAIN: Duration = Duration::from_secs(2);
/// The one generation that replicas have until they can be shipped between nodes.
const GENERATION: u32 = 0;

/// What a group is made of.
pub struct GroupParts {
    /// Its id in the node's log.
    pub group: GroupId,
    /// This node, the group's only voter at first start.
    pub node: NodeId,
    /// Timing.
    pub settings: Settings,
    /// The log of the node.
    pub log: Arc<dyn LogStore>,
    /// The state of the node.
    pub state: Arc<dyn StateStore>,
    /// What the entries mean.
    pub machine: Arc<dyn ShardMachine>,
}

/// What makes a group replicated.
pub struct Replication {
    /// The node's link to the others.
    pub link: PeerLink,
    /// The first voters and where they are, this node among them, the same on each of them; `None` for a node that is
    /// added later. A group that exists already keeps the voters it has.
    pub bootstrap: Option<BTreeMap<NodeId, String>>,
}

/// How a group stands, as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupStatus {
    /// Its id.
    pub group: GroupId,
    /// Who leads it.
    pub leader: Option<NodeId>,
    /// Its voters.
    pub voters: Vec<NodeId>,
    /// Index of its last entry here.
    pub last_log_index: u64,
    /// Index applied last here.
    pub applied_index: u64,
    /// Current term.
    pub term: u64,
    /// Why it stopped, if it did.
    pub failure: Option<String>,
}

/// A running group. Ends with [`Group::shutdown`].
pub struct Group {
    id: GroupId,
    raft: Raft<Types, GroupMachine>,
    replica: Arc<dyn Replica>,
    applied: watch::Receiver<u64>,
    link: Option<PeerLink>,
    in_flight: Arc<Semaphore>,
    // Taken at shutdown: the proposer ends when its queue closes.
    running: Mutex<Option<(mpsc::Sender<Proposal>, JoinHandle<()>)>>,
}

impl Group {
    /// Opens the group, makes this node its only voter if it is new, and waits until it leads and its state is whole.
    ///
    /// # Errors
    /// [`aiex_storage::Error::Quarantined`] when state or log have lost what was acknowledged, [`Error::Unavailable`]
    /// when no leader is found in time.
    pub async fn start(parts: GroupParts) -> Result<Self, Error> {
        let (node, limit) = (parts.node, Duration::from_millis(parts.settings.start_ms));
        let group = Self::open(parts, NoPeers, None).await?;
        lead(&group.raft, node, limit).await?;
        Ok(group)
    }

    /// Opens a group that has or will have replicas on other nodes, and lets them reach it. Does not wait for a leader,
    /// which needs the others: see [`Group::ready`].
    ///
    /// # Errors
    /// [`aiex_storage::Error::Quarantined`] when state or log have lost what was acknowledged, [`Error::Unavailable`]
    /// when the bootstrap does not name this node.
    pub async fn start_replicated(
        parts: GroupParts,
        replication: Replication,
    ) -> Result<Self, Error> {
        let Replication { link, bootstrap } = replication;
        let node = parts.node;
        let network = GroupNetwork {
            link: link.clone(),
            group: parts.group,
        };
        let group = Self::open(parts, network, Some(link.clone())).await?;
        // From here on a vote can come in, so everything it needs is open.
        link.add_route(group.id, group.raft.clone());
        let initialized = group.raft.is_initialized().await;
        let alone = match (initialized.map_err(|e| fatal_error(&e))?, bootstrap) {
            (true, _) => alone(&group.raft, node),
            (false, None) => false,
            (false, Some(voters)) => {
                let voters = voters
                    .into_iter()
                    .map(|(id, addr)| (id.0, BasicNode { addr }))
                    .collect::<BTreeMap<_, _>>();
                let refused = |e: &dyn std::fmt::Display| Error::Unavailable {
                    reason: format!("the group could not be made: {e}"),
                };
                // A leader that was faster makes this one needless.
                match group.raft.initialize(voters).await {
                    Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => {}
                    Err(error) => return Err(refused(&error)),
                }
                false
            }
        };
        if alone {
            // Nobody else can lead: waiting for the election timeout would only delay the start.
            let elected = group.raft.trigger().elect(false).await;
            elected.map_err(|e| fatal_error(&e))?;
        }
        Ok(group)
    }

    /// Waits until the group has a leader and the state here shows all that was acknowledged before the call.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when that takes longer than `limit`.
    pub async fn ready(&self, limit: Duration) -> Result<(), Error> {
        ready(&self.raft, limit).await
    }

    async fn open<N: RaftNetworkFactory<Types>>(
        parts: GroupParts,
        network: N,
        link: Option<PeerLink>,
    ) -> Result<Self, Error>
    where
        N::Network: openraft::network::NetSnapshot<Types, SnapshotData = Flushed>,
    {
        let GroupParts {
            group,
            node,
            settings,
            log,
            state,
            machine,
        } = parts;
        let unflushed = Unflushed::default();
        let opened = {
            let (log, unflushed) = (Arc::clone(&log), unflushed.clone());
            move || open_machine(group, node, &*log, &*state, machine, unflushed)
        };
        let (machine, replica) = tokio::task::spawn_blocking(opened)
            .await
            .map_err(|e| Error::Stopped(format!("group {group} could not be opened: {e}")))??;
        let applied = machine.watch_applied();

        let config = settings.library_config(format!("aiex-{group}"))?;
        let log = GroupLog { store: log, group };
        let raft = Raft::new(node.0, config, network, log, machine)
            .await
            .map_err(|e| fatal_error(&e))?;

        let (sender, queue) = mpsc::channel(QUEUE);
        let task = tasks::spawn_proposer(Proposer {
            group,
            raft: raft.clone(),
            queue,
            unflushed,
        });
        let in_flight = Arc::new(Semaphore::new(IN_FLIGHT_BYTES));
        Ok(Self {
            id: group,
            raft,
            replica,
            applied,
            link,
            in_flight,
            running: Mutex::new(Some((sender, task))),
        })
    }

    /// Replicates `entry` and returns what the machine answered. When it returns, the entry is on disk.
    ///
    /// Dropping the future gives up the answer, not the entry.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Overloaded`] and [`Error::NotLeader`]: nothing was written.
    /// [`Error::OutcomeUnknown`] and [`Error::Stopped`]: the entry may or may not take effect.
    pub async fn propose(&self, entry: Bytes) -> Result<Bytes, Error> {
        if entry.len() > MAX_ENTRY_BYTES {
            return Err(Error::TooLarge {
                size: entry.len(),
                limit: MAX_ENTRY_BYTES,
            });
        }
        let cost = (entry.len() + PROPOSAL_OVERHEAD) as u32;
        let overloaded = || {
            metrics::counter!(names::OVERLOADED_TOTAL, "group" => self.id.to_string()).increment(1);
            Error::Overloaded {
                limit: IN_FLIGHT_BYTES,
            }
        };
        let share = Arc::clone(&self.in_flight)
            .try_acquire_many_owned(cost)
            .map_err(|_| overloaded())?;
        let stopping = || Error::Unavailable {
            reason: "the node is stopping".to_owned(),
        };
        let sender = self.sender().ok_or_else(stopping)?;
        let (reply, answer) = oneshot::channel();
        let proposal = Proposal {
            entry,
            queued: Instant::now(),
            reply,
            _share: share,
        };
        sender.try_send(proposal).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => overloaded(),
            mpsc::error::TrySendError::Closed(_) => stopping(),
        })?;
        drop(sender);
        answer.await.unwrap_or(Err(Error::OutcomeUnknown))
    }

    /// Runs `read` on a state that shows every write acknowledged before the call. Runs on a blocking thread.
    ///
    /// # Errors
    /// [`Error::NotLeader`], [`Error::Unavailable`], or [`Error::Storage`] when the disk failed under `read`.
    pub async fn read<R, F>(&self, read: F) -> Result<R, Error>
    where
        F: FnOnce(&dyn StateReader) -> R + Send + 'static,
        R: Send + 'static,
    {
        // The lease if it is fresh, a round of heartbeats if not.
        self.raft
            .ensure_linearizable(LinearizerOption::new(None, true))
            .await
            .map_err(read_error)?;
        let replica = Arc::clone(&self.replica);
        let looked_up = tokio::task::spawn_blocking(move || {
            let view = replica.view();
            let reading = Reading::new(&*view);
            let result = read(&reading);
            reading.finish().map(|()| result)
        });
        Ok(looked_up.await.map_err(|e| Error::Unavailable {
            reason: format!("a read failed: {e}"),
        })??)
    }

    /// Follows the index applied last on this node.
    pub fn applied(&self) -> watch::Receiver<u64> {
        self.applied.clone()
    }

    /// Returns how the group stands.
    pub fn status(&self) -> GroupStatus {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        GroupStatus {
            group: self.id,
            leader: metrics.current_leader.map(NodeId),
            voters: metrics.membership_config.voter_ids().map(NodeId).collect(),
            last_log_index: metrics.last_log_index.unwrap_or(0),
            applied_index: metrics.last_applied.map_or(0, |id| id.index),
            term: metrics.current_term,
            failure: metrics
                .running_state
                .as_ref()
                .err()
                .map(|e| fatal_error(e).to_string()),
        }
    }

    /// Flushes the state and lets the log before it be purged.
    ///
    /// # Errors
    /// [`Error::Stopped`] or [`Error::Unavailable`] when the group no longer runs.
    pub async fn snapshot(&self) -> Result<(), Error> {
        self.raft
            .trigger()
            .snapshot()
            .await
            .map_err(|e| fatal_error(&e))
    }

    /// Takes no more proposals, finishes those taken as far as there is a quorum, stops, and flushes the state. The second call does nothing.
    ///
    /// # Errors
    /// [`Error::Storage`] when the flush fails; the log still has everything.
    pub async fn shutdown(&self) -> Result<(), Error> {
        let running = self
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some((sender, mut proposer)) = running else {
            return Ok(());
        };
        drop(sender);
        if let Some(link) = &self.link {
            link.remove_route(self.id);
        }
        let stopped = |what: &str| Error::Stopped(format!("{what} of group {} panicked", self.id));
        // Without a quorum what was taken cannot be finished: then its proposers learn that the outcome is not known.
        let finished = tokio::time::timeout(DRAIN, &mut proposer).await;
        self.raft
            .shutdown()
            .await
            .map_err(|_| stopped("the consensus task"))?;
        let finished = match finished {
            Ok(finished) => finished,
            Err(_) => proposer.await,
        };
        finished.map_err(|_| stopped("the proposer"))?;
        let replica = Arc::clone(&self.replica);
        let flushed = tokio::task::spawn_blocking(move || replica.flush()).await;
        Ok(flushed.map_err(|_| stopped("the flush"))??)
    }

    fn sender(&self) -> Option<mpsc::Sender<Proposal>> {
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map(|(sender, _)| sender.clone())
    }
}

/// Opens the replica and checks it against the log.
fn open_machine(
    group: GroupId,
    node: NodeId,
    log: &dyn LogStore,
    state: &dyn StateStore,
    machine: Arc<dyn ShardMachine>,
    unflushed: Unflushed,
) -> Result<(GroupMachine, Arc<dyn Replica>), Error> {
    let replica = state.replica(group, GENERATION)?;
    let machine = GroupMachine::open(group, machine, Arc::clone(&replica), unflushed)?;
    let applied = machine.mark().applied.as_ref().map(stored_id);
    let bounds = log.bounds(group);
    let quarantined = |reason| Err(aiex_storage::Error::Quarantined { reason }.into());
    let at = |id: Option<log::LogId>| {
        id.map_or("nothing".to_owned(), |id| format!("entry {}", id.index))
    };
    if applied < bounds.purged {
        let (had, purged) = (at(applied), at(bounds.purged));
        return quarantined(format!(
            "the state of group {group} holds {had}, but the log before {purged} is purged"
        ));
    }
    // With other voters the log may trail: they may have committed what was not yet on this disk.
    let alone = machine.mark().membership.voter_ids().eq([node.0]);
    if alone && applied > bounds.last {
        let (had, end) = (at(applied), at(bounds.last));
        return quarantined(format!(
            "the log of group {group} ends at {end}, but {had} was applied"
        ));
    }
    Ok((machine, replica))
}

/// Makes a new group, or stands for election at once where this node is the only voter; then waits for a whole state.
async fn lead(
    raft: &Raft<Types, GroupMachine>,
    node: NodeId,
    limit: Duration,
) -> Result<(), Error> {
    let unavailable = |reason: String| Error::Unavailable { reason };
    if raft.is_initialized().await.map_err(|e| fatal_error(&e))? {
        if alone(raft, node) {
            // Nobody else can lead: waiting for the election timeout would only delay the start.
            raft.trigger()
                .elect(false)
                .await
                .map_err(|e| fatal_error(&e))?;
        }
    } else {
        let voters = BTreeMap::from([(node.0, BasicNode::default())]);
        raft.initialize(voters)
            .await
            .map_err(|e| unavailable(e.to_string()))?;
    }
    ready(raft, limit).await?;
    if alone(raft, node) {
        // Nobody to hear and nobody to follow: ticks would only wake an idle node, fifty times a second for each group.
        raft.runtime_config().tick(false);
    }
    Ok(())
}

async fn ready(raft: &Raft<Types, GroupMachine>, limit: Duration) -> Result<(), Error> {
    let unavailable = |e: &dyn std::fmt::Display| Error::Unavailable {
        reason: e.to_string(),
    };
    raft.wait(Some(limit))
        .metrics(|m| m.current_leader.is_some(), "a leader")
        .await
        .map_err(|e| unavailable(&e))?;
    raft.wait_for_recovery(Some(limit))
        .await
        .map_err(|e| unavailable(&e))?;
    Ok(())
}

fn alone(raft: &Raft<Types, GroupMachine>, node: NodeId) -> bool {
    raft.metrics()
        .borrow_watched()
        .membership_config
        .voter_ids()
        .eq([node.0])
}

fn read_error(error: RaftError<Types, LinearizableReadError<Types>>) -> Error {
    match error {
        RaftError::APIError(LinearizableReadError::ForwardToLeader(to)) => Error::NotLeader {
            hint: to.leader_id.map(NodeId),
        },
        RaftError::APIError(other) => Error::Unavailable {
            reason: other.to_string(),
        },
        RaftError::Fatal(fatal) => fatal_error(&fatal),
    }
}

#[cfg(test)]
mod tests;
