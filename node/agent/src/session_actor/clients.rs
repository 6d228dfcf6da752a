//! The clients of a session: who is there, what they are sent, and when they are let go.

use super::{ModelCall, SessionActor};
use crate::error::Error;
use crate::frame_queue::{FrameSender, NotTaken};
use crate::frames::{AttachmentId, DeltaKind, ExecutorInfo, Outgoing};
use crate::metrics::{self, Counted};
use aiex_session::Seq;
use tokio::sync::oneshot;

/// Most clients of one session at a time.
pub const ATTACHMENTS_PER_SESSION_MAX: usize = 64;

/// One attached client.
pub(super) struct Client {
    pub(super) executor: Option<ExecutorInfo>,
    frames: FrameSender,
    _counted: Counted,
}

impl SessionActor {
    pub(super) fn attach(
        &mut self,
        attachment: AttachmentId,
        executor: Option<ExecutorInfo>,
        frames: FrameSender,
        reply: oneshot::Sender<Result<Seq, Error>>,
    ) {
        if self.clients.len() >= ATTACHMENTS_PER_SESSION_MAX {
            self.forget_gone();
        }
        if self.clients.len() >= ATTACHMENTS_PER_SESSION_MAX {
            let _ = reply.send(Err(Error::LimitReached {
                what: "the number of clients of the session",
                actual: self.clients.len() + 1,
                limit: ATTACHMENTS_PER_SESSION_MAX,
            }));
            return;
        }
        if reply.send(Ok(self.state.head)).is_err() {
            return;
        }
        let client = Client {
            executor,
            frames,
            _counted: Counted::one(metrics::ATTACHMENTS),
        };
        self.clients.insert(attachment, client);
        self.repeat_answer_so_far(attachment);
    }

    /// Uncommitted text is in no log: who comes in the middle of an answer gets its beginning from here.
    fn repeat_answer_so_far(&mut self, attachment: AttachmentId) {
        let text = self.model_call.as_ref().and_then(ModelCall::said_so_far);
        let (Some(text), Some(turn)) = (text, &self.state.turn) else {
            return;
        };
        let (turn, text) = (turn.number, text.to_owned());
        self.send(attachment, Outgoing::AnswerRestarted { turn });
        let kind = DeltaKind::Text;
        self.send(attachment, Outgoing::Delta { turn, kind, text });
    }

    pub(super) fn broadcast(&mut self, frame: &Outgoing) {
        let attachments: Vec<AttachmentId> = self.clients.keys().copied().collect();
        for attachment in attachments {
            self.send(attachment, frame.clone());
        }
    }

    /// Sends to one client; a client that does not read is let go.
    pub(super) fn send(&mut self, attachment: AttachmentId, frame: Outgoing) {
        let Some(client) = self.clients.get(&attachment) else {
            return;
        };
        if let Err(why) = client.frames.offer(frame) {
            let (reason, slow) = match why {
                NotTaken::Slow => ("slow", true),
                NotTaken::Gone => ("gone", false),
            };
            metrics::let_go(reason);
            if slow {
                tracing::info!(attachment, "a client reads too slowly and is let go");
            }
            self.forget_client(attachment);
        }
    }

    /// Drops a client. Its calls are handed to another executor at the next step.
    pub(super) fn forget_client(&mut self, attachment: AttachmentId) {
        self.clients.remove(&attachment);
        self.dispatched
            .retain(|_, dispatched| dispatched.holder != attachment);
        self.asked.retain(|(_, asked)| *asked != attachment);
    }

    /// What no message tells: clients whose farewell was lost, executors that never answer.
    pub(super) fn look_after_clients(&mut self) {
        self.forget_gone();
        for attachment in self.holders_of_overdue_calls() {
            tracing::warn!(attachment, "an executor does not answer and is let go");
            metrics::let_go("overdue");
            self.forget_client(attachment);
        }
    }

    fn forget_gone(&mut self) {
        let gone: Vec<AttachmentId> = self
            .clients
            .iter()
            .filter(|(_, client)| client.frames.is_closed())
            .map(|(attachment, _)| *attachment)
            .collect();
        for attachment in gone {
            self.forget_client(attachment);
        }
    }

    /// What one client asked for and may not have is told to it alone; only a broken log ends the actor.
    pub(super) fn refuse_or_fail(
        &mut self,
        attachment: AttachmentId,
        outcome: Result<(), Error>,
    ) -> Result<(), Error> {
        let (code, message, hint) = match outcome {
            Err(Error::Rejected {
                code,
                message,
                hint,
            }) => (code, message, hint),
            Err(error @ Error::LimitReached { .. }) => (
                "limit_reached".to_owned(),
                error.to_string(),
                "ask for less at once".to_owned(),
            ),
            other => return other,
        };
        let frame = Outgoing::Refused {
            code,
            message,
            hint,
            retryable: false,
        };
        self.send(attachment, frame);
        Ok(())
    }

    pub(super) fn refuse_all(&mut self, error: &Error) {
        let frame = Outgoing::Refused {
            code: "unavailable".to_owned(),
            message: error.to_string(),
            hint: "attach again; nothing that was shown as done is lost".to_owned(),
            retryable: true,
        };
        self.broadcast(&frame);
    }
}
