//! "Given events, when command, then events", as a small language for the tests.

use aiex_session::{Actor, Command, Event, Recorded, Rejection, State, decide};

/// A session with a past.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) events: Vec<Recorded>,
    pub(crate) state: State,
}

/// What came of a command.
pub(crate) struct Then {
    pub(crate) result: Result<Vec<Event>, Rejection>,
}

pub(crate) fn ana() -> Actor {
    Actor::User("ana".to_owned())
}

impl Given {
    /// Each event gets the next number, and 10 ms more than the one before.
    pub(crate) fn events(events: impl IntoIterator<Item = Event>) -> Self {
        let mut given = Self::default();
        given.add(events, "node");
        given
    }

    pub(crate) fn add(&mut self, events: impl IntoIterator<Item = Event>, actor: &str) {
        for event in events {
            let seq = self.state.head;
            let at = i64::try_from(seq).unwrap() * 10;
            let recorded = Recorded::sequence(seq, at, actor, vec![event]).remove(0);
            self.state.evolve(&recorded);
            self.events.push(recorded);
        }
    }

    pub(crate) fn when(&self, actor: &Actor, command: Command) -> Then {
        Then {
            result: decide(&self.state, command, actor),
        }
    }

    /// Decides, expects it to be accepted, and goes on from there.
    pub(crate) fn and(mut self, actor: &Actor, command: Command) -> Self {
        let events = decide(&self.state, command, actor).unwrap();
        self.add(events, &actor.to_string());
        self
    }
}

impl Then {
    pub(crate) fn then(self, wanted: &[Event]) {
        assert_eq!(self.result.as_deref(), Ok(wanted));
    }

    pub(crate) fn refused(self, code: &str, part_of_message: &str) {
        let rejection = self.result.unwrap_err();
        assert_eq!(rejection.code, code, "{}", rejection.message);
        assert!(
            rejection.message.contains(part_of_message),
            "{}",
            rejection.message
        );
        assert!(!rejection.hint.is_empty());
    }
}
