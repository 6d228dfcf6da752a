//! Talks to models: one request and one reply shape, several wire dialects behind them.
//!
//! A [`Gateway`] owns routes, pacing, circuit breakers and failover; a [`Provider`] speaks one
//! dialect to one base URL and never retries; [`Templates`] renders the system prompts. Nothing
//! here decides what to ask: that is the agent's. No environment and no file is read here:
//! secrets come through a [`SecretResolver`].

mod breaker;
mod clock;
mod config;
mod dialect;
mod error;
mod gateway;
mod http_provider;
mod metrics;
mod offline;
mod pace;
mod provider;
mod request;
mod retry;
mod secret;
mod sse;
mod stream;
mod tasks;
mod template;

pub use config::{
    BreakerConfig, Config, Dialect, ProviderConfig, RetryConfig, RouteConfig, TimeoutConfig,
};
pub use error::{Error, ErrorKind, Stage};
pub use gateway::{Gateway, ModelRoute};
pub use provider::{OfflineEngine, Provider};
pub use request::{ModelRequest, ToolSpec};
pub use secret::{SecretRef, SecretResolver, SecretString};
pub use stream::{Reply, ReplyStream, StreamEvent};
pub use template::{PromptContext, Templates};

/// The name of the route, provider and model that need no model at all.
pub const OFFLINE: &str = "offline";
