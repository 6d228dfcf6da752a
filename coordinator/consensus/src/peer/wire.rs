//! The peer protocol and its translation to and from the consensus library's messages.
//!
//! Every conversion from the wire checks what it reads: a damaged or foreign message is an error, never a panic.

use aiex_placement::NodeId;
use aiex_storage::{EntryKind, GroupId, LogEntry, log};
use openraft::raft::{
    AppendEntriesRequest, StreamAppendError, StreamAppendResult, TransferLeaderError,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};

use crate::{
    codec::{library_entry, library_id, library_vote, stored_entry, stored_id, stored_vote},
    types::{Entry, LogId, Types, Vote},
};

/// The generated messages.
#[allow(clippy::all, clippy::pedantic, unreachable_pub, missing_docs)]
pub(crate) mod v1 {
    tonic::include_proto!("aiex.raft.v1");
}

pub(crate) use v1::frame::Body;

/// The version of the protocol that this build speaks.
pub(crate) const VERSION: u32 = 1;

/// A message that cannot be what its sender meant.
#[derive(Debug, thiserror::Error)]
#[error("a peer sent a malformed {0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

pub(crate) fn frame(group: GroupId, call: u64, body: Body) -> v1::Frame {
    v1::Frame {
        group: u32::from(group.0),
        call,
        body: Some(body),
    }
}

pub(crate) fn refused(reason: impl Into<String>) -> Body {
    Body::Refused(v1::Refused {
        reason: reason.into(),
    })
}

/// Returns what a hello says is wrong with it, seen by `node` of `cluster`, if the other side should be `expected`.
pub(crate) fn hello_problem(
    hello: &v1::Hello,
    cluster: &[u8; 16],
    node: NodeId,
    expected: Option<NodeId>,
) -> Option<String> {
    if hello.cluster.as_ref() != cluster {
        return Some("the peer belongs to another cluster".to_owned());
    }
    if hello.version != VERSION {
        return Some(format!(
            "the peer speaks version {} of the protocol, this node version {VERSION}",
            hello.version
        ));
    }
    if hello.to != node.0 {
        return Some(format!(
            "node {} was meant, this is node {}",
            hello.to, node.0
        ));
    }
    match expected {
        Some(expected) if hello.from != expected.0 => Some(format!(
            "node {} answers where node {} should",
            hello.from, expected.0
        )),
        None if hello.from == node.0 => Some(format!("another node calls itself {}", node.0)),
        _ => None,
    }
}

fn put_id(id: &LogId) -> v1::LogId {
    let id = stored_id(id);
    v1::LogId {
        term: id.term,
        leader: id.leader,
        index: id.index,
    }
}

fn put_position(id: Option<&LogId>) -> Option<v1::LogId> {
    id.map(put_id)
}

fn stored(id: v1::LogId) -> log::LogId {
    log::LogId {
        term: id.term,
        leader: id.leader,
        index: id.index,
    }
}

fn get_id(id: v1::LogId) -> LogId {
    library_id(stored(id))
}

fn put_vote(vote: &Vote) -> v1::Vote {
    let vote = stored_vote(vote);
    v1::Vote {
        term: vote.term,
        node: vote.node,
        committed: vote.committed,
    }
}

fn get_vote(vote: Option<v1::Vote>) -> Result<Vote, Malformed> {
    let vote = vote.ok_or(Malformed("vote"))?;
    Ok(library_vote(log::Vote {
        term: vote.term,
        node: vote.node,
        committed: vote.committed,
    }))
}

fn put_entry(entry: &Entry) -> v1::Entry {
    let id = Some(put_id(&entry.log_id));
    let entry = stored_entry(entry);
    let kind = match entry.kind {
        EntryKind::Blank => 0,
        EntryKind::Normal => 1,
        EntryKind::Membership => 2,
    };
    v1::Entry {
        id,
        kind,
        payload: entry.payload,
    }
}

fn get_entry(entry: v1::Entry) -> Result<Entry, Malformed> {
    let kind = match entry.kind {
        0 => EntryKind::Blank,
        1 => EntryKind::Normal,
        2 => EntryKind::Membership,
        _ => return Err(Malformed("kind of entry")),
    };
    library_entry(LogEntry {
        id: stored(entry.id.ok_or(Malformed("log id"))?),
        kind,
        payload: entry.payload,
    })
    .map_err(|_| Malformed("entry"))
}

pub(crate) fn put_append(request: &AppendEntriesRequest<Types>) -> v1::Append {
    v1::Append {
        vote: Some(put_vote(&request.vote)),
        previous: put_position(request.prev_log_id.as_ref()),
        committed: put_position(request.leader_commit.as_ref()),
        entries: request.entries.iter().map(put_entry).collect(),
    }
}

pub(crate) fn get_append(append: v1::Append) -> Result<AppendEntriesRequest<Types>, Malformed> {
    let entries = append.entries.into_iter().map(get_entry);
    let request = AppendEntriesRequest {
        vote: get_vote(append.vote)?,
        prev_log_id: append.previous.map(get_id),
        entries: entries.collect::<Result<Vec<_>, _>>()?,
        leader_commit: append.committed.map(get_id),
    };
    // The library takes this for granted, and stops the node if it does not hold.
    let first = request
        .prev_log_id
        .map_or(Some(0), |id| id.index.checked_add(1));
    let expected = (first.ok_or(Malformed("log id"))?..).take(request.entries.len());
    if !request
        .entries
        .iter()
        .map(|e: &Entry| e.log_id.index)
        .eq(expected)
    {
        return Err(Malformed("run of entries"));
    }
    Ok(request)
}

pub(crate) fn put_appended(result: StreamAppendResult<Types>) -> Body {
    use v1::appended::Result as R;
    let result = match result {
        Ok(matched) => R::Matched(v1::Position {
            id: put_position(matched.as_ref()),
        }),
        Err(StreamAppendError::Conflict(at)) => R::Conflict(put_id(&at)),
        Err(StreamAppendError::HigherVote(vote)) => R::Higher(put_vote(&vote)),
    };
    Body::Appended(v1::Appended {
        result: Some(result),
    })
}

pub(crate) fn get_appended(appended: v1::Appended) -> Result<StreamAppendResult<Types>, Malformed> {
    use v1::appended::Result as R;
    Ok(
        match appended.result.ok_or(Malformed("answer to an append"))? {
            R::Matched(position) => Ok(position.id.map(get_id)),
            R::Conflict(at) => Err(StreamAppendError::Conflict(get_id(at))),
            R::Higher(vote) => Err(StreamAppendError::HigherVote(get_vote(Some(vote))?)),
        },
    )
}

pub(crate) fn put_ballot(request: &VoteRequest<Types>) -> v1::Ballot {
    v1::Ballot {
        vote: Some(put_vote(&request.vote)),
        last: put_position(request.last_log_id.as_ref()),
        transfer: request.leadership_transfer,
    }
}

pub(crate) fn get_ballot(ballot: v1::Ballot) -> Result<VoteRequest<Types>, Malformed> {
    let mut request = VoteRequest::new(get_vote(ballot.vote)?, ballot.last.map(get_id));
    request.leadership_transfer = ballot.transfer;
    Ok(request)
}

pub(crate) fn put_voted(response: &VoteResponse<Types>) -> Body {
    Body::Voted(v1::Voted {
        vote: Some(put_vote(&response.vote)),
        last: put_position(response.last_log_id.as_ref()),
        granted: response.vote_granted,
    })
}

pub(crate) fn get_voted(voted: v1::Voted) -> Result<VoteResponse<Types>, Malformed> {
    let (vote, last) = (get_vote(voted.vote)?, voted.last.map(get_id));
    Ok(VoteResponse::new(vote, last, voted.granted))
}

pub(crate) fn put_transfer(request: &TransferLeaderRequest<Types>) -> v1::Transfer {
    v1::Transfer {
        leader: Some(put_vote(request.from_leader())),
        to: *request.to_node_id(),
        last: put_position(request.last_log_id()),
    }
}

pub(crate) fn get_transfer(
    transfer: v1::Transfer,
) -> Result<TransferLeaderRequest<Types>, Malformed> {
    let (leader, last) = (get_vote(transfer.leader)?, transfer.last.map(get_id));
    Ok(TransferLeaderRequest::new(leader, transfer.to, last))
}

pub(crate) fn put_transferred(response: &TransferLeaderResponse<Types>) -> Body {
    use v1::transferred::Result as R;
    let result = match response {
        Ok(()) => R::Accepted(v1::Empty {}),
        Err(TransferLeaderError::VoteChanged { expected, actual }) => {
            R::VoteChanged(v1::VoteChanged {
                expected: Some(put_vote(expected)),
                actual: Some(put_vote(actual)),
            })
        }
        Err(TransferLeaderError::LogNotFlushed { expected, actual }) => {
            R::NotFlushed(v1::NotFlushed {
                expected: put_position(expected.as_ref()),
                actual: put_position(actual.as_ref()),
            })
        }
    };
    Body::Transferred(v1::Transferred {
        result: Some(result),
    })
}

pub(crate) fn get_transferred(
    transferred: v1::Transferred,
) -> Result<TransferLeaderResponse<Types>, Malformed> {
    use v1::transferred::Result as R;
    let result = transferred
        .result
        .ok_or(Malformed("answer to a transfer"))?;
    Ok(match result {
        R::Accepted(_) => Ok(()),
        R::VoteChanged(changed) => Err(TransferLeaderError::VoteChanged {
            expected: get_vote(changed.expected)?,
            actual: get_vote(changed.actual)?,
        }),
        R::NotFlushed(missing) => Err(TransferLeaderError::LogNotFlushed {
            expected: missing.expected.map(get_id),
            actual: missing.actual.map(get_id),
        }),
    })
}

#[cfg(test)]
mod tests;
