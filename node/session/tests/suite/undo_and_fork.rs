//! Putting files back, and going on from an earlier point.

use crate::given::{Given, ana};
use crate::samples::*;
use aiex_session::{
    Actor, At, Command, Content, Error, Event, FileChanges, Recorder, SessionId, State, Status,
    Task, TurnEnd, UndoStep, fork, project, state_at, undo_plan,
};

/// A whole turn that makes the given changes, one call each.
fn turn(
    given: Given,
    request: &str,
    task: Task,
    changes: &[(&str, Option<&str>, Option<&str>)],
) -> Given {
    let mut given = given.and(&ana(), start(request, task));
    for (n, (path, before, after)) in changes.iter().enumerate() {
        let id = format!("{request}.{n}");
        given = given.and(&Actor::Node, intend_tools(&[&id])).and(
            &Actor::Node,
            write(&id, vec![change(path, *before, *after)]),
        );
    }
    given.and(&Actor::Node, end(TurnEnd::Completed))
}

fn plan(given: &Given, number: u32) -> Result<Vec<UndoStep>, Error> {
    undo_plan(&project::<FileChanges>(&given.events), number)
}

fn step(path: &str, expected: Option<&str>, restore: Option<&str>) -> UndoStep {
    UndoStep {
        path: text(path),
        expected: expected.map(text),
        restore: restore.map(text),
    }
}

#[test]
fn a_plan_goes_from_the_last_content_to_the_first() {
    let given = turn(
        Given::events([created()]),
        "p1",
        ask("?"),
        &[
            ("a", Some("1"), Some("2")),
            ("a", Some("2"), Some("3")),
            ("new", None, Some("n")),
            ("gone", Some("g"), None),
            ("same", Some("s"), Some("t")),
            ("same", Some("t"), Some("s")),
        ],
    );
    let wanted = vec![
        step("a", Some("3"), Some("1")),
        step("gone", None, Some("g")),
        step("new", Some("n"), None),
    ];
    assert_eq!(plan(&given, 1), Ok(wanted.clone()));
    assert_eq!(plan(&given, 0), Ok(wanted));
}

#[test]
fn undo_again_goes_one_turn_further_back() {
    let given = Given::events([created()]);
    assert!(matches!(plan(&given, 0), Err(Error::NothingToUndo(_))));
    let given = turn(given, "p1", ask("?"), &[("a", Some("0"), Some("1"))]);
    let given = turn(given, "p2", ask("?"), &[("a", Some("1"), Some("2"))]);
    let given = turn(given, "p3", ask("no change"), &[]);
    assert_eq!(plan(&given, 0), Ok(vec![step("a", Some("2"), Some("1"))]));
    assert!(matches!(plan(&given, 3), Err(Error::NothingToUndo(why)) if why.contains("turn 3")));

    let given = turn(
        given,
        "u1",
        Task::Undo { turn: 0 },
        &[("a", Some("2"), Some("1"))],
    );
    assert_eq!(plan(&given, 0), Ok(vec![step("a", Some("1"), Some("0"))]));
    assert!(
        matches!(plan(&given, 2), Err(Error::NothingToUndo(why)) if why.contains("undone by turn 4"))
    );
    assert_eq!(
        plan(&given, 4),
        Ok(vec![step("a", Some("1"), Some("2"))]),
        "an undo can be undone by name"
    );

    let given = turn(
        given,
        "u2",
        Task::Undo { turn: 1 },
        &[("a", Some("1"), Some("0"))],
    );
    assert!(matches!(plan(&given, 0), Err(Error::NothingToUndo(_))));
}

#[test]
fn an_undo_that_changed_nothing_undid_nothing() {
    let given = turn(
        Given::events([created()]),
        "p1",
        ask("?"),
        &[("a", Some("0"), Some("1"))],
    );
    let given = turn(given, "u1", Task::Undo { turn: 0 }, &[]);
    assert_eq!(plan(&given, 0), Ok(vec![step("a", Some("1"), Some("0"))]));
}

#[test]
fn a_missing_content_is_named() {
    let mut given = turn(
        Given::events([created()]),
        "p1",
        ask("?"),
        &[("a", Some("0"), Some("1"))],
    );
    for recorded in &mut given.events {
        for content in recorded.event.contents_mut() {
            *content = Content::Blob {
                hash: content.hash(),
                size_bytes: 1,
            };
        }
    }
    assert_eq!(
        plan(&given, 0),
        Err(Error::ContentMissing { path: text("a") })
    );
}

fn parent() -> SessionId {
    SessionId::from_bytes([1; 16])
}

fn bo() -> Recorder {
    Recorder {
        owner: text("bo"),
        actor: text("user:bo"),
        at_unix_ms: 9_999,
    }
}

#[test]
fn a_fork_has_the_parents_past_and_its_own_header() {
    let retitle = Command::Retitle {
        title: text("renamed"),
    };
    let given = turn(
        Given::events([created()]),
        "p1",
        ask("?"),
        &[("a", None, Some("1"))],
    )
    .and(&ana(), retitle)
    .and(&ana(), Command::Archive);
    let copy = fork(parent(), &given.events, given.state.head, None, &bo()).unwrap();
    let state = State::replay(&copy);
    assert_eq!(
        (state.status, state.title.as_str(), state.owner.as_str()),
        (Status::Idle, "renamed", "bo")
    );
    let point = state.forked_from.unwrap();
    assert_eq!((point.session, point.seq), (parent(), given.state.head));
    assert_eq!(state.messages, given.state.messages);
    assert_eq!(
        copy.iter().map(|e| e.seq).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5]
    );
    assert_eq!(
        (copy[1].at_unix_ms, copy[1].actor.as_str()),
        (10, "user:ana")
    );
    assert_eq!(project::<FileChanges>(&copy).last_undoable(), Some(1));

    let named = fork(parent(), &given.events, 2, Some(text("mine")), &bo()).unwrap();
    assert_eq!(State::replay(&named).title, "mine");
}

#[test]
fn a_fork_in_mid_turn_does_not_take_its_calls_along() {
    let given = Given::events([created()])
        .and(&ana(), start("p1", ask("?")))
        .and(&Actor::Node, intend_tools(&["a"]));
    let copy = fork(parent(), &given.events, 3, None, &bo()).unwrap();
    assert!(matches!(
        &copy.last().unwrap().event,
        Event::TurnFinished {
            turn: 1,
            end: TurnEnd::Cancelled { .. }
        }
    ));
    let state = State::replay(&copy);
    assert_eq!((state.status, state.turn), (Status::Idle, None));
    let beyond = fork(parent(), &given.events, 4, None, &bo());
    assert_eq!(beyond, Err(Error::NoSuchEvent { seq: 4, head: 3 }));
    assert!(fork(parent(), &given.events, 0, None, &bo()).is_err());
}

#[test]
fn the_past_is_found_by_number_and_by_time() {
    let given = turn(
        Given::events([created()]),
        "p1",
        ask("?"),
        &[("a", None, Some("1"))],
    );
    for seq in 0..=given.state.head {
        let by_number = state_at(&given.events, At::Seq(seq)).unwrap();
        assert_eq!(by_number.head, seq);
        let moment = i64::try_from(seq).unwrap() * 10 - 10;
        assert_eq!(
            state_at(&given.events, At::UnixMs(moment)).unwrap(),
            by_number
        );
        assert_eq!(
            state_at(&given.events, At::UnixMs(moment + 9)).unwrap(),
            by_number
        );
    }
    let beyond = state_at(&given.events, At::Seq(99));
    assert_eq!(
        beyond,
        Err(Error::NoSuchEvent {
            seq: 99,
            head: given.state.head
        })
    );
}
