//! Requests and events of the Anthropic dialect.

use super::*;
use crate::config::Dialect;
use crate::error::ErrorKind;
use crate::request::ToolSpec;
use crate::sse::SseEvent;
use crate::stream::StreamEvent;
use aiex_session::{ContentBlock, Message, Role, StopReason, Task, Usage};
use serde_json::{Value, json};

fn options() -> ProviderConfig {
    ProviderConfig::new("p", Dialect::Anthropic, "http://h")
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
        output_tokens_max: 4_096,
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

fn tool_use(id: &str, arguments: &str) -> ContentBlock {
    ContentBlock::ToolUse {
        id: id.into(),
        name: "read".into(),
        arguments: arguments.into(),
    }
}

fn thinking(text: &str, signature: Option<&str>) -> ContentBlock {
    ContentBlock::Thinking {
        text: text.into(),
        signature: signature.map(str::to_owned),
    }
}

fn encoded(messages: Vec<Message>, options: &ProviderConfig) -> String {
    String::from_utf8(
        Anthropic
            .encode("claude", &request(messages), options)
            .unwrap(),
    )
    .unwrap()
}

fn read(frames: &[Value]) -> (Vec<StreamEvent>, Result<Answer, Error>) {
    let mut reader = Anthropic.reader("c");
    let mut events = Vec::new();
    for frame in frames {
        let event = SseEvent {
            name: String::new(),
            data: frame.to_string(),
        };
        if let Err(error) = reader.read(&event, &mut events) {
            return (events, Err(error));
        }
    }
    (events, reader.finish())
}

fn begin(index: usize, block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: usize, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn end(index: usize) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn stopped(reason: &str) -> Value {
    json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 9}})
}

#[test]
fn a_conversation_with_tools_is_encoded_with_the_cache_marks() {
    let body: Value = serde_json::from_str(&encoded(
        vec![
            message(Role::User, vec![text("read it"), text("")]),
            message(
                Role::Assistant,
                vec![
                    thinking("unsigned", None),
                    thinking("signed", Some("s+/=")),
                    ContentBlock::RedactedThinking { data: "d".into() },
                    tool_use("t.1", "{\"p\":1}"),
                    ContentBlock::Other {
                        value: json!({"type": "server_tool_use", "id": "x"}),
                    },
                ],
            ),
            message(
                Role::User,
                vec![
                    text("and now"),
                    ContentBlock::ToolResult {
                        id: "t.1".into(),
                        output: "no".into(),
                        is_error: true,
                    },
                ],
            ),
        ],
        &options(),
    ))
    .unwrap();
    let mark = json!({"type": "ephemeral"});
    assert_eq!(
        body,
        json!({
            "model": "claude",
            "max_tokens": 4096,
            "tools": [{"name": "read", "description": "reads", "input_schema": {"type": "object"}, "cache_control": mark}],
            "system": [{"type": "text", "text": "be brief", "cache_control": mark}],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "read it"}]},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "signed", "signature": "s+/="},
                    {"type": "redacted_thinking", "data": "d"},
                    {"type": "tool_use", "id": "t_1", "name": "read", "input": {"p": 1}},
                    {"type": "server_tool_use", "id": "x"},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "t_1", "content": "no", "is_error": true},
                    {"type": "text", "text": "and now", "cache_control": mark},
                ]},
            ],
            "temperature": 0.5,
            "stream": true,
        })
    );
}

#[test]
fn arguments_travel_as_the_model_wrote_them() {
    // escapes, spacing, key order and number forms that a parse and print would change
    for raw in [
        r#"{ "b":1.0, "a" : "\\\\ \u00e9 \/" }"#,
        r#"{"big":123456789012345678901234567890}"#,
    ] {
        let body = encoded(
            vec![
                message(Role::User, vec![text("x")]),
                message(Role::Assistant, vec![tool_use("t", raw)]),
            ],
            &options(),
        );
        assert!(body.contains(&format!("\"input\":{raw}")), "{body}");
    }
    for (raw, shown) in [
        ("{\"half", r#"{"invalid_arguments":"{\"half"}"#),
        ("[1]", r#"{"invalid_arguments":"[1]"}"#),
    ] {
        let body = encoded(
            vec![message(Role::Assistant, vec![tool_use("t", raw)])],
            &options(),
        );
        assert!(body.contains(&format!("\"input\":{shown}")), "{body}");
    }
}

#[test]
fn equal_requests_give_equal_bytes_and_a_longer_one_the_same_prefix() {
    let options = ProviderConfig {
        prompt_cache: false,
        ..options()
    };
    let one = vec![message(Role::User, vec![text("first")])];
    let mut two = one.clone();
    two.push(message(Role::Assistant, vec![text("second")]));
    let (short, again, long) = (
        encoded(one.clone(), &options),
        encoded(one, &options),
        encoded(two, &options),
    );
    assert_eq!(short, again);
    let prefix = &short[..short.find("\"first\"").unwrap()];
    assert!(long.starts_with(prefix));
    assert!(!short.contains("cache_control"));
}

#[test]
fn thinking_is_asked_for_within_the_output_limit() {
    let asked = |messages, tokens| -> Value {
        let options = ProviderConfig {
            thinking_tokens: Some(tokens),
            ..options()
        };
        serde_json::from_str(&encoded(messages, &options)).unwrap()
    };
    let user = || message(Role::User, vec![text("x")]);
    let body = asked(vec![user()], 10_000);
    assert_eq!(
        body["thinking"],
        json!({"type": "enabled", "budget_tokens": 2048})
    );
    assert_eq!(body["temperature"], Value::Null, "refused beside thinking");
    assert_eq!(
        asked(vec![user()], 1_000)["thinking"],
        Value::Null,
        "below the least"
    );
    let result = ContentBlock::ToolResult {
        id: "t".into(),
        output: String::new(),
        is_error: false,
    };
    let foreign = vec![
        user(),
        message(Role::Assistant, vec![tool_use("t", "{}")]),
        message(Role::User, vec![result]),
    ];
    assert_eq!(
        asked(foreign, 2_000)["thinking"],
        Value::Null,
        "the open call was made without thinking"
    );
}

#[test]
fn thinking_tools_and_usage_are_read() {
    let (events, answer) = read(&[
        json!({"type": "message_start", "message": {"id": "m", "content": [], "usage": {
            "input_tokens": 5, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 100, "output_tokens": 1}}}),
        json!({"type": "ping"}),
        begin(
            0,
            json!({"type": "thinking", "thinking": "", "signature": ""}),
        ),
        delta(0, json!({"type": "thinking_delta", "thinking": "hm"})),
        delta(0, json!({"type": "signature_delta", "signature": "s+/"})),
        delta(0, json!({"type": "signature_delta", "signature": "=="})),
        end(0),
        begin(1, json!({"type": "redacted_thinking", "data": "d"})),
        end(1),
        begin(2, json!({"type": "text", "text": ""})),
        delta(2, json!({"type": "text_delta", "text": "Hé"})),
        delta(2, json!({"type": "citations_delta", "citation": {}})),
        end(2),
        begin(
            3,
            json!({"type": "tool_use", "id": "t", "name": "read", "input": {}}),
        ),
        delta(3, json!({"type": "input_json_delta", "partial_json": ""})),
        delta(
            3,
            json!({"type": "input_json_delta", "partial_json": "{\"a\": \"\\\\"}),
        ),
        delta(
            3,
            json!({"type": "input_json_delta", "partial_json": "\\\\\"}"}),
        ),
        end(3),
        end(3),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 40, "output_tokens_details": {"thinking_tokens": 11}}}),
        json!({"type": "message_stop"}),
    ]);
    assert_eq!(
        events,
        [
            StreamEvent::ThinkingDelta("hm".into()),
            StreamEvent::TextDelta("Hé".into()),
            StreamEvent::ToolUseStarted {
                id: "t".into(),
                name: "read".into()
            },
        ]
    );
    let answer = answer.unwrap();
    assert_eq!(
        answer.content,
        [
            thinking("hm", Some("s+/==")),
            ContentBlock::RedactedThinking { data: "d".into() },
            text("Hé"),
            tool_use("t", "{\"a\": \"\\\\\\\\\"}"),
        ]
    );
    assert_eq!(answer.stop, StopReason::ToolUse);
    assert_eq!(
        answer.usage,
        Usage {
            input_tokens: 125,
            output_tokens: 40,
            cache_read_tokens: 100,
            cache_write_tokens: 20,
            thinking_tokens: 11
        }
    );
}

#[test]
fn unknown_blocks_are_kept_and_unknown_events_ignored() {
    let (_, answer) = read(&[
        json!({"type": "something_new", "delta": {"x": 1}}),
        begin(
            0,
            json!({"type": "server_tool_use", "id": "s", "name": "search", "input": {}}),
        ),
        delta(
            0,
            json!({"type": "input_json_delta", "partial_json": "{\"q\":1}"}),
        ),
        end(0),
        stopped("pause_turn"),
    ]);
    let answer = answer.unwrap();
    let value = json!({"type": "server_tool_use", "id": "s", "name": "search", "input": {"q": 1}});
    assert_eq!(answer.content, [ContentBlock::Other { value }]);
    assert_eq!(answer.stop, StopReason::Other);
}

#[test]
fn a_call_without_fragments_has_the_input_of_its_start() {
    let start = |input| {
        begin(
            0,
            json!({"type": "tool_use", "id": "t", "name": "read", "input": input}),
        )
    };
    let (_, answer) = read(&[start(json!({"p": 1})), end(0), stopped("tool_use")]);
    assert_eq!(answer.unwrap().content, [tool_use("t", "{\"p\":1}")]);
    let (_, answer) = read(&[start(json!({})), end(0), stopped("tool_use")]);
    assert_eq!(answer.unwrap().content, [tool_use("t", "{}")]);
}

#[test]
fn an_unfinished_answer_is_cut() {
    let open = begin(0, json!({"type": "text", "text": "half"}));
    assert_eq!(
        read(std::slice::from_ref(&open)).1.unwrap_err().kind,
        ErrorKind::Cut
    );
    assert_eq!(
        read(&[open.clone(), end(0)]).1.unwrap_err().kind,
        ErrorKind::Cut
    );
    assert_eq!(
        read(&[open.clone(), stopped("end_turn")])
            .1
            .unwrap_err()
            .kind,
        ErrorKind::Cut
    );
    assert!(read(&[open, end(0), stopped("end_turn")]).1.is_ok());
}

#[test]
fn blocks_out_of_order_are_malformed() {
    let start = begin(0, json!({"type": "text", "text": ""}));
    let say = delta(0, json!({"type": "text_delta", "text": "x"}));
    for frames in [
        vec![say.clone()],
        vec![start.clone(), start.clone()],
        vec![start, end(0), say],
        vec![end(4)],
        vec![begin(
            0,
            json!({"type": "tool_use", "id": "", "name": "read"}),
        )],
        vec![json!({"no": "type"})],
    ] {
        assert_eq!(
            read(&frames).1.unwrap_err().kind,
            ErrorKind::Malformed,
            "{frames:?}"
        );
    }
}

#[test]
fn an_error_event_is_an_error() {
    let frame =
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    assert_eq!(
        read(&[frame]).1.unwrap_err().kind,
        ErrorKind::Overloaded {
            retry_after_ms: None
        }
    );
}

#[test]
fn a_whole_message_keeps_the_text_of_its_arguments() {
    let body = br#"{"type":"message","content":[{"type":"text","text":"a"},{"type":"tool_use","id":"t","name":"read","input":{ "n": 1.0 }}],
        "stop_reason":"tool_use","usage":{"input_tokens":3,"output_tokens":4}}"#;
    let answer = Anthropic.whole("c", body).unwrap();
    assert_eq!(answer.content, [text("a"), tool_use("t", "{ \"n\": 1.0 }")]);
    assert_eq!(
        (answer.usage.input_tokens, answer.usage.output_tokens),
        (3, 4)
    );
}

#[test]
fn the_url_has_one_version() {
    for base in ["https://h", "https://h/", "https://h/v1", "https://h/v1/"] {
        assert_eq!(Anthropic.url(base), "https://h/v1/messages");
    }
}
