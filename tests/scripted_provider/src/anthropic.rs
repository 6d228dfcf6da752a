//! The Anthropic messages dialect, from the server's side.

use crate::asked::{Asked, Speaker, Turn};
use crate::performance::{Frame, Meter, Performance, Spoken, Tally, fragments, signature};
use crate::refusal::Refusal;
use crate::script::Stop;
use serde_json::{Value, json};
use std::collections::HashSet;

const TEXT_FRAGMENT_BYTES: usize = 12;
const ARGUMENTS_FRAGMENT_BYTES: usize = 7;
/// Most `cache_control` marks of one request.
const CACHE_MARKS_MAX: usize = 4;
/// Fewest thinking tokens.
const THINKING_TOKENS_MIN: u64 = 1_024;

/// Reads a request and checks what the real server checks. `counting` asks only for a token count.
pub(crate) fn read(body: &Value, counting: bool) -> Result<Asked, Refusal> {
    let model = body["model"].as_str().filter(|model| !model.is_empty());
    let model = model.ok_or_else(|| Refusal::bad("model", "Field required"))?;
    let max_tokens = body["max_tokens"].as_u64().filter(|max| *max > 0);
    if max_tokens.is_none() && !counting {
        return Err(Refusal::bad("max_tokens", "Field required"));
    }
    let messages = body["messages"]
        .as_array()
        .filter(|messages| !messages.is_empty());
    let messages =
        messages.ok_or_else(|| Refusal::bad("messages", "at least one message is required"))?;
    check_thinking(body, max_tokens.unwrap_or(u64::MAX))?;
    check_tools(body)?;
    let marks = count_marks(body);
    if marks > CACHE_MARKS_MAX {
        let message = format!(
            "A maximum of {CACHE_MARKS_MAX} blocks with cache_control may be provided. Found {marks}."
        );
        return Err(Refusal::new(400, message));
    }
    let system = match &body["system"] {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => blocks
            .iter()
            .filter_map(|block| block["text"].as_str())
            .collect(),
        _ => String::new(),
    };
    let mut asked = Asked {
        model: model.to_owned(),
        stream: body["stream"] == true,
        include_usage: true,
        system,
        tools: without_marks(body.get("tools")),
        cache_marked: marks > 0,
        ..Asked::default()
    };
    let mut open_calls = HashSet::new();
    for (index, message) in messages.iter().enumerate() {
        read_message(message, index, &mut asked, &mut open_calls)?;
    }
    if !open_calls.is_empty() {
        return Err(unanswered(messages.len() - 1, &open_calls));
    }
    if asked
        .turns
        .first()
        .is_some_and(|turn| turn.speaker == Speaker::Assistant)
    {
        return Err(Refusal::bad(
            "messages.0.role",
            "first message must use the \"user\" role",
        ));
    }
    Ok(asked)
}

fn check_thinking(body: &Value, max_tokens: u64) -> Result<(), Refusal> {
    if body["thinking"]["type"] != "enabled" {
        return Ok(());
    }
    let budget = body["thinking"]["budget_tokens"]
        .as_u64()
        .unwrap_or_default();
    if budget < THINKING_TOKENS_MIN {
        let message = format!("Input should be greater than or equal to {THINKING_TOKENS_MIN}");
        return Err(Refusal::bad("thinking.enabled.budget_tokens", message));
    }
    if budget >= max_tokens {
        return Err(Refusal::new(
            400,
            "`max_tokens` must be greater than `thinking.budget_tokens`.",
        ));
    }
    if body["temperature"]
        .as_f64()
        .is_some_and(|temperature| temperature != 1.0)
    {
        return Err(Refusal::new(
            400,
            "`temperature` may only be set to 1 when thinking is enabled.",
        ));
    }
    Ok(())
}

fn check_tools(body: &Value) -> Result<(), Refusal> {
    for (index, tool) in body["tools"].as_array().into_iter().flatten().enumerate() {
        if !tool["name"].is_string() {
            return Err(Refusal::bad(
                format!("tools.{index}.custom.name"),
                "Field required",
            ));
        }
        if tool["input_schema"]["type"] != "object" {
            let param = format!("tools.{index}.custom.input_schema.type");
            return Err(Refusal::bad(param, "Input should be 'object'"));
        }
    }
    Ok(())
}

fn count_marks(value: &Value) -> usize {
    match value {
        Value::Object(fields) => {
            let own = usize::from(fields.get("cache_control").is_some_and(Value::is_object));
            own + fields.values().map(count_marks).sum::<usize>()
        }
        Value::Array(items) => items.iter().map(count_marks).sum(),
        _ => 0,
    }
}

/// The tools as text, so that a moved cache mark is no other tool.
fn without_marks(tools: Option<&Value>) -> String {
    let Some(Value::Array(tools)) = tools else {
        return String::new();
    };
    let bare = tools.iter().cloned().map(|mut tool| {
        if let Some(fields) = tool.as_object_mut() {
            fields.remove("cache_control");
        }
        tool
    });
    Value::Array(bare.collect()).to_string()
}

fn read_message(
    message: &Value,
    index: usize,
    asked: &mut Asked,
    open_calls: &mut HashSet<String>,
) -> Result<(), Refusal> {
    let assistant = match message["role"].as_str() {
        Some("user") => false,
        Some("assistant") => true,
        _ => {
            return Err(Refusal::bad(
                format!("messages.{index}.role"),
                "Input should be 'user' or 'assistant'",
            ));
        }
    };
    if assistant && !open_calls.is_empty() {
        return Err(unanswered(index, open_calls));
    }
    let text_block;
    let blocks = match &message["content"] {
        Value::String(text) => {
            text_block = vec![json!({"type": "text", "text": text})];
            &text_block
        }
        Value::Array(blocks) if !blocks.is_empty() => blocks,
        _ => {
            return Err(Refusal::bad(
                format!("messages.{index}.content"),
                "at least one block is required",
            ));
        }
    };
    let (mut text, mut speaker) = (
        String::new(),
        if assistant {
            Speaker::Assistant
        } else {
            Speaker::User
        },
    );
    let must_answer = !open_calls.is_empty();
    for (place, block) in blocks.iter().enumerate() {
        let at = format!("messages.{index}.content.{place}");
        let said = read_block(block, &at, assistant, open_calls)?;
        text.push_str(&said);
        if block["type"] == "tool_result" {
            speaker = Speaker::Tool;
        } else if must_answer && place == 0 {
            return Err(unanswered(index, open_calls));
        } else if !assistant {
            speaker = Speaker::User;
        }
    }
    if must_answer && !open_calls.is_empty() {
        return Err(unanswered(index, open_calls));
    }
    asked.turns.push(Turn { speaker, text });
    Ok(())
}

/// The billed text of a block.
fn read_block(
    block: &Value,
    at: &str,
    assistant: bool,
    open_calls: &mut HashSet<String>,
) -> Result<String, Refusal> {
    let string = |field: &str| {
        block[field]
            .as_str()
            .ok_or_else(|| Refusal::bad(format!("{at}.{field}"), "Field required"))
    };
    match (block["type"].as_str().unwrap_or_default(), assistant) {
        ("text", _) => {
            let text = string("text")?;
            if text.is_empty() {
                return Err(Refusal::new(
                    400,
                    "messages: text content blocks must be non-empty",
                ));
            }
            Ok(text.to_owned())
        }
        ("thinking", true) => {
            let text = string("thinking")?;
            if string("signature")? != signature(text) {
                return Err(Refusal::bad(at, "Invalid `signature` in `thinking` block"));
            }
            Ok(text.to_owned())
        }
        ("redacted_thinking", true) => Ok(string("data")?.to_owned()),
        ("tool_use", true) => {
            let (id, name) = (string("id")?, string("name")?);
            if !id
                .chars()
                .all(|ch| ch.is_ascii_alphanumeric() || "_-".contains(ch))
            {
                let message = "String should match pattern '^[a-zA-Z0-9_-]+$'";
                return Err(Refusal::bad(format!("{at}.tool_use.id"), message));
            }
            if !block["input"].is_object() {
                let message = "Input should be a valid dictionary";
                return Err(Refusal::bad(format!("{at}.tool_use.input"), message));
            }
            if !open_calls.insert(id.to_owned()) {
                return Err(Refusal::bad(at, "`tool_use` ids must be unique"));
            }
            Ok(format!("{name}{}", block["input"]))
        }
        ("tool_result", false) => {
            if !open_calls.remove(string("tool_use_id")?) {
                let message = "unexpected `tool_use_id` found in `tool_result` blocks. Each `tool_result` block must have a corresponding `tool_use` block in the previous message.";
                return Err(Refusal::bad(at, message));
            }
            match &block["content"] {
                Value::String(text) => Ok(text.clone()),
                Value::Array(parts) => Ok(parts
                    .iter()
                    .filter_map(|part| part["text"].as_str())
                    .collect()),
                _ => Ok(String::new()),
            }
        }
        (kind, _) => Err(Refusal::bad(
            at,
            format!("Input tag '{kind}' found using 'type' is not expected here"),
        )),
    }
}

fn unanswered(index: usize, open_calls: &HashSet<String>) -> Refusal {
    let mut ids: Vec<&str> = open_calls.iter().map(String::as_str).collect();
    ids.sort_unstable();
    let message = "`tool_use` ids were found without `tool_result` blocks immediately after";
    Refusal::bad(
        format!("messages.{index}"),
        format!("{message}: {}", ids.join(", ")),
    )
}

/// The whole message.
pub(crate) fn whole(performance: &Performance) -> Value {
    let content: Vec<Value> = performance.parts.iter().map(block).collect();
    let mut message = envelope(performance, usage(&performance.reported));
    message["content"] = json!(content);
    message["stop_reason"] = json!(stop_reason(performance.stop));
    message
}

fn envelope(performance: &Performance, usage: Value) -> Value {
    json!({
        "id": format!("msg_{}", performance.id), "type": "message", "role": "assistant",
        "model": performance.model, "content": [], "stop_reason": null, "stop_sequence": null,
        "usage": usage,
    })
}

fn block(part: &Spoken) -> Value {
    match part {
        Spoken::Text(text) => json!({"type": "text", "text": text}),
        Spoken::Thinking { text, signature } => {
            json!({"type": "thinking", "thinking": text, "signature": signature})
        }
        Spoken::RedactedThinking(data) => json!({"type": "redacted_thinking", "data": data}),
        Spoken::Tool {
            id,
            name,
            arguments,
        } => {
            // a whole message holds parsed input; text that does not parse cannot be in one
            let input: Value = serde_json::from_str(arguments).unwrap_or_else(|_| json!({}));
            json!({"type": "tool_use", "id": id, "name": name, "input": input})
        }
    }
}

const fn stop_reason(stop: Stop) -> &'static str {
    match stop {
        Stop::EndTurn => "end_turn",
        Stop::ToolUse => "tool_use",
        Stop::MaxTokens => "max_tokens",
        Stop::StopSequence => "stop_sequence",
        Stop::Refusal => "refusal",
    }
}

/// Cached input stands beside `input_tokens` here, not inside.
fn usage(tally: &Tally) -> Value {
    json!({
        "input_tokens": tally.input.saturating_sub(tally.cache_read + tally.cache_write),
        "cache_creation_input_tokens": tally.cache_write,
        "cache_read_input_tokens": tally.cache_read,
        "cache_creation": {"ephemeral_5m_input_tokens": tally.cache_write, "ephemeral_1h_input_tokens": 0},
        "output_tokens": tally.output,
        "output_tokens_details": {"thinking_tokens": tally.thinking},
        "service_tier": "standard",
    })
}

/// The stream, frame by frame.
pub(crate) fn frames(performance: &Performance) -> Vec<Frame> {
    let placeholder = Tally {
        output: 1,
        thinking: 0,
        ..performance.reported
    };
    let mut frames = vec![
        frame(
            "message_start",
            json!({"message": envelope(performance, usage(&placeholder))}),
            0,
        ),
        frame("ping", json!({}), 0),
    ];
    for (index, part) in performance.parts.iter().enumerate() {
        block_frames(index, part, &mut frames);
    }
    let delta = json!({"stop_reason": stop_reason(performance.stop), "stop_sequence": null});
    let last = json!({"delta": delta, "usage": usage(&performance.reported)});
    frames.push(frame("message_delta", last, 0));
    frames.push(frame("message_stop", json!({}), 0));
    frames
}

fn block_frames(index: usize, part: &Spoken, frames: &mut Vec<Frame>) {
    let mut meter = Meter::default();
    let empty = match part {
        Spoken::Text(_) => json!({"type": "text", "text": ""}),
        Spoken::Thinking { .. } => json!({"type": "thinking", "thinking": "", "signature": ""}),
        Spoken::RedactedThinking(_) => block(part),
        Spoken::Tool { id, name, .. } => {
            json!({"type": "tool_use", "id": id, "name": name, "input": {}})
        }
    };
    let at_start = match part {
        Spoken::Tool { name, .. } => name.len(),
        Spoken::RedactedThinking(data) => data.len(),
        _ => 0,
    };
    let start = json!({"index": index, "content_block": empty});
    frames.push(frame("content_block_start", start, meter.charge(at_start)));
    let mut say = |delta: Value, bytes: usize| {
        let delta = json!({"index": index, "delta": delta});
        frames.push(frame("content_block_delta", delta, meter.charge(bytes)));
    };
    match part {
        Spoken::Text(text) => {
            for piece in fragments(text, TEXT_FRAGMENT_BYTES) {
                say(json!({"type": "text_delta", "text": piece}), piece.len());
            }
        }
        Spoken::Thinking { text, signature } => {
            for piece in fragments(text, TEXT_FRAGMENT_BYTES) {
                say(
                    json!({"type": "thinking_delta", "thinking": piece}),
                    piece.len(),
                );
            }
            say(
                json!({"type": "signature_delta", "signature": signature}),
                0,
            );
        }
        Spoken::RedactedThinking(_) => {}
        Spoken::Tool { arguments, .. } => {
            say(json!({"type": "input_json_delta", "partial_json": ""}), 0);
            for piece in fragments(arguments, ARGUMENTS_FRAGMENT_BYTES) {
                say(
                    json!({"type": "input_json_delta", "partial_json": piece}),
                    piece.len(),
                );
            }
        }
    }
    frames.push(frame("content_block_stop", json!({"index": index}), 0));
}

fn frame(name: &str, mut data: Value, output_tokens: u64) -> Frame {
    data["type"] = json!(name);
    Frame {
        bytes: format!("event: {name}\ndata: {data}\n\n").into_bytes(),
        output_tokens,
    }
}

/// An error inside a stream.
pub(crate) fn error_frame(refusal: &Refusal) -> Frame {
    let body = refusal.body(crate::refusal::Dialect::Anthropic, "req_scripted");
    frame("error", body, 0)
}
