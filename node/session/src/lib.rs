//! The session: a pure, event-sourced aggregate.
//!
//! Commands are decided into events, events evolve the state, projections read them. Nothing here
//! knows a clock, a file, a runtime or the wire.

mod append_rules;
mod codec;
mod command;
mod content;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod decide;
mod error;
mod event;
mod event_store;
mod export;
mod fork;
mod ids;
mod memory_store;
mod myers_diff;
mod projections;
mod snapshot;
mod state;
mod task;
mod time_travel;
mod undo;

pub use append_rules::{appends_of, check_append, request_digest};
pub use codec::{EVENT_TYPES, decode, encode, schema_version};
pub use command::{Actor, Command, Rejection, ToolCallIntent, ToolCallOutcome};
pub use content::{ContentBlock, Message, Role, StopReason, Usage};
pub use decide::{NAME_BYTES_MAX, TITLE_CHARS_MAX, TOOL_CALLS_PER_REPLY_MAX, decide};
pub use error::Error;
pub use event::{
    Content, Event, FileAccess, FileChange, ForkPoint, Recorded, TurnEnd, Verdict, VerdictStep,
};
pub use event_store::{Append, Appended, EventStore, ExpectedSeq, StoreError, StoreFuture};
pub use export::{
    EXPORT_FORMAT, EXPORT_LINE_BYTES_MAX, EXPORT_VERSION, ImportError, SessionDocument, export,
    import,
};
pub use fork::{Recorder, fork};
pub use ids::{Seq, SessionId, TurnNumber};
pub use memory_store::MemoryStore;
pub use myers_diff::{LineDiff, line_diff};
pub use projections::{
    ChangeKind, ChangedFile, FileChanges, ModelUsage, Projection, SessionSummary, Step, TokenUsage,
    Transcript, TurnChanges, TurnTranscript, TurnUsage, project,
};
pub use snapshot::{SNAPSHOT_SCHEMA, restore_snapshot, take_snapshot};
pub use state::{
    AbandonedCall, Approval, FinishedToolCall, OpenModelCall, OpenToolCall, State, Status, Turn,
    TurnRequest,
};
pub use task::Task;
pub use time_travel::{At, events_until, state_at};
pub use undo::{UndoStep, undo_plan};

/// Most events of one append.
pub const APPEND_EVENTS_MAX: usize = 256;
/// Most bytes of one append, encoded.
pub const APPEND_BYTES_MAX: usize = 1 << 20;
/// Requests of a session whose results are kept to answer repeats.
pub const DEDUPE_REQUESTS_MAX: usize = 256;
/// Contents above this many bytes go to the blob store.
pub const INLINE_BYTES_MAX: usize = 8 << 10;
