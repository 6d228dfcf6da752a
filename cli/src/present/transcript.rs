//! A session as a conversation: who said what, which tools ran, how each turn ended.

use super::diff::{file_diff, summary};
use super::table::time;
use super::verdict::ladder;
use crate::output::printable;
use crate::session_json::{Event, Task, TurnEnd, text_of};
use crate::theme::Theme;
use aiex_proto::v1::SessionEvent;
use jiff::tz::TimeZone;
use std::collections::HashMap;

/// The whole conversation.
pub(crate) fn transcript(events: &[SessionEvent], theme: Theme) -> String {
    let mut names = HashMap::new();
    let mut parts = Vec::new();
    for recorded in events {
        let event = Event::read(&recorded.payload_json);
        if let Event::ToolCallIntended { call_id, name, .. } = &event {
            names.insert(call_id.clone(), name.clone());
        }
        parts.extend(part(&event, &names, theme));
    }
    if parts.is_empty() {
        "nothing was said yet".to_owned()
    } else {
        parts.join("\n")
    }
}

/// One line for each event: place, time, author, type.
pub(crate) fn event_list(events: &[SessionEvent], zone: &TimeZone, theme: Theme) -> String {
    let rows: Vec<[String; 4]> = events
        .iter()
        .map(|event| {
            [
                event.seq.to_string(),
                time(event.at_unix_ms, zone),
                event.actor.clone(),
                event.r#type.clone(),
            ]
        })
        .collect();
    super::table::table(["SEQ", "TIME", "ACTOR", "EVENT"], &rows, "no events", theme)
}

fn part(event: &Event, names: &HashMap<String, String>, theme: Theme) -> Option<String> {
    match event {
        Event::TurnStarted {
            turn, task, model, ..
        } => {
            let asked = match serde_json::from_value::<Task>(task.clone()) {
                Ok(Task::Ask { text }) => text,
                Ok(other) => other.headline(),
                Err(_) => task.to_string(),
            };
            let model = if model.is_empty() {
                String::new()
            } else {
                format!(" · {model}")
            };
            let heading = theme.faint(&format!("── turn {turn}{model}"));
            Some(format!(
                "{heading}\n{}",
                theme.strong(&format!("> {}", printable(&asked).replace('\n', "\n> ")))
            ))
        }
        Event::ModelReplied { content, .. } => {
            let text = text_of(content);
            (!text.trim().is_empty()).then(|| printable(&text).trim_end().to_owned())
        }
        Event::ToolCallFinished {
            call_id,
            status,
            changes,
            verdict,
            ..
        } => {
            let name = names.get(call_id).unwrap_or(call_id);
            let (added, removed) = summary(changes);
            let counts = if changes.is_empty() {
                String::new()
            } else {
                format!("  +{added} −{removed}")
            };
            let mark = match status.as_str() {
                "ok" => theme.good("✓"),
                "denied" => theme.warning("−"),
                _ => theme.bad("✗"),
            };
            let mut lines = vec![format!("{mark} {}{counts}", printable(name))];
            lines.extend(changes.iter().filter_map(|change| file_diff(change, theme)));
            lines.extend(verdict.as_ref().map(|verdict| ladder(verdict, theme)));
            Some(lines.join("\n"))
        }
        Event::TurnFinished { end, .. } => match end {
            TurnEnd::Completed => None,
            TurnEnd::Failed { code, message, .. } => Some(theme.bad(&format!(
                "failed [{}]: {}",
                printable(code),
                printable(message)
            ))),
            TurnEnd::Cancelled { reason } => {
                Some(theme.warning(&format!("cancelled: {}", printable(reason))))
            }
            TurnEnd::LimitReached { limit } => {
                Some(theme.bad(&format!("limit reached: {}", printable(limit))))
            }
            TurnEnd::Unknown => Some("ended in a way this version does not know".to_owned()),
        },
        Event::SessionArchived => Some(theme.faint("archived")),
        _ => None,
    }
}
