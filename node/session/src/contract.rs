//! The one suite every [`EventStore`] passes. It only awaits the store, so any executor can run it.
//!
//! A case says what it found wrong as a [`Violation`]; it never panics, because it is not a test itself.

use crate::event::{Content, Event, FileChange, Recorded, TurnEnd};
use crate::event_store::{Append, Appended, EventStore, ExpectedSeq, StoreError};
use crate::ids::{Seq, SessionId};
use crate::{APPEND_BYTES_MAX, APPEND_EVENTS_MAX, DEDUPE_REQUESTS_MAX, INLINE_BYTES_MAX};
use std::fmt::Debug;
use std::pin::pin;
use std::task::Poll;

/// What a store did that the contract does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{case}: {what}")]
pub struct Violation {
    pub case: &'static str,
    pub what: String,
}

/// Runs every case; `fresh` gives ids of sessions that the store has never seen.
///
/// # Errors
/// The first [`Violation`].
pub async fn event_store_contract(
    store: &dyn EventStore,
    mut fresh: impl FnMut() -> SessionId + Send,
) -> Result<(), Violation> {
    named("missing session", missing_session(store, fresh()).await)?;
    named("numbers and order", numbers_and_order(store, fresh()).await)?;
    named("expected number", expected_number(store, fresh()).await)?;
    named("repeats", repeats(store, fresh(), fresh()).await)?;
    named("window of repeats", window(store, fresh()).await)?;
    named("limits", limits(store, fresh()).await)?;
    named("large contents", large_contents(store, fresh()).await)?;
    named("waiting", waiting(store, fresh()).await)?;
    named("lists", lists(store, fresh(), fresh()).await)
}

type Outcome = Result<(), String>;

fn named(case: &'static str, outcome: Outcome) -> Result<(), Violation> {
    outcome.map_err(|what| Violation { case, what })
}

async fn missing_session(store: &dyn EventStore, session: SessionId) -> Outcome {
    equal("head", store.head(session).await, Ok(0))?;
    equal(
        "read",
        store.read(session, 0, 10).await,
        Err(StoreError::NotFound),
    )?;
    let list = ok("list", store.list().await)?;
    holds(
        "it is not listed",
        list.iter().all(|(id, _)| *id != session),
    )
}

async fn numbers_and_order(store: &dyn EventStore, session: SessionId) -> Outcome {
    let mut opened = append(session, ExpectedSeq::Exact(0), "r1", vec![created("one")]);
    opened.actor = "user:ana".to_owned();
    opened.at_unix_ms = -5;
    equal("first", store.append(opened).await, Ok(appended(1, 1)))?;
    let three = vec![retitled("two"), retitled("three"), Event::SessionArchived];
    let next = append(session, ExpectedSeq::Exact(1), "r2", three);
    equal("second", store.append(next).await, Ok(appended(2, 4)))?;
    equal("head", store.head(session).await, Ok(4))?;

    let all = ok("read", store.read(session, 0, 100).await)?;
    let seqs: Vec<Seq> = all.iter().map(|event| event.seq).collect();
    equal("numbers", seqs, vec![1, 2, 3, 4])?;
    let first = Recorded {
        seq: 1,
        at_unix_ms: -5,
        actor: "user:ana".to_owned(),
        event: created("one"),
    };
    equal("first event", all.first(), Some(&first))?;
    equal(
        "page",
        store.read(session, 1, 2).await.as_deref(),
        Ok(&all[1..3]),
    )?;
    equal("end", store.read(session, 4, 5).await, Ok(Vec::new()))?;
    equal(
        "beyond the end",
        store.read(session, 99, 5).await,
        Ok(Vec::new()),
    )?;
    equal(
        "no limit",
        store.read(session, 2, usize::MAX).await.as_deref(),
        Ok(&all[2..]),
    )
}

async fn expected_number(store: &dyn EventStore, session: SessionId) -> Outcome {
    let early = append(session, ExpectedSeq::Exact(3), "early", vec![created("x")]);
    let conflict = |actual| Err(StoreError::SeqConflict { actual });
    equal("before the session", store.append(early).await, conflict(0))?;
    equal("nothing was written", store.head(session).await, Ok(0))?;
    let any = append(session, ExpectedSeq::Any, "any", vec![created("x")]);
    equal(
        "any on a new session",
        store.append(any).await,
        Ok(appended(1, 1)),
    )?;
    let again = append(session, ExpectedSeq::Exact(0), "again", vec![created("x")]);
    equal("exists already", store.append(again).await, conflict(1))?;
    let any = append(session, ExpectedSeq::Any, "any2", vec![retitled("y")]);
    equal(
        "any at the end",
        store.append(any).await,
        Ok(appended(2, 2)),
    )?;
    let late = append(session, ExpectedSeq::Exact(1), "late", vec![retitled("z")]);
    equal(
        "behind the end",
        store.append(late.clone()).await,
        conflict(2),
    )?;
    let late = Append {
        expected: ExpectedSeq::Exact(2),
        ..late
    };
    equal(
        "a refused request may come again",
        store.append(late).await,
        Ok(appended(3, 3)),
    )
}

async fn repeats(store: &dyn EventStore, session: SessionId, other: SessionId) -> Outcome {
    let first = append(session, ExpectedSeq::Exact(0), "first", vec![created("x")]);
    equal(
        "first",
        store.append(first.clone()).await,
        Ok(appended(1, 1)),
    )?;
    let any = append(
        session,
        ExpectedSeq::Any,
        "any",
        vec![retitled("a"), retitled("b")],
    );
    equal("any", store.append(any.clone()).await, Ok(appended(2, 3)))?;

    let repeated = |first_seq, last_seq| Appended {
        first_seq,
        last_seq,
        repeated: true,
    };
    let later = Append {
        at_unix_ms: 99,
        ..first.clone()
    };
    equal(
        "exact, at another time",
        store.append(later).await,
        Ok(repeated(1, 1)),
    )?;
    equal("any", store.append(any.clone()).await, Ok(repeated(2, 3)))?;
    equal("nothing was written", store.head(session).await, Ok(3))?;

    let changed = Append {
        events: vec![retitled("other")],
        ..any
    };
    let conflict = StoreError::IdempotencyConflict {
        request_id: "any".to_owned(),
    };
    equal("other events", store.append(changed).await, Err(conflict))?;
    equal("still nothing", store.head(session).await, Ok(3))?;

    let elsewhere = Append {
        session: other,
        ..first
    };
    equal(
        "another session's own",
        store.append(elsewhere).await,
        Ok(appended(1, 1)),
    )
}

async fn window(store: &dyn EventStore, session: SessionId) -> Outcome {
    let nth = |n: usize| {
        append(
            session,
            ExpectedSeq::Any,
            &format!("r{n}"),
            vec![retitled(&n.to_string())],
        )
    };
    for n in 0..=DEDUPE_REQUESTS_MAX {
        let seq = n as Seq + 1;
        equal("append", store.append(nth(n)).await, Ok(appended(seq, seq)))?;
    }
    let oldest = store.append(nth(1)).await;
    let repeated = Appended {
        first_seq: 2,
        last_seq: 2,
        repeated: true,
    };
    equal("the oldest inside the window", oldest, Ok(repeated))?;
    let forgotten = Append {
        expected: ExpectedSeq::Exact(0),
        ..nth(0)
    };
    let actual = DEDUPE_REQUESTS_MAX as Seq + 1;
    let conflict = Err(StoreError::SeqConflict { actual });
    equal(
        "the first outside of it",
        store.append(forgotten).await,
        conflict,
    )
}

async fn limits(store: &dyn EventStore, session: SessionId) -> Outcome {
    let any = ExpectedSeq::Any;
    let none = store.append(append(session, any, "none", Vec::new())).await;
    holds("no events", matches!(none, Err(StoreError::Invalid(_))))?;
    let nameless = store
        .append(append(session, any, "", vec![created("x")]))
        .await;
    holds(
        "no request id",
        matches!(nameless, Err(StoreError::Invalid(_))),
    )?;

    let many = vec![retitled("x"); APPEND_EVENTS_MAX + 1];
    let too_many = StoreError::TooLarge {
        actual: APPEND_EVENTS_MAX + 1,
        limit: APPEND_EVENTS_MAX,
        unit: "events",
    };
    equal(
        "too many",
        store.append(append(session, any, "many", many)).await,
        Err(too_many),
    )?;
    let long = vec![retitled(&"x".repeat(APPEND_BYTES_MAX))];
    let too_long = store.append(append(session, any, "long", long)).await;
    let is_bytes = matches!(too_long, Err(StoreError::TooLarge { unit: "bytes", .. }));
    holds("too many bytes", is_bytes)?;
    equal("nothing was written", store.head(session).await, Ok(0))?;

    let full = vec![retitled("x"); APPEND_EVENTS_MAX];
    let last = APPEND_EVENTS_MAX as Seq;
    equal(
        "a full one",
        store.append(append(session, any, "full", full)).await,
        Ok(appended(1, last)),
    )
}

async fn large_contents(store: &dyn EventStore, session: SessionId) -> Outcome {
    let text = |letter: &str, bytes: usize| Content::Inline(letter.repeat(bytes / letter.len()));
    let change = |path: &str, before, after| FileChange {
        path: path.to_owned(),
        before,
        after,
    };
    let finished = Event::ToolCallFinished {
        turn: 1,
        call_id: "c1".to_owned(),
        status: "ok".to_owned(),
        output: text("ä", 100 << 10),
        accesses: Vec::new(),
        changes: vec![
            change("new.ex", None, Some(text("n", APPEND_BYTES_MAX + 1))),
            change(
                "same.ex",
                Some(text("s", 20 << 10)),
                Some(text("s", 20 << 10)),
            ),
            change(
                "edge.ex",
                Some(text("e", INLINE_BYTES_MAX)),
                Some(text("e", INLINE_BYTES_MAX + 1)),
            ),
            change("gone.ex", Some(Content::Inline(String::new())), None),
        ],
        verdict: None,
    };
    let request = append(
        session,
        ExpectedSeq::Exact(0),
        "big",
        vec![finished.clone()],
    );
    equal(
        "append",
        store.append(request.clone()).await,
        Ok(appended(1, 1)),
    )?;
    let read = ok("read", store.read(session, 0, 1).await)?;
    let same = read.len() == 1 && read.iter().all(|recorded| recorded.event == finished);
    holds("contents come back whole", same)?;
    let repeat = ok("repeat", store.append(request).await)?;
    holds(
        "a repeat is recognised",
        repeat.repeated && repeat.last_seq == 1,
    )
}

async fn waiting(store: &dyn EventStore, session: SessionId) -> Outcome {
    let open = append(session, ExpectedSeq::Exact(0), "r1", vec![created("x")]);
    let (woken, opened) = join(store.wait_beyond(session, 0), store.append(open)).await;
    equal("opened", opened, Ok(appended(1, 1)))?;
    equal("a waiter for a new session", woken, Ok(1))?;
    equal(
        "no need to wait",
        store.wait_beyond(session, 0).await,
        Ok(1),
    )?;

    let next = append(
        session,
        ExpectedSeq::Any,
        "r2",
        vec![retitled("y"), retitled("z")],
    );
    let both = join(store.wait_beyond(session, 1), store.wait_beyond(session, 2));
    let ((one, two), _) = join(both, store.append(next)).await;
    equal("the first of two waiters", one, Ok(3))?;
    equal("the second of two waiters", two, Ok(3))
}

async fn lists(store: &dyn EventStore, one: SessionId, two: SessionId) -> Outcome {
    let start = Event::TurnStarted {
        turn: 1,
        request_id: "p1".to_owned(),
        task: crate::task::Task::Ask {
            text: "why?".to_owned(),
        },
        model: String::new(),
        workspace_id: String::new(),
    };
    let events = vec![created("first"), start];
    ok(
        "one",
        store
            .append(append(one, ExpectedSeq::Exact(0), "r", events))
            .await,
    )?;
    ok(
        "two",
        store
            .append(append(
                two,
                ExpectedSeq::Exact(0),
                "r",
                vec![created("second")],
            ))
            .await,
    )?;
    let end = Event::TurnFinished {
        turn: 1,
        end: TurnEnd::Completed,
    };
    let more = vec![retitled("renamed"), end];
    ok(
        "more",
        store
            .append(append(one, ExpectedSeq::Any, "r2", more))
            .await,
    )?;

    let list = ok("list", store.list().await)?;
    holds(
        "heads",
        list.contains(&(one, 4)) && list.contains(&(two, 1)),
    )?;
    let summaries = ok("summaries", store.summaries().await)?;
    equal("every session has a summary", summaries.len(), list.len())?;
    let of = |wanted| {
        summaries
            .iter()
            .find(|(id, _)| *id == wanted)
            .map(|(_, s)| s)
    };
    let shown = of(one).map(|s| (s.title.as_str(), s.state(), s.head_seq, s.turns));
    equal("first summary", shown, Some(("renamed", "idle", 4, 1)))?;
    let shown = of(two).map(|s| (s.title.as_str(), s.state(), s.head_seq, s.turns));
    equal("second summary", shown, Some(("second", "idle", 1, 0)))
}

fn append(session: SessionId, expected: ExpectedSeq, id: &str, events: Vec<Event>) -> Append {
    Append {
        session,
        expected,
        request_id: id.to_owned(),
        actor: "node".to_owned(),
        at_unix_ms: 1,
        events,
    }
}

const fn appended(first_seq: Seq, last_seq: Seq) -> Appended {
    Appended {
        first_seq,
        last_seq,
        repeated: false,
    }
}

fn created(title: &str) -> Event {
    Event::SessionCreated {
        title: title.to_owned(),
        project: "shop".to_owned(),
        owner: "ana".to_owned(),
        forked_from: None,
    }
}

fn retitled(title: &str) -> Event {
    Event::SessionRetitled {
        title: title.to_owned(),
    }
}

fn ok<T>(what: &str, result: Result<T, StoreError>) -> Result<T, String> {
    result.map_err(|error| format!("{what}: {error}"))
}

fn equal<T: PartialEq + Debug>(what: &str, found: T, wanted: T) -> Outcome {
    if found == wanted {
        return Ok(());
    }
    Err(format!("{what}: found {found:?}, wanted {wanted:?}"))
}

fn holds(what: &str, condition: bool) -> Outcome {
    if condition {
        Ok(())
    } else {
        Err(format!("not so: {what}"))
    }
}

/// Runs two futures side by side without a runtime; the first is polled first.
async fn join<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut done_a, mut done_b) = (None, None);
    std::future::poll_fn(move |context| {
        if done_a.is_none()
            && let Poll::Ready(output) = a.as_mut().poll(context)
        {
            done_a = Some(output);
        }
        if done_b.is_none()
            && let Poll::Ready(output) = b.as_mut().poll(context)
        {
            done_b = Some(output);
        }
        match (done_a.take(), done_b.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            (a, b) => {
                (done_a, done_b) = (a, b);
                Poll::Pending
            }
        }
    })
    .await
}
