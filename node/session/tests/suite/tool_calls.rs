//! Intents before outcomes, outcomes once, and a conversation that a provider accepts.

use crate::given::{Given, ana};
use crate::samples::*;
use aiex_session::{
    Actor, Command, Content, ContentBlock, Event, Message, TOOL_CALLS_PER_REPLY_MAX, TurnEnd,
};

/// A turn in which the model asked for two calls.
fn asked() -> Given {
    Given::events([created()])
        .and(&ana(), start("p1", ask("?")))
        .and(&Actor::Node, intend_model("m1"))
        .and(
            &Actor::Node,
            reply("m1", vec![said("I look."), tool_use("a"), tool_use("b")]),
        )
}

fn results(message: &Message) -> Vec<(&str, &str, bool)> {
    let result = |block: &'_ ContentBlock| matches!(block, ContentBlock::ToolResult { .. });
    assert!(message.content.iter().all(result), "{message:?}");
    let parts = message.content.iter().filter_map(|block| match block {
        ContentBlock::ToolResult {
            id,
            output,
            is_error,
        } => Some((id.as_str(), output.as_str(), *is_error)),
        _ => None,
    });
    parts.collect()
}

#[test]
fn an_outcome_needs_an_intent() {
    asked()
        .when(&Actor::Node, finish("a", "x"))
        .refused("not_found", "tool call a");
    let given = asked().and(&Actor::Node, intend_tools(&["a", "b"]));
    given
        .when(&Actor::Node, finish("c", "x"))
        .refused("not_found", "tool call c");
    let open: Vec<_> = given
        .state
        .turn
        .as_ref()
        .unwrap()
        .open_tool_calls
        .iter()
        .collect();
    assert_eq!(open.len(), 2);
    assert!(given.state.unanswered_tool_uses().is_empty());
}

#[test]
fn a_repeated_outcome_gives_nothing_and_another_is_refused() {
    let given = asked()
        .and(&Actor::Node, intend_tools(&["a", "b"]))
        .and(&ana(), finish("a", "x"));
    given.when(&ana(), finish("a", "x")).then(&[]);
    given
        .when(&ana(), finish("a", "y"))
        .refused("conflict", "another outcome");
    let moved_out = Command::FinishToolCall {
        call_id: text("a"),
        outcome: aiex_session::ToolCallOutcome {
            output: Content::Blob {
                hash: Content::Inline(text("x")).hash(),
                size_bytes: 1,
            },
            ..outcome("ok", "")
        },
    };
    given.when(&ana(), moved_out).then(&[]);
    let later = given
        .and(&ana(), finish("b", "y"))
        .and(&Actor::Node, end(TurnEnd::Completed));
    later.when(&ana(), finish("a", "x")).then(&[]);
    let status = Command::FinishToolCall {
        call_id: text("a"),
        outcome: outcome("fine", "x"),
    };
    later
        .when(&ana(), status)
        .refused("invalid_argument", "\"fine\"");
}

#[test]
fn call_ids_are_never_used_again() {
    let node = Actor::Node;
    let given = asked();
    given
        .when(&node, intend_tools(&["a", "a"]))
        .refused("conflict", "a was intended before");
    given
        .when(&node, intend_tools(&[]))
        .refused("limit_reached", "0 tool calls");
    let many: Vec<String> = (0..=TOOL_CALLS_PER_REPLY_MAX)
        .map(|n| n.to_string())
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    given
        .when(&node, intend_tools(&many))
        .refused("limit_reached", "129 tool calls");
    let given = given.and(&node, intend_tools(&["a", "b"]));
    given
        .when(&node, intend_tools(&["b"]))
        .refused("conflict", "b was intended before");
    let given = given
        .and(&node, finish("a", "x"))
        .and(&node, end(cancelled()));
    let given = given.and(&ana(), start("p2", ask("?")));
    for id in ["a", "b"] {
        given
            .when(&node, intend_tools(&[id]))
            .refused("conflict", "was intended before");
    }
}

#[test]
fn results_of_one_reply_share_one_message() {
    let node = Actor::Node;
    let given = asked().and(&node, intend_tools(&["a", "b"]));
    let given = given
        .and(&node, finish("b", "second"))
        .and(&node, finish("a", "first"));
    assert_eq!(given.state.messages.len(), 3);
    let last = given.state.messages.last().unwrap();
    assert_eq!(
        results(last),
        [("b", "second", false), ("a", "first", false)]
    );
    let done = &given.state.turn.as_ref().unwrap().finished_tool_calls;
    assert_eq!(done[0].output, Content::Inline(text("second")));
}

#[test]
fn a_call_may_have_its_own_id_beside_the_models() {
    let node = Actor::Node;
    let calls = vec![call("t1.a", Some("a")), call("t1.b", Some("b"))];
    let given = asked();
    let unanswered: Vec<_> = given
        .state
        .unanswered_tool_uses()
        .iter()
        .map(|u| u.0.to_owned())
        .collect();
    assert_eq!(unanswered, ["a", "b"]);
    let given = given.and(&node, Command::IntendToolCalls { calls });
    let given = given
        .and(&node, finish("t1.a", "x"))
        .and(&node, finish("t1.b", "y"));
    let last = given.state.messages.last().unwrap();
    assert_eq!(results(last), [("a", "x", false), ("b", "y", false)]);

    let again = given
        .and(&node, intend_model("m2"))
        .and(&node, reply("m2", vec![tool_use("a")]))
        .and(
            &node,
            Command::IntendToolCalls {
                calls: vec![call("t1.a2", Some("a"))],
            },
        )
        .and(&node, finish("t1.a2", "z"));
    assert_eq!(
        results(again.state.messages.last().unwrap()),
        [("a", "z", false)]
    );
    assert_eq!(again.state.messages.len(), 5);
}

#[test]
fn a_call_that_no_model_asked_for_has_its_place_in_the_conversation() {
    let given = Given::events([created(), started(1, "p1", ask("?"))])
        .and(&Actor::Node, intend_tools(&["own1", "own2"]))
        .and(&Actor::Node, finish("own1", "x"))
        .and(&Actor::Node, finish("own2", "y"));
    let messages = &given.state.messages;
    assert_eq!(messages.len(), 3);
    assert_eq!(messages[1].content, [tool_use("own1"), tool_use("own2")]);
    assert_eq!(
        results(&messages[2]),
        [("own1", "x", false), ("own2", "y", false)]
    );
}

#[test]
fn one_open_call_answers_one_tool_use() {
    let calls = |calls: &[(&str, &str)]| Command::IntendToolCalls {
        calls: calls
            .iter()
            .map(|(id, used)| call(id, Some(used)))
            .collect(),
    };
    let node = Actor::Node;
    asked()
        .when(&node, calls(&[("x", "a"), ("y", "a")]))
        .refused("conflict", "tool use a");
    let given = asked().and(&node, calls(&[("x", "a")]));
    given
        .when(&node, calls(&[("y", "a")]))
        .refused("conflict", "tool use a");
    let given = given
        .and(&node, calls(&[("y", "b")]))
        .and(&node, finish("x", "done"));
    given
        .when(&node, calls(&[("z", "own")]))
        .refused("conflict", "did not ask for own");
    let given = given.and(&node, finish("y", "done"));
    assert!(given.when(&node, calls(&[("z", "own")])).result.is_ok());
}

#[test]
fn calls_never_run_are_answered_before_the_model_is_asked_again() {
    let given = asked()
        .and(&Actor::Node, intend_tools(&["a"]))
        .and(&Actor::Node, finish("a", "x"))
        .and(&Actor::Node, intend_model("m2"));
    let last = given.state.messages.last().unwrap();
    assert_eq!(results(last), [("a", "x", false), ("b", "Not run.", true)]);
}

#[test]
fn an_outcome_after_the_end_of_its_turn_still_counts() {
    let node = Actor::Node;
    let given = asked().and(&node, intend_tools(&["a", "b"]));
    given
        .when(&node, end(TurnEnd::Completed))
        .refused("conflict", "call a has no outcome");
    let given = given.and(&ana(), end(cancelled()));
    let stand_in = given.state.messages.last().unwrap();
    assert_eq!(results(stand_in).len(), 2);
    assert!(results(stand_in).iter().all(|(_, _, is_error)| *is_error));

    let given = given.and(&ana(), start("p2", ask("and now?")));
    let late = finish("b", "late");
    let Event::ToolCallFinished { turn, .. } = &given.when(&ana(), late.clone()).result.unwrap()[0]
    else {
        panic!("not an outcome");
    };
    assert_eq!(*turn, 1);
    let given = given.and(&ana(), late.clone());
    let replaced = &given.state.messages[2];
    assert_eq!(results(replaced)[1], ("b", "late", false));
    assert!(
        given
            .state
            .turn
            .as_ref()
            .unwrap()
            .finished_tool_calls
            .is_empty()
    );
    given.when(&ana(), late).then(&[]);
}

#[test]
fn approvals_are_given_once_and_by_people() {
    let decide = |granted| Command::DecideApproval {
        call_id: text("a"),
        granted,
        reason: text("fine"),
    };
    asked()
        .when(&ana(), decide(true))
        .refused("not_found", "tool call a");
    let given = asked().and(&Actor::Node, intend_tools(&["a", "b"]));
    given
        .when(&Actor::Node, decide(true))
        .refused("permission_denied", "grant");
    assert!(given.when(&Actor::Node, decide(false)).result.is_ok());
    let given = given.and(&ana(), decide(true));
    let approval = given.state.turn.as_ref().unwrap().open_tool_calls[0]
        .approval
        .clone()
        .unwrap();
    assert_eq!((approval.granted, approval.by.as_str()), (true, "user:ana"));
    given.when(&ana(), decide(true)).then(&[]);
    let bo = Actor::User(text("bo"));
    given
        .when(&bo, decide(false))
        .refused("conflict", "user:ana decided");
}
