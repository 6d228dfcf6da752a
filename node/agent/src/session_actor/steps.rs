//! Carries out the steps the turn decides, until it has to wait.

use super::SessionActor;
use crate::error::Error;
use crate::frames::Outgoing;
use crate::turn::{Step, next_step};
use crate::undo::{self, UndoPlan};
use aiex_session::{Actor, Command, Content, Recorded, Task, ToolCallOutcome, TurnEnd};

/// Steps taken without waiting; more means the decision goes in circles.
const STEPS_IN_A_ROW_MAX: usize = 64;
const UNDO_PAGE_EVENTS: usize = 1024;

impl SessionActor {
    /// Takes steps until one has to wait for the model, an executor or a person.
    pub(super) async fn advance(&mut self) -> Result<(), Error> {
        for _ in 0..STEPS_IN_A_ROW_MAX {
            let undo = self.undo_plan().await?;
            let now = self.dependencies.clock.now_unix_ms();
            let limits = &self.dependencies.config;
            let Some(step) = next_step(&self.state, self.session, undo.as_ref(), limits, now)
            else {
                return Ok(());
            };
            match self.take(step).await {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => self.end_impossible(error).await?,
            }
        }
        self.end_impossible(Error::Rejected {
            code: "internal".to_owned(),
            message: "the turn takes steps without an end".to_owned(),
            hint: "this is a defect; report it with the node's log".to_owned(),
        })
        .await
    }

    /// A step the aggregate or a limit refuses would be refused for ever: it ends the turn, never the session.
    pub(super) async fn end_impossible(&mut self, error: Error) -> Result<(), Error> {
        let (code, message, hint) = match error {
            Error::Rejected {
                code,
                message,
                hint,
            } => (code, message, hint),
            Error::LimitReached { .. } => {
                let hint = "ask for less in one step".to_owned();
                ("limit_reached".to_owned(), error.to_string(), hint)
            }
            other => return Err(other),
        };
        self.end_model_call();
        let end = TurnEnd::Failed {
            code,
            message,
            hint,
        };
        self.command(Command::FinishTurn { end }, &Actor::Node)
            .await
    }

    /// True when the next step can be decided at once.
    async fn take(&mut self, step: Step) -> Result<bool, Error> {
        match step {
            Step::CallModel { call_id } => {
                if !self.calls_model(&call_id) {
                    self.begin_model_call(call_id);
                }
                Ok(false)
            }
            Step::RepeatModelCall { call_id } => {
                if !self.calls_model(&call_id) {
                    let turn = self.state.turn.as_ref().map_or(0, |turn| turn.number);
                    self.broadcast(&Outgoing::AnswerRestarted { turn });
                    self.begin_model_call(call_id);
                }
                Ok(false)
            }
            Step::IntendTools(calls) => {
                self.command(Command::IntendToolCalls { calls }, &Actor::Node)
                    .await?;
                Ok(true)
            }
            Step::EndDenied { denied } => {
                self.end_denied(denied).await?;
                Ok(true)
            }
            Step::AwaitTools { dispatch, ask } => {
                self.ask_for_approval(&ask);
                self.dispatch(&dispatch);
                Ok(false)
            }
            Step::Finish(end) => {
                self.end_model_call();
                self.command(Command::FinishTurn { end }, &Actor::Node)
                    .await?;
                Ok(true)
            }
        }
    }

    /// Records the denial as the outcome of the denied calls and ends the turn, in one append.
    async fn end_denied(&mut self, denied: Vec<String>) -> Result<(), Error> {
        let mut commands: Vec<Command> = denied
            .into_iter()
            .map(|call_id| Command::FinishToolCall {
                call_id,
                outcome: ToolCallOutcome {
                    status: "denied".to_owned(),
                    output: Content::Inline("A person denied this call.".to_owned()),
                    accesses: Vec::new(),
                    changes: Vec::new(),
                    verdict: None,
                },
            })
            .collect();
        commands.push(Command::FinishTurn {
            end: TurnEnd::Failed {
                code: "approval_denied".to_owned(),
                message: "a call of this turn was denied".to_owned(),
                hint: "ask again, or pass --yes to approve file changes in advance".to_owned(),
            },
        });
        self.commands(commands, &Actor::Node).await
    }

    /// Works an undo out from the log, once per decision that needs it.
    async fn undo_plan(&self) -> Result<Option<UndoPlan>, Error> {
        let Some(Task::Undo { turn }) = self.task() else {
            return Ok(None);
        };
        let started = self
            .state
            .turn
            .as_ref()
            .is_some_and(|turn| turn.tool_calls > 0);
        if started {
            return Ok(None);
        }
        let wanted = *turn;
        let mut events: Vec<Recorded> = Vec::new();
        loop {
            let after = events.last().map_or(0, |last| last.seq);
            let page = self
                .dependencies
                .store
                .read(self.session, after, UNDO_PAGE_EVENTS)
                .await?;
            let last_page = page.len() < UNDO_PAGE_EVENTS;
            events.extend(page);
            if last_page {
                return Ok(Some(undo::plan(&events, wanted)));
            }
        }
    }
}
