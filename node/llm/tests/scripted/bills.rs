//! What the gateway tells and what the provider charges.

use crate::world::*;
use aiex_scripted_provider::{Fault, Outcome, Script, Step, UsageOverride};
use futures_util::StreamExt;
use serde_json::json;

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
