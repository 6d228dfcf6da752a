//! The agent: takes a session's turns from prompt to answer.
//!
//! [`turn`](self) decides purely, the session's actor carries out, clients attach and detach as they like. This crate
//! knows no wire and no disk: it sees the event store, the model gateway and the workspaces through their ports.

mod agent;
mod approval;
mod attachment;
mod clock;
mod config;
mod error;
mod frame_queue;
mod frames;
mod metrics;
mod offline_engine;
mod outcome;
mod prompt;
mod session_actor;
mod sessions;
mod tasks;
mod turn;
mod turn_log;
mod undo;

#[cfg(test)]
mod tests;

pub use agent::{Agent, Dependencies, SESSIONS_AT_WORK_MAX, ShardOf};
pub use attachment::{Attachment, AttachmentSender};
pub use clock::{Clock, SystemClock};
pub use config::Config;
pub use error::Error;
pub use frames::{AttachmentId, DeltaKind, ExecutorInfo, Incoming, Outgoing, Prompt};
pub use metrics::describe_metrics;
pub use offline_engine::AnalysisEngine;
pub use session_actor::ATTACHMENTS_PER_SESSION_MAX;
pub use sessions::{ContextQuestion, LIST_SESSIONS_MAX, SessionView};
