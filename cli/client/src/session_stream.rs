//! A live session: one two-way stream that survives the death of the node it is attached to.
//!
//! Everything this side says is kept until a committed event shows that the cluster has it; after a
//! re-attach with `last_seq` what is still open is said again under the same ids. So a prompt starts one turn, a
//! tool result counts once, and every event is handed over once and in order. It holds no task: work happens
//! inside [`SessionStream::next`], and dropping it detaches.

mod pending;
#[cfg(test)]
mod tests;

use crate::client::service;
use crate::retry::Backoff;
use crate::{Client, Error};
use aiex_proto::code::ErrorCode;
use aiex_proto::v1::client_frame::Frame as ClientSays;
use aiex_proto::v1::server_frame::Frame as ServerSays;
use aiex_proto::v1::sessions_client::SessionsClient;
use aiex_proto::v1::{
    ApprovalAnswer, ApprovalRequest, CancelTurn, ClientFrame, Delta, Executor, Open, Prompt,
    ServerFrame, SessionEvent, ToolCall, ToolResult,
};
use pending::Pending;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

/// Frames that may wait for the network.
const OUTGOING_FRAMES_MAX: usize = 256;
/// Limit for one attempt to attach, up to the first frame.
const ATTACH_TIMEOUT_MS: u64 = 10_000;
/// First ceiling of the delay between attempts to attach.
const REATTACH_BASE_MS: u64 = 50;
/// Longest delay between attempts to attach.
const REATTACH_DELAY_MS_MAX: u64 = 1_000;
/// Gaps in a row after which the stream is called damaged.
const GAPS_MAX: u32 = 3;

/// What to attach to, and as what.
#[derive(Debug, Clone)]
pub struct OpenSession {
    pub session_id: String,
    /// Last event already shown; 0 replays everything.
    pub last_seq: u64,
    /// Set when this client runs tools.
    pub executor: Option<Executor>,
    /// How long the session may stay unreachable before [`SessionStream::next`] gives up.
    pub reconnect_deadline_ms: u64,
}

impl OpenSession {
    /// Attaches after `last_seq`, without tools, with a deadline of 60 s.
    pub fn new(session_id: impl Into<String>, last_seq: u64) -> Self {
        Self {
            session_id: session_id.into(),
            last_seq,
            executor: None,
            reconnect_deadline_ms: 60_000,
        }
    }
}

/// What a session says, each event once and in order.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamItem {
    /// Attached, for the first time or again.
    Attached {
        node_id: String,
        shard: u32,
        head_seq: u64,
        again: bool,
    },
    /// A committed event.
    Event(SessionEvent),
    /// Uncommitted text of the answer being written.
    Delta(Delta),
    /// A call to run; answered with [`SessionStream::tool_result`].
    ToolCall(ToolCall),
    /// A question for a person; answered with [`SessionStream::answer_approval`].
    ApprovalRequest(ApprovalRequest),
    /// Everything committed before the attach was handed over.
    CaughtUp { seq: u64 },
    /// The partial answer shown so far is void.
    AnswerRestarted { turn: u32 },
    /// The link is down; the next attempt follows. Comes once per attempt.
    Reconnecting {
        attempt: u32,
        waited_ms: u64,
        reason: String,
    },
}

/// One attached client. See the module's text for what it promises.
#[derive(Debug)]
pub struct SessionStream {
    client: Client,
    open: OpenSession,
    link: Link,
    pending: Pending,
    ready: VecDeque<StreamItem>,
    attached_before: bool,
    gaps: u32,
}

#[derive(Debug)]
enum Link {
    Up {
        outgoing: mpsc::Sender<ClientFrame>,
        incoming: Box<Streaming<ServerFrame>>,
        generation: u64,
        caught_up: bool,
    },
    Down {
        since: Instant,
        backoff: Backoff,
        reason: String,
        announced: bool,
    },
}

impl SessionStream {
    /// Attaches. A node that is starting is waited for until the deadline.
    ///
    /// # Errors
    /// What the cluster refused, or `Unavailable` when the deadline passed.
    pub async fn open(client: &Client, open: OpenSession) -> Result<Self, Error> {
        let mut stream = Self {
            client: client.clone(),
            pending: Pending::new(),
            link: Link::Down {
                since: Instant::now(),
                backoff: Backoff::new(REATTACH_BASE_MS, REATTACH_DELAY_MS_MAX),
                reason: String::new(),
                announced: true,
            },
            open,
            ready: VecDeque::new(),
            attached_before: false,
            gaps: 0,
        };
        while matches!(stream.link, Link::Down { .. }) {
            stream.reattach().await?;
        }
        Ok(stream)
    }

    /// The last event handed over.
    pub const fn last_seq(&self) -> u64 {
        self.open.last_seq
    }

    /// Waits for what comes next. Cancel-safe: a dropped call loses nothing.
    ///
    /// # Errors
    /// A refusal by the cluster, after which the stream may still be used when the refusal was about one frame;
    /// `Unavailable` when the session stayed unreachable beyond the deadline.
    pub async fn next(&mut self) -> Result<StreamItem, Error> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(item);
            }
            match &mut self.link {
                Link::Up { incoming, .. } => match incoming.message().await {
                    Ok(Some(frame)) => self.receive(frame)?,
                    Ok(None) => self.lose("the node closed the stream".to_owned()).await,
                    Err(status) => {
                        let error = Error::from(status);
                        if !error.retryable {
                            return Err(error);
                        }
                        self.lose(error.message).await;
                    }
                },
                Link::Down {
                    since,
                    backoff,
                    reason,
                    announced,
                } => {
                    if *announced {
                        self.reattach().await?;
                    } else {
                        *announced = true;
                        return Ok(StreamItem::Reconnecting {
                            attempt: backoff.attempts() + 1,
                            waited_ms: u64::try_from(since.elapsed().as_millis())
                                .unwrap_or(u64::MAX),
                            reason: reason.clone(),
                        });
                    }
                }
            }
        }
    }

    /// Asks for a turn. Kept and repeated until `TurnStarted` names its `request_id`.
    pub fn prompt(&mut self, prompt: Prompt) {
        self.say(ClientSays::Prompt(prompt));
    }

    /// Answers a call. Kept and repeated until `ToolCallFinished` names its `call_id`.
    pub fn tool_result(&mut self, result: ToolResult) {
        self.say(ClientSays::ToolResult(result));
    }

    /// Answers an approval. Kept and repeated until `ApprovalDecided` names its `call_id`.
    pub fn answer_approval(&mut self, answer: ApprovalAnswer) {
        self.say(ClientSays::ApprovalAnswer(answer));
    }

    /// Asks to end the running turn. Kept and repeated until a turn finished.
    pub fn cancel_turn(&mut self, reason: impl Into<String>) {
        self.say(ClientSays::CancelTurn(CancelTurn {
            reason: reason.into(),
        }));
    }

    fn say(&mut self, frame: ClientSays) {
        let wanted = self.pending.keep(frame.clone());
        if wanted
            && matches!(
                self.link,
                Link::Up {
                    caught_up: true,
                    ..
                }
            )
        {
            self.send(frame);
        }
    }

    /// A full or closed queue is no loss: the frame stays pending and is said again after the next attach.
    fn send(&mut self, frame: ClientSays) {
        let Link::Up { outgoing, .. } = &self.link else {
            return;
        };
        if outgoing
            .try_send(ClientFrame { frame: Some(frame) })
            .is_err()
        {
            self.fall("the connection does not take frames".to_owned());
        }
    }

    fn receive(&mut self, frame: ServerFrame) -> Result<(), Error> {
        let Some(frame) = frame.frame else {
            return Ok(());
        };
        match frame {
            ServerSays::Opened(_) => {}
            ServerSays::Event(event) => self.receive_event(event)?,
            ServerSays::Delta(delta) => self.ready.push_back(StreamItem::Delta(delta)),
            ServerSays::ToolCall(call) => match self.pending.tool_asked(&call.call_id) {
                pending::Asked::New => self.ready.push_back(StreamItem::ToolCall(call)),
                pending::Asked::InHand => {}
                pending::Asked::Answered(frame) => self.send(frame),
            },
            ServerSays::ApprovalRequest(request) => match self
                .pending
                .approval_asked(&request.call_id)
            {
                pending::Asked::New => self.ready.push_back(StreamItem::ApprovalRequest(request)),
                pending::Asked::InHand => {}
                pending::Asked::Answered(frame) => self.send(frame),
            },
            ServerSays::CaughtUp(mark) => {
                if let Link::Up { caught_up, .. } = &mut self.link {
                    *caught_up = true;
                }
                for frame in self.pending.frames() {
                    self.send(frame);
                }
                self.ready.push_back(StreamItem::CaughtUp { seq: mark.seq });
            }
            ServerSays::AnswerRestarted(restart) => {
                self.ready
                    .push_back(StreamItem::AnswerRestarted { turn: restart.turn });
            }
            ServerSays::Error(error) => {
                if error.retryable {
                    self.fall(error.message);
                } else {
                    let code = ErrorCode::parse(&error.code).unwrap_or(ErrorCode::Internal);
                    return Err(Error::new(code, error.message, error.hint));
                }
            }
        }
        Ok(())
    }

    fn receive_event(&mut self, event: SessionEvent) -> Result<(), Error> {
        if event.seq <= self.open.last_seq {
            return Ok(());
        }
        if event.seq > self.open.last_seq + 1 {
            self.gaps += 1;
            if self.gaps > GAPS_MAX {
                return Err(Error::new(
                    ErrorCode::Internal,
                    format!(
                        "event {} follows event {}: events are missing",
                        event.seq, self.open.last_seq
                    ),
                    "show the session to see what is stored; report this with the node's log",
                ));
            }
            self.fall(format!(
                "event {} came after event {}",
                event.seq, self.open.last_seq
            ));
            return Ok(());
        }
        self.gaps = 0;
        self.open.last_seq = event.seq;
        self.pending.settle(&event);
        self.ready.push_back(StreamItem::Event(event));
        Ok(())
    }

    /// Gives the link up and tells the client, which may then pick another node.
    async fn lose(&mut self, reason: String) {
        let lost = match &self.link {
            Link::Up { generation, .. } => Some(*generation),
            Link::Down { .. } => None,
        };
        self.fall(reason);
        if let Some(generation) = lost {
            self.client.forget(generation).await;
        }
    }

    fn fall(&mut self, reason: String) {
        if let Link::Up { .. } = self.link {
            self.link = Link::Down {
                since: Instant::now(),
                backoff: Backoff::new(REATTACH_BASE_MS, REATTACH_DELAY_MS_MAX),
                reason,
                announced: false,
            };
        }
    }

    /// One attempt to attach; on a failure worth repeating the link stays down with a later turn announced.
    async fn reattach(&mut self) -> Result<(), Error> {
        let Link::Down {
            since,
            backoff,
            announced,
            ..
        } = &mut self.link
        else {
            return Ok(());
        };
        let deadline = *since + Duration::from_millis(self.open.reconnect_deadline_ms);
        // Drawn before the wait, so that a cancelled attempt still counts.
        let delay = if backoff.attempts() == 0 && !self.attached_before {
            let _first_is_immediate = backoff.draw();
            Duration::ZERO
        } else {
            backoff.draw()
        };
        *announced = !self.attached_before;
        tokio::time::sleep_until((Instant::now() + delay).min(deadline)).await;
        match self.attach().await {
            Ok(()) => {
                self.attached_before = true;
                Ok(())
            }
            Err(error) if error.retryable && Instant::now() < deadline => {
                if let Link::Down { reason, .. } = &mut self.link {
                    *reason = error.message;
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn attach(&mut self) -> Result<(), Error> {
        let (channel, generation) = self.client.channel().await?;
        let (outgoing, queue) = mpsc::channel(OUTGOING_FRAMES_MAX);
        let open = Open {
            session_id: self.open.session_id.clone(),
            last_seq: self.open.last_seq,
            executor: self.open.executor.clone(),
        };
        let first = ClientFrame {
            frame: Some(ClientSays::Open(open)),
        };
        outgoing
            .try_send(first)
            .map_err(|_| Error::unreachable("the queue of frames is full"))?;
        let request = self.client.call_ids().request(ReceiverStream::new(queue));
        let handshake = async {
            let mut incoming = service!(SessionsClient, channel)
                .attach(request)
                .await?
                .into_inner();
            let first = incoming.message().await?;
            Ok::<_, Error>((incoming, first))
        };
        let limit = Duration::from_millis(ATTACH_TIMEOUT_MS);
        let attached = match tokio::time::timeout(limit, handshake).await {
            Ok(attached) => attached,
            Err(_) => Err(Error::unreachable(format!(
                "no answer within {ATTACH_TIMEOUT_MS} ms"
            ))),
        };
        let (incoming, first) = match attached {
            Ok(attached) => attached,
            Err(error) => {
                if error.retryable {
                    self.client.forget(generation).await;
                }
                return Err(error);
            }
        };
        self.opened(first).await?;
        self.link = Link::Up {
            outgoing,
            incoming: Box::new(incoming),
            generation,
            caught_up: false,
        };
        Ok(())
    }

    /// Reads the first frame, which must be `Opened` or a refusal.
    async fn opened(&mut self, first: Option<ServerFrame>) -> Result<(), Error> {
        match first.and_then(|frame| frame.frame) {
            Some(ServerSays::Opened(opened)) => {
                if !opened.owner_hint.is_empty() {
                    self.client.prefer(&opened.owner_hint).await;
                }
                self.ready.push_back(StreamItem::Attached {
                    node_id: opened.node_id,
                    shard: opened.shard,
                    head_seq: opened.head_seq,
                    again: self.attached_before,
                });
                Ok(())
            }
            Some(ServerSays::Error(error)) => {
                let code = ErrorCode::parse(&error.code).unwrap_or(ErrorCode::Internal);
                let mut refusal = Error::new(code, error.message, error.hint);
                refusal.retryable = error.retryable;
                Err(refusal)
            }
            Some(_) => Err(Error::new(
                ErrorCode::Internal,
                "the node did not open the session before it spoke",
                "the node may be of another version; see aiex version",
            )),
            None => Err(Error::unreachable(
                "the node closed the stream before it opened the session",
            )),
        }
    }
}
