//! Requests and chunks of the OpenAI dialect.

use super::*;
use crate::config::Dialect;
use crate::error::ErrorKind;
use crate::request::ToolSpec;
use crate::sse::SseEvent;
use crate::stream::StreamEvent;
use aiex_session::{ContentBlock, Message, Role, StopReason, Task, Usage};
use serde_json::{Value, json};

fn options() -> ProviderConfig {
    ProviderConfig::new("p", Dialect::Openai, "http://h/v1")
}

fn request(messages: Vec<Message>) -> ModelRequest {
    ModelRequest {
        model: "m".into(),
        system: "be brief".into(),
        messages,
        tools: vec![ToolSpec {
            name: "read".into(),
            description: "reads".into(),
            input_schema: json!({"type": "object"}),
        }],
        output_tokens_max: 100,
        temperature: Some(0.5),
        call_id: "c".into(),
        task: Task::Ask { text: "x".into() },
        workspace_id: String::new(),
    }
}

fn message(role: Role, content: Vec<ContentBlock>) -> Message {
    Message { role, content }
}

fn text(text: &str) -> ContentBlock {
    ContentBlock::Text { text: text.into() }
}

fn encoded(messages: Vec<Message>, options: &ProviderConfig) -> Value {
    let bytes = OpenAi.encode("gpt", &request(messages), options).unwrap();
    assert_eq!(bytes.len(), bytes.trim_ascii().len());
    serde_json::from_slice(&bytes).unwrap()
}

/// Reads chunks (given as JSON) and gives the events and the answer.
fn read(chunks: &[Value]) -> (Vec<StreamEvent>, Result<Answer, Error>) {
    let mut reader = OpenAi.reader("call9");
    let mut events = Vec::new();
    for chunk in chunks {
        let event = SseEvent {
            name: String::new(),
            data: chunk.to_string(),
        };
        if let Err(error) = reader.read(&event, &mut events) {
            return (events, Err(error));
        }
    }
    (events, reader.finish())
}

fn delta(delta: Value) -> Value {
    json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}], "usage": null})
}

fn finish(reason: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

fn tool(index: usize, id: Option<&str>, name: Option<&str>, arguments: &str) -> Value {
    delta(
        json!({"tool_calls": [{"index": index, "id": id, "function": {"name": name, "arguments": arguments}}]}),
    )
}

fn tool_use(id: &str, name: &str, arguments: &str) -> ContentBlock {
    ContentBlock::ToolUse {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
    }
}

#[test]
fn a_conversation_with_tools_is_encoded() {
    let body = encoded(
        vec![
            message(Role::User, vec![text("read it")]),
            message(
                Role::Assistant,
                vec![
                    ContentBlock::Thinking {
                        text: "hm".into(),
                        signature: None,
                    },
                    ContentBlock::Thinking {
                        text: "signed".into(),
                        signature: Some("s".into()),
                    },
                    tool_use("t1", "read", "{\"p\": \"a\\\\b\"}"),
                    tool_use("t2", "read", "not json"),
                ],
            ),
            message(
                Role::User,
                vec![
                    text("and now"),
                    ContentBlock::ToolResult {
                        id: "t1".into(),
                        output: "ok".into(),
                        is_error: false,
                    },
                    ContentBlock::ToolResult {
                        id: "t2".into(),
                        output: "no".into(),
                        is_error: true,
                    },
                ],
            ),
        ],
        &options(),
    );
    assert_eq!(
        body,
        json!({
            "model": "gpt",
            "messages": [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": "read it"},
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "t1", "type": "function", "function": {"name": "read", "arguments": "{\"p\": \"a\\\\b\"}"}},
                    {"id": "t2", "type": "function", "function": {"name": "read", "arguments": "not json"}},
                ]},
                {"role": "tool", "tool_call_id": "t1", "content": "ok"},
                {"role": "tool", "tool_call_id": "t2", "content": "[the tool failed]\nno"},
                {"role": "user", "content": "and now"},
            ],
            "tools": [{"type": "function", "function": {"name": "read", "description": "reads", "parameters": {"type": "object"}}}],
            "max_completion_tokens": 100,
            "temperature": 0.5,
            "stream": true,
            "stream_options": {"include_usage": true},
        })
    );
}

#[test]
fn options_change_the_body() {
    let thought = vec![message(
        Role::Assistant,
        vec![
            ContentBlock::Thinking {
                text: "hm".into(),
                signature: None,
            },
            text("so"),
        ],
    )];
    let options = ProviderConfig {
        stream: false,
        echo_reasoning: true,
        legacy_max_tokens: true,
        reasoning_effort: Some("high".into()),
        ..options()
    };
    let body = encoded(thought, &options);
    assert_eq!(
        body["messages"][1],
        json!({"role": "assistant", "content": "so", "reasoning_content": "hm"})
    );
    assert_eq!(
        (&body["max_tokens"], &body["max_completion_tokens"]),
        (&json!(100), &Value::Null)
    );
    assert_eq!(
        (&body["stream"], &body["stream_options"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(body["reasoning_effort"], "high");
}

#[test]
fn what_cannot_be_carried_is_refused_by_name() {
    let block = ContentBlock::Other {
        value: json!({"type": "server_tool_use"}),
    };
    let asked = request(vec![message(Role::Assistant, vec![block])]);
    let error = OpenAi.encode("gpt", &asked, &options()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(error.message.contains("server_tool_use"), "{error}");
}

#[test]
fn text_reasoning_and_usage_are_read() {
    let usage = json!({"choices": [], "usage": {
        "prompt_tokens": 10, "completion_tokens": 7, "total_tokens": 17,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 3}}});
    let (events, answer) = read(&[
        delta(json!({"role": "assistant", "content": "", "refusal": null})),
        delta(json!({"reasoning_content": "first "})),
        delta(json!({"reasoning": "think"})),
        delta(json!({"content": "Hé"})),
        delta(json!({"content": "llo"})),
        finish("stop"),
        usage,
    ]);
    let say = |text: &str| StreamEvent::TextDelta(text.into());
    let think = |text: &str| StreamEvent::ThinkingDelta(text.into());
    assert_eq!(
        events,
        [think("first "), think("think"), say("Hé"), say("llo")]
    );
    let answer = answer.unwrap();
    assert_eq!(
        answer.content,
        [
            ContentBlock::Thinking {
                text: "first think".into(),
                signature: None
            },
            text("Héllo")
        ]
    );
    assert_eq!(answer.stop, StopReason::EndTurn);
    assert_eq!(
        answer.usage,
        Usage {
            input_tokens: 10,
            output_tokens: 7,
            cache_read_tokens: 4,
            cache_write_tokens: 0,
            thinking_tokens: 3
        }
    );
}

#[test]
fn parallel_calls_may_interleave_and_keep_their_raw_arguments() {
    let (events, answer) = read(&[
        // text and the first call in one chunk
        delta(
            json!({"content": "Both.", "tool_calls": [{"index": 0, "id": "a", "function": {"name": "read", "arguments": ""}}]}),
        ),
        tool(1, Some("b"), Some("list"), ""),
        tool(0, None, None, "{\"p\":"),
        tool(1, None, None, "{ \"x\" : "),
        tool(0, None, None, "\"\\\\\\\\\"}"),
        tool(1, None, None, "1.0 }"),
        finish("tool_calls"),
    ]);
    let started = |id: &str, name: &str| StreamEvent::ToolUseStarted {
        id: id.into(),
        name: name.into(),
    };
    assert_eq!(
        events,
        [
            StreamEvent::TextDelta("Both.".into()),
            started("a", "read"),
            started("b", "list")
        ]
    );
    let answer = answer.unwrap();
    assert_eq!(
        answer.content,
        [
            text("Both."),
            tool_use("a", "read", "{\"p\":\"\\\\\\\\\"}"),
            tool_use("b", "list", "{ \"x\" : 1.0 }")
        ]
    );
    assert_eq!(answer.stop, StopReason::ToolUse);
}

#[test]
fn the_habits_of_other_servers_are_understood() {
    // every parallel call numbered 0, whole objects as arguments, no ids, "stop" beside a call
    let (_, answer) = read(&[
        tool(0, Some("a"), Some("read"), "{}"),
        tool(0, Some("b"), Some("read"), "{}"),
        finish("stop"),
    ]);
    let answer = answer.unwrap();
    assert_eq!(
        answer.content,
        [tool_use("a", "read", "{}"), tool_use("b", "read", "{}")]
    );
    assert_eq!(answer.stop, StopReason::ToolUse);

    let (_, answer) = read(&[
        delta(json!({"tool_calls": [{"function": {"name": "read", "arguments": {"p": 1}}}]})),
        finish("stop"),
    ]);
    assert_eq!(
        answer.unwrap().content,
        [tool_use("call9-0", "read", "{\"p\":1}")]
    );

    let (_, answer) = read(&[tool(0, Some("a"), Some("now"), ""), finish("tool_calls")]);
    assert_eq!(answer.unwrap().content, [tool_use("a", "now", "{}")]);
}

#[test]
fn an_answer_without_finish_reason_is_cut() {
    let (_, answer) = read(&[delta(json!({"content": "half"}))]);
    assert_eq!(answer.unwrap_err().kind, ErrorKind::Cut);
}

#[test]
fn refusals_and_limits_are_stop_reasons() {
    for (reason, expected) in [
        ("length", StopReason::MaxTokens),
        ("content_filter", StopReason::Refusal),
        ("something_new", StopReason::Other),
    ] {
        assert_eq!(read(&[finish(reason)]).1.unwrap().stop, expected);
    }
    let (_, answer) = read(&[delta(json!({"refusal": "I cannot."})), finish("stop")]);
    assert_eq!(answer.unwrap().stop, StopReason::Refusal);
}

#[test]
fn an_error_in_the_stream_and_a_broken_chunk_are_errors() {
    let error = json!({"error": {"message": "busy", "type": "server_error", "code": null}});
    assert_eq!(read(&[error]).1.unwrap_err().kind, ErrorKind::Server);
    let mut reader = OpenAi.reader("c");
    let event = SseEvent {
        name: String::new(),
        data: "{\"broken".into(),
    };
    assert_eq!(
        reader.read(&event, &mut Vec::new()).unwrap_err().kind,
        ErrorKind::Malformed
    );
    let (_, nameless) = read(&[tool(0, Some("a"), None, "{}")]);
    assert_eq!(nameless.unwrap_err().kind, ErrorKind::Malformed);
}

#[test]
fn too_many_calls_are_refused() {
    let chunks: Vec<Value> = (0..200)
        .map(|index| tool(index, Some(&format!("id{index}")), Some("read"), "{}"))
        .collect();
    assert_eq!(
        read(&chunks).1.unwrap_err().kind,
        ErrorKind::Limit {
            limit: "tool_calls"
        }
    );
}

#[test]
fn the_url_keeps_the_version_of_the_base() {
    assert_eq!(OpenAi.url("https://h/v1/"), "https://h/v1/chat/completions");
}
