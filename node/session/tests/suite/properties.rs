//! Whatever is asked of a session, in any order: what was accepted replays to the same state.

use crate::given::{Given, ana};
use crate::samples::*;
use aiex_session::{
    Actor, Command, Content, ContentBlock, EVENT_TYPES, Recorded, Recorder, SessionId, State,
    Status, StopReason, Task, ToolCallOutcome, TurnEnd, appends_of, decode, encode, export, fork,
    import, restore_snapshot, take_snapshot,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeSet;

const COMMANDS_MAX: usize = 80;

fn model_call() -> impl Strategy<Value = String> {
    (0..3u8).prop_map(|n| format!("m{n}"))
}

fn tool_call() -> impl Strategy<Value = String> {
    (0..12u8).prop_map(|n| format!("c{n}"))
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z\\n]{1,9}", "\\PC{0,12}"]
}

fn block() -> impl Strategy<Value = ContentBlock> {
    prop_oneof![
        words().prop_map(|text| ContentBlock::Text { text }),
        (words(), proptest::option::of(words()))
            .prop_map(|(text, signature)| ContentBlock::Thinking { text, signature }),
        tool_call().prop_map(|id| tool_use(&id)),
        any::<f64>()
            .prop_filter("JSON has no other numbers", |n| n.is_finite())
            .prop_map(|n| {
                ContentBlock::Other {
                    value: serde_json::json!({"type": "new", "n": n}),
                }
            }),
    ]
}

fn task() -> impl Strategy<Value = Task> {
    prop_oneof![
        words().prop_map(|text| Task::Ask { text }),
        words().prop_map(|target| Task::Explain { target }),
        (0..4u32).prop_map(|turn| Task::Undo { turn }),
    ]
}

fn content() -> impl Strategy<Value = Option<Content>> {
    proptest::option::of(words().prop_map(Content::Inline))
}

fn finish_call() -> impl Strategy<Value = Command> {
    let status = prop_oneof![Just("ok"), Just("failed"), Just("denied")];
    let change = proptest::option::of((content(), content()));
    (tool_call(), status, words(), change).prop_map(|(call_id, status, output, change)| {
        let changes = change
            .into_iter()
            .map(|(before, after)| aiex_session::FileChange {
                path: "lib/a.ex".to_owned(),
                before,
                after,
            });
        let outcome = ToolCallOutcome {
            changes: changes.collect(),
            ..outcome(status, &output)
        };
        Command::FinishToolCall { call_id, outcome }
    })
}

fn turn_end() -> impl Strategy<Value = TurnEnd> {
    prop_oneof![
        4 => Just(TurnEnd::Completed),
        1 => words().prop_map(|reason| TurnEnd::Cancelled { reason }),
        1 => Just(TurnEnd::LimitReached { limit: "tokens".to_owned() }),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    let stop = prop_oneof![Just(StopReason::EndTurn), Just(StopReason::MaxTokens)];
    prop_oneof![
        1 => Just(create()),
        1 => words().prop_map(|title| Command::Retitle { title }),
        1 => Just(Command::Archive),
        6 => (0..9u8, task()).prop_map(|(n, task)| start(&format!("p{n}"), task)),
        6 => model_call().prop_map(|id| intend_model(&id)),
        9 => (model_call(), proptest::collection::vec(block(), 0..4), stop).prop_map(
            |(call_id, content, stop)| Command::RecordModelReply {
                call_id, provider: "p".to_owned(), content, stop, usage: usage(3, 2),
            }),
        2 => (model_call(), any::<bool>()).prop_map(|(call_id, retryable)| {
            Command::RecordModelFailure { call_id, code: String::new(), message: String::new(), retryable }
        }),
        8 => proptest::collection::vec((tool_call(), proptest::option::of(tool_call())), 1..3).prop_map(
            |calls| Command::IntendToolCalls {
                calls: calls.iter().map(|(id, used)| call(id, used.as_deref())).collect(),
            }),
        3 => (tool_call(), any::<bool>(), words()).prop_map(|(call_id, granted, reason)| {
            Command::DecideApproval { call_id, granted, reason }
        }),
        12 => finish_call(),
        3 => turn_end().prop_map(end),
    ]
}

/// Runs what is accepted; the author is whoever may.
fn run(commands: Vec<Command>) -> Given {
    let mut given = Given::default();
    for command in std::iter::once(create()).chain(commands) {
        for actor in [ana(), Actor::Node] {
            if let Ok(events) = given.when(&actor, command.clone()).result {
                given.add(events, &actor.to_string());
                break;
            }
        }
    }
    given
}

fn runs() -> impl Strategy<Value = Given> {
    proptest::collection::vec(command(), 0..COMMANDS_MAX).prop_map(run)
}

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.events).finish()
    }
}

fn session() -> SessionId {
    SessionId::from_bytes([9; 16])
}

fn by() -> Recorder {
    Recorder {
        owner: "bo".to_owned(),
        actor: "user:bo".to_owned(),
        at_unix_ms: 77,
    }
}

/// Results follow right after the message that asked for them, and an idle session has no use without result.
fn conversation_is_whole(state: &State) -> Result<(), TestCaseError> {
    let mut asked: Vec<&str> = Vec::new();
    for message in &state.messages {
        let only_results = !message.content.is_empty()
            && message
                .content
                .iter()
                .all(|b| matches!(b, ContentBlock::ToolResult { .. }));
        prop_assert!(
            only_results || asked.is_empty(),
            "not answered at once: {:?}",
            asked
        );
        for block in &message.content {
            match block {
                ContentBlock::ToolUse { id, .. } => asked.push(id),
                ContentBlock::ToolResult { id, .. } => {
                    prop_assert!(asked.contains(&id.as_str()), "result without use: {}", id);
                    asked.retain(|open| open != id);
                }
                _ => {}
            }
        }
    }
    if state.turn.is_none() {
        prop_assert!(asked.is_empty(), "uses without result: {:?}", asked);
    }
    Ok(())
}

/// Events as a log gives them back.
fn stored_and_read(events: &[Recorded]) -> Vec<Recorded> {
    let read = |recorded: &Recorded| {
        let (kind, version) = (recorded.event.event_type(), recorded.event.schema_version());
        let event = decode(kind, version, &encode(&recorded.event).unwrap()).unwrap();
        Recorded {
            event,
            ..recorded.clone()
        }
    };
    events.iter().map(read).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn replay_of_what_was_stored_equals_the_state_along_the_way(given in runs()) {
        prop_assert_eq!(&State::replay(&stored_and_read(&given.events)), &given.state);
        conversation_is_whole(&given.state)?;
        prop_assert_eq!(given.state.head, given.events.len() as u64);
    }

    #[test]
    fn a_snapshot_and_the_tail_equal_the_whole(given in runs(), cut in any::<prop::sample::Index>()) {
        let (early, tail) = given.events.split_at(cut.index(given.events.len() + 1));
        let snapshot = take_snapshot(&State::replay(early)).unwrap();
        let mut state = restore_snapshot(&snapshot).unwrap().unwrap();
        tail.iter().for_each(|recorded| state.evolve(recorded));
        prop_assert_eq!(state, given.state);
    }

    #[test]
    fn export_and_import_are_inverse(given in runs()) {
        let document = export(session(), &given.events).unwrap();
        let read = import(&document).unwrap();
        prop_assert_eq!(read.session, session());
        prop_assert_eq!(&read.events, &given.events);
        prop_assert_eq!(export(session(), &read.events).unwrap(), document);
        let settled = read.settled(&by());
        prop_assert!(State::replay(&settled).turn.is_none());
    }

    #[test]
    fn one_changed_byte_never_imports(given in runs(), at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let mut document = export(session(), &given.events).unwrap();
        let at = at.index(document.len());
        document[at] ^= 1 << bit;
        let line = document[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        // A line break that is damaged, or made, is noticed at the line it belongs to or the next.
        let read = import(&document).map(|read| read.events);
        if let Ok(events) = &read {
            prop_assert_eq!(events, &given.events, "accepted with another meaning");
        }
        if let Err(error) = read {
            prop_assert!(error.line.abs_diff(line) <= 1, "{} for a change in line {}", error, line);
        }
    }

    #[test]
    fn a_fork_goes_on_and_is_appended_as_it_was(given in runs(), cut in any::<prop::sample::Index>()) {
        let at = cut.index(given.events.len()) as u64 + 1;
        let copy = fork(session(), &given.events, at, None, &by()).unwrap();
        let state = State::replay(&copy);
        prop_assert_eq!(state.status, Status::Idle);
        conversation_is_whole(&state)?;
        let mut next = 0;
        for append in appends_of(session(), &copy, "f").unwrap() {
            prop_assert_eq!(append.expected, aiex_session::ExpectedSeq::Exact(next));
            let recorded = Recorded::sequence(next, append.at_unix_ms, &append.actor, append.events);
            next += recorded.len() as u64;
            prop_assert_eq!(&recorded[..], &copy[next as usize - recorded.len()..next as usize]);
        }
        prop_assert_eq!(next, copy.len() as u64);
    }
}

#[test]
fn the_random_sessions_reach_every_event() {
    let mut seen = BTreeSet::new();
    let mut late = 0;
    let mut runner = TestRunner::deterministic();
    for _ in 0..200 {
        let given = runs().new_tree(&mut runner).unwrap().current();
        seen.extend(
            given
                .events
                .iter()
                .map(|recorded| recorded.event.event_type()),
        );
        late += given.state.abandoned_calls.len();
    }
    let all: BTreeSet<_> = EVENT_TYPES.iter().map(|(name, _)| *name).collect();
    assert_eq!(seen, all);
    assert!(late > 10, "only {late} calls were abandoned");
}

#[test]
fn a_snapshot_of_another_schema_is_dropped_and_a_damaged_one_reported() {
    let snapshot = take_snapshot(&State::default()).unwrap();
    let text = String::from_utf8(snapshot).unwrap();
    let other = text.replacen("\"schema\":1", "\"schema\":2", 1);
    assert_eq!(restore_snapshot(other.as_bytes()), Ok(None));
    let no_state = br#"{"schema":9,"state":{"something":"else"}}"#;
    assert_eq!(restore_snapshot(no_state), Ok(None));
    assert!(restore_snapshot(&text.as_bytes()[..text.len() - 2]).is_err());
}
