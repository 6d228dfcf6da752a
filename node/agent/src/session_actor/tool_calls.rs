//! Tool calls: out to an executor, questions out to people, outcomes in.

use super::SessionActor;
use crate::error::Error;
use crate::frames::{AttachmentId, Outgoing};
use crate::outcome::to_session_outcome;
use aiex_session::{Actor, Command, OpenToolCall};

impl SessionActor {
    /// Hands calls that nobody holds to the newest executor. Without one they wait.
    pub(super) fn dispatch(&mut self, call_ids: &[String]) {
        let Some(executor) = self.newest_executor() else {
            return;
        };
        for call in self.open_calls(call_ids) {
            if self.dispatched.contains_key(&call.call_id) {
                continue;
            }
            self.dispatched.insert(call.call_id.clone(), executor);
            let frame = Outgoing::ToolCall {
                call_id: call.call_id,
                name: call.name,
                arguments: call.arguments,
                deadline_ms: self.dependencies.config.tool_call_ms_max,
            };
            self.send(executor, frame);
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
        let outcome = to_session_outcome(outcome)?;
        let command = Command::FinishToolCall {
            call_id: call_id.to_owned(),
            outcome,
        };
        self.command(command, &Actor::Node).await?;
        self.dispatched.remove(call_id);
        Ok(())
    }

    fn newest_executor(&self) -> Option<AttachmentId> {
        self.clients
            .iter()
            .rev()
            .find(|(_, client)| client.executor.is_some())
            .map(|(attachment, _)| *attachment)
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
