//! Drives one turn: shows what comes, runs tools, asks for approvals, cancels on Ctrl-C.

use super::progress::Progress;
use super::view::View;
use crate::approval::{Approver, Question};
use crate::error::Error;
use crate::exit_code::Exit;
use crate::local_node::LocalNode;
use crate::session_json::Event;
use crate::state::Decision;
use crate::tool_host::{Finished, Limits, ToolHost, denied, needs_approval};
use aiex_client::{Client, SessionStream, StreamItem};
use aiex_proto::v1::{ApprovalAnswer, ApprovalRequest, Prompt, ToolResult};
use aiex_tools::{ToolCall, ToolOutcome};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// How long a cancelled turn may take to end before this program leaves it to the cluster.
const CANCEL_WAIT: Duration = Duration::from_secs(10);

/// Everything a running turn needs. Ends with [`Driver::run`].
pub(crate) struct Driver<'a> {
    pub(super) client: Client,
    pub(super) stream: SessionStream,
    pub(super) host: ToolHost,
    pub(super) view: View<'a>,
    pub(super) approver: Approver<'a>,
    pub(super) progress: Progress,
    pub(super) limits: Limits,
    pub(super) root: PathBuf,
    /// Set when the cluster is the private node.
    pub(super) local: Option<LocalNode>,
}

/// What happened next.
enum Next {
    Item(Result<StreamItem, aiex_client::Error>),
    Tool(Option<Finished>),
    Answer(Option<(Question, Decision)>),
    Interrupt,
    CancelTimeout,
}

impl Driver<'_> {
    /// Asks for the turn.
    pub(crate) fn prompt(&mut self, prompt: Prompt) {
        self.stream.prompt(prompt);
    }

    /// Goes on until the turn has ended.
    ///
    /// # Errors
    /// A refusal of the cluster, the loss of the session beyond the deadline, a second Ctrl-C.
    pub(crate) async fn run(&mut self) -> Result<Exit, Error> {
        let mut cancelled: Option<Instant> = None;
        if self.progress.end().is_none() {
            self.view.waiting();
        }
        while self.progress.end().is_none() {
            let cancel_deadline = cancelled.map(|since| since + CANCEL_WAIT);
            let next = tokio::select! {
                item = self.stream.next() => Next::Item(item),
                finished = self.host.finished() => Next::Tool(finished),
                answer = self.approver.answered() => Next::Answer(answer),
                _ = tokio::signal::ctrl_c() => Next::Interrupt,
                () = until(cancel_deadline) => Next::CancelTimeout,
            };
            match next {
                Next::Item(item) => self.item(item?).await?,
                Next::Tool(Some(finished)) => {
                    self.answer_call(&finished.call_id, &finished.outcome)?;
                }
                Next::Tool(None) => return Err(Error::internal("the thread for tools ended")),
                Next::Answer(Some((question, decision))) => {
                    self.view.note_previewed(&question.call_id);
                    self.decided(&question, &decision)?;
                }
                Next::Answer(None) => {}
                Next::Interrupt if cancelled.is_none() => {
                    cancelled = Some(Instant::now());
                    self.view.cancelling();
                    self.stream.cancel_turn("interrupted at the terminal");
                }
                Next::Interrupt | Next::CancelTimeout => return Err(Error::Interrupted),
            }
        }
        self.view.ended(&self.progress)?;
        Ok(self.progress.exit())
    }

    async fn item(&mut self, item: StreamItem) -> Result<(), Error> {
        match item {
            StreamItem::Event(recorded) => {
                let event = Event::read(&recorded.payload_json);
                let ours = self.progress.apply(&event);
                self.view.event(&recorded, &event, ours, &self.progress)?;
            }
            StreamItem::Delta(delta) => self.view.delta(&delta)?,
            StreamItem::ToolCall(call) => self.tool_called(ToolCall {
                call_id: call.call_id,
                name: call.name,
                arguments: call.arguments_json,
            })?,
            StreamItem::ApprovalRequest(request) => self.approval_asked(request)?,
            StreamItem::AnswerRestarted { turn } => self.view.answer_restarted(turn)?,
            StreamItem::Attached { node_id, again, .. } => self.view.attached(&node_id, again)?,
            StreamItem::CaughtUp { .. } => {}
            StreamItem::Reconnecting {
                attempt,
                waited_ms,
                reason,
            } => {
                self.view.reconnecting(attempt, waited_ms, &reason)?;
                self.revive().await;
            }
        }
        Ok(())
    }

    /// A private node that died is started again; the session goes on at its new address.
    async fn revive(&mut self) {
        let Some(local) = self.local.clone() else {
            return;
        };
        let started = tokio::task::spawn_blocking(move || local.start()).await;
        // A start that fails shows in the reason of the next attempt; the deadline ends the wait.
        if let Ok(Ok(started)) = started
            && let Ok(endpoints) = LocalNode::endpoints(&started.record)
        {
            if started.fresh {
                self.view.revived();
            }
            self.client.replace_endpoints(endpoints).await;
        }
    }

    /// Lets the question of a dry run pass, unstored, so that the call comes here to be shown and refused.
    fn approval_asked(&mut self, request: ApprovalRequest) -> Result<(), Error> {
        if self.limits.dry_run && self.limits.refusal(&request.name).is_some() {
            self.stream.answer_approval(ApprovalAnswer {
                call_id: request.call_id,
                granted: true,
                reason: "a dry run: the change is shown and refused".to_owned(),
            });
            return Ok(());
        }
        self.ask(Question {
            call_id: request.call_id,
            tool: request.name,
            arguments: request.arguments_json,
            reason: request.reason,
            call: None,
        })
    }

    fn tool_called(&mut self, call: ToolCall) -> Result<(), Error> {
        if let Some(reason) = self.limits.refusal(&call.name) {
            self.view.refused(&call, &reason, &self.root);
            if self.limits.dry_run {
                self.progress.note_only_shown();
            }
            return self.answer_call(&call.call_id, &denied(&reason));
        }
        if !needs_approval(&call.name) {
            return self.host.run(call);
        }
        self.ask(Question {
            call_id: call.call_id.clone(),
            tool: call.name.clone(),
            arguments: call.arguments.clone(),
            reason: String::new(),
            call: Some(call),
        })
    }

    fn ask(&mut self, question: Question) -> Result<(), Error> {
        if let Some((question, decision)) = self.approver.ask(question, &self.root)? {
            self.decided(&question, &decision)?;
        }
        Ok(())
    }

    /// Carries out an answer: about a call that waits here, or about a question of the cluster.
    fn decided(&mut self, question: &Question, decision: &Decision) -> Result<(), Error> {
        self.view.approval(&question.tool, decision)?;
        if !decision.granted {
            self.progress.note_denied();
        }
        match &question.call {
            Some(call) if decision.granted => self.host.run(call.clone())?,
            Some(call) => self.answer_call(&call.call_id, &denied(&decision.reason))?,
            None => self.stream.answer_approval(ApprovalAnswer {
                call_id: question.call_id.clone(),
                granted: decision.granted,
                reason: decision.reason.clone(),
            }),
        }
        if let Some((question, decision)) = self.approver.next(&self.root)? {
            return self.decided(&question, &decision);
        }
        Ok(())
    }

    fn answer_call(&mut self, call_id: &str, outcome: &ToolOutcome) -> Result<(), Error> {
        let outcome_json =
            serde_json::to_string(outcome).map_err(|error| Error::internal(error.to_string()))?;
        self.stream.tool_result(ToolResult {
            call_id: call_id.to_owned(),
            outcome_json,
        });
        Ok(())
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
