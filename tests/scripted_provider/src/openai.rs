//! The OpenAI chat-completions dialect, from the server's side.

use crate::asked::{Asked, Speaker, Turn};
use crate::performance::{Frame, Meter, Performance, Spoken, Tally, fragments};
use crate::refusal::Refusal;
use crate::script::Stop;
use serde_json::{Value, json};
use std::collections::HashSet;

/// Bytes of one text fragment, and of one fragment of arguments.
const TEXT_FRAGMENT_BYTES: usize = 12;
const ARGUMENTS_FRAGMENT_BYTES: usize = 7;

/// Reads a request and checks what the real server checks.
pub(crate) fn read(body: &Value) -> Result<Asked, Refusal> {
    let model = body["model"].as_str().filter(|model| !model.is_empty());
    let model = model.ok_or_else(|| Refusal::bad("model", "you must provide a model parameter"))?;
    let messages = body["messages"]
        .as_array()
        .filter(|messages| !messages.is_empty());
    let messages = messages.ok_or_else(|| {
        Refusal::bad(
            "messages",
            "Invalid 'messages': empty array. Expected an array with minimum length 1.",
        )
    })?;
    if body["max_tokens"].is_u64() && body["max_completion_tokens"].is_u64() {
        let message =
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
        return Err(Refusal::bad("max_tokens", message));
    }
    if body.get("stream_options").is_some_and(|it| !it.is_null()) && body["stream"] != true {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(Refusal::bad("stream_options", message));
    }
    check_tools(body)?;
    let mut asked = Asked {
        model: model.to_owned(),
        stream: body["stream"] == true,
        include_usage: body["stream_options"]["include_usage"] == true,
        tools: body.get("tools").map(Value::to_string).unwrap_or_default(),
        ..Asked::default()
    };
    let mut open_calls: HashSet<String> = HashSet::new();
    for (index, message) in messages.iter().enumerate() {
        read_message(message, index, &mut asked, &mut open_calls)?;
    }
    if !open_calls.is_empty() {
        return Err(unanswered(&open_calls));
    }
    Ok(asked)
}

fn check_tools(body: &Value) -> Result<(), Refusal> {
    let Some(tools) = body.get("tools").filter(|tools| !tools.is_null()) else {
        return Ok(());
    };
    let tools = tools.as_array().filter(|tools| !tools.is_empty());
    let tools = tools.ok_or_else(|| Refusal::bad("tools", "Invalid 'tools': empty array."))?;
    for (index, tool) in tools.iter().enumerate() {
        let function = &tool["function"];
        let parameters = function.get("parameters");
        if tool["type"] != "function" || !function["name"].is_string() {
            let param = format!("tools[{index}].function.name");
            return Err(Refusal::bad(
                param.clone(),
                format!("Missing required parameter: '{param}'."),
            ));
        }
        if parameters.is_some_and(|schema| schema["type"] != "object") {
            let param = format!("tools[{index}].function.parameters");
            return Err(Refusal::bad(
                param,
                "Invalid schema for function: schema must be of type 'object'.",
            ));
        }
    }
    Ok(())
}

fn read_message(
    message: &Value,
    index: usize,
    asked: &mut Asked,
    open_calls: &mut HashSet<String>,
) -> Result<(), Refusal> {
    let role = message["role"].as_str().unwrap_or_default();
    if role != "tool" && !open_calls.is_empty() {
        return Err(unanswered(open_calls));
    }
    let mut text = text_of(&message["content"], index)?;
    let speaker = match role {
        "system" | "developer" => {
            asked.system.push_str(&text);
            return Ok(());
        }
        "user" => Speaker::User,
        "assistant" => {
            let calls = message["tool_calls"]
                .as_array()
                .map_or(&[][..], Vec::as_slice);
            if message["content"].is_null() && calls.is_empty() {
                let param = format!("messages.[{index}].content");
                return Err(Refusal::bad(
                    param,
                    "Invalid value for 'content': expected a string, got null.",
                ));
            }
            for call in calls {
                let parts = (
                    call["id"].as_str(),
                    call["function"]["name"].as_str(),
                    call["function"]["arguments"].as_str(),
                );
                let (Some(id), Some(name), Some(arguments)) = parts else {
                    let param = format!("messages[{index}].tool_calls");
                    return Err(Refusal::bad(
                        param,
                        "a tool call needs id, function.name and function.arguments (a string)",
                    ));
                };
                open_calls.insert(id.to_owned());
                text.push_str(name);
                text.push_str(arguments);
            }
            text.push_str(message["reasoning_content"].as_str().unwrap_or_default());
            Speaker::Assistant
        }
        "tool" => {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            if !open_calls.remove(id) {
                let message = "messages with role 'tool' must be a response to a preceding message with 'tool_calls'.";
                return Err(Refusal::bad(
                    format!("messages.[{index}].role"),
                    format!("Invalid parameter: {message}"),
                ));
            }
            Speaker::Tool
        }
        other => {
            let param = format!("messages[{index}].role");
            return Err(Refusal::bad(param, format!("Invalid value: '{other}'.")));
        }
    };
    asked.turns.push(Turn { speaker, text });
    Ok(())
}

fn unanswered(open_calls: &HashSet<String>) -> Refusal {
    let mut ids: Vec<&str> = open_calls.iter().map(String::as_str).collect();
    ids.sort_unstable();
    let message = "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'.";
    Refusal::bad(
        "messages",
        format!(
            "{message} The following tool_call_ids did not have response messages: {}",
            ids.join(", ")
        ),
    )
}

fn text_of(content: &Value, index: usize) -> Result<String, Refusal> {
    match content {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        Value::Array(parts) => Ok(parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect::<String>()),
        _ => Err(Refusal::bad(
            format!("messages[{index}].content"),
            "Invalid type for 'content'.",
        )),
    }
}

/// The whole completion.
pub(crate) fn whole(performance: &Performance) -> Value {
    let (mut content, mut reasoning, mut calls) = (String::new(), String::new(), Vec::new());
    for part in &performance.parts {
        match part {
            Spoken::Text(text) => content.push_str(text),
            Spoken::Thinking { text, .. } => reasoning.push_str(text),
            Spoken::RedactedThinking(_) => {}
            Spoken::Tool {
                id,
                name,
                arguments,
            } => calls.push(json!({
                "id": id, "type": "function", "function": {"name": name, "arguments": arguments}
            })),
        }
    }
    let refused = performance.stop == Stop::Refusal;
    let mut message = json!({
        "role": "assistant",
        "content": if refused || content.is_empty() { Value::Null } else { json!(content) },
        "refusal": if refused { json!(content) } else { Value::Null },
        "annotations": [],
    });
    if !reasoning.is_empty() {
        message["reasoning_content"] = json!(reasoning);
    }
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    json!({
        "id": format!("chatcmpl-{}", performance.id),
        "object": "chat.completion",
        "created": performance.created_unix_s,
        "model": performance.model,
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason(performance.stop)}],
        "usage": usage(&performance.reported),
        "service_tier": "default",
        "system_fingerprint": "fp_scripted",
    })
}

const fn finish_reason(stop: Stop) -> &'static str {
    match stop {
        Stop::EndTurn | Stop::StopSequence | Stop::Refusal => "stop",
        Stop::ToolUse => "tool_calls",
        Stop::MaxTokens => "length",
    }
}

fn usage(tally: &Tally) -> Value {
    json!({
        "prompt_tokens": tally.input,
        "completion_tokens": tally.output,
        "total_tokens": tally.input + tally.output,
        "prompt_tokens_details": {"cached_tokens": tally.cache_read, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": tally.thinking, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    })
}

/// The stream, frame by frame, `[DONE]` included.
pub(crate) fn frames(performance: &Performance) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut say = |delta: Value, output_tokens: u64| {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": null});
        frames.push(chunk(
            performance,
            json!([choice]),
            Value::Null,
            output_tokens,
        ));
    };
    say(
        json!({"role": "assistant", "content": "", "refusal": null}),
        0,
    );
    let field = if performance.stop == Stop::Refusal {
        "refusal"
    } else {
        "content"
    };
    let mut calls = Vec::new();
    for part in &performance.parts {
        let mut meter = Meter::default();
        match part {
            Spoken::Text(text) => {
                for piece in fragments(text, TEXT_FRAGMENT_BYTES) {
                    say(json!({field: piece}), meter.charge(piece.len()));
                }
            }
            Spoken::Thinking { text, .. } => {
                for piece in fragments(text, TEXT_FRAGMENT_BYTES) {
                    say(
                        json!({"reasoning_content": piece}),
                        meter.charge(piece.len()),
                    );
                }
            }
            // not shown by this dialect, but thought and charged
            Spoken::RedactedThinking(data) => say(json!({}), meter.charge(data.len())),
            Spoken::Tool {
                id,
                name,
                arguments,
            } => {
                calls.push(call_deltas(calls.len(), id, name, arguments));
            }
        }
    }
    for (delta, output_tokens) in ordered(calls, performance.interleave) {
        say(json!({"tool_calls": [delta]}), output_tokens);
    }
    let finish = finish_reason(performance.stop);
    let last = json!({"index": 0, "delta": {}, "logprobs": null, "finish_reason": finish});
    frames.push(chunk(performance, json!([last]), Value::Null, 0));
    if performance.include_usage {
        frames.push(chunk(
            performance,
            json!([]),
            usage(&performance.reported),
            0,
        ));
    }
    frames.push(Frame {
        bytes: b"data: [DONE]\n\n".to_vec(),
        output_tokens: 0,
    });
    frames
}

/// The fragments of one call with their charges: id and name only in the first.
fn call_deltas(index: usize, id: &str, name: &str, arguments: &str) -> Vec<(Value, u64)> {
    let mut meter = Meter::default();
    let first = json!({"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}});
    let mut deltas = vec![(first, meter.charge(name.len()))];
    for piece in fragments(arguments, ARGUMENTS_FRAGMENT_BYTES) {
        let delta = json!({"index": index, "function": {"arguments": piece}});
        deltas.push((delta, meter.charge(piece.len())));
    }
    deltas
}

/// One call after the other, or a fragment of each in turn.
fn ordered(calls: Vec<Vec<(Value, u64)>>, interleave: bool) -> Vec<(Value, u64)> {
    if !interleave {
        return calls.into_iter().flatten().collect();
    }
    let mut queues: Vec<_> = calls.into_iter().map(Vec::into_iter).collect();
    let mut mixed = Vec::new();
    loop {
        let before = mixed.len();
        mixed.extend(queues.iter_mut().filter_map(Iterator::next));
        if mixed.len() == before {
            return mixed;
        }
    }
}

fn chunk(performance: &Performance, choices: Value, usage: Value, output_tokens: u64) -> Frame {
    let mut chunk = json!({
        "id": format!("chatcmpl-{}", performance.id),
        "object": "chat.completion.chunk",
        "created": performance.created_unix_s,
        "model": performance.model,
        "service_tier": "default",
        "system_fingerprint": "fp_scripted",
        "choices": choices,
        "obfuscation": "xxxxxxx",
    });
    if performance.include_usage {
        chunk["usage"] = usage;
    }
    Frame {
        bytes: format!("data: {chunk}\n\n").into_bytes(),
        output_tokens,
    }
}

/// An error inside a stream.
pub(crate) fn error_frame(refusal: &Refusal) -> Frame {
    let body = refusal.body(crate::refusal::Dialect::OpenAi, "");
    Frame {
        bytes: format!("data: {body}\n\n").into_bytes(),
        output_tokens: 0,
    }
}
