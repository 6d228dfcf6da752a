//! What to say, when, and how to fail meanwhile. As JSON, as NDJSON (one step per line), or built in code.
//!
//! ```json
//! {"key": "sk-test",
//!  "conversations": [{"when": {"first_user_contains": "add a function"},
//!    "steps": [
//!      {"say": [{"text": "Let me look."}, {"tool": {"name": "read_file", "arguments": {"path": "lib/a.ex"}}}]},
//!      {"say": [{"text": "Done."}], "faults": [{"status": {"status": 429, "retry_after_ms": 20}}, {"cut": {"after_bytes": 300}}]}]}]}
//! ```
//! Step N of a conversation answers the request that holds N assistant messages. A step's first fault
//! meets the first time the same request is asked, the second the second; then it is answered whole.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Most bytes of a script file.
pub(crate) const SCRIPT_BYTES_MAX: usize = 64 << 20;
/// Most rules, conversations, and steps of one conversation.
const ENTRIES_MAX: usize = 10_000;
/// Most parts of one step.
const PARTS_MAX: usize = 256;

/// Why a script cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    #[error("the script is not valid: {0}")]
    Json(#[from] serde_json::Error),
    #[error("line {line} of the script is not a step: {source}")]
    Line {
        line: usize,
        source: serde_json::Error,
    },
    #[error("the script has too many {what}: {actual}, the limit is {limit}")]
    TooMany {
        what: &'static str,
        actual: usize,
        limit: usize,
    },
}

/// Everything the provider knows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// The key callers must show; any or none when absent.
    pub key: Option<String>,
    /// The models that exist; any when empty.
    pub models: Vec<String>,
    /// Tried first, in order, on every request.
    pub rules: Vec<Rule>,
    /// The first that matches answers by the number of assistant messages.
    pub conversations: Vec<Conversation>,
}

/// A step for every request that matches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub when: When,
    pub step: Step,
}

/// Steps in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Conversation {
    pub when: When,
    pub steps: Vec<Step>,
}

/// Conditions on a request; all that are given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct When {
    pub model: Option<String>,
    pub system_contains: Option<String>,
    /// The first message of the user.
    pub first_user_contains: Option<String>,
    /// The last message, which must be the user's.
    pub last_user_contains: Option<String>,
    /// The last message, which must be the result of a tool.
    pub last_tool_contains: Option<String>,
    /// The number of assistant messages in the request.
    pub assistant_messages: Option<usize>,
}

/// One answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    pub say: Vec<Part>,
    /// Why the model stops; from the parts when absent.
    pub stop: Option<Stop>,
    /// One per attempt, in order; attempts beyond are answered whole.
    pub faults: Vec<Fault>,
    /// Met by every attempt beyond `faults`.
    pub always: Option<Fault>,
    /// Pause before each frame of a stream.
    pub delay_ms: u64,
    /// Cuts the stream's bytes into pieces of this size, wherever that falls.
    pub chunk_bytes: Option<usize>,
    /// Sends fragments of parallel tool calls in turns (OpenAI only).
    pub interleave: bool,
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Text(String),
    /// Reasoning; OpenAI callers get it as `reasoning_content`.
    Thinking(String),
    /// Encrypted reasoning; left out for OpenAI callers.
    RedactedThinking(String),
    Tool(ToolPart),
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolPart {
    pub name: String,
    /// A JSON value, or a string that is sent as the raw text of the arguments.
    pub arguments: Value,
    /// Made from the call when absent: the same for a repeated call, new for every other.
    #[serde(default)]
    pub id: Option<String>,
}

/// Why the model stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    EndTurn,
    ToolUse,
    MaxTokens,
    StopSequence,
    Refusal,
}

/// A way to fail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// No fault: this attempt is answered whole.
    Pass,
    /// A refusal with the dialect's body and headers.
    Status {
        status: u16,
        #[serde(default)]
        retry_after_ms: Option<u64>,
        /// Replaces the dialect's error type and code.
        #[serde(default)]
        kind: Option<String>,
        #[serde(default)]
        message: Option<String>,
    },
    /// Says nothing at all for so long, then breaks the connection.
    StallBeforeHeaders { ms: u64 },
    /// Falls silent in the body, then breaks the connection.
    StallMidStream { after_bytes: usize, ms: u64 },
    /// Breaks the connection after so many bytes of the body.
    Cut { after_bytes: usize },
    /// Ends the body properly after so many bytes, as a proxy in between may.
    EndEarly { after_bytes: usize },
    /// An error of this type inside the stream.
    ErrorEvent { after_frames: usize, kind: String },
    /// A frame that is not JSON.
    MalformedFrame { after_frames: usize },
    /// The arguments of every tool call lose their last third.
    MalformedToolJson,
    /// Usage as reported differs from usage as billed.
    WrongUsage(UsageOverride),
}

/// What to report instead of the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageOverride {
    pub input_tokens: u64,
    pub output_tokens: u64,
}

impl Script {
    /// Reads a script: one JSON document, or one step per line.
    ///
    /// # Errors
    /// What is wrong, with the line where lines are steps.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        limit("bytes", text.len(), SCRIPT_BYTES_MAX)?;
        let lines: Vec<(usize, &str)> = text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
            .collect();
        let whole = serde_json::from_str::<Value>(text);
        let one_step = whole.as_ref().is_ok_and(|value| value.get("say").is_some());
        let many_steps = whole.is_err()
            && lines.len() > 1
            && lines
                .iter()
                .all(|(_, line)| line.trim_start().starts_with('{'));
        if !one_step && !many_steps {
            let script: Self = serde_json::from_str(text)?;
            return script.check();
        }
        let steps = if one_step {
            vec![serde_json::from_str(text)?]
        } else {
            let step = |&(index, line): &(usize, &str)| {
                serde_json::from_str(line).map_err(|source| ScriptError::Line {
                    line: index + 1,
                    source,
                })
            };
            lines.iter().map(step).collect::<Result<Vec<Step>, _>>()?
        };
        Self::of_steps(steps).check()
    }

    /// One conversation for every request.
    pub fn of_steps(steps: impl IntoIterator<Item = Step>) -> Self {
        let steps = steps.into_iter().collect();
        let conversations = vec![Conversation {
            when: When::default(),
            steps,
        }];
        Self {
            conversations,
            ..Self::default()
        }
    }

    /// Demands a key.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Adds a rule.
    #[must_use]
    pub fn with_rule(mut self, when: When, step: Step) -> Self {
        self.rules.push(Rule { when, step });
        self
    }

    /// Adds a conversation for sessions whose first user message contains `text`.
    #[must_use]
    pub fn with_conversation(
        mut self,
        text: impl Into<String>,
        steps: impl IntoIterator<Item = Step>,
    ) -> Self {
        let when = When {
            first_user_contains: Some(text.into()),
            ..When::default()
        };
        self.conversations.push(Conversation {
            when,
            steps: steps.into_iter().collect(),
        });
        self
    }

    fn check(self) -> Result<Self, ScriptError> {
        limit("rules", self.rules.len(), ENTRIES_MAX)?;
        limit("conversations", self.conversations.len(), ENTRIES_MAX)?;
        for conversation in &self.conversations {
            limit(
                "steps in a conversation",
                conversation.steps.len(),
                ENTRIES_MAX,
            )?;
        }
        let steps = self.conversations.iter().flat_map(|it| &it.steps);
        for step in steps.chain(self.rules.iter().map(|rule| &rule.step)) {
            limit("parts in a step", step.say.len(), PARTS_MAX)?;
        }
        Ok(self)
    }
}

impl Step {
    /// Says one text.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            say: vec![Part::Text(text.into())],
            ..Self::default()
        }
    }

    /// Calls one tool.
    pub fn tool(name: impl Into<String>, arguments: Value) -> Self {
        Self::default().and_tool(name, arguments)
    }

    /// Adds a text.
    #[must_use]
    pub fn and_text(mut self, text: impl Into<String>) -> Self {
        self.say.push(Part::Text(text.into()));
        self
    }

    /// Adds reasoning.
    #[must_use]
    pub fn and_thinking(mut self, text: impl Into<String>) -> Self {
        self.say.push(Part::Thinking(text.into()));
        self
    }

    /// Adds a call; `arguments` is a JSON value, or a string of raw text.
    #[must_use]
    pub fn and_tool(mut self, name: impl Into<String>, arguments: Value) -> Self {
        self.say.push(Part::Tool(ToolPart {
            name: name.into(),
            arguments,
            id: None,
        }));
        self
    }

    /// Adds a fault for the next attempt that has none yet.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }
}

impl Fault {
    /// A refusal with the dialect's own words.
    pub const fn status(status: u16) -> Self {
        Self::Status {
            status,
            retry_after_ms: None,
            kind: None,
            message: None,
        }
    }

    /// A 429 that names the wait.
    pub const fn rate_limit(retry_after_ms: u64) -> Self {
        Self::Status {
            status: 429,
            retry_after_ms: Some(retry_after_ms),
            kind: None,
            message: None,
        }
    }
}

fn limit(what: &'static str, actual: usize, limit: usize) -> Result<(), ScriptError> {
    if actual <= limit {
        Ok(())
    } else {
        Err(ScriptError::TooMany {
            what,
            actual,
            limit,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_documented_example_parses() {
        let script = Script::parse(
            r#"{"key": "sk-test",
             "conversations": [{"when": {"first_user_contains": "add a function"},
               "steps": [
                 {"say": [{"text": "Let me look."}, {"tool": {"name": "read_file", "arguments": {"path": "lib/a.ex"}}}]},
                 {"say": [{"text": "Done."}], "faults": [{"status": {"status": 429, "retry_after_ms": 20}}, {"cut": {"after_bytes": 300}}]}]}]}"#,
        )
        .unwrap();
        let steps = &script.conversations[0].steps;
        assert_eq!(
            steps[0],
            Step::text("Let me look.").and_tool("read_file", json!({"path": "lib/a.ex"}))
        );
        let second = Step::text("Done.")
            .fault(Fault::rate_limit(20))
            .fault(Fault::Cut { after_bytes: 300 });
        assert_eq!(steps[1], second);
        assert_eq!(
            Script::parse(&serde_json::to_string(&script).unwrap()).unwrap(),
            script
        );
    }

    #[test]
    fn lines_are_steps() {
        let script =
            Script::parse("{\"say\":[{\"text\":\"a\"}]}\n\n{\"say\":[{\"text\":\"b\"}]}\n")
                .unwrap();
        assert_eq!(script, Script::of_steps([Step::text("a"), Step::text("b")]));
        assert_eq!(
            Script::parse("{\"say\":[]}").unwrap(),
            Script::of_steps([Step::default()])
        );
        let error = Script::parse("{\"say\":[]}\n{\"sya\":[]}")
            .unwrap_err()
            .to_string();
        assert!(error.contains("line 2") && error.contains("sya"), "{error}");
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(Script::parse(r#"{"converstions": []}"#).is_err());
        assert!(Script::parse(r#"{"rules": [{"when": {"last": "x"}, "step": {}}]}"#).is_err());
    }
}
