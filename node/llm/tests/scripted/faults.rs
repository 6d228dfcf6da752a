//! Every fault is recognised; before the first output another target is asked, after it none.

use crate::world::*;
use aiex_llm::{ErrorKind, ModelRequest, Stage, StreamEvent};
use aiex_scripted_provider::{Fault, Script, ScriptedProvider, Step};
use aiex_session::ContentBlock;
use futures_util::{StreamExt, stream};
use serde_json::json;

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
                script = script.with_rule(system(&format!("cut {after_bytes}.")), step);
            }
            let provider = ScriptedProvider::start(script).await.unwrap();
            let gateway = lone(dialect, &provider);
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
                assert_eq!(without_ids(reply), without_ids(&expected));
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
