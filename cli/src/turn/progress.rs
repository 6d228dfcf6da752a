//! What a turn has come to, computed from its events alone.

use crate::exit_code::Exit;
use crate::session_json::{Event, TurnEnd, Usage, Verdict, text_of};
use aiex_proto::code::ErrorCode;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};

/// Which turn is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Follow {
    /// The turn this request starts.
    Request(String),
    /// The turn started last.
    Latest,
}

/// A turn so far. Events of other turns change nothing.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    follow: Follow,
    turn: Option<u32>,
    calls: HashMap<String, ToolUse>,
    report: Report,
    end: Option<TurnEnd>,
    denied: bool,
    /// A change was shown and refused because this is a dry run.
    only_shown: bool,
}

/// A tool call as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ToolUse {
    pub(crate) name: String,
    pub(crate) arguments: String,
}

/// The outcome of a turn, as `--json` prints it in its last line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    pub(crate) turn: u32,
    /// The answer; empty when the turn only did something.
    pub(crate) text: String,
    pub(crate) model_calls: u32,
    pub(crate) tool_calls: u32,
    pub(crate) usage: Usage,
    pub(crate) changed_files: BTreeSet<String>,
    /// Of the last change; none when nothing was verified.
    pub(crate) verdict: Option<Verdict>,
}

impl Progress {
    pub(crate) fn new(follow: Follow) -> Self {
        Self {
            follow,
            turn: None,
            calls: HashMap::new(),
            report: Report::default(),
            end: None,
            denied: false,
            only_shown: false,
        }
    }

    /// Takes an event in; true when it belongs to the followed turn.
    pub(crate) fn apply(&mut self, event: &Event) -> bool {
        if let Event::TurnStarted {
            turn, request_id, ..
        } = event
        {
            let ours = match &self.follow {
                Follow::Request(id) => id == request_id,
                Follow::Latest => true,
            };
            if ours {
                *self = Self {
                    turn: Some(*turn),
                    ..Self::new(self.follow.clone())
                };
                self.report.turn = *turn;
            }
            return ours;
        }
        if turn_of(event).is_none() || turn_of(event) != self.turn {
            return false;
        }
        self.advance(event);
        true
    }

    fn advance(&mut self, event: &Event) {
        match event {
            Event::ModelReplied {
                content,
                stop,
                usage,
                ..
            } => {
                self.report.model_calls += 1;
                self.report.usage.input_tokens += usage.input_tokens;
                self.report.usage.output_tokens += usage.output_tokens;
                let text = text_of(content);
                // What is said before a tool call is the way, not the answer.
                if !text.is_empty() && stop != "tool_use" {
                    self.report.text = text;
                }
            }
            Event::ToolCallIntended {
                call_id,
                name,
                arguments,
                ..
            } => {
                let used = ToolUse {
                    name: name.clone(),
                    arguments: arguments.clone(),
                };
                self.calls.insert(call_id.clone(), used);
            }
            Event::ToolCallFinished {
                changes, verdict, ..
            } => {
                self.report.tool_calls += 1;
                self.report
                    .changed_files
                    .extend(changes.iter().map(|change| change.path.clone()));
                if verdict.is_some() {
                    self.report.verdict.clone_from(verdict);
                }
            }
            Event::ApprovalDecided { granted: false, .. } => self.denied = true,
            Event::TurnFinished { end, .. } => self.end = Some(end.clone()),
            _ => {}
        }
    }

    /// Notes that a person or a rule refused a change.
    pub(crate) fn note_denied(&mut self) {
        self.denied = true;
    }

    /// Notes that a change was shown and refused because this is a dry run.
    pub(crate) fn note_only_shown(&mut self) {
        self.only_shown = true;
    }

    /// True when the turn failed for no other reason than the refusals of a dry run.
    pub(crate) fn ended_as_dry_run(&self) -> bool {
        let refused = matches!(&self.end, Some(TurnEnd::Failed { code, .. })
            if ErrorCode::parse(code) == Some(ErrorCode::ApprovalDenied));
        self.only_shown && refused
    }

    /// The call behind an id.
    pub(crate) fn call(&self, call_id: &str) -> Option<&ToolUse> {
        self.calls.get(call_id)
    }

    /// How the turn ended, once it did.
    pub(crate) fn end(&self) -> Option<&TurnEnd> {
        self.end.as_ref()
    }

    pub(crate) fn report(&self) -> &Report {
        &self.report
    }

    /// The exit code of an ended turn.
    pub(crate) fn exit(&self) -> Exit {
        let verified = self.report.verdict.as_ref().is_none_or(Verdict::passed);
        match &self.end {
            Some(TurnEnd::Completed) if self.denied => Exit::Denied,
            Some(TurnEnd::Completed) if !verified => Exit::VerificationFailed,
            Some(TurnEnd::Completed) => Exit::Done,
            Some(TurnEnd::Failed { .. }) if self.ended_as_dry_run() => Exit::Done,
            Some(TurnEnd::Failed { code, .. }) => {
                ErrorCode::parse(code).map_or(Exit::Failed, Exit::from)
            }
            Some(TurnEnd::Cancelled { .. }) => Exit::Interrupted,
            Some(TurnEnd::LimitReached { .. }) => Exit::LimitReached,
            Some(TurnEnd::Unknown) | None => Exit::Failed,
        }
    }
}

fn turn_of(event: &Event) -> Option<u32> {
    match event {
        Event::TurnStarted { turn, .. }
        | Event::ModelCallIntended { turn, .. }
        | Event::ModelReplied { turn, .. }
        | Event::ModelCallFailed { turn, .. }
        | Event::ToolCallIntended { turn, .. }
        | Event::ApprovalDecided { turn, .. }
        | Event::ToolCallFinished { turn, .. }
        | Event::TurnFinished { turn, .. } => Some(*turn),
        Event::SessionCreated { .. }
        | Event::SessionRetitled { .. }
        | Event::SessionArchived
        | Event::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Event {
        let event = Event::read(json);
        assert_ne!(event, Event::Unknown, "{json}");
        event
    }

    fn started(turn: u32, request: &str) -> Event {
        read(&format!(
            r#"{{"type":"turn_started","turn":{turn},"request_id":"{request}","task":{{}},"model":"m","workspace_id":""}}"#
        ))
    }

    fn finished(end: &str) -> Event {
        read(&format!(
            r#"{{"type":"turn_finished","turn":2,"end":{end}}}"#
        ))
    }

    fn tool(status: &str) -> Event {
        read(&format!(
            r#"{{"type":"tool_call_finished","turn":2,"call_id":"c","status":"ok","output":{{"inline":""}},"accesses":[],
                "changes":[{{"path":"lib/a.ex","before":null,"after":{{"inline":"x"}}}}],
                "verdict":{{"steps":[{{"name":"compile","status":"{status}","detail":"","duration_ms":1}}]}}}}"#
        ))
    }

    fn after(events: &[Event]) -> Progress {
        let mut progress = Progress::new(Follow::Request("r-2".into()));
        progress.apply(&started(2, "r-2"));
        for event in events {
            progress.apply(event);
        }
        progress
    }

    #[test]
    fn only_the_followed_turn_counts() {
        let mut progress = Progress::new(Follow::Request("r-2".into()));
        assert!(!progress.apply(&started(1, "r-1")));
        assert!(!progress.apply(&finished(r#"{"end":"completed"}"#)));
        assert!(progress.end().is_none());
        assert!(progress.apply(&started(2, "r-2")));
        assert!(progress.apply(&finished(r#"{"end":"completed"}"#)));
        assert_eq!(progress.exit(), Exit::Done);
    }

    #[test]
    fn the_end_decides_the_exit_code() {
        for (end, exit) in [
            (r#"{"end":"completed"}"#, Exit::Done),
            (
                r#"{"end":"cancelled","reason":"ctrl-c"}"#,
                Exit::Interrupted,
            ),
            (
                r#"{"end":"limit_reached","limit":"tokens"}"#,
                Exit::LimitReached,
            ),
            (
                r#"{"end":"failed","code":"verification_failed","message":"","hint":""}"#,
                Exit::VerificationFailed,
            ),
            (
                r#"{"end":"failed","code":"provider_failed","message":"","hint":""}"#,
                Exit::Failed,
            ),
            (
                r#"{"end":"failed","code":"unavailable","message":"","hint":""}"#,
                Exit::Unreachable,
            ),
            (
                r#"{"end":"failed","code":"moon","message":"","hint":""}"#,
                Exit::Failed,
            ),
            (r#"{"end":"evaporated"}"#, Exit::Failed),
        ] {
            assert_eq!(after(&[finished(end)]).exit(), exit, "{end}");
        }
    }

    #[test]
    fn the_last_verdict_counts_and_a_denial_outweighs_it() {
        let done = finished(r#"{"end":"completed"}"#);
        assert_eq!(
            after(&[tool("failed"), done.clone()]).exit(),
            Exit::VerificationFailed
        );
        let repaired = after(&[tool("failed"), tool("passed"), done.clone()]);
        assert_eq!(repaired.exit(), Exit::Done);
        assert_eq!(repaired.report().changed_files.len(), 1);
        assert_eq!(repaired.report().tool_calls, 2);
        let mut denied = after(&[tool("skipped"), done]);
        assert_eq!(denied.exit(), Exit::Done);
        denied.note_denied();
        assert_eq!(denied.exit(), Exit::Denied);
    }

    #[test]
    fn the_latest_turn_starts_afresh() {
        let mut progress = Progress::new(Follow::Latest);
        progress.apply(&started(2, "a"));
        progress.apply(&tool("failed"));
        progress.apply(&finished(r#"{"end":"completed"}"#));
        progress.apply(&started(3, "b"));
        assert!(progress.end().is_none());
        assert_eq!(
            progress.report(),
            &Report {
                turn: 3,
                ..Report::default()
            }
        );
    }
}
