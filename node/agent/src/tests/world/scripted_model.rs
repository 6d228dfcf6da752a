//! A provider that reads its answers from a script, as a pure function of the conversation.

use aiex_llm::{Error, ErrorKind, ModelRequest, Provider, Reply, ReplyStream, StreamEvent};
use aiex_session::{ContentBlock, Role, StopReason, Usage};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;

/// One step of an answer.
#[derive(Debug, Clone)]
pub(in crate::tests) enum Line {
    Says(String),
    Calls(&'static str, String),
    /// Waits for [`ScriptedModel::go_on`].
    Waits,
    Fails(ErrorKind),
    Panics,
}

pub(in crate::tests) fn says(text: &str) -> Line {
    Line::Says(text.to_owned())
}

pub(in crate::tests) struct ScriptedModel {
    name: &'static str,
    scripts: Vec<Vec<Line>>,
    go_on: Arc<Semaphore>,
    asked: Mutex<Vec<String>>,
}

impl ScriptedModel {
    pub(in crate::tests) fn new(name: &'static str, scripts: Vec<Vec<Line>>) -> Self {
        Self {
            name,
            scripts,
            go_on: Arc::new(Semaphore::new(0)),
            asked: Mutex::default(),
        }
    }

    /// Lets one waiting answer go on.
    pub(in crate::tests) fn go_on(&self) {
        self.go_on.add_permits(1);
    }

    /// Call ids in the order they came.
    pub(in crate::tests) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn script(&self, request: &ModelRequest) -> Vec<Line> {
        let is_prompt = |message: &aiex_session::Message| {
            message.role == Role::User
                && matches!(message.content.first(), Some(ContentBlock::Text { .. }))
        };
        let begins = request.messages.iter().rposition(is_prompt).unwrap_or(0);
        let answers = request.messages[begins..].iter();
        let nth = answers
            .filter(|message| message.role == Role::Assistant)
            .count();
        self.scripts[nth.min(self.scripts.len() - 1)].clone()
    }
}

impl Provider for ScriptedModel {
    fn name(&self) -> &str {
        self.name
    }

    fn call(
        &self,
        _: &str,
        request: &ModelRequest,
    ) -> BoxFuture<'static, Result<ReplyStream, Error>> {
        self.asked.lock().unwrap().push(request.call_id.clone());
        let script = self.script(request);
        let reply = reply_of(&script);
        let go_on = Arc::clone(&self.go_on);
        let lines =
            stream::iter(script.into_iter().enumerate()).filter_map(move |(index, line)| {
                let go_on = Arc::clone(&go_on);
                async move {
                    match line {
                        Line::Says(text) => Some(Ok(StreamEvent::TextDelta(text))),
                        Line::Calls(name, _) => Some(Ok(StreamEvent::ToolUseStarted {
                            id: format!("use-{index}"),
                            name: name.to_owned(),
                        })),
                        Line::Waits => {
                            go_on.acquire().await.unwrap().forget();
                            None
                        }
                        Line::Fails(kind) => Some(Err(Error::new(kind, "the provider is on fire"))),
                        Line::Panics => panic!("a defect of the provider"),
                    }
                }
            });
        let whole = stream::iter([Ok(StreamEvent::Finished(reply))]);
        async move { Ok(lines.chain(whole).boxed()) }.boxed()
    }
}

fn reply_of(script: &[Line]) -> Reply {
    let blocks = script
        .iter()
        .enumerate()
        .filter_map(|(index, line)| match line {
            Line::Says(text) => Some(ContentBlock::Text { text: text.clone() }),
            Line::Calls(name, arguments) => Some(ContentBlock::ToolUse {
                id: format!("use-{index}"),
                name: (*name).to_owned(),
                arguments: arguments.clone(),
            }),
            _ => None,
        });
    let content: Vec<ContentBlock> = blocks.collect();
    let calls = content
        .iter()
        .any(|block| matches!(block, ContentBlock::ToolUse { .. }));
    Reply {
        provider: "scripted".to_owned(),
        model: "m".to_owned(),
        stop: if calls {
            StopReason::ToolUse
        } else {
            StopReason::EndTurn
        },
        content,
        usage: Usage {
            input_tokens: 10,
            output_tokens: 5,
            ..Usage::default()
        },
    }
}
