//! A request as a messages body.

use crate::config::ProviderConfig;
use crate::error::{Error, ErrorKind};
use crate::request::ModelRequest;
use aiex_session::{ContentBlock, Message, Role};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::borrow::Cow;

/// Fewest thinking tokens the provider accepts.
const THINKING_TOKENS_MIN: u32 = 1_024;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block<'a>>,
    messages: Vec<Line<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
    stream: bool,
}

#[derive(Serialize)]
struct Thinking {
    r#type: &'static str,
    budget_tokens: u32,
}

#[derive(Serialize)]
struct Tool<'a> {
    name: &'a str,
    description: &'a str,
    input_schema: &'a serde_json::Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<CacheControl>,
}

#[derive(Clone, Copy, Serialize)]
struct CacheControl {
    r#type: &'static str,
}

const EPHEMERAL: CacheControl = CacheControl {
    r#type: "ephemeral",
};

#[derive(Serialize)]
struct Line<'a> {
    role: &'static str,
    content: Vec<Part<'a>>,
}

/// Any block of the wire; absent fields are left out.
#[derive(Default, Serialize)]
struct Block<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_use_id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_error: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<CacheControl>,
}

/// A block we built, or one kept as it came.
#[derive(Serialize)]
#[serde(untagged)]
enum Part<'a> {
    Built(Box<Block<'a>>),
    Kept(&'a serde_json::Value),
}

/// Encodes the whole request.
pub(super) fn body(
    model: &str,
    request: &ModelRequest,
    options: &ProviderConfig,
) -> Result<Vec<u8>, Error> {
    let cache = options.prompt_cache.then_some(EPHEMERAL);
    let mut tools: Vec<Tool<'_>> = request
        .tools
        .iter()
        .map(|spec| Tool {
            name: &spec.name,
            description: &spec.description,
            input_schema: &spec.input_schema,
            cache_control: None,
        })
        .collect();
    if let Some(last) = tools.last_mut() {
        last.cache_control = cache;
    }
    let system = (!request.system.is_empty()).then(|| Block {
        cache_control: cache,
        ..text(&request.system)
    });
    let mut messages = Vec::with_capacity(request.messages.len());
    for message in &request.messages {
        let content = parts(message)?;
        if !content.is_empty() {
            messages.push(Line {
                role: role(message.role),
                content,
            });
        }
    }
    // the conversation so far is the next call's prefix
    if let Some(Part::Built(block)) = messages.last_mut().and_then(|line| line.content.last_mut()) {
        block.cache_control = cache.filter(|_| matches!(block.r#type, "text" | "tool_result"));
    }
    let thinking = thinking(request, options);
    let body = Body {
        model,
        max_tokens: request.output_tokens_max,
        tools,
        system: system.into_iter().collect(),
        messages,
        // the provider refuses a temperature beside thinking
        temperature: request.temperature.filter(|_| thinking.is_none()),
        thinking,
        stream: options.stream,
    };
    serde_json::to_vec(&body).map_err(|error| {
        Error::new(
            ErrorKind::BadRequest,
            format!("the request cannot be encoded: {error}"),
        )
    })
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

/// Half of the output at most, so that an answer still fits. Off while tools run that were called
/// without signed thinking (by another provider): the dialect refuses to begin thinking there.
fn thinking(request: &ModelRequest, options: &ProviderConfig) -> Option<Thinking> {
    let budget_tokens = options.thinking_tokens?.min(request.output_tokens_max / 2);
    let called = request
        .messages
        .iter()
        .rev()
        .find(|message| message.role == Role::Assistant);
    let calls = |message: &Message| {
        message
            .content
            .iter()
            .any(|block| matches!(block, ContentBlock::ToolUse { .. }))
    };
    let thought = |message: &Message| {
        matches!(
            message.content.first(),
            Some(
                ContentBlock::Thinking {
                    signature: Some(_),
                    ..
                } | ContentBlock::RedactedThinking { .. }
            )
        )
    };
    let open = called.is_some_and(|message| calls(message) && !thought(message));
    (budget_tokens >= THINKING_TOKENS_MIN && !open).then_some(Thinking {
        r#type: "enabled",
        budget_tokens,
    })
}

fn text(text: &str) -> Block<'_> {
    Block {
        r#type: "text",
        text: Some(text),
        ..Block::default()
    }
}

/// The blocks of a message; results first, as the dialect demands, else in their order.
fn parts(message: &Message) -> Result<Vec<Part<'_>>, Error> {
    let is_result = |block: &&ContentBlock| matches!(block, ContentBlock::ToolResult { .. });
    let results = message.content.iter().filter(is_result);
    let others = message.content.iter().filter(|block| !is_result(block));
    let mut parts = Vec::with_capacity(message.content.len());
    for block in results.chain(others) {
        if let Some(part) = part(message.role, block)? {
            parts.push(part);
        }
    }
    Ok(parts)
}

fn part(role: Role, block: &ContentBlock) -> Result<Option<Part<'_>>, Error> {
    let built = match (role, block) {
        // empty text is refused by the provider, and thinking it did not sign means nothing to it
        (_, ContentBlock::Text { text }) if text.is_empty() => return Ok(None),
        (
            _,
            ContentBlock::Thinking {
                signature: None, ..
            },
        ) => return Ok(None),
        (_, ContentBlock::Text { text: said }) => text(said),
        (_, ContentBlock::Other { value }) => return Ok(Some(Part::Kept(value))),
        (
            Role::Assistant,
            ContentBlock::Thinking {
                text,
                signature: Some(signature),
            },
        ) => Block {
            r#type: "thinking",
            thinking: Some(text),
            signature: Some(signature),
            ..Block::default()
        },
        (Role::Assistant, ContentBlock::RedactedThinking { data }) => Block {
            r#type: "redacted_thinking",
            data: Some(data),
            ..Block::default()
        },
        (
            Role::Assistant,
            ContentBlock::ToolUse {
                id,
                name,
                arguments,
            },
        ) => Block {
            r#type: "tool_use",
            id: Some(wire_id(id)),
            name: Some(name),
            input: Some(input(arguments)?),
            ..Block::default()
        },
        (
            Role::User,
            ContentBlock::ToolResult {
                id,
                output,
                is_error,
            },
        ) => Block {
            r#type: "tool_result",
            tool_use_id: Some(wire_id(id)),
            content: Some(output),
            is_error: *is_error,
            ..Block::default()
        },
        (role, _) => {
            let message = format!(
                "the anthropic dialect cannot carry this block in a message of the {}",
                self::role(role)
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
    };
    Ok(Some(Part::Built(Box::new(built))))
}

/// The arguments exactly as the model wrote them, when they are a JSON object; otherwise an object
/// that shows the model what it wrote.
fn input(arguments: &str) -> Result<Box<RawValue>, Error> {
    let object = arguments.trim_start().starts_with('{');
    if object && let Ok(raw) = RawValue::from_string(arguments.to_owned()) {
        return Ok(raw);
    }
    to_raw_value(&serde_json::json!({ "invalid_arguments": arguments })).map_err(|error| {
        Error::new(
            ErrorKind::BadRequest,
            format!("the request cannot be encoded: {error}"),
        )
    })
}

/// Ids made by other providers may hold characters this one refuses.
fn wire_id(id: &str) -> Cow<'_, str> {
    let allowed = |ch: char| ch.is_ascii_alphanumeric() || ch == '_' || ch == '-';
    if id.chars().all(allowed) {
        return Cow::Borrowed(id);
    }
    Cow::Owned(
        id.chars()
            .map(|ch| if allowed(ch) { ch } else { '_' })
            .collect(),
    )
}
