//! The session as it was: after an event, or at a moment.

use crate::error::Error;
use crate::event::Recorded;
use crate::ids::Seq;
use crate::state::State;

/// A point in a session's past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Right after this event; 0 is before the first.
    Seq(Seq),
    /// Before the first event that is later than this, in milliseconds since 1970.
    UnixMs(i64),
}

/// The events that had happened at a point.
///
/// # Errors
/// [`Error::NoSuchEvent`] for a number beyond the end.
pub fn events_until(events: &[Recorded], at: At) -> Result<&[Recorded], Error> {
    let end = match at {
        At::UnixMs(moment) => leading(events, |event| event.at_unix_ms <= moment),
        At::Seq(seq) => {
            let head = events.last().map_or(0, |event| event.seq);
            if seq > head {
                return Err(Error::NoSuchEvent { seq, head });
            }
            leading(events, |event| event.seq <= seq)
        }
    };
    Ok(&events[..end])
}

/// The state at a point: `state_at(events, At::Seq(head))` is the present.
///
/// # Errors
/// [`Error::NoSuchEvent`] for a number beyond the end.
pub fn state_at(events: &[Recorded], at: At) -> Result<State, Error> {
    Ok(State::replay(events_until(events, at)?))
}

/// Length of the run of events that hold. Not a binary search: the clocks of different nodes may
/// disagree, so times are not sorted.
fn leading(events: &[Recorded], holds: impl Fn(&Recorded) -> bool) -> usize {
    let mismatch = events.iter().position(|event| !holds(event));
    mismatch.unwrap_or(events.len())
}
