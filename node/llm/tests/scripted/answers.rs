//! What the model said arrives, and what it said before goes back, byte by byte.

use crate::world::*;
use aiex_llm::StreamEvent;
use aiex_scripted_provider::{Fault, Part, Script, Step, Stop};
use aiex_session::{ContentBlock, Message, Role, StopReason};
use serde_json::json;

/// What an Elixir file may hold and a careless encoder would change.
const ELIXIR: [&str; 9] = [
    r"def total(cart, opts \\ []), do: cart",
    r#"~S(no \n escape #{here}) <> ~s"yes #{1 + 1}\n""#,
    "@doc \"\"\"\n  iex> \"a\\tb\"\n\"\"\"\r\n",
    r#"'charlist\x{1F600}' ++ [?\\, ?\s]"#,
    r#"~H"<p :if={@a}>{@b} &amp; <%= c %></p>""#,
    "\u{feff}zero\u{200b}width \u{202e}rtl é e\u{301} 🦀",
    r#"{"json": "in \"json\" \\\\ \/ \u0000"}"#,
    "\t\u{b}\u{c}\u{7f}\u{1b}[0m",
    r"C:\\Users\\x\\ \\\\",
];

#[tokio::test]
async fn text_and_arguments_come_through_byte_by_byte() {
    for dialect in Dialect::ALL {
        for stream in [true, false] {
            for (index, code) in ELIXIR.iter().enumerate() {
                let arguments = json!({"path": "lib/a.ex", "text": code}).to_string();
                let step = Step {
                    chunk_bytes: Some(1 + index * 3),
                    ..Step::text(*code)
                        .and_tool("write_file", json!(arguments))
                        .and_tool("write_file", json!(format!("  {arguments} ")))
                };
                let world = World::of(dialect, Script::of_steps([step]))
                    .stream(stream)
                    .start()
                    .await;
                let events = said(&world.gateway, request("write it")).await.unwrap();
                let reply = finished(&events);
                assert_eq!(
                    reply.content[0],
                    ContentBlock::Text {
                        text: (*code).to_owned()
                    }
                );
                let raw: Vec<&str> = reply.content[1..]
                    .iter()
                    .map(|block| match block {
                        ContentBlock::ToolUse { arguments, .. } => arguments.as_str(),
                        other => panic!("not a call: {other:?}"),
                    })
                    .collect();
                // a whole Anthropic message carries parsed input: the spaces around it are not in it
                let padded = if stream || dialect == Dialect::OpenAi {
                    format!("  {arguments} ")
                } else {
                    arguments.clone()
                };
                if stream || dialect == Dialect::OpenAi {
                    assert_eq!(raw, [&arguments, &padded], "{dialect:?}");
                } else {
                    let parsed: Vec<serde_json::Value> = raw
                        .iter()
                        .map(|raw| serde_json::from_str(raw).unwrap())
                        .collect();
                    assert_eq!(parsed[0]["text"], *code);
                }
                assert_eq!(reply.stop, StopReason::ToolUse);
                let streamed: String = events
                    .iter()
                    .filter_map(|event| match event {
                        StreamEvent::TextDelta(text) => Some(text.as_str()),
                        _ => None,
                    })
                    .collect();
                assert_eq!(streamed, *code, "the deltas are the text");
            }
        }
    }
}

#[tokio::test]
async fn code_in_a_tools_result_and_in_a_repeated_call_reaches_the_provider_unchanged() {
    for dialect in Dialect::ALL {
        let world = World::of(
            dialect,
            Script::of_steps([Step::text("a"), Step::text("b")]),
        )
        .start()
        .await;
        for code in ELIXIR {
            let arguments = json!({"text": code}).to_string();
            let call = ContentBlock::ToolUse {
                id: "t1".into(),
                name: "w".into(),
                arguments: arguments.clone(),
            };
            let result = ContentBlock::ToolResult {
                id: "t1".into(),
                output: code.into(),
                is_error: false,
            };
            let mut asked = request("x");
            asked.messages.push(Message {
                role: Role::Assistant,
                content: vec![call],
            });
            asked.messages.push(Message {
                role: Role::User,
                content: vec![result],
            });
            ask(&world.gateway, asked).await.unwrap();
            let sent = world.provider.requests().pop().unwrap();
            let (text, output) = match dialect {
                Dialect::OpenAi => {
                    let raw = &sent["messages"][2]["tool_calls"][0]["function"]["arguments"];
                    assert_eq!(raw, &json!(arguments));
                    (json!(code), sent["messages"][3]["content"].clone())
                }
                Dialect::Anthropic => (
                    sent["messages"][1]["content"][0]["input"]["text"].clone(),
                    sent["messages"][2]["content"][0]["content"].clone(),
                ),
            };
            assert_eq!((text, output), (json!(code), json!(code)));
        }
    }
}

#[tokio::test]
async fn thinking_is_kept_and_comes_back_as_it_was() {
    let step = Step {
        say: vec![
            Part::Thinking("First I look.".into()),
            Part::RedactedThinking("c2VjcmV0".into()),
            Part::Text("Now I know.".into()),
        ],
        ..Step::default()
    };
    let script = Script::of_steps([step.and_tool("read", json!({"p": 1})), Step::text("Done.")]);
    for stream in [true, false] {
        let world = World::of(Dialect::Anthropic, script.clone())
            .stream(stream)
            .start()
            .await;
        let mut asked = request("think");
        let reply = ask(&world.gateway, asked.clone()).await.unwrap();
        let [
            ContentBlock::Thinking {
                text,
                signature: Some(_),
            },
            ContentBlock::RedactedThinking { data },
            ..,
        ] = &reply.content[..]
        else {
            panic!("{:?}", reply.content)
        };
        assert_eq!(
            (text.as_str(), data.as_str()),
            ("First I look.", "c2VjcmV0")
        );
        assert!(reply.usage.thinking_tokens > 0);
        let ContentBlock::ToolUse { id, .. } = reply.content[3].clone() else {
            panic!()
        };
        asked.messages.push(Message {
            role: Role::Assistant,
            content: reply.content,
        });
        let result = ContentBlock::ToolResult {
            id,
            output: "ok".into(),
            is_error: false,
        };
        asked.messages.push(Message {
            role: Role::User,
            content: vec![result],
        });
        // the provider checks the signature of what comes back
        let reply = ask(&world.gateway, asked).await.unwrap();
        assert_eq!(
            reply.content,
            [ContentBlock::Text {
                text: "Done.".into()
            }]
        );
    }
    let world = World::of(Dialect::OpenAi, script).start().await;
    let reply = ask(&world.gateway, request("think")).await.unwrap();
    assert_eq!(
        reply.content[0],
        ContentBlock::Thinking {
            text: "First I look.".into(),
            signature: None
        }
    );
}

#[tokio::test]
async fn parallel_calls_in_turns_are_told_apart() {
    let step = Step {
        interleave: true,
        ..Step::tool("read", json!({"path": "lib/one.ex"})).and_tool("list", json!({"path": "lib"}))
    };
    let world = World::of(Dialect::OpenAi, Script::of_steps([step]))
        .start()
        .await;
    let reply = ask(&world.gateway, request("x")).await.unwrap();
    let calls: Vec<(&str, &str)> = reply
        .content
        .iter()
        .map(|block| match block {
            ContentBlock::ToolUse {
                name, arguments, ..
            } => (name.as_str(), arguments.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        calls,
        [
            ("read", r#"{"path":"lib/one.ex"}"#),
            ("list", r#"{"path":"lib"}"#)
        ]
    );
}

#[tokio::test]
async fn stop_reasons_are_told() {
    for dialect in Dialect::ALL {
        for (stop, expected) in [
            (Stop::MaxTokens, StopReason::MaxTokens),
            (Stop::Refusal, StopReason::Refusal),
        ] {
            let step = Step {
                stop: Some(stop),
                ..Step::text("so")
            };
            let world = World::of(dialect, Script::of_steps([step])).start().await;
            let reply = ask(&world.gateway, request("x")).await.unwrap();
            assert_eq!(reply.stop, expected, "{dialect:?}");
        }
    }
}

#[tokio::test]
async fn broken_arguments_are_passed_on_as_they_came() {
    for dialect in Dialect::ALL {
        let step =
            Step::tool("read", json!({"path": "lib/long/path.ex"})).fault(Fault::MalformedToolJson);
        let world = World::of(dialect, Script::of_steps([step, Step::text("I see.")]))
            .start()
            .await;
        let mut asked = request("x");
        let reply = ask(&world.gateway, asked.clone()).await.unwrap();
        let ContentBlock::ToolUse { id, arguments, .. } = &reply.content[0] else {
            panic!()
        };
        assert_eq!(arguments, r#"{"path":"lib/long/"#);
        // and the model is shown what it wrote
        let result = ContentBlock::ToolResult {
            id: id.clone(),
            output: "not JSON".into(),
            is_error: true,
        };
        asked.messages.push(Message {
            role: Role::Assistant,
            content: reply.content,
        });
        asked.messages.push(Message {
            role: Role::User,
            content: vec![result],
        });
        ask(&world.gateway, asked).await.unwrap();
        let sent = world.provider.requests().pop().unwrap().to_string();
        assert!(sent.contains("lib/long/"), "{sent}");
    }
}
