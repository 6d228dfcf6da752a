//! Asks the person before something changes. Every answer is stored before it has an effect.
//!
//! Answers come from `--yes`, from an earlier run, or from a line typed at the terminal; without any of them the
//! answer is no.

use crate::environment::Environment;
use crate::error::Error;
use crate::output::Output;
use crate::present::preview::preview;
use crate::state::{Decision, ProjectState};
use aiex_tools::ToolCall;
use std::collections::VecDeque;
use std::path::Path;
use tokio::task::JoinHandle;

/// Questions that may wait behind the one being asked.
const WAITING_MAX: usize = 256;

/// One thing that needs an answer.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) call_id: String,
    pub(crate) tool: String,
    pub(crate) arguments: String,
    /// Why the cluster asks; empty when this program asks on its own.
    pub(crate) reason: String,
    /// The call that waits here for the answer; none when the cluster waits.
    pub(crate) call: Option<ToolCall>,
}

/// Collects answers, one question at a time.
#[derive(Debug)]
pub(crate) struct Approver<'a> {
    yes: bool,
    interactive: bool,
    output: &'a Output,
    state: ProjectState,
    waiting: VecDeque<Question>,
    /// The question at the terminal and the thread that reads the line.
    asking: Option<(Question, JoinHandle<Option<String>>)>,
}

impl<'a> Approver<'a> {
    pub(crate) fn new(
        yes: bool,
        environment: &Environment,
        output: &'a Output,
        state: ProjectState,
    ) -> Self {
        let interactive =
            environment.stdin_is_terminal && environment.stderr_is_terminal && !output.json;
        Self {
            yes,
            interactive,
            output,
            state,
            waiting: VecDeque::new(),
            asking: None,
        }
    }

    /// Answers at once, or starts to ask; the answer then comes from [`Approver::answered`].
    ///
    /// # Errors
    /// When the answer cannot be stored, or too many questions wait.
    pub(crate) fn ask(
        &mut self,
        question: Question,
        root: &Path,
    ) -> Result<Option<(Question, Decision)>, Error> {
        if let Some(decision) = self.state.decision(&question.call_id) {
            return Ok(Some((question, decision)));
        }
        let at_once = match (self.yes, self.interactive) {
            (true, _) => Some((true, "approved with --yes")),
            (false, false) => Some((false, "denied: nobody to ask, and --yes was not given")),
            (false, true) => None,
        };
        if let Some((granted, reason)) = at_once {
            let decision = self.store(&question, granted, reason)?;
            return Ok(Some((question, decision)));
        }
        if self.asking.is_some() {
            if self.waiting.len() >= WAITING_MAX {
                return Err(Error::internal(format!(
                    "more than {WAITING_MAX} questions wait"
                )));
            }
            self.waiting.push_back(question);
        } else {
            self.start(question, root);
        }
        Ok(None)
    }

    /// Goes on with the questions that wait, after one was answered.
    ///
    /// # Errors
    /// As [`Approver::ask`].
    pub(crate) fn next(&mut self, root: &Path) -> Result<Option<(Question, Decision)>, Error> {
        if self.asking.is_some() {
            return Ok(None);
        }
        self.waiting
            .pop_front()
            .map_or(Ok(None), |question| self.ask(question, root))
    }

    /// The answer typed at the terminal; never while nothing is asked. Cancel-safe. `None` when it could not be
    /// stored, in which case the question stays unanswered.
    pub(crate) async fn answered(&mut self) -> Option<(Question, Decision)> {
        let line = match &mut self.asking {
            Some((_, reader)) => reader.await.ok().flatten(),
            None => std::future::pending().await,
        };
        let (question, _) = self.asking.take()?;
        let answer = line.unwrap_or_default().trim().to_lowercase();
        let (granted, reason) = match answer.as_str() {
            "y" | "yes" => (true, "approved at the terminal"),
            "a" | "all" => {
                self.yes = true;
                (
                    true,
                    "approved at the terminal, with the rest of this command",
                )
            }
            _ => (false, "denied at the terminal"),
        };
        let decision = self.store(&question, granted, reason).ok()?;
        Some((question, decision))
    }

    fn start(&mut self, question: Question, root: &Path) {
        self.output.rest();
        self.output.note(&preview(
            &question.tool,
            &question.arguments,
            root,
            self.output.side_theme,
        ));
        let because = if question.reason.is_empty() {
            String::new()
        } else {
            format!(" ({})", question.reason)
        };
        let text = format!(
            "Allow {}{because}? [y]es, [a]ll of this command, [N]o: ",
            question.tool
        );
        self.output.question(&self.output.side_theme.strong(&text));
        let reader = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).ok().map(|_| line)
        });
        self.asking = Some((question, reader));
    }

    fn store(&self, question: &Question, granted: bool, reason: &str) -> Result<Decision, Error> {
        let decision = Decision {
            call_id: question.call_id.clone(),
            granted,
            reason: reason.to_owned(),
        };
        self.state.remember_decision(&decision)?;
        Ok(decision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(call_id: &str) -> Question {
        Question {
            call_id: call_id.into(),
            tool: "edit_file".into(),
            arguments: "{}".into(),
            reason: String::new(),
            call: None,
        }
    }

    fn decide(yes: bool, state: &ProjectState, call_id: &str) -> Decision {
        let environment = Environment::default();
        let output = Output::new(&environment, false, true, true);
        let mut approver = Approver::new(yes, &environment, &output, state.clone());
        let answer = approver
            .ask(question(call_id), Path::new("/"))
            .expect("stored");
        answer.expect("answered at once").1
    }

    #[test]
    fn nobody_there_means_no_and_yes_means_yes() {
        let dir = tempfile::tempdir().expect("a directory");
        let state = ProjectState::open(dir.path()).expect("a state");
        assert!(!decide(false, &state, "c-1").granted);
        assert!(decide(true, &state, "c-2").granted);
    }

    #[test]
    fn an_answer_is_never_changed_by_a_later_run() {
        let dir = tempfile::tempdir().expect("a directory");
        let state = ProjectState::open(dir.path()).expect("a state");
        assert!(decide(true, &state, "c-1").granted);
        assert!(
            decide(false, &state, "c-1").granted,
            "an applied change must not be reported as denied"
        );
        assert!(!decide(false, &state, "c-2").granted);
        assert!(!decide(true, &state, "c-2").granted);
    }
}
