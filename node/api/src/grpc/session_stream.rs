//! The two-way stream of an attached client.
//!
//! One task per attachment reads the client's frames and hands them to the session; the reply stream is the attachment
//! itself. Either end may go away at any time: the session does not notice.

use crate::convert::error::Refusal;
use crate::convert::event::{
    executor_from_wire, incoming_from_wire, outgoing_to_wire, refusal_to_wire,
};
use crate::grpc::caller::session_id;
use crate::rooms::Rooms;
use crate::tasks;
use aiex_agent::{Attachment, AttachmentSender};
use aiex_proto::v1;
use aiex_security::{Permit, SessionWrite};
use futures_util::stream::{self, BoxStream, StreamExt};
use std::sync::Arc;
use tokio::sync::mpsc;
use tonic::{Status, Streaming};

/// Refusals of a client's own frames that may wait to be sent.
const REFUSALS_WAITING_MAX: usize = 16;

/// Attaches and gives the frames to send.
pub(crate) async fn attach(
    rooms: Arc<Rooms>,
    permit: Permit<SessionWrite>,
    mut frames: Streaming<v1::ClientFrame>,
) -> Result<BoxStream<'static, Result<v1::ServerFrame, Status>>, Status> {
    let open = read_open(&mut frames).await?;
    let session = session_id(&open.session_id)?;
    let owner = rooms.agent.owner(session).await.map_err(Refusal::from)?;
    permit.covers(&owner).map_err(Refusal::from)?;
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
    tasks::client_frames(&rooms, read_frames(frames, attachment.sender(), refusals));
    let first = stream::iter([Ok(opened)]);
    Ok(first
        .chain(outgoing(attachment, refused, rooms.stopping()))
        .boxed())
}

async fn read_open(frames: &mut Streaming<v1::ClientFrame>) -> Result<v1::Open, Status> {
    let first = frames.message().await?;
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

struct Outgoing {
    attachment: Attachment,
    refused: mpsc::Receiver<Refusal>,
    stopping: tokio_util::sync::CancellationToken,
    ended: bool,
}

fn outgoing(
    attachment: Attachment,
    refused: mpsc::Receiver<Refusal>,
    stopping: tokio_util::sync::CancellationToken,
) -> impl stream::Stream<Item = Result<v1::ServerFrame, Status>> + Send {
    let state = Outgoing {
        attachment,
        refused,
        stopping,
        ended: false,
    };
    stream::unfold(state, |mut state| async move {
        if state.ended {
            return None;
        }
        let frame = tokio::select! {
            biased;
            Some(refusal) = state.refused.recv() => Ok(refusal_to_wire(refusal)),
            frame = state.attachment.next() => match frame {
                Ok(Some(frame)) => outgoing_to_wire(frame).map_err(Status::from),
                Ok(None) => {
                    state.ended = true;
                    Err(let_go().into())
                }
                Err(error) => {
                    state.ended = true;
                    Err(Refusal::from(error).into())
                }
            },
            () = state.stopping.cancelled() => {
                state.ended = true;
                Err(let_go().into())
            }
        };
        Some((frame, state))
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
