//! What a list of sessions shows of one.

use super::Projection;
use crate::event::{Event, ForkPoint, Recorded};
use crate::ids::{Seq, TurnNumber};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One line of a session list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSummary {
    pub title: String,
    pub project: String,
    pub owner: String,
    pub head_seq: Seq,
    pub turns: TurnNumber,
    pub created_unix_ms: i64,
    pub updated_unix_ms: i64,
    pub forked_from: Option<ForkPoint>,
    archived: bool,
    running: bool,
    open_tool_calls: BTreeSet<String>,
}

impl SessionSummary {
    /// "idle", "running", "waiting" (a tool call has no outcome yet) or "archived".
    pub fn state(&self) -> &'static str {
        match (self.archived, self.running) {
            (true, _) => "archived",
            (false, false) => "idle",
            (false, true) if self.open_tool_calls.is_empty() => "running",
            (false, true) => "waiting",
        }
    }
}

impl Projection for SessionSummary {
    fn apply(&mut self, recorded: &Recorded) {
        self.head_seq = recorded.seq;
        self.updated_unix_ms = recorded.at_unix_ms;
        match &recorded.event {
            Event::SessionCreated {
                title,
                project,
                owner,
                forked_from,
            } => {
                self.title.clone_from(title);
                self.project.clone_from(project);
                self.owner.clone_from(owner);
                self.forked_from = *forked_from;
                self.created_unix_ms = recorded.at_unix_ms;
            }
            Event::SessionRetitled { title } => self.title.clone_from(title),
            Event::SessionArchived => self.archived = true,
            Event::TurnStarted { turn, task, .. } => {
                self.turns = *turn;
                self.running = true;
                if self.title.is_empty() {
                    self.title = task.headline();
                }
            }
            Event::ToolCallIntended { call_id, .. } => {
                self.open_tool_calls.insert(call_id.clone());
            }
            Event::ToolCallFinished { call_id, .. } => {
                self.open_tool_calls.remove(call_id);
            }
            Event::TurnFinished { .. } => {
                self.running = false;
                self.open_tool_calls.clear();
            }
            Event::ModelCallIntended { .. }
            | Event::ModelReplied { .. }
            | Event::ModelCallFailed { .. }
            | Event::ApprovalDecided { .. } => {}
        }
    }
}
