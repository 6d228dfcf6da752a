//! Opening, naming, turning and closing a session.

use crate::given::{Given, ana};
use crate::samples::*;
use aiex_session::{Actor, Command, Event, NAME_BYTES_MAX, Status, TITLE_CHARS_MAX, Task, TurnEnd};

fn retitle(title: &str) -> Command {
    Command::Retitle { title: text(title) }
}

#[test]
fn a_session_is_created_once() {
    Given::default().when(&ana(), create()).then(&[created()]);
    Given::events([created()])
        .when(&ana(), create())
        .refused("conflict", "exists");
}

#[test]
fn nothing_but_creation_happens_to_an_absent_session() {
    for command in [
        retitle("x"),
        Command::Archive,
        start("p", ask("?")),
        finish("c", ""),
    ] {
        Given::default()
            .when(&ana(), command)
            .refused("not_found", "no such session");
    }
}

#[test]
fn titles_have_limits() {
    let given = Given::events([created()]);
    let longest = "ä".repeat(TITLE_CHARS_MAX);
    given
        .when(&ana(), retitle(&longest))
        .then(&[Event::SessionRetitled {
            title: longest.clone(),
        }]);
    given
        .when(&ana(), retitle(&format!("{longest}x")))
        .refused("limit_reached", "201 characters");
    given
        .when(&ana(), retitle("a\u{1b}[2J"))
        .refused("invalid_argument", "control");
    given.when(&ana(), retitle("Cart totals")).then(&[]);
}

#[test]
fn archiving_is_for_good_and_not_while_a_turn_runs() {
    let running = Given::events([created(), started(1, "p1", ask("?"))]);
    running
        .when(&ana(), Command::Archive)
        .refused("conflict", "turn 1 still runs");
    let archived = running
        .and(&ana(), end(cancelled()))
        .and(&ana(), Command::Archive);
    assert_eq!(archived.state.status, Status::Archived);
    for command in [
        retitle("x"),
        Command::Archive,
        start("p2", ask("?")),
        finish("c", ""),
    ] {
        archived
            .when(&ana(), command)
            .refused("conflict", "archived");
    }
}

#[test]
fn a_turn_starts_when_none_runs_and_only_by_a_person() {
    let idle = Given::events([created()]);
    idle.when(&ana(), start("p1", ask("?")))
        .then(&[started(1, "p1", ask("?"))]);
    idle.when(&Actor::Node, start("p1", ask("?")))
        .refused("permission_denied", "start a turn");
    idle.when(&ana(), start("", ask("?")))
        .refused("invalid_argument", "request id is empty");
    let long = "r".repeat(NAME_BYTES_MAX + 1);
    idle.when(&ana(), start(&long, ask("?")))
        .refused("limit_reached", "request id");

    let running = idle.and(&ana(), start("p1", ask("?")));
    running
        .when(&ana(), start("p2", ask("?")))
        .refused("conflict", "turn 1 still runs");
    let turn = running.state.turn.as_ref().unwrap();
    assert_eq!((turn.number, turn.started_at_unix_ms), (1, 10));
    let next = running.and(&ana(), end(cancelled()));
    next.when(&ana(), start("p2", ask("?")))
        .then(&[started(2, "p2", ask("?"))]);
}

#[test]
fn a_repeated_prompt_starts_no_second_turn() {
    let running = Given::events([created()]).and(&ana(), start("p1", ask("?")));
    running.when(&ana(), start("p1", ask("?"))).then(&[]);
    assert_eq!(running.state.turn_of_request("p1"), Some(1));
    let other = start("p1", Task::Explain { target: text("A") });
    running
        .when(&ana(), other)
        .refused("conflict", "another task");
    let idle = running.and(&ana(), end(cancelled()));
    idle.when(&ana(), start("p1", ask("?"))).then(&[]);
}

#[test]
fn the_steps_of_a_turn_are_the_nodes_to_write() {
    let running = Given::events([created(), started(1, "p1", ask("?"))]);
    for command in [
        intend_model("m1"),
        reply("m1", vec![]),
        intend_tools(&["c1"]),
    ] {
        running
            .when(&ana(), command)
            .refused("permission_denied", "user ana");
    }
    let idle = Given::events([created()]);
    for command in [
        intend_model("m1"),
        intend_tools(&["c1"]),
        end(TurnEnd::Completed),
    ] {
        idle.when(&Actor::Node, command)
            .refused("conflict", "no turn runs");
    }
}

#[test]
fn one_model_call_is_open_at_a_time() {
    let node = Actor::Node;
    let given = Given::events([created(), started(1, "p1", ask("?"))]);
    given
        .when(&node, reply("m1", vec![]))
        .refused("conflict", "m1 is not open");
    let given = given.and(&node, intend_model("m1"));
    given
        .when(&node, intend_model("m2"))
        .refused("conflict", "call m1 has no outcome");
    given
        .when(&node, reply("m2", vec![]))
        .refused("conflict", "the open model call is m1");
    given
        .when(&node, intend_tools(&["c1"]))
        .refused("conflict", "not answered yet");
    given
        .when(&node, end(TurnEnd::Completed))
        .refused("conflict", "call m1 has no outcome");
    let failure = Command::RecordModelFailure {
        call_id: text("m1"),
        code: text("unavailable"),
        message: text("the node went away"),
        retryable: true,
    };
    let given = given.and(&node, failure).and(&node, intend_model("m2"));
    let turn = given.state.turn.as_ref().unwrap();
    assert_eq!((turn.model_calls, turn.model_failures_in_a_row), (2, 1));
    let given = given.and(&node, reply("m2", vec![said("because")]));
    let turn = given.state.turn.as_ref().unwrap();
    assert_eq!(
        (turn.model_failures_in_a_row, turn.usage),
        (0, usage(120, 30))
    );
    let given = given.and(&node, end(TurnEnd::Completed));
    assert_eq!(given.state.status, Status::Idle);
    assert_eq!(given.state.messages.len(), 2);
    assert_eq!(given.state.usage, usage(120, 30));
}

#[test]
fn actors_are_written_and_read_as_text() {
    for actor in [ana(), Actor::Node, Actor::User(text("a:b"))] {
        assert_eq!(actor.to_string().parse(), Ok(actor));
    }
    for wrong in ["", "user:", "user", "root", "node:1"] {
        assert!(wrong.parse::<Actor>().is_err(), "{wrong}");
    }
}
