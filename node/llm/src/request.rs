//! One request to a model, in no provider's dialect.

use aiex_session::{Message, Task};
use serde::{Deserialize, Serialize};

/// A tool a model may call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    pub name: String,
    pub description: String,
    /// JSON Schema of the arguments.
    pub input_schema: serde_json::Value,
}

/// What a model is asked. Order matters everywhere: equal prefixes keep provider caches warm.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRequest {
    /// The route's name (`[[llm.route]] model`), not a provider's model id.
    pub model: String,
    pub system: String,
    pub messages: Vec<Message>,
    pub tools: Vec<ToolSpec>,
    pub output_tokens_max: u32,
    pub temperature: Option<f32>,
    /// Names this call for provider idempotency and for stickiness.
    pub call_id: String,
    /// The structured task behind the last user message; the offline engine works from it.
    pub task: Task,
    /// The code the offline engine may look at.
    pub workspace_id: String,
}
