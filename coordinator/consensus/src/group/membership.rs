//! Who holds a group: what the membership is, and guarded changes of it.

use std::{collections::BTreeSet, time::Duration};

use aiex_placement::NodeId;
use aiex_storage::log;
use openraft::{
    BasicNode, ChangeMembers, Precondition,
    async_runtime::watch::WatchReceiver as _,
    errors::{ClientWriteError, RaftError},
};
use tokio::time::Instant;

use super::Group;
use crate::{
    Error,
    codec::{library_id, stored_id},
    proposer::write_error,
    types::Types,
};

/// A leader that is asked to hand over tries again after this long.
const TRANSFER_RETRY: Duration = Duration::from_millis(500);

/// The log position of a membership, to tell whether it has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MembershipVersion(Option<log::LogId>);

/// Who holds a group, as this node knows it; not yet committed perhaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMembership {
    /// Its position.
    pub version: MembershipVersion,
    /// Who votes, or did before a change that is under way.
    pub voters: BTreeSet<NodeId>,
    /// Who follows without a vote.
    pub learners: BTreeSet<NodeId>,
    /// Whether a change is half done: repeating it completes it.
    pub joint: bool,
}

impl Group {
    /// Returns who holds the group.
    pub fn membership(&self) -> GroupMembership {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let stored = &metrics.membership_config;
        let membership = stored.membership();
        GroupMembership {
            version: MembershipVersion(stored.log_id().as_ref().map(stored_id)),
            voters: membership.voter_ids().map(NodeId).collect(),
            learners: membership.learner_ids().map(NodeId).collect(),
            joint: membership.get_joint_config().len() > 1,
        }
    }

    /// Lets `node` follow the group without a vote. Returns when that is committed, not when the node has caught up.
    /// Does nothing for a node that holds the group already.
    ///
    /// # Errors
    /// [`Error::NotLeader`]; [`Error::MembershipChanged`] when it is no longer `seen`; [`Error::Unavailable`] when the
    /// group has no peer link or no quorum.
    pub async fn add_learner(
        &self,
        seen: MembershipVersion,
        node: NodeId,
        address: String,
    ) -> Result<(), Error> {
        if self.link.is_none() {
            return Err(Error::Unavailable {
                reason: "the group was started without a peer link".to_owned(),
            });
        }
        let learner = [(node.0, BasicNode { addr: address })].into();
        self.change(seen, ChangeMembers::AddNodes(learner)).await
    }

    /// Makes `voters` the voters, through a joint membership; nodes that lose their vote leave the group. All of them
    /// must hold it already.
    ///
    /// # Errors
    /// As [`Group::add_learner`]. After an error the membership may be joint: look again, and repeat.
    pub async fn change_voters(
        &self,
        seen: MembershipVersion,
        voters: &BTreeSet<NodeId>,
    ) -> Result<(), Error> {
        let voters = voters.iter().map(|node| node.0).collect();
        self.change(seen, ChangeMembers::ReplaceAllVoters(voters))
            .await
    }

    async fn change(
        &self,
        seen: MembershipVersion,
        change: ChangeMembers<u64, BasicNode>,
    ) -> Result<(), Error> {
        // A group that was alone does not tick; heartbeats and elections need it.
        self.raft.runtime_config().tick(true);
        let unchanged = Precondition::LastMembershipLogId {
            last_membership_log_id: seen.0.map(library_id),
        };
        let changed = self
            .raft
            .change_membership_if(change, false, [unchanged])
            .await;
        changed.map(|_| ()).map_err(change_error)
    }

    /// Hands leadership to `node`, a voter, and waits until it leads. Proposals are refused meanwhile.
    ///
    /// # Errors
    /// [`Error::NotLeader`] when this node does not lead, [`Error::Unavailable`] when `node` has no vote or does not
    /// take over within `limit`.
    pub async fn transfer_leader(&self, node: NodeId, limit: Duration) -> Result<(), Error> {
        let status = self.status();
        if status.leader == Some(node) {
            return Ok(());
        }
        if !self.raft.is_leader() {
            return Err(Error::NotLeader {
                hint: status.leader,
            });
        }
        if !status.voters.contains(&node) {
            return Err(Error::Unavailable {
                reason: format!("node {} has no vote in the group", node.0),
            });
        }
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::Unavailable {
                    reason: format!("node {} did not take over within {limit:?}", node.0),
                });
            }
            if self.raft.is_leader() {
                let asked = self.raft.trigger().transfer_leader(node.0).await;
                asked.map_err(|e| super::fatal_error(&e))?;
            }
            let wait = self.raft.wait(Some(left.min(TRANSFER_RETRY)));
            let taken = wait.metrics(|m| m.current_leader == Some(node.0), "the new leader");
            if taken.await.is_ok() {
                return Ok(());
            }
        }
    }
}

fn change_error(error: RaftError<Types, ClientWriteError<Types>>) -> Error {
    match error {
        RaftError::APIError(ClientWriteError::PreconditionFailed(_)) => Error::MembershipChanged,
        other => write_error(other),
    }
}
