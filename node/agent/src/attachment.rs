//! One client's view of a session: first the events it missed, then what happens live.
//!
//! The session's actor never waits for a client. A client that reads too slowly loses its attachment and
//! attaches again with the last event it has seen.

use crate::error::Error;
use crate::frame_queue::FrameReceiver;
use crate::frames::{AttachmentId, Incoming, Outgoing};
use crate::session_actor::Message;
use aiex_session::{EventStore, Recorded, Seq, SessionId};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Events read from the store at once during a replay.
const REPLAY_PAGE_EVENTS: usize = 256;

/// A live attachment. Dropping it detaches; the session goes on.
pub struct Attachment {
    pub(crate) id: AttachmentId,
    pub(crate) session: SessionId,
    pub(crate) user: String,
    /// The session's last event when the attachment began.
    pub(crate) head: Seq,
    /// The last event this client has seen.
    pub(crate) position: Seq,
    pub(crate) caught_up: bool,
    pub(crate) replayed: VecDeque<Recorded>,
    pub(crate) live: FrameReceiver,
    pub(crate) actor: mpsc::Sender<Message>,
    pub(crate) store: Arc<dyn EventStore>,
}

/// The sending half, for a task that reads the client's frames.
#[derive(Clone)]
pub struct AttachmentSender {
    id: AttachmentId,
    user: String,
    actor: mpsc::Sender<Message>,
}

impl AttachmentSender {
    /// Hands a client's frame to the session; waits while the session is busy.
    ///
    /// # Errors
    /// [`Error::ShuttingDown`] when the session's actor has ended.
    pub async fn send(&self, incoming: Incoming) -> Result<(), Error> {
        let message = Message::FromClient {
            attachment: self.id,
            user: self.user.clone(),
            incoming,
            caller: tracing::Span::current(),
        };
        self.actor
            .send(message)
            .await
            .map_err(|_| Error::ShuttingDown)
    }

    /// Resolves when the session's actor has ended.
    #[cfg(test)]
    pub(crate) async fn ended(&self) {
        self.actor.closed().await;
    }
}

impl Attachment {
    /// The session's last event when the attachment began.
    pub const fn head(&self) -> Seq {
        self.head
    }

    /// Makes the notice of the drop go nowhere, as when the mailbox is full.
    #[cfg(test)]
    pub(crate) fn forget_farewell(&mut self) {
        self.actor = mpsc::channel(1).0;
    }

    /// A handle to send with.
    pub fn sender(&self) -> AttachmentSender {
        AttachmentSender {
            id: self.id,
            user: self.user.clone(),
            actor: self.actor.clone(),
        }
    }

    /// The next frame; `None` when the session let go of this client (slow reader, shutdown). Cancel-safe.
    ///
    /// # Errors
    /// The store's, during the replay.
    pub async fn next(&mut self) -> Result<Option<Outgoing>, Error> {
        if let Some(frame) = self.next_replayed().await? {
            return Ok(Some(frame));
        }
        while let Some(frame) = self.live.recv().await {
            if let Outgoing::Event(recorded) = &frame {
                if recorded.seq <= self.position {
                    continue;
                }
                self.position = recorded.seq;
            }
            return Ok(Some(frame));
        }
        Ok(None)
    }

    async fn next_replayed(&mut self) -> Result<Option<Outgoing>, Error> {
        if self.replayed.is_empty() && self.position < self.head {
            let page = self
                .store
                .read(self.session, self.position, REPLAY_PAGE_EVENTS)
                .await?;
            if page.is_empty() {
                return Err(Error::Damaged(format!(
                    "events after {} are missing before {}",
                    self.position, self.head
                )));
            }
            // what was committed since comes live, in its place among the deltas
            let head = self.head;
            self.replayed
                .extend(page.into_iter().filter(|recorded| recorded.seq <= head));
        }
        if let Some(recorded) = self.replayed.pop_front() {
            self.position = recorded.seq;
            return Ok(Some(Outgoing::Event(recorded)));
        }
        if !self.caught_up {
            self.caught_up = true;
            return Ok(Some(Outgoing::CaughtUp { seq: self.position }));
        }
        Ok(None)
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        // a full mailbox is not worth waiting for here: the actor notices the closed channel on its next frame
        let _ = self.actor.try_send(Message::Detach {
            attachment: self.id,
        });
    }
}
