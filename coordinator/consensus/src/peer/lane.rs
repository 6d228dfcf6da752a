//! Pipelined appends of one group to one node: questions go ahead of their answers, which come in order.

use futures_util::{Stream, StreamExt, stream};
use openraft::{
    errors::{RPCError, Unreachable},
    raft::{AppendEntriesRequest, StreamAppendResult},
};
use prost::Message as _;
use std::collections::VecDeque;
use tokio::time::Instant;

use super::{
    LANE_APPENDS, LANE_BYTES, LANE_STALL,
    pending::{NoAnswer, OpenLane},
    wire::{get_appended, put_append},
};
use crate::types::Types;

type Answer = Result<StreamAppendResult<Types>, RPCError<Types>>;

/// Sizes of the appends that have no answer yet.
#[derive(Default)]
struct Window {
    sizes: VecDeque<usize>,
    bytes: usize,
}

impl Window {
    fn open(&self) -> bool {
        self.sizes.len() < LANE_APPENDS && self.bytes < LANE_BYTES
    }

    fn sent(&mut self, size: usize) {
        self.sizes.push_back(size);
        self.bytes += size;
    }

    fn answered(&mut self) {
        self.bytes -= self.sizes.pop_front().unwrap_or(0);
    }
}

struct Run<'a, S> {
    lane: OpenLane<'a>,
    /// Gone when it has ended.
    input: Option<S>,
    window: Window,
    /// When an answer was last heard or the lane last had nothing to wait for.
    heard: Instant,
}

/// Sends `input` through `lane`; ends with the first refusal, error, or when all of it is answered.
pub(super) fn run<'a, S>(lane: OpenLane<'a>, input: S) -> impl Stream<Item = Answer> + Send + 'a
where
    S: Stream<Item = AppendEntriesRequest<Types>> + Send + Unpin + 'static,
{
    let run = Run {
        lane,
        input: Some(input),
        window: Window::default(),
        heard: Instant::now(),
    };
    stream::unfold(Some(run), |run| async move {
        let mut run = run?;
        let answer = run.next().await?;
        let more = matches!(answer, Ok(Ok(_)));
        Some((answer, more.then_some(run)))
    })
}

impl<S> Run<'_, S>
where
    S: Stream<Item = AppendEntriesRequest<Types>> + Send + Unpin + 'static,
{
    async fn next(&mut self) -> Option<Answer> {
        match self.step().await {
            Ok(answer) => answer.map(Ok),
            Err(no_answer) => Some(Err(unreachable(&no_answer).into())),
        }
    }

    /// Sends as far as the window allows and returns the next answer; nothing when all is answered.
    async fn step(&mut self) -> Result<Option<StreamAppendResult<Types>>, NoAnswer> {
        loop {
            if self.window.sizes.is_empty() {
                self.heard = Instant::now();
                if self.input.is_none() {
                    return Ok(None);
                }
            }
            let waiting = !self.window.sizes.is_empty();
            let stalled = self.heard + LANE_STALL;
            let next = async {
                match &mut self.input {
                    Some(input) if self.window.open() => input.next().await,
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                answer = self.lane.answer() => {
                    let answer = get_appended(answer?).map_err(|e| NoAnswer::Refused(e.to_string()))?;
                    self.window.answered();
                    self.heard = Instant::now();
                    return Ok(Some(answer));
                }
                request = next => match request {
                    Some(request) => {
                        let append = put_append(&request);
                        self.window.sent(append.encoded_len());
                        self.lane.send(append).await?;
                    }
                    None => self.input = None,
                },
                () = tokio::time::sleep_until(stalled), if waiting => return Err(NoAnswer::Late(LANE_STALL)),
            }
        }
    }
}

pub(super) fn unreachable(no_answer: &NoAnswer) -> Unreachable<Types> {
    Unreachable::from_string(no_answer)
}
