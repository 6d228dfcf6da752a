//! The session: a pure, event-sourced aggregate.
//!
//! Commands are decided into events, events evolve the state, projections read them. Nothing here
//! knows a clock, a file, a runtime or the wire.

mod content;
mod event;
mod event_store;
mod ids;
mod task;

pub use content::{ContentBlock, Message, Role, StopReason, Usage};
pub use event::{
    Content, Event, FileAccess, FileChange, ForkPoint, Recorded, TurnEnd, Verdict, VerdictStep,
};
pub use event_store::{Append, Appended, EventStore, ExpectedSeq, StoreError, StoreFuture};
pub use ids::{Seq, SessionId, TurnNumber};
pub use task::Task;

/// Most events of one append.
pub const APPEND_EVENTS_MAX: usize = 256;
/// Most bytes of one append, encoded.
pub const APPEND_BYTES_MAX: usize = 1 << 20;
/// Contents above this many bytes go to the blob store.
pub const INLINE_BYTES_MAX: usize = 8 << 10;
