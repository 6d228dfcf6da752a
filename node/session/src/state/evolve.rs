//! How each event changes the state. One small function per event that does more than set a field.

use super::{
    AbandonedCall, Approval, FinishedToolCall, OpenModelCall, OpenToolCall, State, Status, Turn,
    TurnRequest, dangling_tool_uses,
};
use crate::content::{ContentBlock, Message, Role};
use crate::event::{Event, Recorded};

/// What a model reads in place of a result that never came.
const NO_RESULT: &str = "No result: the turn ended before the tool answered.";
/// What a model reads for a call that was never dispatched.
const NOT_RUN: &str = "Not run.";

impl State {
    /// Takes one committed event into account.
    pub fn evolve(&mut self, recorded: &Recorded) {
        self.head = recorded.seq;
        self.updated_at_unix_ms = recorded.at_unix_ms;
        match &recorded.event {
            Event::SessionCreated {
                title,
                project,
                owner,
                forked_from,
            } => {
                self.status = Status::Idle;
                self.created_at_unix_ms = recorded.at_unix_ms;
                self.title.clone_from(title);
                self.project.clone_from(project);
                self.owner.clone_from(owner);
                self.forked_from = *forked_from;
            }
            Event::SessionRetitled { title } => self.title.clone_from(title),
            Event::SessionArchived => self.status = Status::Archived,
            Event::TurnStarted { .. } => self.turn_started(recorded),
            Event::ModelCallIntended { .. } => self.model_call_intended(recorded),
            Event::ModelReplied { .. } => self.model_replied(&recorded.event),
            Event::ModelCallFailed { .. } => {
                if let Some(turn) = &mut self.turn {
                    turn.open_model_call = None;
                    turn.model_failures_in_a_row = turn.model_failures_in_a_row.saturating_add(1);
                }
            }
            Event::ToolCallIntended { .. } => self.tool_call_intended(recorded),
            Event::ApprovalDecided {
                call_id,
                granted,
                by,
                reason,
                ..
            } => {
                if let Some(call) = self.open_call(call_id) {
                    call.approval = Some(Approval {
                        granted: *granted,
                        by: by.clone(),
                        reason: reason.clone(),
                    });
                }
            }
            Event::ToolCallFinished { .. } => self.tool_call_finished(&recorded.event),
            Event::TurnFinished { .. } => self.turn_finished(),
        }
    }

    fn open_call(&mut self, call_id: &str) -> Option<&mut OpenToolCall> {
        let calls = &mut self.turn.as_mut()?.open_tool_calls;
        calls.iter_mut().find(|call| call.call_id == call_id)
    }

    fn turn_started(&mut self, recorded: &Recorded) {
        let Event::TurnStarted {
            turn,
            request_id,
            task,
            model,
            workspace_id,
        } = &recorded.event
        else {
            return;
        };
        self.status = Status::Running;
        self.turns = *turn;
        let request = TurnRequest {
            turn: *turn,
            task_digest: task.digest(),
        };
        self.turn_requests.insert(request_id.clone(), request);
        self.turn = Some(Turn {
            number: *turn,
            request_id: request_id.clone(),
            task: task.clone(),
            model: model.clone(),
            workspace_id: workspace_id.clone(),
            started_at_unix_ms: recorded.at_unix_ms,
            first_message: self.messages.len(),
            open_model_call: None,
            open_tool_calls: Vec::new(),
            finished_tool_calls: Vec::new(),
            model_calls: 0,
            model_failures_in_a_row: 0,
            tool_calls: 0,
            usage: crate::content::Usage::default(),
            last_stop: None,
        });
        let text = task.instruction();
        self.messages.push(Message {
            role: Role::User,
            content: vec![ContentBlock::Text { text }],
        });
    }

    fn model_call_intended(&mut self, recorded: &Recorded) {
        let Event::ModelCallIntended {
            call_id,
            model,
            prompt_tokens,
            prompt_digest,
            ..
        } = &recorded.event
        else {
            return;
        };
        // A provider refuses a conversation in which a tool use has no result.
        self.answer_dangling();
        if let Some(turn) = &mut self.turn {
            turn.model_calls = turn.model_calls.saturating_add(1);
            turn.open_model_call = Some(OpenModelCall {
                call_id: call_id.clone(),
                model: model.clone(),
                prompt_tokens: *prompt_tokens,
                prompt_digest: prompt_digest.clone(),
                intended_at_unix_ms: recorded.at_unix_ms,
            });
        }
    }

    fn model_replied(&mut self, event: &Event) {
        let Event::ModelReplied {
            content,
            stop,
            usage,
            ..
        } = event
        else {
            return;
        };
        self.usage = self.usage.plus(*usage);
        if let Some(turn) = &mut self.turn {
            turn.open_model_call = None;
            turn.model_failures_in_a_row = 0;
            turn.usage = turn.usage.plus(*usage);
            turn.last_stop = Some(*stop);
        }
        if !content.is_empty() {
            self.messages.push(Message {
                role: Role::Assistant,
                content: content.clone(),
            });
        }
    }

    fn tool_call_intended(&mut self, recorded: &Recorded) {
        let Event::ToolCallIntended {
            call_id,
            tool_use_id,
            name,
            arguments,
            ..
        } = &recorded.event
        else {
            return;
        };
        let tool_use_id = tool_use_id.as_ref().unwrap_or(call_id);
        let dangling = dangling_tool_uses(self.turn_messages());
        let asked_by_model = dangling.iter().any(|(id, _, _)| id == tool_use_id);
        if !asked_by_model {
            // The agent's own call: shown to the model as if it had asked, so that the result has its place.
            self.push_own_tool_use(tool_use_id, name, arguments);
        }
        if let Some(turn) = &mut self.turn {
            turn.tool_calls = turn.tool_calls.saturating_add(1);
            turn.open_tool_calls.push(OpenToolCall {
                call_id: call_id.clone(),
                tool_use_id: tool_use_id.clone(),
                name: name.clone(),
                arguments: arguments.clone(),
                intended_at_unix_ms: recorded.at_unix_ms,
                approval: None,
            });
        }
    }

    /// Adds a tool use to the last assistant message when that still waits for results, else as a new message.
    fn push_own_tool_use(&mut self, id: &str, name: &str, arguments: &str) {
        let block = ContentBlock::ToolUse {
            id: id.to_owned(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
        };
        match self.messages.last_mut() {
            Some(last) if last.role == Role::Assistant => last.content.push(block),
            _ => {
                self.answer_dangling();
                self.messages.push(Message {
                    role: Role::Assistant,
                    content: vec![block],
                });
            }
        }
    }

    fn tool_call_finished(&mut self, event: &Event) {
        let Event::ToolCallFinished {
            call_id,
            status,
            output,
            changes,
            verdict,
            ..
        } = event
        else {
            return;
        };
        let digest = crate::decide::outcome_digest(event);
        self.finished_calls.insert(call_id.clone(), digest);
        let text = output.shown();
        let is_error = status != "ok";
        if let Some(late) = self.abandoned_calls.remove(call_id) {
            self.replace_result(&late, &text, is_error);
            return;
        }
        let Some(turn) = &mut self.turn else { return };
        let open = &mut turn.open_tool_calls;
        let Some(at) = open.iter().position(|call| call.call_id == *call_id) else {
            return;
        };
        let call = open.remove(at);
        turn.finished_tool_calls.push(FinishedToolCall {
            call_id: call.call_id,
            name: call.name,
            arguments: call.arguments,
            status: status.clone(),
            output: output.clone(),
            changed_paths: changes.iter().map(|change| change.path.clone()).collect(),
            verdict: verdict.clone(),
        });
        self.push_result(call.tool_use_id, text, is_error);
    }

    /// Adds a result; results that answer one reply share one user message.
    fn push_result(&mut self, id: String, output: String, is_error: bool) {
        let block = ContentBlock::ToolResult {
            id,
            output,
            is_error,
        };
        let only_results = |m: &Message| {
            let is_result = |b: &ContentBlock| matches!(b, ContentBlock::ToolResult { .. });
            m.role == Role::User && m.content.iter().all(is_result)
        };
        match self.messages.last_mut() {
            Some(last) if only_results(last) => last.content.push(block),
            _ => self.messages.push(Message {
                role: Role::User,
                content: vec![block],
            }),
        }
    }

    fn replace_result(&mut self, late: &AbandonedCall, text: &str, failed: bool) {
        let Some(message) = self.messages.get_mut(late.message) else {
            return;
        };
        for block in &mut message.content {
            if let ContentBlock::ToolResult {
                id,
                output,
                is_error,
            } = block
                && *id == late.tool_use_id
            {
                text.clone_into(output);
                *is_error = failed;
            }
        }
    }

    fn answer_dangling(&mut self) {
        let ids: Vec<String> = dangling_tool_uses(self.turn_messages())
            .into_iter()
            .map(|(id, _, _)| id.to_owned())
            .collect();
        for id in ids {
            self.push_result(id, NOT_RUN.to_owned(), true);
        }
    }

    fn turn_finished(&mut self) {
        self.status = Status::Idle;
        let open = match &mut self.turn {
            Some(turn) => std::mem::take(&mut turn.open_tool_calls),
            None => Vec::new(),
        };
        for call in open {
            self.push_result(call.tool_use_id.clone(), NO_RESULT.to_owned(), true);
            let abandoned = AbandonedCall {
                turn: self.turns,
                tool_use_id: call.tool_use_id,
                message: self.messages.len().saturating_sub(1),
            };
            self.abandoned_calls.insert(call.call_id, abandoned);
        }
        self.answer_dangling();
        self.turn = None;
    }
}
