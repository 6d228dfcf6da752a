//! Shows a turn: as text for a person, or as one JSON object per line for a program.
//!
//! For a person the answer goes to stdout and the way to it to stderr. On a terminal the answer appears while it is
//! written; otherwise only the committed text is printed.

use super::progress::Progress;
use crate::error::Error;
use crate::output::{Output, printable};
use crate::present::diff::{file_diff, summary};
use crate::present::preview::preview;
use crate::present::verdict::ladder;
use crate::session_json::{Event, FileChange, TurnEnd, text_of};
use crate::state::Decision;
use crate::theme::Theme;
use aiex_proto::v1::delta::Kind;
use aiex_proto::v1::{Delta, SessionEvent, SessionSummary};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::Path;

/// Lines of one tool's output that are shown when it failed.
const FAILURE_LINES_SHOWN: usize = 12;

/// Where a turn is shown, and what of the present answer is on the screen.
pub(crate) struct View<'a> {
    output: &'a Output,
    /// Uncommitted text already printed; empty when nothing is.
    shown: String,
    /// True when the last committed answer is already on the screen.
    answer_printed: bool,
    /// Calls whose diff the person has just seen and approved.
    previewed: HashSet<String>,
}

impl<'a> View<'a> {
    pub(crate) fn new(output: &'a Output) -> Self {
        Self {
            output,
            shown: String::new(),
            answer_printed: false,
            previewed: HashSet::new(),
        }
    }

    pub(crate) fn session(&mut self, summary: &SessionSummary) -> Result<(), Error> {
        self.line(|| {
            json!({"type": "session", "session_id": summary.session_id, "project": summary.project, "title": summary.title})
        })
    }

    pub(crate) fn waiting(&mut self) {
        self.output.progress("waiting for the turn to start");
    }

    /// Shows a committed event; events of other turns only with `--json`.
    pub(crate) fn event(
        &mut self,
        recorded: &SessionEvent,
        event: &Event,
        ours: bool,
        progress: &Progress,
    ) -> Result<(), Error> {
        if self.output.json {
            let payload: Value =
                serde_json::from_str(&recorded.payload_json).unwrap_or(Value::Null);
            return self.output.document(&json!({
                "type": "event", "seq": recorded.seq, "at_unix_ms": recorded.at_unix_ms, "actor": recorded.actor,
                "schema_version": recorded.schema_version, "event": payload,
            }));
        }
        if !ours {
            return Ok(());
        }
        match event {
            Event::ModelReplied { content, stop, .. } => self.reply(&text_of(content), stop),
            other => {
                if let Some(now) = activity(other) {
                    self.output.progress(&now);
                }
                if let Some(text) = step(other, progress, &self.previewed, self.output.side_theme) {
                    self.output.note(&text);
                }
                Ok(())
            }
        }
    }

    /// Shows uncommitted text.
    pub(crate) fn delta(&mut self, delta: &Delta) -> Result<(), Error> {
        let kind = delta.kind();
        if self.output.json {
            let kind = match kind {
                Kind::Text => "text",
                Kind::Thinking => "thinking",
                Kind::Progress => "progress",
                Kind::Unspecified => "unspecified",
            };
            return self.output.document(
                &json!({"type": "delta", "turn": delta.turn, "kind": kind, "text": delta.text}),
            );
        }
        match kind {
            Kind::Text if self.output.live => {
                self.output.rest();
                self.shown.push_str(&delta.text);
                self.output.piece(printable(&delta.text).as_bytes())
            }
            Kind::Progress | Kind::Thinking => {
                if let Some(line) = delta.text.lines().rfind(|line| !line.trim().is_empty()) {
                    self.output.progress(line.trim());
                }
                Ok(())
            }
            Kind::Text | Kind::Unspecified => Ok(()),
        }
    }

    pub(crate) fn answer_restarted(&mut self, turn: u32) -> Result<(), Error> {
        if !self.shown.is_empty() {
            self.shown.clear();
            self.output.piece(b"\n")?;
            self.output
                .note("the answer was lost with its node and starts again");
        }
        self.line(|| json!({"type": "answer_restarted", "turn": turn}))
    }

    pub(crate) fn attached(&mut self, node_id: &str, again: bool) -> Result<(), Error> {
        if again && !self.output.json {
            self.output.note(&format!(
                "the session goes on at node {}",
                printable(node_id)
            ));
        }
        self.line(|| json!({"type": "attached", "node_id": node_id, "again": again}))
    }

    pub(crate) fn reconnecting(
        &mut self,
        attempt: u32,
        waited_ms: u64,
        reason: &str,
    ) -> Result<(), Error> {
        if attempt == 1 && !self.output.json {
            self.output.note(&format!(
                "the link to the session broke ({}); reconnecting",
                printable(reason)
            ));
        }
        self.output
            .progress(&format!("reconnecting, attempt {attempt}"));
        self.line(|| json!({"type": "reconnecting", "attempt": attempt, "waited_ms": waited_ms, "reason": reason}))
    }

    pub(crate) fn approval(&mut self, tool: &str, decision: &Decision) -> Result<(), Error> {
        if !decision.granted && !self.output.json {
            self.output
                .note(&format!("{}: {}", printable(tool), decision.reason));
        }
        self.line(|| {
            json!({"type": "approval", "call_id": decision.call_id, "name": tool,
                   "granted": decision.granted, "reason": decision.reason})
        })
    }

    /// Remembers that the person saw what a call changes before agreeing to it.
    pub(crate) fn note_previewed(&mut self, call_id: &str) {
        self.previewed.insert(call_id.to_owned());
    }

    /// Shows what a dry run leaves undone.
    pub(crate) fn refused(&mut self, call: &aiex_tools::ToolCall, reason: &str, root: &Path) {
        if !self.output.json {
            let theme = self.output.side_theme;
            self.output
                .note(&format!("{}: {reason}", printable(&call.name)));
            self.output
                .note(&preview(&call.name, &call.arguments, root, theme));
        }
    }

    /// Tells that the private node was started again.
    pub(crate) fn revived(&mut self) {
        self.output
            .note("the private node had died and was started again");
    }

    pub(crate) fn cancelling(&mut self) {
        self.output
            .note("cancelling the turn; press Ctrl-C again to leave at once");
    }

    /// Shows how the turn ended, and the answer if it is not on the screen yet.
    pub(crate) fn ended(&mut self, progress: &Progress) -> Result<(), Error> {
        self.output.rest();
        let report = progress.report();
        if self.output.json {
            let mut line = json!({"type": "result", "exit_code": progress.exit().code(), "end": progress.end()});
            if let (Value::Object(line), Ok(Value::Object(report))) =
                (&mut line, serde_json::to_value(report))
            {
                line.extend(report);
            }
            return self.output.document(&line);
        }
        if !self.answer_printed && !report.text.is_empty() {
            self.output.result(&printable(&report.text))?;
        } else if report.text.is_empty() && !report.changed_files.is_empty() {
            let files: Vec<&str> = report.changed_files.iter().map(String::as_str).collect();
            self.output
                .result(&printable(&format!("changed: {}", files.join(", "))))?;
        }
        if progress.ended_as_dry_run() {
            self.output.note("a dry run: nothing was changed");
        } else if let Some(text) = progress
            .end()
            .and_then(|end| ending(end, self.output.side_theme))
        {
            self.output.note(&text);
        }
        Ok(())
    }

    /// A committed answer. What streams before a tool call is the way, what ends the turn is the result.
    fn reply(&mut self, text: &str, stop: &str) -> Result<(), Error> {
        let text = printable(text);
        let shown = std::mem::take(&mut self.shown);
        let shown = printable(&shown);
        self.answer_printed = false;
        if !shown.is_empty() {
            self.answer_printed = true;
            return match text.strip_prefix(&*shown) {
                Some("") if shown.ends_with('\n') => Ok(()),
                Some("") => self.output.piece(b"\n"),
                Some(rest) => self.output.result(rest),
                None => self.output.result(&format!("\n{text}")),
            };
        }
        if stop == "tool_use" && !text.trim().is_empty() {
            self.output
                .note(&self.output.side_theme.faint(text.trim_end()));
        }
        Ok(())
    }

    fn line(&self, value: impl FnOnce() -> Value) -> Result<(), Error> {
        if self.output.json {
            self.output.document(&value())
        } else {
            Ok(())
        }
    }
}

/// What goes on after an event, for the spinner.
fn activity(event: &Event) -> Option<String> {
    match event {
        Event::TurnStarted { .. } => Some("preparing".to_owned()),
        Event::ModelCallIntended { model, .. } => Some(format!("{} is working", printable(model))),
        Event::ToolCallIntended {
            name, arguments, ..
        } => Some(printable(&tool_line(name, arguments)).into_owned()),
        Event::ToolCallFinished { .. } => Some("going on".to_owned()),
        _ => None,
    }
}

/// The lines an event leaves behind on stderr.
pub(crate) fn step(
    event: &Event,
    progress: &Progress,
    previewed: &HashSet<String>,
    theme: Theme,
) -> Option<String> {
    match event {
        // A call that failed ends its turn in the same append; the end says why, once.
        Event::ModelCallFailed { .. } => None,
        Event::ToolCallFinished {
            call_id,
            status,
            output,
            changes,
            verdict,
            ..
        } => {
            let used = progress.call(call_id);
            let line = used.map_or_else(
                || call_id.clone(),
                |used| tool_line(&used.name, &used.arguments),
            );
            let line = printable(&line).into_owned();
            let mut lines = vec![match status.as_str() {
                "ok" => format!("{} {line}{}", theme.good("✓"), changed(changes, theme)),
                "denied" => format!("{} {line}: denied", theme.warning("−")),
                _ => format!("{} {line}: failed", theme.bad("✗")),
            }];
            if status != "ok"
                && let Some(text) = output.text()
            {
                lines.extend(indented(text, theme));
            }
            if !previewed.contains(call_id) {
                lines.extend(changes.iter().filter_map(|change| file_diff(change, theme)));
            }
            lines.extend(verdict.as_ref().map(|verdict| ladder(verdict, theme)));
            Some(lines.join("\n"))
        }
        _ => None,
    }
}

fn indented(text: &str, theme: Theme) -> Vec<String> {
    let text = printable(text);
    let all = text.lines().count();
    let mut lines: Vec<String> = text
        .lines()
        .take(FAILURE_LINES_SHOWN)
        .map(|line| format!("  {}", theme.faint(line)))
        .collect();
    if all > FAILURE_LINES_SHOWN {
        lines.push(theme.faint(&format!("  … {} more lines", all - FAILURE_LINES_SHOWN)));
    }
    lines
}

fn changed(changes: &[FileChange], theme: Theme) -> String {
    let counts = summary(changes);
    if counts == (0, 0) {
        return String::new();
    }
    format!(
        "  {} {}",
        theme.good(&format!("+{}", counts.0)),
        theme.bad(&format!("−{}", counts.1))
    )
}

/// `edit_file lib/a.ex`: the tool and the argument that says most.
fn tool_line(name: &str, arguments: &str) -> String {
    let arguments: Value = serde_json::from_str(arguments).unwrap_or(Value::Null);
    let list = |key: &str| -> Option<String> {
        let items = arguments.get(key)?.as_array()?;
        Some(
            items
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(" "),
        )
    };
    let files = || -> Option<String> {
        let files = arguments.get("files")?.as_array()?;
        Some(
            files
                .iter()
                .filter_map(|file| file.get("path")?.as_str())
                .collect::<Vec<_>>()
                .join(" "),
        )
    };
    let text = |key: &str| {
        arguments
            .get(key)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let main = text("path")
        .or_else(|| text("pattern"))
        .or_else(|| list("argv"))
        .or_else(|| list("paths"))
        .or_else(files)
        .unwrap_or_default();
    let line = format!("{name} {main}").trim_end().replace('\n', " ");
    match line.char_indices().nth(100) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn ending(end: &TurnEnd, theme: Theme) -> Option<String> {
    match end {
        TurnEnd::Completed => None,
        TurnEnd::Failed {
            code,
            message,
            hint,
        } => {
            let mut text = format!(
                "{}: {}",
                theme.bad(&format!("error[{}]", printable(code))),
                printable(message)
            );
            if !hint.is_empty() {
                text.push_str(&format!("\n{}: {}", theme.place("hint"), printable(hint)));
            }
            Some(text)
        }
        TurnEnd::Cancelled { reason } => Some(format!("cancelled: {}", printable(reason))),
        TurnEnd::LimitReached { limit } => Some(format!(
            "{}: the turn reached its limit of {}\n{}: ask for less, or go on with: aiex ask --continue",
            theme.bad("error[limit_reached]"),
            printable(limit),
            theme.place("hint"),
        )),
        TurnEnd::Unknown => Some("the turn ended in a way this version does not know".to_owned()),
    }
}
