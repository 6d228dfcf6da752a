//! Message events, and whole messages, as an answer.

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

#[derive(Deserialize)]
struct Frame {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    index: usize,
    #[serde(default)]
    message: Option<WireMessage>,
    #[serde(default)]
    content_block: Option<Box<RawValue>>,
    #[serde(default)]
    delta: Option<Delta>,
    #[serde(default)]
    usage: Option<WireUsage>,
    #[serde(default)]
    error: Option<FaultBody>,
}

/// A whole message, and what a stream says of it at its start.
#[derive(Deserialize)]
struct WireMessage {
    #[serde(default)]
    content: Vec<Box<RawValue>>,
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    usage: Option<WireUsage>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Delta {
    #[serde(rename = "type")]
    kind: Option<String>,
    text: Option<String>,
    thinking: Option<String>,
    signature: Option<String>,
    partial_json: Option<String>,
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
struct WireBlock {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    thinking: Option<String>,
    #[serde(default)]
    signature: Option<String>,
    #[serde(default)]
    data: Option<String>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    input: Option<Box<RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireUsage {
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    thinking_tokens: Option<u64>,
}

impl WireUsage {
    /// Later figures are cumulative and replace earlier ones; absent ones do not.
    fn update(&mut self, later: Self) {
        self.input_tokens = later.input_tokens.or(self.input_tokens);
        self.cache_creation_input_tokens = later
            .cache_creation_input_tokens
            .or(self.cache_creation_input_tokens);
        self.cache_read_input_tokens = later
            .cache_read_input_tokens
            .or(self.cache_read_input_tokens);
        self.output_tokens = later.output_tokens.or(self.output_tokens);
        self.output_tokens_details = later
            .output_tokens_details
            .or(self.output_tokens_details.take());
    }

    /// This dialect counts cached input beside `input_tokens`; ours counts it inside.
    fn normalised(&self) -> Usage {
        let cache_read_tokens = self.cache_read_input_tokens.unwrap_or_default();
        let cache_write_tokens = self.cache_creation_input_tokens.unwrap_or_default();
        let details = self.output_tokens_details.as_ref();
        Usage {
            input_tokens: self
                .input_tokens
                .unwrap_or_default()
                .saturating_add(cache_read_tokens)
                .saturating_add(cache_write_tokens),
            output_tokens: self.output_tokens.unwrap_or_default(),
            cache_read_tokens,
            cache_write_tokens,
            thinking_tokens: details
                .and_then(|it| it.thinking_tokens)
                .unwrap_or_default(),
        }
    }
}

/// A block under way: the server's index, and where it is assembled.
struct OpenBlock {
    index: usize,
    place: usize,
    open: bool,
    /// The input given at the start, used when no fragment follows.
    input: Option<Box<RawValue>>,
    /// Input fragments of a block this version does not know.
    unknown_input: String,
}

/// Reads message events.
#[derive(Default)]
pub(super) struct Reader {
    assembly: Assembly,
    blocks: Vec<OpenBlock>,
    stop: Option<StopReason>,
    usage: WireUsage,
}

impl AnswerReader for Reader {
    fn read(&mut self, event: &SseEvent, out: &mut Vec<StreamEvent>) -> Result<bool, Error> {
        let frame: Frame = serde_json::from_str(&event.data)
            .map_err(|_| malformed("an event is not the JSON it should be"))?;
        match frame.kind.as_str() {
            "message_start" => {
                if let Some(usage) = frame.message.and_then(|message| message.usage) {
                    self.usage.update(usage);
                }
            }
            "content_block_start" => {
                let raw = frame
                    .content_block
                    .ok_or_else(|| malformed("a block has no content"))?;
                self.begin(frame.index, &raw, out)?;
            }
            "content_block_delta" => {
                self.delta(frame.index, frame.delta.unwrap_or_default(), out)?;
            }
            "content_block_stop" => self.close(frame.index)?,
            "message_delta" => {
                if let Some(reason) = frame.delta.and_then(|delta| delta.stop_reason) {
                    self.stop = Some(stop(&reason));
                }
                if let Some(usage) = frame.usage {
                    self.usage.update(usage);
                }
            }
            "message_stop" => return Ok(true),
            "error" => {
                return Err(frame
                    .error
                    .unwrap_or_default()
                    .into_error(0, &HeaderMap::new()));
            }
            _ => {} // ping, and what may come
        }
        Ok(false)
    }

    fn finish(&mut self) -> Result<Answer, Error> {
        let (Some(stop), true) = (self.stop, self.blocks.iter().all(|block| !block.open)) else {
            return Err(Error::new(
                ErrorKind::Cut,
                "the answer ended before the model finished",
            ));
        };
        Ok(Answer {
            content: self.assembly.take(),
            stop,
            usage: self.usage.normalised(),
        })
    }
}

impl Reader {
    fn begin(
        &mut self,
        index: usize,
        raw: &RawValue,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), Error> {
        if self.blocks.iter().any(|block| block.index == index) {
            return Err(malformed("a block begins twice"));
        }
        let wire: WireBlock = serde_json::from_str(raw.get())
            .map_err(|_| malformed("a block is not the JSON it should be"))?;
        let input = wire.input.filter(|_| wire.kind == "tool_use");
        let block = match wire.kind.as_str() {
            "text" => ContentBlock::Text {
                text: wire.text.unwrap_or_default(),
            },
            "thinking" => ContentBlock::Thinking {
                text: wire.thinking.unwrap_or_default(),
                signature: wire.signature.filter(|signature| !signature.is_empty()),
            },
            "redacted_thinking" => ContentBlock::RedactedThinking {
                data: wire.data.unwrap_or_default(),
            },
            "tool_use" => {
                let named = wire
                    .id
                    .zip(wire.name)
                    .filter(|(id, name)| !id.is_empty() && !name.is_empty());
                let (id, name) = named.ok_or_else(|| malformed("a tool call has no id or name"))?;
                ContentBlock::ToolUse {
                    id,
                    name,
                    arguments: String::new(),
                }
            }
            _ => ContentBlock::Other {
                value: serde_json::from_str(raw.get())
                    .map_err(|_| malformed("a block is not the JSON it should be"))?,
            },
        };
        match &block {
            ContentBlock::Text { text } if !text.is_empty() => {
                out.push(StreamEvent::TextDelta(text.clone()));
            }
            ContentBlock::Thinking { text, .. } if !text.is_empty() => {
                out.push(StreamEvent::ThinkingDelta(text.clone()));
            }
            ContentBlock::ToolUse { id, name, .. } => {
                out.push(StreamEvent::ToolUseStarted {
                    id: id.clone(),
                    name: name.clone(),
                });
            }
            _ => {}
        }
        let place = self.assembly.begin(block)?;
        let unknown_input = String::new();
        self.blocks.push(OpenBlock {
            index,
            place,
            open: true,
            input,
            unknown_input,
        });
        Ok(())
    }

    fn delta(
        &mut self,
        index: usize,
        delta: Delta,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), Error> {
        let block = self
            .blocks
            .iter_mut()
            .find(|block| block.index == index && block.open)
            .ok_or_else(|| malformed("a fragment belongs to no open block"))?;
        let place = block.place;
        let unknown = matches!(
            self.assembly.get_mut(place),
            Some(ContentBlock::Other { .. })
        );
        match delta.kind.as_deref().unwrap_or_default() {
            "text_delta" if !unknown => {
                let text = delta.text.unwrap_or_default();
                self.assembly.append(place, &text)?;
                if !text.is_empty() {
                    out.push(StreamEvent::TextDelta(text));
                }
            }
            "thinking_delta" if !unknown => {
                let text = delta.thinking.unwrap_or_default();
                self.assembly.append(place, &text)?;
                if !text.is_empty() {
                    out.push(StreamEvent::ThinkingDelta(text));
                }
            }
            "signature_delta" if !unknown => {
                self.assembly
                    .sign(place, &delta.signature.unwrap_or_default())?;
            }
            "input_json_delta" => {
                let fragment = delta.partial_json.unwrap_or_default();
                if unknown {
                    self.assembly.reserve(fragment.len())?;
                    block.unknown_input.push_str(&fragment);
                } else {
                    self.assembly.append(place, &fragment)?;
                }
            }
            _ => {} // citations, and what may come
        }
        Ok(())
    }

    /// Closes a block; closing it twice changes nothing.
    fn close(&mut self, index: usize) -> Result<(), Error> {
        let found = self.blocks.iter_mut().find(|block| block.index == index);
        let block = found.ok_or_else(|| malformed("a block ends that never began"))?;
        if !std::mem::replace(&mut block.open, false) {
            return Ok(());
        }
        match self.assembly.get_mut(block.place) {
            Some(ContentBlock::ToolUse { arguments, .. }) if arguments.is_empty() => {
                if let Some(input) = block.input.take() {
                    input.get().clone_into(arguments);
                }
            }
            Some(ContentBlock::Other { value }) if !block.unknown_input.is_empty() => {
                let input = serde_json::from_str(&block.unknown_input);
                if let (Some(object), Ok(input)) = (value.as_object_mut(), input) {
                    object.insert("input".to_owned(), input);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn stop(reason: &str) -> StopReason {
    match reason {
        "end_turn" => StopReason::EndTurn,
        "tool_use" => StopReason::ToolUse,
        "max_tokens" | "model_context_window_exceeded" => StopReason::MaxTokens,
        "stop_sequence" => StopReason::StopSequence,
        "refusal" => StopReason::Refusal,
        _ => StopReason::Other,
    }
}

/// Reads a message that came whole.
pub(super) fn whole(body: &[u8]) -> Result<Answer, Error> {
    let message: WireMessage = serde_json::from_slice(body)
        .map_err(|_| malformed("the message is not the JSON it should be"))?;
    let mut reader = Reader::default();
    for (index, block) in message.content.iter().enumerate() {
        reader.begin(index, block, &mut Vec::new())?;
        reader.close(index)?;
    }
    reader.stop = message.stop_reason.as_deref().map(stop);
    reader.usage = message.usage.unwrap_or_default();
    reader.finish()
}
