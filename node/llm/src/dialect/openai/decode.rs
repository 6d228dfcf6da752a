//! Chat-completion chunks, and whole completions, as an answer.

use super::super::assembly::{Assembly, malformed};
use super::super::fault::FaultBody;
use super::super::{Answer, AnswerReader};
use crate::error::{Error, ErrorKind};
use crate::sse::SseEvent;
use crate::stream::StreamEvent;
use aiex_session::{ContentBlock, StopReason, Usage};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Most tool calls of one answer.
const TOOL_CALLS_MAX: usize = 128;

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    usage: Option<WireUsage>,
    #[serde(default)]
    error: Option<FaultBody>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u32,
    /// `delta` in a chunk, `message` in a whole completion: the same fields.
    #[serde(default, alias = "message")]
    delta: Option<Delta>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Delta {
    content: Option<String>,
    refusal: Option<String>,
    reasoning_content: Option<String>,
    reasoning: Option<String>,
    tool_calls: Option<Vec<CallDelta>>,
}

#[derive(Deserialize)]
struct CallDelta {
    #[serde(default)]
    index: Option<usize>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<FunctionDelta>,
}

#[derive(Deserialize)]
struct FunctionDelta {
    #[serde(default)]
    name: Option<String>,
    /// A string of fragments; some servers send a whole object.
    #[serde(default)]
    arguments: Option<Box<RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireUsage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PromptDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
}

impl From<WireUsage> for Usage {
    fn from(wire: WireUsage) -> Self {
        let prompt = wire.prompt_tokens_details.unwrap_or_default();
        let completion = wire.completion_tokens_details.unwrap_or_default();
        Self {
            input_tokens: wire.prompt_tokens.unwrap_or_default(),
            output_tokens: wire.completion_tokens.unwrap_or_default(),
            cache_read_tokens: prompt.cached_tokens.unwrap_or_default(),
            cache_write_tokens: prompt.cache_write_tokens.unwrap_or_default(),
            thinking_tokens: completion.reasoning_tokens.unwrap_or_default(),
        }
    }
}

/// One call under way: the index the server gave it, and where it is assembled.
struct OpenCall {
    index: usize,
    id: String,
    place: usize,
}

/// Reads chunks.
#[derive(Default)]
pub(super) struct Reader {
    assembly: Assembly,
    calls: Vec<OpenCall>,
    stop: Option<StopReason>,
    refused: bool,
    usage: Usage,
    call_id: String,
}

impl AnswerReader for Reader {
    fn read(&mut self, event: &SseEvent, out: &mut Vec<StreamEvent>) -> Result<bool, Error> {
        if event.data.trim() == "[DONE]" {
            return Ok(true);
        }
        let chunk: Chunk = serde_json::from_str(&event.data)
            .map_err(|_| malformed("a chunk is not the JSON it should be"))?;
        self.chunk(chunk, out)?;
        Ok(false)
    }

    fn finish(&mut self) -> Result<Answer, Error> {
        let Some(stop) = self.stop else {
            return Err(Error::new(
                ErrorKind::Cut,
                "the answer ended before the model finished",
            ));
        };
        let stop = match stop {
            _ if self.refused => StopReason::Refusal,
            // some servers say "stop" although they call a tool
            StopReason::EndTurn if self.assembly.has_tool_use() => StopReason::ToolUse,
            other => other,
        };
        Ok(Answer {
            content: self.assembly.take(),
            stop,
            usage: self.usage,
        })
    }
}

impl Reader {
    pub(super) fn new(call_id: &str) -> Self {
        Self {
            call_id: call_id.to_owned(),
            ..Self::default()
        }
    }

    fn chunk(&mut self, chunk: Chunk, out: &mut Vec<StreamEvent>) -> Result<(), Error> {
        if let Some(fault) = chunk.error {
            return Err(fault.into_error(0, &HeaderMap::new()));
        }
        if let Some(usage) = chunk.usage {
            self.usage = usage.into();
        }
        for choice in chunk.choices.unwrap_or_default() {
            if choice.index != 0 {
                continue; // only one answer was asked for
            }
            self.delta(choice.delta.unwrap_or_default(), out)?;
            if let Some(reason) = choice.finish_reason {
                self.stop = Some(match reason.as_str() {
                    "stop" => StopReason::EndTurn,
                    "length" => StopReason::MaxTokens,
                    "tool_calls" | "function_call" => StopReason::ToolUse,
                    "content_filter" => StopReason::Refusal,
                    _ => StopReason::Other,
                });
            }
        }
        Ok(())
    }

    fn delta(&mut self, delta: Delta, out: &mut Vec<StreamEvent>) -> Result<(), Error> {
        // servers that know both names send the same text under both
        let reasoning = delta
            .reasoning_content
            .or(delta.reasoning)
            .unwrap_or_default();
        if !reasoning.is_empty() {
            self.say(&reasoning, true)?;
            out.push(StreamEvent::ThinkingDelta(reasoning));
        }
        self.refused |= delta.refusal.as_ref().is_some_and(|text| !text.is_empty());
        for text in [delta.content, delta.refusal].into_iter().flatten() {
            if !text.is_empty() {
                self.say(&text, false)?;
                out.push(StreamEvent::TextDelta(text));
            }
        }
        for call in delta.tool_calls.unwrap_or_default() {
            self.call(call, out)?;
        }
        Ok(())
    }

    /// Continues the last block when it is of the same kind, else begins one.
    fn say(&mut self, fragment: &str, thinking: bool) -> Result<(), Error> {
        let place = match self.assembly.last() {
            Some((place, ContentBlock::Thinking { .. })) if thinking => place,
            Some((place, ContentBlock::Text { .. })) if !thinking => place,
            _ => self.assembly.begin(match thinking {
                true => ContentBlock::Thinking {
                    text: String::new(),
                    signature: None,
                },
                false => ContentBlock::Text {
                    text: String::new(),
                },
            })?,
        };
        self.assembly.append(place, fragment)
    }

    fn call(&mut self, call: CallDelta, out: &mut Vec<StreamEvent>) -> Result<(), Error> {
        let id = call.id.unwrap_or_default();
        let function = call.function.unwrap_or(FunctionDelta {
            name: None,
            arguments: None,
        });
        let known = self.calls.iter().rev().find(|open| {
            // an index is taken at its word unless a new id comes with it, as some servers number
            // every parallel call 0
            call.index.is_none_or(|index| index == open.index) && (id.is_empty() || id == open.id)
        });
        let place = match known {
            Some(open) => open.place,
            None => self.begin_call(call.index, id, function.name.unwrap_or_default(), out)?,
        };
        let Some(arguments) = function.arguments else {
            return Ok(());
        };
        match serde_json::from_str::<Option<String>>(arguments.get()) {
            Ok(fragment) => self.assembly.append(place, &fragment.unwrap_or_default()),
            Err(_) => self.assembly.append(place, arguments.get()),
        }
    }

    fn begin_call(
        &mut self,
        index: Option<usize>,
        id: String,
        name: String,
        out: &mut Vec<StreamEvent>,
    ) -> Result<usize, Error> {
        if self.calls.len() == TOOL_CALLS_MAX {
            let message = format!("the answer has more than {TOOL_CALLS_MAX} tool calls");
            return Err(Error::new(
                ErrorKind::Limit {
                    limit: "tool_calls",
                },
                message,
            ));
        }
        if name.is_empty() {
            return Err(malformed("a tool call has no name"));
        }
        let count = self.calls.len();
        // from the call's own id, so that it is new in the whole session
        let id = if id.is_empty() {
            format!("{}-{count}", self.call_id)
        } else {
            id
        };
        let place = self.assembly.begin(ContentBlock::ToolUse {
            id: id.clone(),
            name: name.clone(),
            arguments: String::new(),
        })?;
        self.calls.push(OpenCall {
            index: index.unwrap_or(count),
            id: id.clone(),
            place,
        });
        out.push(StreamEvent::ToolUseStarted { id, name });
        Ok(place)
    }
}

/// Reads a completion that came whole.
pub(super) fn whole(call_id: &str, body: &[u8]) -> Result<Answer, Error> {
    let chunk: Chunk = serde_json::from_slice(body)
        .map_err(|_| malformed("the completion is not the JSON it should be"))?;
    let mut reader = Reader::new(call_id);
    reader.chunk(chunk, &mut Vec::new())?;
    reader.finish()
}
