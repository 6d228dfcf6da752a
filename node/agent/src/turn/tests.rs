//! Given these events, the next step is …

use super::*;
use aiex_session::{Actor, Command, Content, Recorded, StopReason, ToolCallOutcome, Usage, decide};

const NOW: i64 = 1_000_000;

fn session() -> SessionId {
    SessionId::from_bytes([7; 16])
}

/// Decides and evolves commands from nothing; every command must be accepted.
fn given(commands: Vec<(Command, Actor)>) -> State {
    let mut state = State::default();
    let user = || Actor::User("ana".to_owned());
    let create = Command::CreateSession {
        title: String::new(),
        project: "shop".to_owned(),
        owner: "ana".to_owned(),
        forked_from: None,
    };
    for (command, actor) in std::iter::once((create, user())).chain(commands) {
        for event in decide(&state, command, &actor).expect("accepted") {
            state.evolve(&Recorded {
                seq: state.head + 1,
                at_unix_ms: NOW,
                actor: actor.to_string(),
                event,
            });
        }
    }
    state
}

fn start(task: Task) -> (Command, Actor) {
    let command = Command::StartTurn {
        request_id: "r1".to_owned(),
        task,
        model: "m".to_owned(),
        workspace_id: String::new(),
    };
    (command, Actor::User("ana".to_owned()))
}

fn ask() -> (Command, Actor) {
    start(Task::Ask {
        text: "why?".to_owned(),
    })
}

fn intend(call: u32) -> (Command, Actor) {
    let command = Command::IntendModelCall {
        call_id: call_id("model", session(), 1, call, 0),
        model: "m".to_owned(),
        prompt_tokens: 10,
        prompt_digest: String::new(),
    };
    (command, Actor::Node)
}

fn reply(call: u32, content: Vec<ContentBlock>) -> (Command, Actor) {
    let command = Command::RecordModelReply {
        call_id: call_id("model", session(), 1, call, 0),
        provider: "p".to_owned(),
        content,
        stop: StopReason::EndTurn,
        usage: Usage {
            input_tokens: 100,
            output_tokens: 20,
            ..Usage::default()
        },
    };
    (command, Actor::Node)
}

fn tool_use(id: &str, name: &str) -> ContentBlock {
    ContentBlock::ToolUse {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: "{}".to_owned(),
    }
}

fn intend_tool(id: &str, name: &str) -> (Command, Actor) {
    let calls = vec![ToolCallIntent {
        call_id: id.to_owned(),
        tool_use_id: None,
        name: name.to_owned(),
        arguments: "{}".to_owned(),
    }];
    (Command::IntendToolCalls { calls }, Actor::Node)
}

fn finish_tool(id: &str, status: &str) -> (Command, Actor) {
    let outcome = ToolCallOutcome {
        status: status.to_owned(),
        output: Content::Inline("done".to_owned()),
        accesses: Vec::new(),
        changes: Vec::new(),
        verdict: None,
    };
    let command = Command::FinishToolCall {
        call_id: id.to_owned(),
        outcome,
    };
    (command, Actor::Node)
}

fn decide_approval(id: &str, granted: bool) -> (Command, Actor) {
    let command = Command::DecideApproval {
        call_id: id.to_owned(),
        granted,
        reason: String::new(),
    };
    (command, Actor::User("ana".to_owned()))
}

fn then(state: &State) -> Option<Step> {
    next_step(state, session(), None, &Config::default(), NOW)
}

#[test]
fn an_idle_session_has_no_next_step() {
    assert_eq!(then(&given(vec![])), None);
}

#[test]
fn a_prompt_calls_the_model() {
    let state = given(vec![ask()]);
    let expected = call_id("model", session(), 1, 0, 0);
    assert_eq!(then(&state), Some(Step::CallModel { call_id: expected }));
}

#[test]
fn a_lost_model_call_is_repeated_under_its_id() {
    let state = given(vec![ask(), intend(0)]);
    let call_id = call_id("model", session(), 1, 0, 0);
    assert_eq!(then(&state), Some(Step::RepeatModelCall { call_id }));
}

#[test]
fn an_answer_without_calls_completes_the_turn() {
    let text = ContentBlock::Text {
        text: "because".to_owned(),
    };
    let state = given(vec![ask(), intend(0), reply(0, vec![text])]);
    assert_eq!(then(&state), Some(Step::Finish(TurnEnd::Completed)));
}

#[test]
fn calls_of_a_reply_are_intended_before_they_run() {
    let uses = vec![tool_use("t1", "read_file"), tool_use("t2", "list_files")];
    let state = given(vec![ask(), intend(0), reply(0, uses)]);
    let Some(Step::IntendTools(calls)) = then(&state) else {
        panic!("{:?}", then(&state))
    };
    let ids: Vec<&str> = calls.iter().map(|call| call.call_id.as_str()).collect();
    assert_eq!(ids, ["t1", "t2"]);
}

#[test]
fn reading_needs_nobody_and_writing_asks() {
    let uses = vec![tool_use("t1", "read_file"), tool_use("t2", "write_file")];
    let state = given(vec![
        ask(),
        intend(0),
        reply(0, uses),
        intend_tool("t1", "read_file"),
        intend_tool("t2", "write_file"),
    ]);
    let expected = Step::AwaitTools {
        dispatch: vec!["t1".to_owned()],
        ask: vec!["t2".to_owned()],
    };
    assert_eq!(then(&state), Some(expected));
}

#[test]
fn a_granted_call_is_dispatched_and_a_denied_one_ends_the_turn() {
    let base = vec![
        ask(),
        intend(0),
        reply(0, vec![tool_use("t1", "write_file")]),
        intend_tool("t1", "write_file"),
    ];
    let mut granted = base.clone();
    granted.push(decide_approval("t1", true));
    let expected = Step::AwaitTools {
        dispatch: vec!["t1".to_owned()],
        ask: vec![],
    };
    assert_eq!(then(&given(granted)), Some(expected));
    let mut denied = base;
    denied.push(decide_approval("t1", false));
    let expected = Step::EndDenied {
        denied: vec!["t1".to_owned()],
    };
    assert_eq!(then(&given(denied)), Some(expected));
}

#[test]
fn an_outcome_goes_back_to_the_model() {
    let state = given(vec![
        ask(),
        intend(0),
        reply(0, vec![tool_use("t1", "read_file")]),
        intend_tool("t1", "read_file"),
        finish_tool("t1", "ok"),
    ]);
    let expected = call_id("model", session(), 1, 1, 0);
    assert_eq!(then(&state), Some(Step::CallModel { call_id: expected }));
}

#[test]
fn every_limit_is_named() {
    let state = given(vec![
        ask(),
        intend(0),
        reply(0, vec![tool_use("t1", "read_file")]),
        intend_tool("t1", "read_file"),
        finish_tool("t1", "ok"),
    ]);
    let cases = [
        (
            "model_calls",
            Config {
                model_calls_max: 1,
                ..Config::default()
            },
            NOW,
        ),
        (
            "tokens",
            Config {
                turn_tokens_max: 119,
                ..Config::default()
            },
            NOW,
        ),
        (
            "time",
            Config {
                turn_ms_max: 10,
                ..Config::default()
            },
            NOW + 11,
        ),
    ];
    for (limit, config, now) in cases {
        let expected = Step::Finish(TurnEnd::LimitReached {
            limit: limit.to_owned(),
        });
        assert_eq!(
            next_step(&state, session(), None, &config, now),
            Some(expected),
            "{limit}"
        );
    }
    let state = given(vec![
        ask(),
        intend(0),
        reply(0, vec![tool_use("t1", "read_file")]),
    ]);
    let config = Config {
        tool_calls_max: 0,
        ..Config::default()
    };
    let expected = Step::Finish(TurnEnd::LimitReached {
        limit: "tool_calls".to_owned(),
    });
    assert_eq!(
        next_step(&state, session(), None, &config, NOW),
        Some(expected)
    );
}

#[test]
fn a_call_that_never_comes_back_ends_with_the_turns_time() {
    let state = given(vec![
        ask(),
        intend(0),
        reply(0, vec![tool_use("t1", "read_file")]),
        intend_tool("t1", "read_file"),
    ]);
    let limits = Config {
        turn_ms_max: 10,
        ..Config::default()
    };
    let expected = Step::Finish(TurnEnd::LimitReached {
        limit: "time".to_owned(),
    });
    assert_eq!(
        next_step(&state, session(), None, &limits, NOW + 11),
        Some(expected)
    );
}

#[test]
fn undo_is_one_call_and_asks_no_model() {
    let undo = UndoPlan::Call {
        name: "edit_files".to_owned(),
        arguments: "{}".to_owned(),
    };
    let state = given(vec![start(Task::Undo { turn: 0 })]);
    let step = next_step(&state, session(), Some(&undo), &Config::default(), NOW);
    let Some(Step::IntendTools(calls)) = step else {
        panic!("{step:?}")
    };
    let id = calls[0].call_id.clone();
    let done = |status| {
        let state = given(vec![
            start(Task::Undo { turn: 0 }),
            intend_tool(&id, "edit_files"),
            finish_tool(&id, status),
        ]);
        then(&state)
    };
    assert_eq!(done("ok"), Some(Step::Finish(TurnEnd::Completed)));
    assert!(
        matches!(done("failed"), Some(Step::Finish(TurnEnd::Failed { code, .. })) if code == "conflict")
    );
    assert!(
        matches!(done("denied"), Some(Step::Finish(TurnEnd::Failed { code, .. })) if code == "approval_denied")
    );
}

#[test]
fn call_ids_fit_the_strictest_provider_and_differ() {
    let a = call_id("tool", session(), 1, 2, 3);
    let b = call_id("tool", session(), 1, 2, 4);
    assert_ne!(a, b);
    assert!(
        a.len() <= 40
            && a.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    );
}
