//! A client of the session, with an executor whose ledger outlives it.

use super::{end_of, permit};
use crate::{Agent, Attachment, Error, ExecutorInfo, Incoming, Outgoing, Prompt};
use aiex_security::SessionWrite;
use aiex_session::{Recorded, Seq, SessionId, Task};
use aiex_tools::{ToolOutcome, ToolStatus};
use std::collections::BTreeMap;
use std::time::Duration;

/// Longest silence before a test gives up; the clock is paused, so it costs nothing.
const PATIENCE: Duration = Duration::from_secs(300);

/// What an executor remembers on disk: results by call id, and how often it was asked.
#[derive(Debug, Default)]
pub(in crate::tests) struct Ledger {
    pub(in crate::tests) results: BTreeMap<String, String>,
    pub(in crate::tests) asked: BTreeMap<String, usize>,
}

impl Ledger {
    /// Answers a call, running it when it is new.
    pub(in crate::tests) fn run(&mut self, call_id: &str, name: &str) -> String {
        *self.asked.entry(call_id.to_owned()).or_default() += 1;
        let effect = self.results.len();
        self.results
            .entry(call_id.to_owned())
            .or_insert_with(|| outcome(&format!("{name} did effect {effect}")))
            .clone()
    }
}

/// The outcome of a call that went well.
pub(in crate::tests) fn outcome(output: &str) -> String {
    let outcome = ToolOutcome {
        status: ToolStatus::Ok,
        output: output.to_owned(),
        accesses: Vec::new(),
        changes: Vec::new(),
        verdict: None,
    };
    serde_json::to_string(&outcome).unwrap()
}

pub(in crate::tests) struct Client {
    pub(in crate::tests) attachment: Attachment,
    /// Committed events in the order they were seen.
    pub(in crate::tests) seen: Vec<Recorded>,
    /// Uncommitted text of the present answer.
    pub(in crate::tests) shown: String,
}

impl Client {
    pub(in crate::tests) async fn attach(
        agent: &Agent,
        session: SessionId,
        last_seq: Seq,
        executor: Option<ExecutorInfo>,
    ) -> Self {
        Self::try_attach(agent, session, last_seq, executor)
            .await
            .unwrap()
    }

    pub(in crate::tests) async fn try_attach(
        agent: &Agent,
        session: SessionId,
        last_seq: Seq,
        executor: Option<ExecutorInfo>,
    ) -> Result<Self, Error> {
        let permit = permit("ana", SessionWrite);
        let attachment = agent.attach(&permit, session, last_seq, executor).await?;
        Ok(Self {
            attachment,
            seen: Vec::new(),
            shown: String::new(),
        })
    }

    pub(in crate::tests) async fn ask(&self, request_id: &str) {
        self.prompt(
            request_id,
            Task::Ask {
                text: "why?".to_owned(),
            },
        )
        .await;
    }

    pub(in crate::tests) async fn prompt(&self, request_id: &str, task: Task) {
        self.send(Incoming::Prompt(Prompt {
            request_id: request_id.to_owned(),
            task,
            model: String::new(),
            workspace_id: String::new(),
        }))
        .await;
    }

    pub(in crate::tests) async fn answer(&self, call_id: &str, granted: bool) {
        self.send(Incoming::ApprovalAnswer {
            call_id: call_id.to_owned(),
            granted,
            reason: String::new(),
        })
        .await;
    }

    pub(in crate::tests) async fn result(&self, call_id: &str, outcome: String) {
        self.send(Incoming::ToolResult {
            call_id: call_id.to_owned(),
            outcome,
        })
        .await;
    }

    pub(in crate::tests) async fn send(&self, incoming: Incoming) {
        self.attachment.sender().send(incoming).await.unwrap();
    }

    /// The next frame; `None` when the session let go.
    pub(in crate::tests) async fn next(&mut self) -> Option<Outgoing> {
        let next = tokio::time::timeout(PATIENCE, self.attachment.next());
        let frame = next.await.expect("the session fell silent").unwrap()?;
        match &frame {
            Outgoing::Event(recorded) => self.seen.push(recorded.clone()),
            Outgoing::Delta { text, .. } => self.shown.push_str(text),
            Outgoing::AnswerRestarted { .. } => self.shown.clear(),
            _ => {}
        }
        Some(frame)
    }

    /// Reads on until a frame of interest.
    pub(in crate::tests) async fn until<T>(
        &mut self,
        wanted: impl Fn(&Outgoing) -> Option<T>,
    ) -> T {
        loop {
            let frame = self.next().await.expect("the session let go of the client");
            if let Some(found) = wanted(&frame) {
                return found;
            }
        }
    }

    pub(in crate::tests) async fn caught_up(&mut self) -> Seq {
        self.until(|frame| match frame {
            Outgoing::CaughtUp { seq } => Some(*seq),
            _ => None,
        })
        .await
    }

    pub(in crate::tests) async fn delta(&mut self) -> String {
        self.until(|frame| match frame {
            Outgoing::Delta { text, .. } => Some(text.clone()),
            _ => None,
        })
        .await
    }

    pub(in crate::tests) async fn tool_call(&mut self) -> (String, String) {
        self.until(|frame| match frame {
            Outgoing::ToolCall { call_id, name, .. } => Some((call_id.clone(), name.clone())),
            _ => None,
        })
        .await
    }

    pub(in crate::tests) async fn approval(&mut self) -> String {
        self.until(|frame| match frame {
            Outgoing::ApprovalRequest { call_id, .. } => Some(call_id.clone()),
            _ => None,
        })
        .await
    }

    /// Code and whether the same frame may work later.
    pub(in crate::tests) async fn refusal(&mut self) -> (String, bool) {
        self.until(|frame| match frame {
            Outgoing::Refused {
                code, retryable, ..
            } => Some((code.clone(), *retryable)),
            _ => None,
        })
        .await
    }

    pub(in crate::tests) async fn turn_end(&mut self) -> aiex_session::TurnEnd {
        self.until(|frame| match frame {
            Outgoing::Event(recorded) => end_of(&recorded.event).cloned(),
            _ => None,
        })
        .await
    }

    /// Works like a good client until the turn ends, granting what is asked. `None` when the session let go.
    pub(in crate::tests) async fn serve(
        &mut self,
        ledger: &mut Ledger,
    ) -> Option<aiex_session::TurnEnd> {
        loop {
            match self.next().await? {
                Outgoing::ToolCall { call_id, name, .. } => {
                    let outcome = ledger.run(&call_id, &name);
                    self.result(&call_id, outcome).await;
                }
                Outgoing::ApprovalRequest { call_id, .. } => self.answer(&call_id, true).await,
                Outgoing::Event(recorded) => {
                    if let Some(end) = end_of(&recorded.event) {
                        return Some(end.clone());
                    }
                }
                _ => {}
            }
        }
    }
}
