//! Read models: each is folded from the events alone and can be thrown away.

mod file_changes;
mod session_summary;
mod token_usage;
mod transcript;

pub use file_changes::{ChangeKind, ChangedFile, FileChanges, TurnChanges};
pub use session_summary::SessionSummary;
pub use token_usage::{ModelUsage, TokenUsage, TurnUsage};
pub use transcript::{Step, Transcript, TurnTranscript};

use crate::event::Recorded;

/// Something that is folded from events, one at a time and in order.
pub trait Projection: Default {
    /// Takes one event into account.
    fn apply(&mut self, recorded: &Recorded);
}

/// Folds a projection from nothing.
pub fn project<'a, P: Projection>(events: impl IntoIterator<Item = &'a Recorded>) -> P {
    let mut projection = P::default();
    for recorded in events {
        projection.apply(recorded);
    }
    projection
}
