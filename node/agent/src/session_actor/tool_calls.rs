//! Tool calls: out to an executor, questions out to people, outcomes in.

use super::SessionActor;
use crate::clock::{Moment, now};
use crate::error::Error;
use crate::frames::{AttachmentId, Outgoing};
use crate::metrics;
use crate::outcome::{to_session_outcome, too_large_to_record};
use aiex_session::{Actor, Command, OpenToolCall};
use std::collections::BTreeSet;
use std::time::Duration;

/// What an executor gets beyond a call's own limit before it is taken for stuck.
const OVERDUE_GRACE: Duration = Duration::from_secs(30);

/// A call in an executor's hands.
pub(super) struct Dispatched {
    pub(super) holder: AttachmentId,
    at: Moment,
}

impl SessionActor {
    /// Hands calls that nobody holds to an executor. Without one they wait.
    pub(super) fn dispatch(&mut self, call_ids: &[String]) {
        for call in self.open_calls(call_ids) {
            // an executor that turns out to be gone is forgotten, and the next one asked
            while !self.dispatched.contains_key(&call.call_id) {
                let Some(holder) = self.executor_for(&call.name) else {
                    break;
                };
                let dispatched = Dispatched { holder, at: now() };
                self.dispatched.insert(call.call_id.clone(), dispatched);
                let frame = Outgoing::ToolCall {
                    call_id: call.call_id.clone(),
                    name: call.name.clone(),
                    arguments: call.arguments.clone(),
                    deadline_ms: self.dependencies.config.tool_call_ms_max,
                };
                self.send(holder, frame);
            }
        }
    }

    /// Puts the question to every client that was not asked yet; the first answer counts.
    pub(super) fn ask_for_approval(&mut self, call_ids: &[String]) {
        let attachments: Vec<AttachmentId> = self.clients.keys().copied().collect();
        for call in self.open_calls(call_ids) {
            for attachment in &attachments {
                if !self.asked.insert((call.call_id.clone(), *attachment)) {
                    continue;
                }
                let frame = Outgoing::ApprovalRequest {
                    call_id: call.call_id.clone(),
                    name: call.name.clone(),
                    arguments: call.arguments.clone(),
                    reason: format!("{} changes files or runs a command", call.name),
                };
                self.send(*attachment, frame);
            }
        }
    }

    /// Records an executor's outcome; a repeat of the same outcome changes nothing.
    pub(super) async fn tool_answered(
        &mut self,
        call_id: &str,
        outcome: &str,
    ) -> Result<(), Error> {
        let finish = |outcome| Command::FinishToolCall {
            call_id: call_id.to_owned(),
            outcome,
        };
        let dispatched_at = self.dispatched.get(call_id).map(|dispatched| dispatched.at);
        let outcome = to_session_outcome(outcome)?;
        match self.command(finish(outcome), &Actor::Node).await {
            // the executor would give the same answer for ever, and the turn would wait for another one
            Err(error @ Error::LimitReached { .. }) => {
                let told = too_large_to_record(&error);
                self.command(finish(told), &Actor::Node).await?;
            }
            other => other?,
        }
        self.dispatched.remove(call_id);
        if let Some(at) = dispatched_at {
            metrics::tool_call(at.elapsed());
        }
        Ok(())
    }

    /// Executors that hold a call for longer than it may take.
    pub(super) fn holders_of_overdue_calls(&self) -> BTreeSet<AttachmentId> {
        let limit = Duration::from_millis(self.dependencies.config.tool_call_ms_max);
        let limit = limit.saturating_add(OVERDUE_GRACE);
        let overdue = self.dispatched.values();
        overdue
            .filter(|dispatched| dispatched.at.elapsed() > limit)
            .map(|dispatched| dispatched.holder)
            .collect()
    }

    /// The newest executor that offers the tool; for a tool nobody offers the newest, which will refuse it.
    fn executor_for(&self, tool: &str) -> Option<AttachmentId> {
        let newest = |offers: &dyn Fn(&[String]) -> bool| {
            let mut executors = self
                .clients
                .iter()
                .rev()
                .filter_map(|(attachment, client)| {
                    let executor = client.executor.as_ref()?;
                    Some((*attachment, executor.tools.as_slice()))
                });
            executors.find(|(_, tools)| offers(tools))
        };
        newest(&|tools| tools.is_empty() || tools.iter().any(|offered| offered == tool))
            .or_else(|| newest(&|_| true))
            .map(|(attachment, _)| attachment)
    }

    fn open_calls(&self, call_ids: &[String]) -> Vec<OpenToolCall> {
        let open = self
            .state
            .turn
            .iter()
            .flat_map(|turn| &turn.open_tool_calls);
        open.filter(|call| call_ids.contains(&call.call_id))
            .cloned()
            .collect()
    }
}
