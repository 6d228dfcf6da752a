//! Model calls: assemble, record the intent, call, pass deltas on, record the outcome.

use super::{ModelCall, ModelFailure, SessionActor};
use crate::error::Error;
use crate::frames::{DeltaKind, Outgoing};
use crate::prompt::{Call, Prepared, prepare};
use crate::tasks;
use crate::turn::with_own_call_ids;
use aiex_llm::{ModelRequest, Reply, StreamEvent};
use aiex_session::{Actor, Command, TurnEnd};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

impl SessionActor {
    /// Records the intent and starts the call.
    pub(super) async fn call_model(&mut self, call_id: String) -> Result<(), Error> {
        let prepared = match self.prepare(&call_id).await {
            Ok(prepared) => prepared,
            Err(failure) => return self.end_failed(failure).await,
        };
        let command = Command::IntendModelCall {
            call_id: call_id.clone(),
            model: prepared.request.model.clone(),
            prompt_tokens: prepared.prompt_tokens,
            prompt_digest: prepared.digest,
        };
        self.command(command, &Actor::Node).await?;
        self.spawn_model_call(call_id, prepared.request);
        Ok(())
    }

    /// Starts a call whose intent is already in the log.
    pub(super) async fn start_model_call(&mut self, call_id: String) -> Result<(), Error> {
        match self.prepare(&call_id).await {
            Ok(prepared) => {
                self.spawn_model_call(call_id, prepared.request);
                Ok(())
            }
            Err(failure) => self.model_failed_now(&call_id, failure).await,
        }
    }

    /// Assembles off the async workers: it reads files and counts tokens.
    async fn prepare(&self, call_id: &str) -> Result<Prepared, ModelFailure> {
        let Some(call) = Call::of_turn(&self.state, call_id.to_owned()) else {
            return Err(ended_early("no turn runs"));
        };
        let dependencies = Arc::clone(&self.dependencies);
        tokio::task::spawn_blocking(move || prepare(&dependencies, call))
            .await
            .map_err(|error| ended_early(&error.to_string()))?
    }

    fn spawn_model_call(&mut self, call_id: String, request: ModelRequest) {
        let Some(mailbox) = self.own_mailbox.upgrade() else {
            return;
        };
        let cancel = CancellationToken::new();
        self.model_call = Some(ModelCall {
            call_id: call_id.clone(),
            cancel: cancel.clone(),
        });
        tasks::model_call(
            self.dependencies.gateway.clone(),
            request,
            call_id,
            mailbox,
            cancel,
        );
    }

    /// Drops a running call; its provider sees the connection close.
    pub(super) fn end_model_call(&mut self) {
        if let Some(call) = self.model_call.take() {
            call.cancel.cancel();
        }
    }

    pub(super) async fn model_spoke(
        &mut self,
        call_id: &str,
        event: StreamEvent,
    ) -> Result<(), Error> {
        if !self.is_current(call_id) {
            return Ok(());
        }
        let turn = self.state.turn.as_ref().map_or(0, |turn| turn.number);
        let (kind, text) = match event {
            StreamEvent::TextDelta(text) => (DeltaKind::Text, text),
            StreamEvent::ThinkingDelta(text) => (DeltaKind::Thinking, text),
            StreamEvent::ToolUseStarted { name, .. } => (DeltaKind::Progress, name),
            StreamEvent::Finished(reply) => return self.model_replied(call_id, reply).await,
        };
        self.broadcast(&Outgoing::Delta { turn, kind, text });
        Ok(())
    }

    async fn model_replied(&mut self, call_id: &str, reply: Reply) -> Result<(), Error> {
        self.model_call = None;
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
            Ok(_) => Ok(()),
            // a reply that cannot be recorded would be asked for, and paid for, again and again
            Err(error) => self.end_impossible(error).await,
        }
    }

    pub(super) async fn model_failed(
        &mut self,
        call_id: &str,
        failure: ModelFailure,
    ) -> Result<(), Error> {
        if !self.is_current(call_id) {
            return Ok(());
        }
        self.model_call = None;
        self.model_failed_now(call_id, failure).await
    }

    /// The gateway has retried already: the failure ends the turn, in the same append.
    async fn model_failed_now(
        &mut self,
        call_id: &str,
        failure: ModelFailure,
    ) -> Result<(), Error> {
        let commands = vec![
            Command::RecordModelFailure {
                call_id: call_id.to_owned(),
                code: failure.code.clone(),
                message: failure.message.clone(),
                retryable: failure.retryable,
            },
            Command::FinishTurn {
                end: turn_end(failure),
            },
        ];
        self.commands(commands, &Actor::Node).await.map(|_| ())
    }

    async fn end_failed(&mut self, failure: ModelFailure) -> Result<(), Error> {
        let end = turn_end(failure);
        self.command(Command::FinishTurn { end }, &Actor::Node)
            .await
            .map(|_| ())
    }

    fn is_current(&self, call_id: &str) -> bool {
        self.model_call
            .as_ref()
            .is_some_and(|call| call.call_id == call_id)
    }
}

fn ended_early(reason: &str) -> ModelFailure {
    ModelFailure {
        code: "internal".to_owned(),
        message: format!("the prompt was not assembled: {reason}"),
        hint: "see the log of the node".to_owned(),
        retryable: false,
    }
}

fn turn_end(failure: ModelFailure) -> TurnEnd {
    TurnEnd::Failed {
        code: failure.code,
        message: failure.message,
        hint: failure.hint,
    }
}
