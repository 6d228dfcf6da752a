//! The peer link as the consensus library's network: one client per group and node.

use std::{future::Future, time::Duration};

use aiex_placement::NodeId;
use aiex_storage::GroupId;
use futures_util::{Stream, StreamExt, stream};
use openraft::{
    BasicNode, RaftNetworkFactory,
    base::{BoxFuture, BoxStream},
    errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable},
    network::{
        Backoff, NetBackoff, NetSnapshot, NetStreamAppend, NetTransferLeader, NetVote, RPCOption,
    },
    raft::{
        AppendEntriesRequest, SnapshotResponse, StreamAppendResult, TransferLeaderRequest,
        TransferLeaderResponse, VoteRequest, VoteResponse,
    },
};
use std::sync::Arc;

use super::{
    Peer, PeerLink, lane,
    pending::NoAnswer,
    wire::{
        Body, Malformed, get_appended, get_transferred, get_voted, put_append, put_ballot,
        put_transfer,
    },
};
use crate::types::{Flushed, Snapshot, Types, Vote};

/// Pause before a node that could not be reached is tried again; asking costs nothing while it is down.
const RETRY: Duration = Duration::from_millis(200);

/// The network of one group.
pub(crate) struct GroupNetwork {
    pub(crate) link: PeerLink,
    pub(crate) group: GroupId,
}

/// The way of one group to one node.
pub(crate) struct PeerClient {
    peer: Arc<Peer>,
    group: GroupId,
    /// Sends appends as single questions on the control connection, ahead of any entries.
    heartbeats: bool,
}

impl GroupNetwork {
    fn client(&self, target: u64, node: &BasicNode, heartbeats: bool) -> PeerClient {
        PeerClient {
            peer: self.link.peer(NodeId(target), &node.addr),
            group: self.group,
            heartbeats,
        }
    }
}

impl RaftNetworkFactory<Types> for GroupNetwork {
    type Network = PeerClient;

    async fn new_client(&mut self, target: u64, node: &BasicNode) -> PeerClient {
        self.client(target, node, false)
    }

    async fn new_heartbeat_client(&mut self, target: u64, node: &BasicNode) -> PeerClient {
        self.client(target, node, true)
    }
}

fn rpc_error(no_answer: &NoAnswer) -> RPCError<Types> {
    match no_answer {
        NoAnswer::Late(_) => NetworkError::from_string(no_answer).into(),
        NoAnswer::Down(_) | NoAnswer::Refused(_) => lane::unreachable(no_answer).into(),
    }
}

fn malformed(what: &Malformed) -> RPCError<Types> {
    NetworkError::from_string(what).into()
}

impl PeerClient {
    async fn ask(&self, question: Body, limit: Duration) -> Result<Body, RPCError<Types>> {
        let answer = self.peer.control.ask(self.group, question, limit).await;
        answer.map_err(|e| rpc_error(&e))
    }

    async fn ballot(
        &self,
        ballot: Body,
        option: &RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        match self.ask(ballot, option.soft_ttl()).await? {
            Body::Voted(voted) => get_voted(voted).map_err(|e| malformed(&e)),
            _ => Err(malformed(&Malformed("answer to a vote"))),
        }
    }

    async fn heartbeat(
        &self,
        request: &AppendEntriesRequest<Types>,
        limit: Duration,
    ) -> Result<StreamAppendResult<Types>, RPCError<Types>> {
        match self
            .ask(Body::Heartbeat(put_append(request)), limit)
            .await?
        {
            Body::Appended(appended) => get_appended(appended).map_err(|e| malformed(&e)),
            _ => Err(malformed(&Malformed("answer to a heartbeat"))),
        }
    }
}

impl NetStreamAppend<Types> for PeerClient {
    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<
        's,
        Result<BoxStream<'s, Result<StreamAppendResult<Types>, RPCError<Types>>>, RPCError<Types>>,
    >
    where
        S: Stream<Item = AppendEntriesRequest<Types>> + Send + Unpin + 'static,
    {
        Box::pin(async move {
            if self.heartbeats {
                let this = &*self;
                let limit = option.hard_ttl();
                let answers = stream::unfold(Some(input), move |input| async move {
                    let mut input = input?;
                    let request = input.next().await?;
                    let answer = this.heartbeat(&request, limit).await;
                    let more = matches!(answer, Ok(Ok(_)));
                    Some((answer, more.then_some(input)))
                });
                return Ok(Box::pin(answers) as BoxStream<'s, _>);
            }
            let lane = self
                .peer
                .append
                .open(self.group)
                .map_err(|e| rpc_error(&e))?;
            Ok(Box::pin(lane::run(lane, input)) as BoxStream<'s, _>)
        })
    }
}

impl NetVote<Types> for PeerClient {
    async fn vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.ballot(Body::Vote(put_ballot(&rpc)), &option).await
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.ballot(Body::PreVote(put_ballot(&rpc)), &option).await
    }
}

impl NetTransferLeader<Types> for PeerClient {
    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, RPCError<Types>> {
        let question = Body::Transfer(put_transfer(&request));
        match self.ask(question, option.soft_ttl()).await? {
            Body::Transferred(answer) => get_transferred(answer).map_err(|e| malformed(&e)),
            _ => Err(malformed(&Malformed("answer to a transfer"))),
        }
    }
}

impl NetSnapshot<Types> for PeerClient {
    type SnapshotData = Flushed;

    async fn full_snapshot(
        &mut self,
        _: Vote,
        _: Snapshot,
        _: impl Future<Output = ReplicationClosed> + Send + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        tracing::warn!(
            group = %self.group,
            peer = %self.peer.node,
            "a peer lags behind the purged log, and snapshots are not shipped yet"
        );
        Err(Unreachable::from_string("snapshots are not shipped between nodes yet").into())
    }
}

impl NetBackoff<Types> for PeerClient {
    fn backoff(&self) -> Option<Backoff> {
        Some(Backoff::new(std::iter::repeat(RETRY)))
    }
}
