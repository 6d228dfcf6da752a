//! Model calls: assemble, record the intent, call, pass deltas on, record the outcome.
//!
//! Assembling and calling run in tasks of their own; the actor stays free to hear a cancel.

use super::{ModelFailure, SessionActor};
use crate::clock::{Moment, now};
use crate::error::Error;
use crate::frames::{DeltaKind, Outgoing};
use crate::metrics;
use crate::prompt::{Call, Prepared};
use crate::tasks::{self, ModelTask};
use crate::turn::with_own_call_ids;
use aiex_llm::{Reply, StreamEvent};
use aiex_session::{Actor, Command, TurnEnd};
use std::sync::Arc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Most text of an unfinished answer kept for clients that attach in the middle of it.
const SAID_BYTES_MAX: usize = 1 << 20;

/// A call being assembled or answered. Dropping it ends its task; the provider sees the connection close.
pub(super) struct ModelCall {
    call_id: String,
    token: CancellationToken,
    _ends_with_this: DropGuard,
    begun: Moment,
    said: String,
    /// True when more was said than is kept.
    said_more: bool,
}

impl ModelCall {
    /// The text of the answer up to now; `None` when there is none, or too much of it.
    pub(super) fn said_so_far(&self) -> Option<&str> {
        (!self.said.is_empty() && !self.said_more).then_some(&*self.said)
    }

    fn says(&mut self, text: &str) {
        if self.said.len() + text.len() > SAID_BYTES_MAX {
            self.said_more = true;
        }
        if !self.said_more {
            self.said.push_str(text);
        }
    }
}

impl SessionActor {
    /// True while a task works on this call.
    pub(super) fn calls_model(&self, call_id: &str) -> bool {
        self.model_call
            .as_ref()
            .is_some_and(|call| call.call_id == call_id)
    }

    /// Begins a call by assembling its prompt; its intent is recorded when that is done.
    pub(super) fn begin_model_call(&mut self, call_id: String) {
        let Some(call) = Call::of_turn(&self.state, call_id.clone()) else {
            return;
        };
        let token = CancellationToken::new();
        let Some(task) = self.model_task(&call_id, &token) else {
            return;
        };
        self.model_call = Some(ModelCall {
            call_id,
            _ends_with_this: token.clone().drop_guard(),
            token,
            begun: now(),
            said: String::new(),
            said_more: false,
        });
        tasks::model_preparation(&self.tracker, task, Arc::clone(&self.dependencies), call);
    }

    pub(super) async fn model_prepared(
        &mut self,
        call_id: &str,
        prepared: Result<Prepared, ModelFailure>,
    ) -> Result<(), Error> {
        if !self.calls_model(call_id) {
            return Ok(());
        }
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(failure) => return self.model_failed(call_id, failure).await,
        };
        if !self.is_intended(call_id) {
            let command = Command::IntendModelCall {
                call_id: call_id.to_owned(),
                model: prepared.request.model.clone(),
                prompt_tokens: prepared.prompt_tokens,
                prompt_digest: prepared.digest,
            };
            if let Err(error) = self.command(command, &Actor::Node).await {
                return self.end_impossible(error).await;
            }
        }
        let Some(call) = &self.model_call else {
            return Ok(());
        };
        let token = call.token.clone();
        if let Some(task) = self.model_task(call_id, &token) {
            let gateway = Arc::clone(&self.dependencies.gateway);
            tasks::model_call(&self.tracker, task, gateway, prepared.request);
        }
        Ok(())
    }

    fn model_task(&self, call_id: &str, token: &CancellationToken) -> Option<ModelTask> {
        Some(ModelTask {
            call_id: call_id.to_owned(),
            mailbox: self.own_mailbox.upgrade()?,
            cancel: token.clone(),
            turn: self.span(),
        })
    }

    /// Drops a running call; its provider sees the connection close.
    pub(super) fn end_model_call(&mut self) {
        if let Some(call) = self.model_call.take() {
            metrics::model_call("ended", call.begun.elapsed());
        }
    }

    pub(super) async fn model_spoke(
        &mut self,
        call_id: &str,
        event: StreamEvent,
    ) -> Result<(), Error> {
        let Some(call) = self
            .model_call
            .as_mut()
            .filter(|call| call.call_id == call_id)
        else {
            return Ok(());
        };
        let (kind, text) = match event {
            StreamEvent::TextDelta(text) => {
                call.says(&text);
                (DeltaKind::Text, text)
            }
            StreamEvent::ThinkingDelta(text) => (DeltaKind::Thinking, text),
            StreamEvent::ToolUseStarted { name, .. } => (DeltaKind::Progress, name),
            StreamEvent::Finished(reply) => return self.model_replied(call_id, reply).await,
        };
        let turn = self.state.turn.as_ref().map_or(0, |turn| turn.number);
        self.broadcast(&Outgoing::Delta { turn, kind, text });
        Ok(())
    }

    async fn model_replied(&mut self, call_id: &str, reply: Reply) -> Result<(), Error> {
        if let Some(call) = self.model_call.take() {
            metrics::model_call("ok", call.begun.elapsed());
        }
        let Some(turn) = &self.state.turn else {
            return Ok(());
        };
        let content = with_own_call_ids(reply.content, self.session, turn);
        let command = Command::RecordModelReply {
            call_id: call_id.to_owned(),
            provider: reply.provider,
            content,
            stop: reply.stop,
            usage: reply.usage,
        };
        match self.command(command, &Actor::Node).await {
            Ok(()) => Ok(()),
            // a reply that cannot be recorded would be asked for, and paid for, again and again
            Err(error) => self.end_impossible(error).await,
        }
    }

    /// The gateway has retried already: the failure ends the turn, in the same append.
    pub(super) async fn model_failed(
        &mut self,
        call_id: &str,
        failure: ModelFailure,
    ) -> Result<(), Error> {
        if !self.calls_model(call_id) {
            return Ok(());
        }
        if let Some(call) = self.model_call.take() {
            metrics::model_call("failed", call.begun.elapsed());
        }
        let mut commands = Vec::new();
        if self.is_intended(call_id) {
            commands.push(Command::RecordModelFailure {
                call_id: call_id.to_owned(),
                code: failure.code.clone(),
                message: failure.message.clone(),
                retryable: failure.retryable,
            });
        }
        commands.push(Command::FinishTurn {
            end: TurnEnd::Failed {
                code: failure.code,
                message: failure.message,
                hint: failure.hint,
            },
        });
        self.commands(commands, &Actor::Node).await
    }

    fn is_intended(&self, call_id: &str) -> bool {
        let turn = self.state.turn.as_ref();
        turn.and_then(|turn| turn.open_model_call.as_ref())
            .is_some_and(|open| open.call_id == call_id)
    }
}
