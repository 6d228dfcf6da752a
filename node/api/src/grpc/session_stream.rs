//! The two-way stream of an attached client.
//!
//! One task per attachment reads the client's frames and hands them to the session; the reply stream is the attachment
//! itself. Either end may go away at any time: the session does not notice.

use crate::convert::error::Refusal;
use crate::convert::event::{
    executor_from_wire, incoming_from_wire, outgoing_to_wire, refusal_to_wire,
};
use crate::grpc::caller::session_id;
use crate::layers;
use crate::rooms::Rooms;
use crate::tasks;
use aiex_agent::{Attachment, AttachmentSender};
use aiex_proto::v1;
use aiex_security::{Permit, SessionWrite};
use futures_util::stream::{self, BoxStream, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

/// Refusals of a client's own frames that may wait to be sent.
const REFUSALS_WAITING_MAX: usize = 16;
/// Time a client has to say which session it wants.
const OPEN_WITHIN: Duration = Duration::from_secs(10);
/// How often an attached client's token is looked up again: the longest a revoked one stays attached.
const TOKEN_CHECKED_EVERY: Duration = Duration::from_secs(15);
/// Longest such a look may hold the stream up.
const TOKEN_LOOK_MAX: Duration = Duration::from_secs(1);

/// Attaches and gives the frames to send.
pub(crate) async fn attach(
    rooms: Arc<Rooms>,
    permit: Permit<SessionWrite>,
    mut frames: Streaming<v1::ClientFrame>,
) -> Result<BoxStream<'static, Result<v1::ServerFrame, Status>>, Status> {
    let open = read_open(&mut frames).await?;
    let session = session_id(&open.session_id)?;
    layers::trace::name_session(session, rooms.shard_of(session));
    let executor = open.executor.map(executor_from_wire);
    let attachment = rooms
        .agent
        .attach(&permit, session, open.last_seq, executor)
        .await
        .map_err(Refusal::from)?;
    let opened = v1::ServerFrame {
        frame: Some(v1::server_frame::Frame::Opened(v1::Opened {
            session_id: session.to_string(),
            head_seq: attachment.head(),
            node_id: rooms.node_id(),
            shard: rooms.shard_of(session),
            owner_hint: String::new(),
        })),
    };
    let (refusals, refused) = mpsc::channel(REFUSALS_WAITING_MAX);
    let let_go = CancellationToken::new();
    let reading = read_frames(frames, attachment.sender(), refusals);
    tasks::client_frames(&rooms, let_go.clone(), reading);
    let live = Live {
        attachment,
        refused,
        checks: Checks::begin(rooms, permit),
        let_go,
        ended: false,
    };
    let first = stream::iter([Ok(opened)]);
    Ok(first.chain(outgoing(live)).boxed())
}

async fn read_open(frames: &mut Streaming<v1::ClientFrame>) -> Result<v1::Open, Status> {
    let first = tokio::time::timeout(OPEN_WITHIN, frames.message()).await;
    let first = first.map_err(|_| {
        Refusal::invalid(
            format!("nothing came within {} s", OPEN_WITHIN.as_secs()),
            "send Open with the session's id first",
        )
    })??;
    match first.and_then(|frame| frame.frame) {
        Some(v1::client_frame::Frame::Open(open)) => Ok(open),
        _ => Err(Refusal::invalid(
            "the first frame is not Open",
            "send Open with the session's id first",
        )
        .into()),
    }
}

/// Ends when the client closes its half or the session lets go.
async fn read_frames(
    mut frames: Streaming<v1::ClientFrame>,
    session: AttachmentSender,
    refusals: mpsc::Sender<Refusal>,
) {
    while let Ok(Some(frame)) = frames.message().await {
        match incoming_from_wire(frame) {
            Ok(incoming) => {
                if session.send(incoming).await.is_err() {
                    return;
                }
            }
            Err(refusal) => {
                if refusals.send(refusal).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Looks now and then whether the caller may still be here.
struct Checks {
    rooms: Arc<Rooms>,
    permit: Permit<SessionWrite>,
    due: tokio::time::Interval,
}

impl Checks {
    fn begin(rooms: Arc<Rooms>, permit: Permit<SessionWrite>) -> Self {
        let mut due =
            tokio::time::interval_at(Instant::now() + TOKEN_CHECKED_EVERY, TOKEN_CHECKED_EVERY);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { rooms, permit, due }
    }

    /// Why the caller may not stay, if so. A register that does not answer says nothing about the token.
    async fn refusal(&self) -> Option<Refusal> {
        let token_id = &self.permit.principal().token_id;
        let look = self.rooms.tokens.still_valid(token_id);
        match tokio::time::timeout(TOKEN_LOOK_MAX, look).await {
            Ok(Err(refusal)) if !refusal.retryable() => Some(refusal),
            _ => None,
        }
    }
}

struct Live {
    attachment: Attachment,
    refused: mpsc::Receiver<Refusal>,
    checks: Checks,
    /// Ends the task that reads the client's frames: nobody acts on them any more.
    let_go: CancellationToken,
    ended: bool,
}

impl Live {
    fn end(&mut self, why: Refusal) -> Result<v1::ServerFrame, Status> {
        self.ended = true;
        self.let_go.cancel();
        Err(why.into())
    }
}

fn outgoing(live: Live) -> impl stream::Stream<Item = Result<v1::ServerFrame, Status>> + Send {
    let stopping = live.checks.rooms.stopping();
    stream::unfold((live, stopping), |(mut live, stopping)| async move {
        if live.ended {
            return None;
        }
        let frame = loop {
            break tokio::select! {
            biased;
            () = stopping.cancelled() => live.end(let_go()),
            _ = live.checks.due.tick() => match live.checks.refusal().await {
                Some(refusal) => live.end(refusal),
                None => continue,
            },
            Some(refusal) = live.refused.recv() => Ok(refusal_to_wire(refusal)),
            frame = live.attachment.next() => match frame {
                Ok(Some(frame)) => outgoing_to_wire(frame).map_err(Status::from),
                Ok(None) => live.end(let_go()),
                Err(error) => live.end(Refusal::from(error)),
            },
            };
        };
        Some((frame, (live, stopping)))
    })
}

/// The client attaches again with the last event it has seen; nothing is lost.
fn let_go() -> Refusal {
    Refusal::new(
        aiex_proto::code::ErrorCode::Unavailable,
        "the session let go of this client",
        "attach again with the last event seen",
    )
}
