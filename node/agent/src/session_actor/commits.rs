//! Writing: decide, append, and only then evolve and tell.

use super::SessionActor;
use crate::error::Error;
use crate::frames::Outgoing;
use crate::{metrics, turn_log};
use aiex_session::{
    Actor, Append, Appended, Command, Event, ExpectedSeq, Recorded, Rejection, StoreError, decide,
};
use std::time::Duration;

impl SessionActor {
    /// Decides one command and commits what it comes to.
    pub(super) async fn command(&mut self, command: Command, actor: &Actor) -> Result<(), Error> {
        let events = decide(&self.state, command, actor).map_err(rejected)?;
        self.commit(events, actor).await
    }

    /// Decides commands one after the other and commits all their events in one append.
    pub(super) async fn commands(
        &mut self,
        commands: Vec<Command>,
        actor: &Actor,
    ) -> Result<(), Error> {
        let now = self.dependencies.clock.now_unix_ms();
        let mut ahead = self.state.clone();
        let mut events: Vec<Event> = Vec::new();
        for command in commands {
            for event in decide(&ahead, command, actor).map_err(rejected)? {
                ahead.evolve(&Recorded {
                    seq: ahead.head.saturating_add(1),
                    at_unix_ms: now,
                    actor: actor.to_string(),
                    event: event.clone(),
                });
                events.push(event);
            }
        }
        self.commit(events, actor).await
    }

    /// Appends, then evolves and tells the clients: an event is shown only after it is committed.
    async fn commit(&mut self, events: Vec<Event>, actor: &Actor) -> Result<(), Error> {
        if events.is_empty() {
            return Ok(());
        }
        let now = self.dependencies.clock.now_unix_ms();
        let append = Append {
            session: self.session,
            expected: ExpectedSeq::Exact(self.state.head),
            request_id: uuid::Uuid::now_v7().to_string(),
            actor: actor.to_string(),
            at_unix_ms: now,
            events: events.clone(),
        };
        let appended = self.append_with_retry(append).await?;
        for (seq, event) in (appended.first_seq..).zip(events) {
            let recorded = Recorded {
                seq,
                at_unix_ms: now,
                actor: actor.to_string(),
                event,
            };
            self.committed(recorded);
        }
        Ok(())
    }

    fn committed(&mut self, recorded: Recorded) {
        self.state.evolve(&recorded);
        turn_log::tell(&recorded.event, &recorded.actor);
        match &recorded.event {
            Event::TurnStarted { .. } => metrics::turn_started(),
            Event::TurnFinished { end, .. } => {
                metrics::turn_finished(end);
                self.dispatched.clear();
                self.asked.clear();
                self.turn_span = None;
            }
            _ => {}
        }
        self.broadcast(&Outgoing::Event(recorded));
    }

    /// Repeats an append under its own id while the shard has no leader, for a bounded time.
    async fn append_with_retry(&self, append: Append) -> Result<Appended, Error> {
        const ATTEMPTS: u32 = 6;
        let mut pause = Duration::from_millis(50);
        for _ in 1..ATTEMPTS {
            match self.dependencies.store.append(append.clone()).await {
                Err(StoreError::Unavailable(_)) => tokio::time::sleep(pause).await,
                other => return other.map_err(failed),
            }
            pause *= 2;
        }
        let last = self.dependencies.store.append(append).await;
        last.map_err(failed)
    }
}

/// Somebody else wrote: what this actor believes is old. It ends, and the next one reads the log anew.
fn failed(error: StoreError) -> Error {
    match error {
        StoreError::SeqConflict { .. } => Error::Unavailable(error.to_string()),
        other => other.into(),
    }
}

fn rejected(rejection: Rejection) -> Error {
    Error::Rejected {
        code: rejection.code.to_owned(),
        message: rejection.message,
        hint: rejection.hint,
    }
}
