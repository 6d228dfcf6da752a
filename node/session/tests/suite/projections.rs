//! What people read of a session.

use crate::given::{Given, ana};
use crate::samples::*;
use aiex_session::{
    Actor, ChangeKind, Command, FileChanges, SessionSummary, Step, TokenUsage, Transcript, TurnEnd,
    project,
};

/// A turn with a failed model call, a reply that asks for a call, a change, and an answer.
fn worked() -> Given {
    let failure = Command::RecordModelFailure {
        call_id: text("m1"),
        code: text("unavailable"),
        message: text("gone"),
        retryable: true,
    };
    let approve = Command::DecideApproval {
        call_id: text("a"),
        granted: true,
        reason: text(""),
    };
    Given::events([created()])
        .and(&ana(), start("p1", ask("fix it")))
        .and(&Actor::Node, intend_model("m1"))
        .and(&Actor::Node, failure)
        .and(&Actor::Node, intend_model("m2"))
        .and(&Actor::Node, reply("m2", vec![tool_use("a")]))
        .and(&Actor::Node, intend_tools(&["a"]))
        .and(&ana(), approve)
        .and(
            &ana(),
            write(
                "a",
                vec![change("lib/a.ex", Some("1\n2\n"), Some("1\ntwo\nthree\n"))],
            ),
        )
        .and(&Actor::Node, intend_model("m3"))
        .and(&Actor::Node, reply("m3", vec![said("done")]))
}

#[test]
fn the_transcript_has_every_step_in_order() {
    let given = worked();
    let running: Transcript = project(&given.events);
    assert_eq!(running.turns[0].end, None);
    let given = given.and(&Actor::Node, end(TurnEnd::Completed));
    let transcript: Transcript = project(&given.events);
    let turn = &transcript.turns[0];
    assert_eq!(
        (turn.turn, turn.actor.as_str(), turn.headline.as_str()),
        (1, "user:ana", "fix it")
    );
    assert_eq!(
        (&turn.end, turn.finished_at_unix_ms),
        (&Some(TurnEnd::Completed), Some(110))
    );
    let shape = turn.steps.iter().map(|step| match step {
        Step::Reply { call_id, .. } => format!("reply {call_id}"),
        Step::ModelFailure { call_id, code, .. } => format!("failure {call_id} {code}"),
        Step::ToolCall {
            call_id,
            status,
            approval,
            changed_paths,
            ..
        } => {
            let granted = approval.as_ref().is_some_and(|approval| approval.granted);
            format!(
                "call {call_id} {} {granted} {changed_paths:?}",
                status.as_deref().unwrap_or("-")
            )
        }
    });
    let wanted = [
        "failure m1 unavailable",
        "reply m2",
        "call a ok true [\"lib/a.ex\"]",
        "reply m3",
    ];
    assert_eq!(shape.collect::<Vec<_>>(), wanted);
    let json = serde_json::to_string(&transcript).unwrap();
    assert_eq!(
        serde_json::from_str::<Transcript>(&json).unwrap(),
        transcript
    );
}

#[test]
fn usage_is_counted_by_model_and_by_turn() {
    let usage_of: TokenUsage = project(&worked().events);
    assert_eq!(
        (usage_of.total, usage_of.replies, usage_of.failures),
        (usage(240, 60), 2, 1)
    );
    let model = &usage_of.by_model["default"];
    assert_eq!(
        (model.usage, model.replies, model.failures),
        (usage(240, 60), 2, 1)
    );
    let turn = &usage_of.by_turn[&1];
    assert_eq!(
        (turn.usage, turn.model_calls, turn.tool_calls),
        (usage(240, 60), 3, 1)
    );
}

#[test]
fn changes_carry_their_diff() {
    let changes: FileChanges = project(&worked().events);
    let file = &changes.turns[&1].files[0];
    assert_eq!(
        (file.path.as_str(), file.kind),
        ("lib/a.ex", ChangeKind::Changed)
    );
    assert_eq!((file.lines_added, file.lines_removed), (2, 1));
    let diff = "--- a/lib/a.ex\n+++ b/lib/a.ex\n@@ -1,2 +1,3 @@\n 1\n-2\n+two\n+three\n";
    assert_eq!(file.diff.as_deref(), Some(diff));
    let json = serde_json::to_value(&changes).unwrap();
    assert_eq!(json["turns"]["1"]["files"][0]["kind"], "changed");
    assert!(json["turns"]["1"]["files"][0].get("before").is_none());
}

#[test]
fn the_summary_tells_how_a_session_stands() {
    let state = |given: &Given| project::<SessionSummary>(&given.events).state();
    let given = Given::events([created()]);
    assert_eq!(state(&given), "idle");
    let given = given.and(&ana(), start("p1", ask("?")));
    assert_eq!(state(&given), "running");
    let given = given.and(&Actor::Node, intend_tools(&["a"]));
    assert_eq!(state(&given), "waiting");
    let given = given.and(&Actor::Node, finish("a", "x"));
    assert_eq!(state(&given), "running");
    let given = given
        .and(&Actor::Node, end(TurnEnd::Completed))
        .and(&ana(), Command::Archive);
    assert_eq!(state(&given), "archived");
    let summary: SessionSummary = project(&given.events);
    assert_eq!(
        (summary.head_seq, summary.turns, summary.updated_unix_ms),
        (6, 1, 50)
    );
    let json = serde_json::to_string(&summary).unwrap();
    assert_eq!(
        serde_json::from_str::<SessionSummary>(&json).unwrap(),
        summary
    );
}
