//! What the provider charges: one line per attempt, whatever became of it.

use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most lines kept; later attempts are counted but not listed.
const LINES_MAX: usize = 100_000;

/// Counts tokens as this provider does: four bytes each, the last one not full.
pub const fn tokens(bytes: usize) -> u64 {
    bytes.div_ceil(4) as u64
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Still being answered.
    Open,
    /// Answered to the end.
    Complete,
    /// Refused with an error status; nothing is charged.
    Refused,
    /// Broken off by a fault of the script; what was sent is charged.
    Broken,
    /// Broken off by the caller; what was sent is charged.
    Cancelled,
}

/// One line of the bill. Tokens are those charged; `reported_*` are those the caller was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// From 1, in order of arrival.
    pub number: u64,
    /// Milliseconds since 1970.
    pub at_unix_ms: i64,
    /// "openai" or "anthropic".
    pub dialect: String,
    pub model: String,
    /// The caller's `idempotency-key`.
    pub call_id: String,
    /// Which step of the script: "rule 0", "conversation 0 step 2".
    pub step: String,
    pub streamed: bool,
    pub status: u16,
    pub outcome: Outcome,
    /// All input, cached input included.
    pub input_tokens: u64,
    pub cache_read_tokens: u64,
    pub cache_write_tokens: u64,
    /// All output, thinking included.
    pub output_tokens: u64,
    pub thinking_tokens: u64,
    pub reported_input_tokens: u64,
    pub reported_output_tokens: u64,
}

/// The list of attempts.
#[derive(Debug, Default)]
pub struct Bill {
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    count: u64,
    kept: Vec<Attempt>,
}

impl Bill {
    /// Every attempt so far, in order of arrival.
    pub fn attempts(&self) -> Vec<Attempt> {
        self.lock().kept.clone()
    }

    /// Attempts so far, listed or not.
    pub fn count(&self) -> u64 {
        self.lock().count
    }

    /// Enters an attempt; `line.number` is given here.
    pub(crate) fn enter(self: &Arc<Self>, mut line: Attempt) -> OpenLine {
        let mut lines = self.lock();
        lines.count += 1;
        line.number = lines.count;
        let index = (lines.kept.len() < LINES_MAX).then_some(lines.kept.len());
        if index.is_some() {
            lines.kept.push(line);
        }
        OpenLine {
            bill: Arc::clone(self),
            index,
            on_drop: Outcome::Cancelled,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line that is still being written. Dropped, it is closed as cancelled unless told otherwise.
#[derive(Debug)]
pub(crate) struct OpenLine {
    bill: Arc<Bill>,
    index: Option<usize>,
    on_drop: Outcome,
}

impl OpenLine {
    /// Changes the line.
    pub(crate) fn write(&self, change: impl FnOnce(&mut Attempt)) {
        let mut lines = self.bill.lock();
        if let Some(line) = self.index.and_then(|index| lines.kept.get_mut(index)) {
            change(line);
        }
    }

    /// Closes the line; later closings change nothing.
    pub(crate) fn close(&mut self, outcome: Outcome) {
        self.on_drop = outcome;
        self.write(|line| {
            if line.outcome == Outcome::Open {
                line.outcome = outcome;
            }
        });
    }
}

impl Drop for OpenLine {
    fn drop(&mut self) {
        self.close(self.on_drop);
    }
}
