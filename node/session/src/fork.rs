//! A new session that begins with another's past.

use crate::error::Error;
use crate::event::{Event, ForkPoint, Recorded, TurnEnd};
use crate::ids::{Seq, SessionId};
use crate::state::State;
use crate::time_travel::{At, events_until};

/// Copies a session up to `at` into the first events of a new one, with their times and authors.
///
/// The first event names the parent. Retitlings are folded into the title, archiving is left out, and
/// a turn that runs at `at` is cancelled in the copy: its tool calls belong to the parent.
/// Every copied event keeps its own time and author; write them with [`crate::appends_of`].
///
/// # Errors
/// [`Error::NoSuchEvent`] when `at` is 0 or beyond the end.
pub fn fork(
    parent: SessionId,
    events: &[Recorded],
    at: Seq,
    title: Option<String>,
    by: &Recorder,
) -> Result<Vec<Recorded>, Error> {
    let past = events_until(events, At::Seq(at))?;
    let state = State::replay(past);
    if past.is_empty() {
        return Err(Error::NoSuchEvent { seq: at, head: 0 });
    }
    let header = Event::SessionCreated {
        title: title.unwrap_or(state.title),
        project: state.project,
        owner: by.owner.clone(),
        forked_from: Some(ForkPoint {
            session: parent,
            seq: at,
        }),
    };
    let kept = past.iter().filter(|recorded| !is_header(&recorded.event));
    let mut copy = vec![by.record(header)];
    copy.extend(kept.cloned());
    if let Some(turn) = state.turn {
        let end = TurnEnd::Cancelled {
            reason: "forked while it ran".to_owned(),
        };
        copy.push(by.record(Event::TurnFinished {
            turn: turn.number,
            end,
        }));
    }
    for (recorded, seq) in copy.iter_mut().zip(1..) {
        recorded.seq = seq;
    }
    Ok(copy)
}

/// Who makes the copy, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorder {
    /// User name of the new session's owner.
    pub owner: String,
    /// The author of the events that the copy adds: "user:ana".
    pub actor: String,
    pub at_unix_ms: i64,
}

impl Recorder {
    fn record(&self, event: Event) -> Recorded {
        Recorded {
            seq: 0,
            at_unix_ms: self.at_unix_ms,
            actor: self.actor.clone(),
            event,
        }
    }
}

fn is_header(event: &Event) -> bool {
    matches!(
        event,
        Event::SessionCreated { .. } | Event::SessionRetitled { .. } | Event::SessionArchived
    )
}
