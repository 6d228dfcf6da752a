//! One connection as its users see it: ask, wait for the answer, or be told at once that it is down.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aiex_storage::GroupId;
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    LANE_APPENDS, QUEUE_FRAMES, lock,
    wire::{Body, frame, v1},
};

/// Whether a connection can be used.
#[derive(Clone, Debug)]
pub(super) enum State {
    /// The first attempt is under way: worth waiting for.
    Connecting,
    Up,
    /// The last attempt failed.
    Down(Arc<str>),
}

/// Why a question has no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("the connection is down: {0}")]
    Down(Arc<str>),
    #[error("no answer within {0:?}")]
    Late(Duration),
    #[error("the peer refused: {0}")]
    Refused(String),
}

/// Who waits for a frame.
enum Waiter {
    Call(oneshot::Sender<Body>),
    Lane(mpsc::Sender<Body>),
}

/// The questions of a connection that have no answer yet.
#[derive(Default)]
pub(super) struct Pending(Mutex<HashMap<u64, Waiter>>);

impl Pending {
    /// Hands an answer to who waits for it. Answers that nobody waits for are dropped.
    pub(super) fn deliver(&self, answer: v1::Frame) {
        let Some(body) = answer.body else { return };
        let mut waiting = lock(&self.0);
        let broken = match waiting.get(&answer.call) {
            // A lane has room for as many answers as it has questions; one that gets more is broken.
            Some(Waiter::Lane(lane)) => lane.try_send(body).is_err(),
            Some(Waiter::Call(_)) => {
                if let Some(Waiter::Call(call)) = waiting.remove(&answer.call) {
                    let _ = call.send(body);
                }
                false
            }
            None => false,
        };
        if broken {
            waiting.remove(&answer.call);
        }
    }

    /// Tells everybody who waits that no answer will come.
    pub(super) fn fail_all(&self) {
        lock(&self.0).clear();
    }

    fn remove(&self, call: u64) {
        lock(&self.0).remove(&call);
    }
}

/// The asking side of one connection.
pub(super) struct Wire {
    queue: mpsc::Sender<v1::Frame>,
    pub(super) pending: Arc<Pending>,
    state: watch::Receiver<State>,
    next: AtomicU64,
}

/// A question's place among the pending ones; given up when dropped.
struct Place<'a> {
    pending: &'a Pending,
    call: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.pending.remove(self.call);
    }
}

impl Wire {
    pub(super) fn new() -> (Self, mpsc::Receiver<v1::Frame>, watch::Sender<State>) {
        let (sender, queue) = mpsc::channel(QUEUE_FRAMES);
        let (state, watched) = watch::channel(State::Connecting);
        let wire = Self {
            queue: sender,
            pending: Arc::default(),
            state: watched,
            next: AtomicU64::new(1),
        };
        (wire, queue, state)
    }

    fn check(&self) -> Result<(), NoAnswer> {
        match &*self.state.borrow() {
            State::Down(reason) => Err(NoAnswer::Down(Arc::clone(reason))),
            State::Connecting | State::Up => Ok(()),
        }
    }

    fn lost(&self) -> NoAnswer {
        let lost = || NoAnswer::Down(Arc::from("it broke before the answer came"));
        self.check().err().unwrap_or_else(lost)
    }

    /// Asks once and waits for the answer, at most for `limit`.
    pub(super) async fn ask(
        &self,
        group: GroupId,
        question: Body,
        limit: Duration,
    ) -> Result<Body, NoAnswer> {
        self.check()?;
        let call = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        lock(&self.pending.0).insert(call, Waiter::Call(sender));
        let _place = Place {
            pending: &self.pending,
            call,
        };
        let asked = async {
            let sent = self.queue.send(frame(group, call, question)).await;
            sent.map_err(|_| self.lost())?;
            answer.await.map_err(|_| self.lost())
        };
        match tokio::time::timeout(limit, asked).await {
            Ok(Ok(Body::Refused(refused))) => Err(NoAnswer::Refused(refused.reason)),
            Ok(answer) => answer,
            Err(_) => Err(NoAnswer::Late(limit)),
        }
    }

    /// Opens a lane: questions of one group that are answered in order.
    pub(super) fn open(&self, group: GroupId) -> Result<OpenLane<'_>, NoAnswer> {
        self.check()?;
        let call = self.next.fetch_add(1, Ordering::Relaxed);
        // One more for the end.
        let (sender, answers) = mpsc::channel(LANE_APPENDS + 1);
        lock(&self.pending.0).insert(call, Waiter::Lane(sender));
        Ok(OpenLane {
            wire: self,
            group,
            call,
            answers,
        })
    }
}

/// An open lane; closed on both sides when dropped.
pub(super) struct OpenLane<'a> {
    wire: &'a Wire,
    group: GroupId,
    call: u64,
    answers: mpsc::Receiver<Body>,
}

impl OpenLane<'_> {
    pub(super) async fn send(&self, append: v1::Append) -> Result<(), NoAnswer> {
        self.wire.check()?;
        let next = frame(self.group, self.call, Body::Append(append));
        let sent = self.wire.queue.send(next).await;
        sent.map_err(|_| self.wire.lost())
    }

    /// Returns the next answer. Cancel safe.
    pub(super) async fn answer(&mut self) -> Result<v1::Appended, NoAnswer> {
        match self.answers.recv().await {
            Some(Body::Appended(appended)) => Ok(appended),
            Some(Body::Refused(refused)) => Err(NoAnswer::Refused(refused.reason)),
            Some(_) => Err(NoAnswer::Refused(
                "an answer to another question".to_owned(),
            )),
            None => Err(self.wire.lost()),
        }
    }
}

impl Drop for OpenLane<'_> {
    fn drop(&mut self) {
        self.wire.pending.remove(self.call);
        // With a full queue the other side ends the lane when the group's next one opens.
        let close = frame(self.group, self.call, Body::Close(v1::Empty {}));
        let _ = self.wire.queue.try_send(close);
    }
}
