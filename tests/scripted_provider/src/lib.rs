//! A provider that says what a script tells it, in two real dialects, and keeps its own bill.
//!
//! It speaks OpenAI chat completions and Anthropic messages, streamed and whole, checks requests as
//! the real servers do, and fails on demand. Tests use it in process ([`ScriptedProvider::start`]) or
//! as the program `aiex-scripted-provider`. It has no model and no memory of conversations: the step
//! is chosen from the request alone, so a repeated request gets the same answer.

mod anthropic;
mod asked;
mod bill;
mod delivery;
mod openai;
mod performance;
mod refusal;
mod script;
mod selection;
mod server;
mod tasks;

pub use asked::{Asked, Speaker, Turn};
pub use bill::{Attempt, Bill, Outcome, tokens};
pub use script::{
    Conversation, Fault, Part, Rule, Script, ScriptError, Step, Stop, ToolPart, UsageOverride, When,
};
pub use server::ScriptedProvider;
