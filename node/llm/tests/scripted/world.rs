//! A gateway and the scripted provider behind it.

use aiex_llm::{
    Config, Error, Gateway, ModelRequest, OfflineEngine, ProviderConfig, Reply, RouteConfig,
    SecretRef, SecretString, StreamEvent, TimeoutConfig, ToolSpec,
};
use aiex_scripted_provider::{Script, ScriptedProvider, Step, When};
use aiex_session::{ContentBlock, Message, Role, Task};
use futures_util::StreamExt;
use std::sync::Arc;

/// The key the gateway shows.
pub(crate) const KEY: &str = "sk-very-secret";

/// The dialect between gateway and provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    OpenAi,
    Anthropic,
}

impl Dialect {
    pub(crate) const ALL: [Self; 2] = [Self::OpenAi, Self::Anthropic];

    fn provider(self, name: &str, provider: &ScriptedProvider) -> ProviderConfig {
        let (dialect, base_url) = match self {
            Self::OpenAi => (aiex_llm::Dialect::Openai, provider.openai_base_url()),
            Self::Anthropic => (aiex_llm::Dialect::Anthropic, provider.anthropic_base_url()),
        };
        ProviderConfig {
            key: Some("env:KEY".into()),
            ..ProviderConfig::new(name, dialect, base_url)
        }
    }
}

/// Builds a [`World`].
pub(crate) struct Builder {
    dialect: Dialect,
    script: Script,
    stream: bool,
    spare: bool,
    config: Config,
}

/// A gateway whose route `large` leads to `p/scripted`, and then perhaps to `spare/scripted`.
pub(crate) struct World {
    pub(crate) gateway: Gateway,
    pub(crate) provider: ScriptedProvider,
    spare: Option<ScriptedProvider>,
}

impl World {
    pub(crate) fn of(dialect: Dialect, script: Script) -> Builder {
        let mut config = Config {
            timeouts: quick(),
            ..Config::default()
        };
        config.retry.backoff_start_ms = 2;
        config.retry.budget_burst = 1_000;
        config.retry.backoff_max_ms = 10;
        config.breaker.consecutive_failures = 1_000;
        config.breaker.window_calls_min = 256;
        Builder {
            dialect,
            script,
            stream: true,
            spare: false,
            config,
        }
    }

    pub(crate) fn spare_bill(&self) -> usize {
        self.spare.as_ref().map_or(0, |spare| spare.bill().len())
    }
}

impl Builder {
    pub(crate) fn stream(mut self, stream: bool) -> Self {
        self.stream = stream;
        self
    }

    pub(crate) fn attempts(mut self, attempts_max: u32) -> Self {
        self.config.retry.attempts_max = attempts_max;
        self
    }

    pub(crate) fn with_spare(mut self) -> Self {
        self.spare = true;
        self
    }

    pub(crate) fn timeouts(mut self, change: impl FnOnce(&mut TimeoutConfig)) -> Self {
        change(&mut self.config.timeouts);
        self
    }

    pub(crate) async fn start(mut self) -> World {
        let provider = ScriptedProvider::start(self.script).await.unwrap();
        let options = self.dialect.provider("p", &provider);
        self.config.provider.push(ProviderConfig {
            stream: self.stream,
            ..options
        });
        let mut targets = vec!["p/scripted".to_owned()];
        let mut spare = None;
        if self.spare {
            let started = ScriptedProvider::start(Script::of_steps([Step::text("from the spare")]))
                .await
                .unwrap();
            self.config
                .provider
                .push(self.dialect.provider("spare", &started));
            targets.push("spare/scripted".to_owned());
            spare = Some(started);
        }
        self.config.route.push(RouteConfig {
            model: "large".into(),
            targets,
        });
        World {
            gateway: gateway(self.config),
            provider,
            spare,
        }
    }
}

/// A gateway with one target and one attempt, which a thousand failures do not close.
pub(crate) fn lone(dialect: Dialect, provider: &ScriptedProvider) -> Gateway {
    let mut config = Config {
        timeouts: quick(),
        ..Config::default()
    };
    config.retry.attempts_max = 1;
    config.breaker.consecutive_failures = 1_000;
    config.breaker.failure_percent = 100;
    config.breaker.window_calls_min = 256;
    config.provider.push(dialect.provider("p", provider));
    config.route.push(RouteConfig {
        model: "large".into(),
        targets: vec!["p/scripted".to_owned()],
    });
    gateway(config)
}

/// Short enough for a test, long enough for a busy machine.
fn quick() -> TimeoutConfig {
    TimeoutConfig {
        connect_ms: 5_000,
        first_byte_ms: 1_000,
        first_output_ms: 8_000,
        silence_ms: 1_000,
        total_ms: 30_000,
    }
}

fn gateway(config: Config) -> Gateway {
    Gateway::new(config, Arc::new(NoEngine), &secret).unwrap()
}

fn secret(reference: &SecretRef) -> Result<SecretString, String> {
    assert_eq!(reference, &SecretRef::Env("KEY".into()));
    Ok(SecretString::from(KEY))
}

struct NoEngine;

impl OfflineEngine for NoEngine {
    fn reply(&self, _: &ModelRequest) -> Result<Reply, Error> {
        panic!("nobody asks the offline engine here")
    }
}

pub(crate) fn system(text: &str) -> When {
    When {
        system_contains: Some(text.to_owned()),
        ..When::default()
    }
}

pub(crate) fn user(text: &str) -> Message {
    Message {
        role: Role::User,
        content: vec![ContentBlock::Text {
            text: text.to_owned(),
        }],
    }
}

/// A request of the default route.
pub(crate) fn request(text: &str) -> ModelRequest {
    ModelRequest {
        model: String::new(),
        system: "You are tested.".into(),
        messages: vec![user(text)],
        tools: vec![ToolSpec {
            name: "read".into(),
            description: "Reads a file.".into(),
            input_schema: serde_json::json!({"type": "object", "properties": {"path": {"type": "string"}}}),
        }],
        output_tokens_max: 1_000,
        temperature: None,
        call_id: "call-x".into(),
        task: Task::Ask {
            text: text.to_owned(),
        },
        workspace_id: String::new(),
    }
}

/// Every event, up to the end or the first error.
pub(crate) async fn said(
    gateway: &Gateway,
    request: ModelRequest,
) -> Result<Vec<StreamEvent>, Error> {
    let mut stream = gateway.call(request).await?;
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        events.push(event?);
    }
    Ok(events)
}

/// The reply at the end of the events.
pub(crate) fn finished(events: &[StreamEvent]) -> &Reply {
    match events.last() {
        Some(StreamEvent::Finished(reply)) => reply,
        other => panic!("the last event is {other:?}"),
    }
}

/// The whole reply, or the error that ended it.
pub(crate) async fn ask(gateway: &Gateway, request: ModelRequest) -> Result<Reply, Error> {
    let events = said(gateway, request).await?;
    Ok(finished(&events).clone())
}

/// The content of a reply, but for the ids of its calls.
pub(crate) fn without_ids(reply: &Reply) -> Vec<ContentBlock> {
    let mut content = reply.content.clone();
    for block in &mut content {
        if let ContentBlock::ToolUse { id, .. } = block {
            id.clear();
        }
    }
    content
}
