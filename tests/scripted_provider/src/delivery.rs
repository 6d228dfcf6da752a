//! Sends an answer piece by piece, failing where the script says, and charges what was sent.

use crate::bill::{OpenLine, Outcome};
use crate::performance::Frame;
use crate::script::{Fault, Step};
use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use std::collections::VecDeque;
use std::io;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::sleep;

/// The longest any pause of a script may be: one hour.
const PAUSE_MS_MAX: u64 = 3_600_000;
/// Lets what was sent leave the process before the connection is broken.
const FLUSH_MS: u64 = 2;

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// As it should.
    Whole,
    /// Properly, but before its time, or with an error inside.
    Early,
    /// The connection breaks after a silence.
    Break { after_ms: u64 },
}

/// Bytes with the tokens that are charged when they are sent.
type Piece = (Bytes, u64);

/// What will be sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pieces: VecDeque<Piece>,
    end: End,
    delay_ms: u64,
}

impl Plan {
    /// Lays out a body. `error` is the frame for [`Fault::ErrorEvent`].
    pub(crate) fn new(mut frames: Vec<Frame>, fault: &Fault, error: Frame, step: &Step) -> Self {
        let mut end = End::Whole;
        let mut bytes_max = usize::MAX;
        match *fault {
            Fault::ErrorEvent { after_frames, .. } => {
                frames.truncate(after_frames);
                frames.push(error);
                end = End::Early;
            }
            Fault::MalformedFrame { after_frames } => {
                let bytes = b"event: content_block_delta\ndata: {\"broken\n\n".to_vec();
                let broken = Frame {
                    bytes,
                    output_tokens: 0,
                };
                frames.insert(after_frames.min(frames.len()), broken);
                end = End::Early;
            }
            Fault::Cut { after_bytes } => {
                (bytes_max, end) = (after_bytes, End::Break { after_ms: FLUSH_MS });
            }
            Fault::StallMidStream { after_bytes, ms } => {
                let after_ms = ms.clamp(FLUSH_MS, PAUSE_MS_MAX);
                (bytes_max, end) = (after_bytes, End::Break { after_ms });
            }
            Fault::EndEarly { after_bytes } => (bytes_max, end) = (after_bytes, End::Early),
            _ => {}
        }
        let pieces = cut(
            frames,
            bytes_max,
            step.chunk_bytes.unwrap_or(usize::MAX).max(1),
        );
        Self {
            pieces,
            end,
            delay_ms: step.delay_ms.min(PAUSE_MS_MAX),
        }
    }

    /// The body. It owns the line of the bill and closes it, whoever ends the connection.
    pub(crate) fn into_body(
        self,
        line: OpenLine,
        thinking_tokens: u64,
        permit: OwnedSemaphorePermit,
    ) -> Body {
        let delivery = Delivery {
            plan: self,
            line,
            thinking_tokens,
            _permit: permit,
        };
        Body::from_stream(stream::unfold(delivery, |mut delivery| async move {
            let piece = delivery.next().await?;
            Some((piece, delivery))
        }))
    }
}

/// Frames as pieces of at most `piece_bytes`, up to `bytes_max` in all. A frame is charged with the
/// piece that ends it.
fn cut(frames: Vec<Frame>, bytes_max: usize, piece_bytes: usize) -> VecDeque<Piece> {
    let (mut pieces, mut left) = (VecDeque::new(), bytes_max);
    for frame in frames {
        let whole = frame.bytes.len() <= left;
        let mut rest = Bytes::from(frame.bytes);
        rest.truncate(left);
        left -= rest.len();
        while !rest.is_empty() {
            let piece = rest.split_to(rest.len().min(piece_bytes));
            let tokens = if rest.is_empty() && whole {
                frame.output_tokens
            } else {
                0
            };
            pieces.push_back((piece, tokens));
        }
    }
    pieces
}

/// A body under way.
struct Delivery {
    plan: Plan,
    line: OpenLine,
    thinking_tokens: u64,
    _permit: OwnedSemaphorePermit,
}

impl Delivery {
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if self.plan.delay_ms > 0 {
            sleep(Duration::from_millis(self.plan.delay_ms)).await;
        }
        if let Some((bytes, tokens)) = self.plan.pieces.pop_front() {
            self.line.write(|line| line.output_tokens += tokens);
            if self.plan.pieces.is_empty() {
                // before the last bytes leave, so that a caller who has them finds the line closed
                self.settle();
            }
            return Some(Ok(bytes));
        }
        self.settle();
        if let End::Break { after_ms } = self.plan.end {
            sleep(Duration::from_millis(after_ms)).await;
            return Some(Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "the script breaks here",
            )));
        }
        None
    }

    fn settle(&mut self) {
        if self.plan.end != End::Whole {
            self.line.close(Outcome::Broken);
            return;
        }
        let thinking_tokens = self.thinking_tokens;
        self.line
            .write(|line| line.thinking_tokens = thinking_tokens);
        self.line.close(Outcome::Complete);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: &str, output_tokens: u64) -> Frame {
        Frame {
            bytes: bytes.as_bytes().to_vec(),
            output_tokens,
        }
    }

    #[test]
    fn a_cut_charges_only_whole_frames() {
        let frames = || vec![frame("abcdef", 2), frame("ghi", 1)];
        for (bytes_max, piece_bytes) in [(usize::MAX, 4), (9, 1), (8, 4), (6, 2), (5, 9), (0, 1)] {
            let pieces = cut(frames(), bytes_max, piece_bytes);
            let sent: Vec<u8> = pieces
                .iter()
                .flat_map(|(bytes, _)| bytes.to_vec())
                .collect();
            assert_eq!(sent, b"abcdefghi"[..bytes_max.min(9)]);
            let charged: u64 = pieces.iter().map(|(_, tokens)| tokens).sum();
            let expected = if bytes_max >= 9 {
                3
            } else if bytes_max >= 6 {
                2
            } else {
                0
            };
            assert_eq!(charged, expected, "{bytes_max}");
            assert!(pieces.iter().all(|(bytes, _)| bytes.len() <= piece_bytes));
        }
    }
}
