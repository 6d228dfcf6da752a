//! Frames on their way to one client: bounded in number and in bytes, never waited for.

use crate::frames::Outgoing;
use aiex_session::{Content, ContentBlock, Event};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// Frames that may wait for a slow client before it is let go.
pub(crate) const FRAMES_WAITING_MAX: usize = 1024;
/// Bytes that may wait for a slow client; one frame may be larger.
pub(crate) const FRAME_BYTES_WAITING_MAX: usize = 64 << 20;
/// What a frame takes besides its texts.
const FRAME_BYTES: usize = 256;

/// Why a frame was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// The client reads too slowly.
    Slow,
    /// The client is gone.
    Gone,
}

pub(crate) fn frame_queue() -> (FrameSender, FrameReceiver) {
    let (sender, receiver) = mpsc::channel(FRAMES_WAITING_MAX);
    let bytes_waiting = Arc::new(AtomicUsize::new(0));
    let sender = FrameSender {
        frames: sender,
        bytes_waiting: Arc::clone(&bytes_waiting),
    };
    let receiver = FrameReceiver {
        frames: receiver,
        bytes_waiting,
    };
    (sender, receiver)
}

/// The session's end.
#[derive(Debug, Clone)]
pub(crate) struct FrameSender {
    frames: mpsc::Sender<(Outgoing, usize)>,
    bytes_waiting: Arc<AtomicUsize>,
}

impl FrameSender {
    /// Queues a frame without waiting.
    pub(crate) fn offer(&self, frame: Outgoing) -> Result<(), NotTaken> {
        let bytes = size_of_frame(&frame);
        let before = self.bytes_waiting.fetch_add(bytes, Ordering::Relaxed);
        if before > 0 && before.saturating_add(bytes) > FRAME_BYTES_WAITING_MAX {
            return Err(NotTaken::Slow);
        }
        self.frames
            .try_send((frame, bytes))
            .map_err(|error| match error {
                TrySendError::Full(_) => NotTaken::Slow,
                TrySendError::Closed(_) => NotTaken::Gone,
            })
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.frames.is_closed()
    }
}

/// The client's end.
#[derive(Debug)]
pub(crate) struct FrameReceiver {
    frames: mpsc::Receiver<(Outgoing, usize)>,
    bytes_waiting: Arc<AtomicUsize>,
}

impl FrameReceiver {
    /// The next frame; `None` when the session let go and all was read. Cancel-safe.
    pub(crate) async fn recv(&mut self) -> Option<Outgoing> {
        let (frame, bytes) = self.frames.recv().await?;
        self.bytes_waiting.fetch_sub(bytes, Ordering::Relaxed);
        Some(frame)
    }
}

/// Roughly what a frame takes in memory.
fn size_of_frame(frame: &Outgoing) -> usize {
    let texts = match frame {
        Outgoing::Event(recorded) => size_of_event(&recorded.event),
        Outgoing::Delta { text, .. } => text.len(),
        Outgoing::ToolCall { arguments, .. } | Outgoing::ApprovalRequest { arguments, .. } => {
            arguments.len()
        }
        Outgoing::CaughtUp { .. } | Outgoing::AnswerRestarted { .. } | Outgoing::Refused { .. } => {
            0
        }
    };
    FRAME_BYTES + texts
}

fn size_of_event(event: &Event) -> usize {
    let size = |content: &Content| content.text().map_or(0, str::len);
    match event {
        Event::ToolCallFinished {
            output,
            accesses,
            changes,
            ..
        } => {
            let changed = changes
                .iter()
                .flat_map(|change| change.before.iter().chain(&change.after));
            size(output) + changed.map(size).sum::<usize>() + accesses.len() * FRAME_BYTES
        }
        Event::ToolCallIntended { arguments, .. } => arguments.len(),
        Event::ModelReplied { content, .. } => content.iter().map(size_of_block).sum(),
        Event::TurnStarted { task, .. } => task.instruction().len(),
        _ => 0,
    }
}

fn size_of_block(block: &ContentBlock) -> usize {
    match block {
        ContentBlock::Text { text } | ContentBlock::Thinking { text, .. } => text.len(),
        ContentBlock::ToolUse { arguments, .. } => arguments.len(),
        ContentBlock::ToolResult { output, .. } => output.len(),
        _ => FRAME_BYTES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::DeltaKind;

    fn delta(bytes: usize) -> Outgoing {
        Outgoing::Delta {
            turn: 1,
            kind: DeltaKind::Text,
            text: "x".repeat(bytes),
        }
    }

    #[tokio::test]
    async fn what_waits_is_bounded_in_number_and_bytes() {
        let (sender, mut receiver) = frame_queue();
        // one frame may be larger than what may wait
        assert_eq!(sender.offer(delta(FRAME_BYTES_WAITING_MAX + 1)), Ok(()));
        assert_eq!(sender.offer(delta(1)), Err(NotTaken::Slow));
        assert!(receiver.recv().await.is_some());

        let (sender, mut receiver) = frame_queue();
        for _ in 0..3 {
            assert_eq!(sender.offer(delta(FRAME_BYTES_WAITING_MAX / 2)), Ok(()));
            assert!(
                receiver.recv().await.is_some(),
                "what was read waits no more"
            );
        }
        for _ in 0..FRAMES_WAITING_MAX {
            assert_eq!(sender.offer(delta(0)), Ok(()));
        }
        assert_eq!(sender.offer(delta(0)), Err(NotTaken::Slow));
        drop(receiver);
        assert_eq!(sender.offer(delta(0)), Err(NotTaken::Gone));
    }
}
