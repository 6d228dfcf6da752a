//! The gateway against the scripted provider: both dialects, every fault, and the bill.

#[path = "scripted/world.rs"]
mod world;

use aiex_llm::{ErrorKind, ModelRequest, Stage, StreamEvent};
use aiex_scripted_provider::{
    Fault, Outcome, Part, Script, ScriptedProvider, Step, Stop, UsageOverride,
};
use aiex_session::{ContentBlock, Message, Role, StopReason};
use futures_util::StreamExt;
use futures_util::stream;
use serde_json::json;
use world::{Dialect, KEY, World, ask, finished, request, said, user};

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

/// One attempt, one fault, one kind of error.
#[tokio::test]
async fn every_fault_is_recognised() {
    use ErrorKind as Kind;
    let status = |status, kind| (Fault::status(status), kind);
    let faults = vec![
        status(400, Kind::BadRequest),
        status(401, Kind::Auth),
        status(403, Kind::Auth),
        status(402, Kind::Quota),
        status(404, Kind::BadRequest),
        status(413, Kind::ContextTooLong),
        (
            Fault::rate_limit(1_500),
            Kind::RateLimited {
                retry_after_ms: Some(1_500),
            },
        ),
        status(500, Kind::Server),
        status(502, Kind::Server),
        status(
            529,
            Kind::Overloaded {
                retry_after_ms: None,
            },
        ),
        (
            Fault::StallBeforeHeaders { ms: 60_000 },
            Kind::Timeout {
                stage: Stage::FirstByte,
            },
        ),
        (Fault::Cut { after_bytes: 0 }, Kind::Cut),
        (Fault::EndEarly { after_bytes: 0 }, Kind::Cut),
        (Fault::MalformedFrame { after_frames: 0 }, Kind::Malformed),
        (
            Fault::ErrorEvent {
                after_frames: 1,
                kind: "server_error".into(),
            },
            Kind::Server,
        ),
    ];
    for dialect in Dialect::ALL {
        for (fault, expected) in &faults {
            let step = Step {
                always: Some(fault.clone()),
                ..Step::text("never whole")
            };
            let world = World::of(dialect, Script::of_steps([step]))
                .attempts(1)
                .start()
                .await;
            let error = ask(&world.gateway, request("x")).await.unwrap_err();
            assert_eq!(&error.kind, expected, "{dialect:?} {fault:?}");
            assert_eq!(error.target, "p/scripted");
            assert!(!error.message.contains(KEY) && !error.message.is_empty());
            assert_eq!(
                world.provider.bill().len(),
                1,
                "no retry hides in the provider"
            );
        }
    }
}

#[tokio::test]
async fn faults_behind_the_commit_point_reach_the_caller() {
    for dialect in Dialect::ALL {
        for (fault, expected) in [
            (
                Fault::StallMidStream {
                    after_bytes: 1_500,
                    ms: 60_000,
                },
                ErrorKind::Timeout {
                    stage: Stage::Silence,
                },
            ),
            (Fault::Cut { after_bytes: 1_500 }, ErrorKind::Cut),
            (Fault::EndEarly { after_bytes: 1_500 }, ErrorKind::Cut),
            (
                Fault::MalformedFrame { after_frames: 8 },
                ErrorKind::Malformed,
            ),
            (
                Fault::ErrorEvent {
                    after_frames: 8,
                    kind: "overloaded_error".into(),
                },
                ErrorKind::Overloaded {
                    retry_after_ms: None,
                },
            ),
        ] {
            let step = Step::text("a long text, ".repeat(20)).fault(fault.clone());
            let world = World::of(dialect, Script::of_steps([step]))
                .with_spare()
                .start()
                .await;
            let mut stream = world.gateway.call(request("x")).await.unwrap();
            let mut deltas = 0;
            let error = loop {
                match stream.next().await.expect("an error ends it") {
                    Ok(StreamEvent::TextDelta(_)) => deltas += 1,
                    Ok(other) => panic!("{other:?}"),
                    Err(error) => break error,
                }
            };
            assert!(deltas > 0, "committed");
            assert_eq!(error.kind, expected, "{dialect:?} {fault:?}");
            assert!(error.possibly_billed);
            assert!(stream.next().await.is_none());
            assert_eq!(world.spare_bill(), 0, "never a silent switch");
        }
    }
}

#[tokio::test]
async fn pings_are_no_output() {
    // Anthropic: the start and the ping come, then silence; the provider is alive, the model is not
    let step = Step::text("late").fault(Fault::StallMidStream {
        after_bytes: 650,
        ms: 60_000,
    });
    let world = World::of(Dialect::Anthropic, Script::of_steps([step]))
        .timeouts(|timeouts| {
            timeouts.first_output_ms = 150;
            timeouts.silence_ms = 30_000;
        })
        .attempts(1)
        .start()
        .await;
    let error = ask(&world.gateway, request("x")).await.unwrap_err();
    assert_eq!(
        error.kind,
        ErrorKind::Timeout {
            stage: Stage::FirstOutput
        }
    );
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

#[tokio::test]
async fn an_error_before_the_first_output_goes_to_the_spare() {
    for dialect in Dialect::ALL {
        for fault in [
            Fault::status(500),
            Fault::status(401),
            Fault::rate_limit(60_000),
            Fault::Cut { after_bytes: 100 },
            Fault::StallBeforeHeaders { ms: 60_000 },
            Fault::ErrorEvent {
                after_frames: 1,
                kind: "overloaded_error".into(),
            },
        ] {
            let step = Step {
                always: Some(fault.clone()),
                ..Step::text("never")
            };
            let world = World::of(dialect, Script::of_steps([step]))
                .with_spare()
                .start()
                .await;
            let reply = ask(&world.gateway, request("x")).await.unwrap();
            assert_eq!(reply.provider, "spare", "{fault:?}");
            assert_eq!(
                reply.content,
                [ContentBlock::Text {
                    text: "from the spare".into()
                }]
            );
            assert_eq!((world.provider.bill().len(), world.spare_bill()), (1, 1));
        }
    }
}

#[tokio::test]
async fn a_short_pause_is_waited_for() {
    for dialect in Dialect::ALL {
        let step = Step::text("at last")
            .fault(Fault::rate_limit(30))
            .fault(Fault::status(500));
        let world = World::of(dialect, Script::of_steps([step])).start().await;
        ask(&world.gateway, request("x")).await.unwrap();
        let bill = world.provider.bill();
        let statuses: Vec<u16> = bill.iter().map(|attempt| attempt.status).collect();
        assert_eq!(statuses, [429, 500, 200]);
        assert!(
            bill[1].at_unix_ms - bill[0].at_unix_ms >= 29,
            "the pause was kept"
        );
        assert!(
            bill.iter().all(|attempt| attempt.call_id == "call-x"),
            "one name for all attempts"
        );
    }
}

#[tokio::test]
async fn an_unreachable_provider_is_said_to_be_so() {
    let world = World::of(Dialect::OpenAi, Script::default())
        .attempts(1)
        .start()
        .await;
    let gateway = world.gateway;
    world.provider.stop().await;
    let error = ask(&gateway, request("x")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(!error.possibly_billed);
}

#[tokio::test]
async fn a_wrong_key_is_told_without_the_key() {
    for dialect in Dialect::ALL {
        let script = Script::of_steps([Step::text("x")]).with_key("another");
        let world = World::of(dialect, script).attempts(1).start().await;
        let error = ask(&world.gateway, request("x")).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Auth);
        assert!(!format!("{error:?}").contains(KEY));
        assert!(!format!("{:?}", world.gateway).contains(KEY));
    }
}

#[tokio::test]
async fn dropping_the_answer_ends_the_call_at_the_provider() {
    let step = Step {
        delay_ms: 5,
        ..Step::text("a very long text ".repeat(500))
    };
    let world = World::of(Dialect::Anthropic, Script::of_steps([step]))
        .start()
        .await;
    let mut stream = world.gateway.call(request("x")).await.unwrap();
    assert!(stream.next().await.unwrap().is_ok());
    drop(stream);
    let closed = async {
        while world.provider.bill()[0].outcome == Outcome::Open {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), closed)
        .await
        .expect("the provider notices");
    assert_eq!(world.provider.bill()[0].outcome, Outcome::Cancelled);
}

/// However a connection breaks, the answer is whole and right, or an error. (Every byte is cut in the
/// unit tests, without a network.)
#[tokio::test]
async fn a_broken_connection_never_gives_a_wrong_answer() {
    // more than either dialect needs for this answer
    const BYTES: usize = 4_000;
    const STRIDE: usize = 29;
    for dialect in Dialect::ALL {
        let step = || Step::text("Hé").and_tool("r", json!({"p": "\\\\"}));
        let whole = World::of(dialect, Script::of_steps([step()])).start().await;
        let expected = ask(&whole.gateway, request("x")).await.unwrap();
        for properly in [false, true] {
            let mut script = Script::default();
            let cuts: Vec<usize> = (0..BYTES).step_by(STRIDE).collect();
            for &after_bytes in &cuts {
                let fault = match properly {
                    true => Fault::EndEarly { after_bytes },
                    false => Fault::Cut { after_bytes },
                };
                let step = Step {
                    always: Some(fault),
                    ..step()
                };
                script = script.with_rule(world::system(&format!("cut {after_bytes}.")), step);
            }
            let provider = ScriptedProvider::start(script).await.unwrap();
            let gateway = world::lone(dialect, &provider);
            let asked = cuts.iter().map(|cut| {
                let asked = ModelRequest {
                    system: format!("cut {cut}."),
                    ..request("x")
                };
                ask(&gateway, asked)
            });
            let outcomes: Vec<_> = stream::iter(asked).buffered(4).collect().await;
            let right: Vec<_> = outcomes.iter().flatten().collect();
            for reply in &right {
                assert_eq!(reply.stop, expected.stop);
                assert_eq!(world::without_ids(reply), world::without_ids(&expected));
            }
            assert!(
                !right.is_empty() && right.len() < cuts.len(),
                "{} of {}",
                right.len(),
                cuts.len()
            );
        }
    }
}

/// What the gateway says was used is what the provider charged, whatever happened on the way.
#[tokio::test]
async fn the_bills_agree() {
    let faults = [
        Fault::Pass,
        Fault::status(500),
        Fault::rate_limit(3),
        Fault::Cut { after_bytes: 40 },
        Fault::EndEarly { after_bytes: 90 },
        Fault::MalformedFrame { after_frames: 0 },
    ];
    for dialect in Dialect::ALL {
        let steps = (0..24).map(|index| {
            let step = Step::text(format!("answer {index} ").repeat(index + 1))
                .and_tool("read", json!({"path": format!("lib/{index}.ex")}));
            let step = step.fault(faults[index % 6].clone());
            if index % 4 == 3 {
                step.fault(faults[(index / 6) % 6].clone())
            } else {
                step
            }
        });
        let mut script = Script::default().with_key(KEY);
        for (index, step) in steps.enumerate() {
            script = script.with_conversation(format!("question {index}."), [step]);
        }
        let world = World::of(dialect, script).start().await;
        let (mut told, mut finished) = (aiex_session::Usage::default(), 0);
        for index in 0..24 {
            let mut asked = request("x");
            asked.messages = vec![user(&format!("question {index}."))];
            asked.call_id = format!("call-{index}");
            let reply = ask(&world.gateway, asked).await.unwrap();
            told = told.plus(reply.usage);
            finished += 1;
        }
        let bill = world.provider.bill();
        let complete: Vec<_> = bill
            .iter()
            .filter(|it| it.outcome == Outcome::Complete)
            .collect();
        assert_eq!(complete.len(), finished);
        let charged = |figure: fn(&aiex_scripted_provider::Attempt) -> u64| -> u64 {
            complete.iter().map(|attempt| figure(attempt)).sum()
        };
        assert_eq!(told.input_tokens, charged(|it| it.input_tokens));
        assert_eq!(told.output_tokens, charged(|it| it.output_tokens));
        assert_eq!(told.cache_read_tokens, charged(|it| it.cache_read_tokens));
        assert_eq!(told.cache_write_tokens, charged(|it| it.cache_write_tokens));
        if dialect == Dialect::Anthropic {
            assert!(
                told.cache_read_tokens > 0,
                "the stable prefix is read from the cache"
            );
        }
        // nothing of a refused attempt is charged, and every broken one is on the bill
        assert!(
            bill.iter()
                .filter(|it| it.outcome == Outcome::Refused)
                .all(|it| it.output_tokens == 0)
        );
        assert!(
            bill.iter()
                .all(|it| it.outcome != Outcome::Open && !it.call_id.is_empty())
        );
    }
}

#[tokio::test]
async fn usage_is_passed_on_as_reported_even_when_it_is_wrong() {
    for dialect in Dialect::ALL {
        let wrong = UsageOverride {
            input_tokens: 7,
            output_tokens: 9_999,
        };
        let step = Step::text("x").fault(Fault::WrongUsage(wrong));
        let world = World::of(dialect, Script::of_steps([step])).start().await;
        let usage = ask(&world.gateway, request("x")).await.unwrap().usage;
        assert_eq!((usage.input_tokens, usage.output_tokens), (7, 9_999));
        let line = &world.provider.bill()[0];
        assert_eq!(
            (line.reported_output_tokens, line.output_tokens),
            (9_999, 1),
            "the truth is on the bill"
        );
    }
}
