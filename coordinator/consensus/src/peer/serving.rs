//! The server side of one connection: carries out the questions of a peer and sends the answers that are ready together.

use std::{collections::HashMap, sync::Arc};

use aiex_storage::GroupId;
use futures_util::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream, FuturesUnordered, SelectAll},
};
use openraft::raft::AppendEntriesRequest;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::{
    LANE_APPENDS, MAX_CALLS, MESSAGE_FRAMES,
    routes::{Group, Routes},
    wire::{
        Body, Malformed, frame, get_append, get_ballot, get_transfer, put_appended,
        put_transferred, put_voted, refused, v1,
    },
};
use crate::types::Types;

/// The input of a lane.
struct Lane {
    call: u64,
    appends: mpsc::Sender<AppendEntriesRequest<Types>>,
}

/// The task behind one accepted connection. Ends when the peer closes it, breaks the protocol or is gone.
pub(crate) struct Serving {
    routes: Arc<Routes>,
    questions: Streaming<v1::Batch>,
    out: mpsc::Sender<Result<v1::Batch, Status>>,
    calls: FuturesUnordered<BoxFuture<'static, v1::Frame>>,
    /// A group has one lane: the newest one that the peer opened.
    lanes: HashMap<GroupId, Lane>,
    answers: SelectAll<BoxStream<'static, v1::Frame>>,
}

impl Serving {
    pub(super) fn new(
        routes: Arc<Routes>,
        questions: Streaming<v1::Batch>,
        out: mpsc::Sender<Result<v1::Batch, Status>>,
    ) -> Self {
        Self {
            routes,
            questions,
            out,
            calls: FuturesUnordered::new(),
            lanes: HashMap::new(),
            answers: SelectAll::new(),
        }
    }

    pub(crate) async fn run(mut self) {
        loop {
            let mut ready = Vec::new();
            tokio::select! {
                batch = self.questions.message() => match batch {
                    Ok(Some(batch)) => {
                        for question in batch.frames {
                            if let Err(malformed) = self.take(question, &mut ready) {
                                let status = Status::invalid_argument(malformed.to_string());
                                let _ = self.out.send(Err(status)).await;
                                return;
                            }
                        }
                    }
                    Ok(None) | Err(_) => return,
                },
                Some(answer) = self.calls.next() => ready.push(answer),
                Some(answer) = self.answers.next() => ready.push(answer),
            }
            self.gather(&mut ready);
            if !ready.is_empty()
                && self
                    .out
                    .send(Ok(v1::Batch { frames: ready }))
                    .await
                    .is_err()
            {
                return;
            }
        }
    }

    /// Adds the answers that are ready already.
    fn gather(&mut self, ready: &mut Vec<v1::Frame>) {
        while ready.len() < MESSAGE_FRAMES {
            match self.calls.next().now_or_never() {
                Some(Some(answer)) => ready.push(answer),
                _ => break,
            }
        }
        while ready.len() < MESSAGE_FRAMES {
            match self.answers.next().now_or_never() {
                Some(Some(answer)) => ready.push(answer),
                _ => break,
            }
        }
    }

    /// Starts what a frame asks for; answers at once when it cannot be.
    fn take(&mut self, question: v1::Frame, ready: &mut Vec<v1::Frame>) -> Result<(), Malformed> {
        let group = u16::try_from(question.group).map_err(|_| Malformed("group"))?;
        let (group, call) = (GroupId(group), question.call);
        let body = question.body.ok_or(Malformed("frame"))?;
        if let Body::Close(_) = body {
            if self.lanes.get(&group).is_some_and(|lane| lane.call == call) {
                self.lanes.remove(&group);
            }
            return Ok(());
        }
        let Some(raft) = self.routes.find(group) else {
            ready.push(frame(group, call, refused("the group does not run here")));
            return Ok(());
        };
        if let Body::Append(append) = body {
            let append = get_append(append)?;
            if let Err(refusal) = self.append(group, call, raft, append) {
                ready.push(frame(group, call, refused(refusal)));
            }
            return Ok(());
        }
        if self.calls.len() >= MAX_CALLS {
            ready.push(frame(group, call, refused("too many questions at once")));
            return Ok(());
        }
        let answer = carry_out(raft, body)?;
        self.calls
            .push(answer.map(move |body| frame(group, call, body)).boxed());
        Ok(())
    }

    fn append(
        &mut self,
        group: GroupId,
        call: u64,
        raft: Group,
        append: AppendEntriesRequest<Types>,
    ) -> Result<(), &'static str> {
        let newest = self.lanes.get(&group).map_or(0, |lane| lane.call);
        if call < newest {
            return Err("a newer lane of the group is open");
        }
        if call > newest {
            let (appends, queue) = mpsc::channel(LANE_APPENDS);
            let end = stream::once(async { refused("the lane has ended") });
            let answers = raft.stream_append(ReceiverStream::new(queue));
            let answers = answers.map(|answer| match answer {
                Ok(result) => put_appended(result),
                Err(fatal) => refused(fatal.to_string()),
            });
            let frames = answers.chain(end).map(move |body| frame(group, call, body));
            self.answers.push(frames.boxed());
            self.lanes.insert(group, Lane { call, appends });
        }
        let lane = self.lanes.get(&group).ok_or("the lane is closed")?;
        // Full only when the peer sends more than it may have unanswered; closed when the lane has ended, which was told.
        match lane.appends.try_send(append) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err("too many appends without an answer"),
        }
    }
}

/// Returns the answer to a single question, to be waited for.
fn carry_out(raft: Group, question: Body) -> Result<BoxFuture<'static, Body>, Malformed> {
    Ok(match question {
        Body::Heartbeat(append) => {
            let request = get_append(append)?;
            let previous = request.prev_log_id;
            let last = request.entries.last().map(|e| e.log_id).or(previous);
            async move {
                match raft.append_entries(request).await {
                    Ok(response) => put_appended(response.into_stream_result(previous, last)),
                    Err(error) => refused(error.to_string()),
                }
            }
            .boxed()
        }
        Body::Vote(ballot) => {
            let request = get_ballot(ballot)?;
            async move {
                match raft.vote(request).await {
                    Ok(response) => put_voted(&response),
                    Err(error) => refused(error.to_string()),
                }
            }
            .boxed()
        }
        Body::PreVote(ballot) => {
            let request = get_ballot(ballot)?;
            async move {
                match raft.pre_vote(request).await {
                    Ok(response) => put_voted(&response),
                    Err(error) => refused(error.to_string()),
                }
            }
            .boxed()
        }
        Body::Transfer(transfer) => {
            let request = get_transfer(transfer)?;
            async move {
                match raft.handle_transfer_leader(request).await {
                    Ok(response) => put_transferred(&response),
                    Err(error) => refused(error.to_string()),
                }
            }
            .boxed()
        }
        _ => return Err(Malformed("question")),
    })
}
