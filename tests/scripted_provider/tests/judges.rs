//! The SDKs of OpenAI and Anthropic talk to the scripted provider and must find nothing wrong.
#![allow(
    clippy::expect_used,
    reason = "a failed step of a test is a failed test"
)]

use aiex_scripted_provider::{Fault, Part, Script, ScriptedProvider, Step, Stop, When};
use serde_json::json;
use std::path::{Path, PathBuf};
use tokio::process::Command;

const KEY: &str = "sk-judged";

fn fault(fault: Fault) -> Step {
    Step {
        always: Some(fault),
        ..Step::text("This text is long enough to be cut somewhere inside.")
    }
}

/// What the judges ask for, by the first words of the user.
fn script() -> Script {
    let two_tools = || {
        Step::tool("read_file", json!({"path": "lib/a\\\\b.ex"}))
            .and_tool("list_files", json!({"path": "lib"}))
    };
    let thinking = Step::default().and_thinking("First I look.");
    let thinking = Step {
        say: [
            thinking.say,
            vec![
                Part::RedactedThinking("c2VjcmV0".into()),
                Part::Text("Forty-two.".into()),
            ],
        ]
        .concat(),
        ..Step::default()
    };
    let stopped = |text: &str, stop| Step {
        stop: Some(stop),
        ..Step::text(text)
    };
    let mut script = Script::default()
        .with_key(KEY)
        .with_conversation("say text", [Step::text("Hello, wörld \\\\ ~S(x) 🦀!")])
        .with_conversation("call two tools", [two_tools(), Step::text("I read both.")])
        .with_conversation(
            "interleave two tools",
            [Step {
                interleave: true,
                ..Step::tool("read_file", json!({"path": "lib/one.ex"}))
                    .and_tool("read_file", json!({"path": "lib/two.ex"}))
            }],
        )
        .with_conversation("think", [thinking, Step::text("Thought on.")])
        .with_conversation("refuse", [stopped("I cannot.", Stop::Refusal)])
        .with_conversation("run long", [stopped("and on and on", Stop::MaxTokens)])
        .with_conversation(
            "limit me",
            [Step::text("At last.").fault(Fault::rate_limit(30))],
        )
        .with_conversation(
            "fail twice",
            [Step::text("Third time.")
                .fault(Fault::rate_limit(5))
                .fault(Fault::Status {
                    status: 500,
                    retry_after_ms: Some(5),
                    kind: None,
                    message: None,
                })],
        )
        .with_rule(
            When {
                last_user_contains: Some("break midway".into()),
                ..When::default()
            },
            fault(Fault::ErrorEvent {
                after_frames: 4,
                kind: "server_error".into(),
            }),
        )
        .with_conversation("break", [fault(Fault::status(500))])
        .with_conversation("overload", [fault(Fault::status(529))])
        .with_conversation("cut midway", [fault(Fault::Cut { after_bytes: 700 })]);
    script.models = vec!["scripted".to_owned()];
    script
}

fn judges() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("judges")
}

/// The interpreter of the venv that `judges/setup` makes.
#[expect(
    clippy::disallowed_methods,
    reason = "a test's rim: where the judges are installed"
)]
fn python() -> PathBuf {
    let cache = std::env::var("AIEX_CACHE").map(PathBuf::from);
    let cache = cache
        .or_else(|_| std::env::var("HOME").map(|home| PathBuf::from(home).join(".cache/aiex")));
    cache
        .expect("HOME or AIEX_CACHE is set")
        .join("judges/bin/python")
}

async fn judged_by(name: &str, base_url: String) {
    let python = python();
    assert!(
        python.exists(),
        "no judges at {}: run tests/scripted_provider/judges/setup",
        python.display()
    );
    let output = Command::new(python)
        .arg(judges().join(name))
        .args([&base_url, KEY])
        // nothing of the machine may redirect the clients or leave files in the checkout
        .env_clear()
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("NO_PROXY", "*")
        .kill_on_drop(true)
        .output()
        .await
        .expect("python starts");
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success(),
        "{name} found faults:\n{out}\n{err}"
    );
    assert!(out.contains("checks passed"), "{out}");
}

#[tokio::test]
async fn the_openai_sdk_finds_nothing_wrong() {
    let provider = ScriptedProvider::start(script()).await.unwrap();
    judged_by("openai_judge.py", provider.openai_base_url()).await;
}

#[tokio::test]
async fn the_anthropic_sdk_finds_nothing_wrong() {
    let provider = ScriptedProvider::start(script()).await.unwrap();
    judged_by("anthropic_judge.py", provider.anthropic_base_url()).await;
}
