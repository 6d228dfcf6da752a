//! What this client said and the cluster has not yet committed, and which calls it has in hand.

use aiex_proto::v1::SessionEvent;
use aiex_proto::v1::client_frame::Frame;
use serde::Deserialize;
use std::collections::{BTreeMap, HashSet};

/// How a question of the server relates to what this client already knows.
#[derive(Debug)]
pub(super) enum Asked {
    /// Never seen: hand it over.
    New,
    /// Handed over, not answered yet.
    InHand,
    /// Answered, but the answer may be lost: say it again.
    Answered(Frame),
}

/// Frames to repeat after a re-attach, in the order they were first said. A frame ends with the committed event
/// that proves it arrived.
#[derive(Debug, Default)]
pub(super) struct Pending {
    next_order: u64,
    frames: BTreeMap<u64, Frame>,
    tools_in_hand: HashSet<String>,
    approvals_in_hand: HashSet<String>,
}

/// The few fields of an event that settle a frame.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Proof {
    request_id: String,
    call_id: String,
}

impl Pending {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Remembers a frame; an answer given twice replaces the first. False when nobody waits for it any more,
    /// as for the result of a call whose turn has ended meanwhile.
    pub(super) fn keep(&mut self, frame: Frame) -> bool {
        let waited_for = match &frame {
            Frame::ToolResult(result) => self.tools_in_hand.contains(&result.call_id),
            Frame::ApprovalAnswer(answer) => self.approvals_in_hand.contains(&answer.call_id),
            _ => true,
        };
        if !waited_for {
            return false;
        }
        let order = self
            .find(|known| same_subject(known, &frame))
            .unwrap_or(self.next_order);
        self.next_order = self.next_order.max(order + 1);
        self.frames.insert(order, frame);
        true
    }

    /// Everything still open, oldest first.
    pub(super) fn frames(&self) -> Vec<Frame> {
        self.frames.values().cloned().collect()
    }

    /// Notes a call the server asks for.
    pub(super) fn tool_asked(&mut self, call_id: &str) -> Asked {
        let answered = self
            .answer(|frame| matches!(frame, Frame::ToolResult(known) if known.call_id == call_id));
        match answered {
            Some(frame) => Asked::Answered(frame),
            None if self.tools_in_hand.insert(call_id.to_owned()) => Asked::New,
            None => Asked::InHand,
        }
    }

    /// Notes an approval the server asks for.
    pub(super) fn approval_asked(&mut self, call_id: &str) -> Asked {
        let answered = self.answer(
            |frame| matches!(frame, Frame::ApprovalAnswer(known) if known.call_id == call_id),
        );
        match answered {
            Some(frame) => Asked::Answered(frame),
            None if self.approvals_in_hand.insert(call_id.to_owned()) => Asked::New,
            None => Asked::InHand,
        }
    }

    /// Forgets what a committed event proves. An event that cannot be read proves nothing.
    pub(super) fn settle(&mut self, event: &SessionEvent) {
        let proof: Proof = serde_json::from_str(&event.payload_json).unwrap_or_default();
        match event.r#type.as_str() {
            "turn_started" => {
                self.drop_where(|frame| matches!(frame, Frame::Prompt(prompt) if prompt.request_id == proof.request_id));
            }
            "tool_call_finished" => {
                self.tools_in_hand.remove(&proof.call_id);
                self.drop_where(|frame| matches!(frame, Frame::ToolResult(result) if result.call_id == proof.call_id));
            }
            "approval_decided" => {
                self.approvals_in_hand.remove(&proof.call_id);
                self.drop_where(|frame| matches!(frame, Frame::ApprovalAnswer(answer) if answer.call_id == proof.call_id));
            }
            "turn_finished" => {
                // Nothing of a finished turn can be answered any more; only a later prompt stays open.
                self.tools_in_hand.clear();
                self.approvals_in_hand.clear();
                self.drop_where(|frame| !matches!(frame, Frame::Prompt(_)));
            }
            _ => {}
        }
    }

    fn answer(&self, matches: impl Fn(&Frame) -> bool) -> Option<Frame> {
        self.frames.values().find(|frame| matches(frame)).cloned()
    }

    fn find(&self, matches: impl Fn(&Frame) -> bool) -> Option<u64> {
        self.frames
            .iter()
            .find(|(_, frame)| matches(frame))
            .map(|(order, _)| *order)
    }

    fn drop_where(&mut self, matches: impl Fn(&Frame) -> bool) {
        self.frames.retain(|_, frame| !matches(frame));
    }
}

fn same_subject(a: &Frame, b: &Frame) -> bool {
    match (a, b) {
        (Frame::Prompt(a), Frame::Prompt(b)) => a.request_id == b.request_id,
        (Frame::ToolResult(a), Frame::ToolResult(b)) => a.call_id == b.call_id,
        (Frame::ApprovalAnswer(a), Frame::ApprovalAnswer(b)) => a.call_id == b.call_id,
        (Frame::CancelTurn(_), Frame::CancelTurn(_)) => true,
        _ => false,
    }
}
