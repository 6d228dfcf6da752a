//! A request as a chat-completions body.

use crate::config::ProviderConfig;
use crate::error::{Error, ErrorKind};
use crate::request::{ModelRequest, ToolSpec};
use aiex_session::{ContentBlock, Message, Role};
use serde::Serialize;
use std::borrow::Cow;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Line<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'a str>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct Tool<'a> {
    r#type: &'static str,
    function: ToolFunction<'a>,
}

#[derive(Serialize)]
struct ToolFunction<'a> {
    name: &'a str,
    description: &'a str,
    parameters: &'a serde_json::Value,
}

/// One message of the wire. A content of `None` is sent as null, which an assistant may have.
#[derive(Serialize)]
struct Line<'a> {
    role: &'static str,
    content: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

#[derive(Serialize)]
struct ToolCall<'a> {
    id: &'a str,
    r#type: &'static str,
    function: CalledFunction<'a>,
}

#[derive(Serialize)]
struct CalledFunction<'a> {
    name: &'a str,
    arguments: &'a str,
}

/// Encodes the whole request.
pub(super) fn body(
    model: &str,
    request: &ModelRequest,
    options: &ProviderConfig,
) -> Result<Vec<u8>, Error> {
    let mut messages = Vec::with_capacity(request.messages.len() + 1);
    if !request.system.is_empty() {
        messages.push(line("system", Cow::Borrowed(&request.system)));
    }
    for message in &request.messages {
        match message.role {
            Role::User => user_lines(message, &mut messages)?,
            Role::Assistant => messages.push(assistant_line(message, options)?),
        }
    }
    let limit = Some(request.output_tokens_max);
    let body = Body {
        model,
        messages,
        tools: request.tools.iter().map(tool).collect(),
        max_completion_tokens: limit.filter(|_| !options.legacy_max_tokens),
        max_tokens: limit.filter(|_| options.legacy_max_tokens),
        temperature: request.temperature,
        reasoning_effort: options.reasoning_effort.as_deref(),
        stream: options.stream,
        stream_options: options.stream.then_some(StreamOptions {
            include_usage: true,
        }),
    };
    serde_json::to_vec(&body).map_err(|error| {
        Error::new(
            ErrorKind::BadRequest,
            format!("the request cannot be encoded: {error}"),
        )
    })
}

fn tool(spec: &ToolSpec) -> Tool<'_> {
    Tool {
        r#type: "function",
        function: ToolFunction {
            name: &spec.name,
            description: &spec.description,
            parameters: &spec.input_schema,
        },
    }
}

fn line<'a>(role: &'static str, content: Cow<'a, str>) -> Line<'a> {
    Line {
        role,
        content: Some(content),
        reasoning_content: None,
        tool_calls: Vec::new(),
        tool_call_id: None,
    }
}

/// Results first: the dialect wants them right behind the calls they answer.
fn user_lines<'a>(message: &'a Message, lines: &mut Vec<Line<'a>>) -> Result<(), Error> {
    let mut texts: Vec<&str> = Vec::new();
    for block in &message.content {
        match block {
            ContentBlock::Text { text } => texts.push(text),
            ContentBlock::ToolResult {
                id,
                output,
                is_error,
            } => {
                // the dialect has no flag for failure, so the text says it
                let content = match is_error {
                    true => Cow::Owned(format!("[the tool failed]\n{output}")),
                    false => Cow::Borrowed(output.as_str()),
                };
                lines.push(Line {
                    tool_call_id: Some(id),
                    ..line("tool", content)
                });
            }
            other => return Err(unsupported(other)),
        }
    }
    if !texts.is_empty() {
        lines.push(line("user", joined(&texts)));
    }
    Ok(())
}

fn assistant_line<'a>(message: &'a Message, options: &ProviderConfig) -> Result<Line<'a>, Error> {
    let (mut texts, mut reasoning, mut tool_calls) = (Vec::new(), String::new(), Vec::new());
    for block in &message.content {
        match block {
            ContentBlock::Text { text } => texts.push(text.as_str()),
            ContentBlock::ToolUse {
                id,
                name,
                arguments,
            } => tool_calls.push(ToolCall {
                id,
                r#type: "function",
                function: CalledFunction { name, arguments },
            }),
            // signed thinking is another dialect's and means nothing here
            ContentBlock::Thinking {
                text,
                signature: None,
            } => reasoning.push_str(text),
            ContentBlock::Thinking { .. } | ContentBlock::RedactedThinking { .. } => {}
            other => return Err(unsupported(other)),
        }
    }
    let silent = texts.is_empty() && !tool_calls.is_empty();
    Ok(Line {
        content: (!silent).then(|| joined(&texts)),
        reasoning_content: Some(reasoning)
            .filter(|text| options.echo_reasoning && !text.is_empty()),
        tool_calls,
        ..line("assistant", Cow::Borrowed(""))
    })
}

/// One text stays byte-exact; several are separated by a blank line.
fn joined<'a>(texts: &[&'a str]) -> Cow<'a, str> {
    match texts {
        [] => Cow::Borrowed(""),
        [one] => Cow::Borrowed(one),
        many => Cow::Owned(many.join("\n\n")),
    }
}

fn unsupported(block: &ContentBlock) -> Error {
    let what = match block {
        ContentBlock::Other { value } => value["type"]
            .as_str()
            .unwrap_or("an unknown block")
            .to_owned(),
        ContentBlock::ToolResult { .. } => "a tool result said by the assistant".to_owned(),
        ContentBlock::ToolUse { .. } => "a tool call said by the user".to_owned(),
        _ => "thinking said by the user".to_owned(),
    };
    Error::new(
        ErrorKind::Unsupported,
        format!("the openai dialect cannot carry {what}"),
    )
}
