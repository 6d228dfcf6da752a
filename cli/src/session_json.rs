//! The JSON inside the contract, as far as this program reads and writes it.
//!
//! Events and contents of later versions are read as `Unknown` and shown by their type, never refused.

use serde::{Deserialize, Serialize};

/// What is asked of a turn; `Prompt.task_json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub(crate) enum Task {
    Ask {
        text: String,
    },
    Explain {
        target: String,
    },
    CreateTests {
        target: String,
        dry_run: bool,
    },
    CreateModule {
        name: String,
        kind: String,
        description: String,
        dry_run: bool,
    },
    RenameFunction {
        target: String,
        new_name: String,
        dry_run: bool,
    },
    Undo {
        turn: u32,
    },
}

impl Task {
    /// One line for titles.
    pub(crate) fn headline(&self) -> String {
        match self {
            Self::Ask { text } => {
                let line = text.trim().lines().next().unwrap_or_default();
                match line.char_indices().nth(72) {
                    Some((end, _)) => format!("{}…", line[..end].trim_end()),
                    None => line.to_owned(),
                }
            }
            Self::Explain { target } => format!("explain {target}"),
            Self::CreateTests { target, .. } => format!("create tests for {target}"),
            Self::CreateModule { name, kind, .. } => format!("create {kind} module {name}"),
            Self::RenameFunction {
                target, new_name, ..
            } => format!("rename {target} to {new_name}"),
            Self::Undo { turn: 0 } => "undo the last change".to_owned(),
            Self::Undo { turn } => format!("undo turn {turn}"),
        }
    }
}

/// Text that is here, or only named because it is stored apart.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Content {
    Inline(String),
    Blob { hash: String, size_bytes: u64 },
}

impl Content {
    /// The text, if it came along.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Inline(text) => Some(text),
            Self::Blob { .. } => None,
        }
    }
}

/// A part of a message. Only text is shown.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Block {
    Text {
        text: String,
    },
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Usage {
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct FileChange {
    pub(crate) path: String,
    pub(crate) before: Option<Content>,
    pub(crate) after: Option<Content>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Verdict {
    pub(crate) steps: Vec<VerdictStep>,
}

impl Verdict {
    pub(crate) fn passed(&self) -> bool {
        self.steps.iter().all(|step| step.status != "failed")
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VerdictStep {
    pub(crate) name: String,
    /// "passed", "failed" or "skipped".
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) detail: String,
    #[serde(default)]
    pub(crate) duration_ms: u64,
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub(crate) enum TurnEnd {
    Completed,
    Failed {
        code: String,
        message: String,
        hint: String,
    },
    Cancelled {
        reason: String,
    },
    LimitReached {
        limit: String,
    },
    #[serde(other)]
    Unknown,
}

/// What happened; `SessionEvent.payload_json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Event {
    SessionCreated {
        title: String,
    },
    SessionRetitled {
        title: String,
    },
    SessionArchived,
    TurnStarted {
        turn: u32,
        request_id: String,
        task: serde_json::Value,
        model: String,
    },
    ModelCallIntended {
        turn: u32,
        model: String,
    },
    ModelReplied {
        turn: u32,
        content: Vec<Block>,
        stop: String,
        #[serde(default)]
        usage: Usage,
    },
    ModelCallFailed {
        turn: u32,
        code: String,
        message: String,
        #[serde(default)]
        retryable: bool,
    },
    ToolCallIntended {
        turn: u32,
        call_id: String,
        name: String,
        arguments: String,
    },
    ApprovalDecided {
        turn: u32,
        call_id: String,
        granted: bool,
        #[serde(default)]
        by: String,
    },
    ToolCallFinished {
        turn: u32,
        call_id: String,
        status: String,
        output: Content,
        #[serde(default)]
        changes: Vec<FileChange>,
        #[serde(default)]
        verdict: Option<Verdict>,
    },
    TurnFinished {
        turn: u32,
        end: TurnEnd,
    },
    #[serde(other)]
    Unknown,
}

impl Event {
    /// Reads a payload; what cannot be read is `Unknown`, because the log is right and this program may be old.
    pub(crate) fn read(payload_json: &str) -> Self {
        serde_json::from_str(payload_json).unwrap_or(Self::Unknown)
    }
}

/// The text blocks of a message, joined.
pub(crate) fn text_of(content: &[Block]) -> String {
    let texts: Vec<&str> = content
        .iter()
        .filter_map(|block| match block {
            Block::Text { text } => Some(text.as_str()),
            Block::Unknown => None,
        })
        .collect();
    texts.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_travel_in_the_form_of_the_contract() {
        let task = Task::RenameFunction {
            target: "Shop.Cart.sum/1".into(),
            new_name: "total".into(),
            dry_run: true,
        };
        let json = serde_json::to_string(&task).expect("json");
        assert_eq!(
            json,
            r#"{"task":"rename_function","target":"Shop.Cart.sum/1","new_name":"total","dry_run":true}"#
        );
        assert_eq!(
            serde_json::to_string(&Task::Ask { text: "why".into() }).expect("json"),
            r#"{"task":"ask","text":"why"}"#
        );
    }

    #[test]
    fn events_are_read_and_unknown_ones_survive() {
        let event = Event::read(
            r#"{"type":"tool_call_finished","turn":1,"call_id":"c","status":"ok","output":{"inline":"done"},
                "accesses":[],"changes":[{"path":"a.ex","before":null,"after":{"blob":{"hash":"ab","size_bytes":9}}}],
                "verdict":{"steps":[{"name":"parse","status":"passed","detail":"","duration_ms":1}]}}"#,
        );
        let Event::ToolCallFinished {
            changes,
            verdict,
            output,
            ..
        } = event
        else {
            panic!("{event:?}")
        };
        assert_eq!(output.text(), Some("done"));
        assert_eq!(changes[0].before, None);
        assert!(verdict.expect("a verdict").passed());
        assert_eq!(
            Event::read(r#"{"type":"moon_rose","phase":3}"#),
            Event::Unknown
        );
        assert_eq!(Event::read("not json"), Event::Unknown);
        let replied = Event::read(
            r#"{"type":"model_replied","turn":1,"call_id":"m","provider":"offline","content":[{"type":"thinking","text":"h"},
                {"type":"text","text":"hello"}],"stop":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}"#,
        );
        let Event::ModelReplied { content, stop, .. } = replied else {
            panic!("not read")
        };
        assert_eq!(
            (text_of(&content).as_str(), stop.as_str()),
            ("hello", "end_turn")
        );
        let end: TurnEnd =
            serde_json::from_str(r#"{"end":"limit_reached","limit":"tokens"}"#).expect("an end");
        assert_eq!(
            end,
            TurnEnd::LimitReached {
                limit: "tokens".into()
            }
        );
    }

    #[test]
    fn long_questions_make_short_titles() {
        let task = Task::Ask {
            text: format!("{}é and more\nsecond line", "é".repeat(80)),
        };
        assert_eq!(task.headline().chars().count(), 73);
    }
}
