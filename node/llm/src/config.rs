//! The `[llm]` table of a node's configuration.
//!
//! ```toml
//! [[llm.provider]]
//! name = "openai"
//! dialect = "openai"
//! base_url = "https://api.openai.com/v1"
//! key = "env:OPENAI_API_KEY"
//!
//! [[llm.route]]
//! model = "large"
//! targets = ["openai/gpt-5", "anthropic/claude-sonnet-4-5"]
//! ```

use crate::OFFLINE;
use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Most providers of one node.
const PROVIDERS_MAX: usize = 64;
/// Most routes of one node.
const ROUTES_MAX: usize = 256;
/// Most targets of one route.
const TARGETS_MAX: usize = 8;
/// The longest any timeout may be set to: one day.
const TIMEOUT_MS_MAX: u64 = 86_400_000;

/// Providers, routes and how patient to be with them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub provider: Vec<ProviderConfig>,
    pub route: Vec<RouteConfig>,
    /// The route used when a request names none; the first route when absent.
    pub default_model: Option<String>,
    pub timeouts: TimeoutConfig,
    pub retry: RetryConfig,
    pub breaker: BreakerConfig,
}

/// A wire protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// OpenAI chat completions.
    Openai,
    OpenaiResponses,
    /// Anthropic messages.
    Anthropic,
    Gemini,
    Ollama,
    /// No wire: the offline engine.
    Offline,
}

impl Dialect {
    /// The name used in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::OpenaiResponses => "openai-responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
            Self::Offline => OFFLINE,
        }
    }

    const fn supported(self) -> bool {
        matches!(self, Self::Openai | Self::Anthropic | Self::Offline)
    }
}

/// One provider: a dialect spoken to a base URL with a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// Lower-case letters, digits, `-` and `_`; the part before `/` in a target.
    pub name: String,
    pub dialect: Dialect,
    /// For OpenAI with its version (`https://api.openai.com/v1`), for Anthropic without. Not for offline.
    #[serde(default)]
    pub base_url: String,
    /// `env:NAME` or `file:PATH`; absent for a provider that wants none.
    #[serde(default)]
    pub key: Option<String>,
    /// Requests this node sends per minute at most; bursts up to the same number.
    #[serde(default)]
    pub requests_per_minute: Option<u32>,
    /// Ask for a stream. Turn off for a server that cannot.
    #[serde(default = "yes")]
    pub stream: bool,
    /// Anthropic: mark the stable prefix for the provider's prompt cache.
    #[serde(default = "yes")]
    pub prompt_cache: bool,
    /// Anthropic: tokens the model may think, at most half of the request's output limit.
    #[serde(default)]
    pub thinking_tokens: Option<u32>,
    /// OpenAI: `reasoning_effort`, passed on as it stands.
    #[serde(default)]
    pub reasoning_effort: Option<String>,
    /// OpenAI: send earlier reasoning back as `reasoning_content`, which some servers demand and
    /// others refuse.
    #[serde(default)]
    pub echo_reasoning: bool,
    /// OpenAI: send `max_tokens` instead of `max_completion_tokens`, for older servers.
    #[serde(default)]
    pub legacy_max_tokens: bool,
}

impl ProviderConfig {
    /// A provider with every option at its default.
    pub fn new(name: impl Into<String>, dialect: Dialect, base_url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            dialect,
            base_url: base_url.into(),
            key: None,
            requests_per_minute: None,
            stream: true,
            prompt_cache: true,
            thinking_tokens: None,
            reasoning_effort: None,
            echo_reasoning: false,
            legacy_max_tokens: false,
        }
    }
}

/// A name people ask for, and where it may be answered, in order of preference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    pub model: String,
    /// `provider/model`; the model may itself hold slashes.
    pub targets: Vec<String>,
}

/// How long to wait for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TimeoutConfig {
    pub connect_ms: u64,
    /// From sending the request to the first byte of the answer.
    pub first_byte_ms: u64,
    /// From sending the request to the first output of the model; pings do not count.
    pub first_output_ms: u64,
    /// Between two bytes of the answer.
    pub silence_ms: u64,
    /// The whole call, retries and waits included.
    pub total_ms: u64,
}

impl Default for TimeoutConfig {
    fn default() -> Self {
        Self {
            connect_ms: 5_000,
            first_byte_ms: 60_000,
            first_output_ms: 120_000,
            silence_ms: 60_000,
            total_ms: 600_000,
        }
    }
}

/// How often to try again. One budget for all targets of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetryConfig {
    /// Attempts of one call, the first included, over all targets.
    pub attempts_max: u32,
    pub backoff_start_ms: u64,
    pub backoff_max_ms: u64,
    /// The longest pause worth waiting for; a longer one is told to the caller.
    pub wait_max_ms: u64,
    /// Retries as a share of calls, over all calls of the node.
    pub budget_percent: u32,
    /// Retries allowed at once after a quiet time.
    pub budget_burst: u32,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            attempts_max: 3,
            backoff_start_ms: 500,
            backoff_max_ms: 8_000,
            wait_max_ms: 20_000,
            budget_percent: 10,
            budget_burst: 20,
        }
    }
}

/// When a target is given a rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerConfig {
    /// Failures in a row that open it.
    pub consecutive_failures: u32,
    /// Share of failures in the window that opens it, once `window_calls_min` calls were made.
    pub failure_percent: u32,
    pub window_calls_min: u32,
    pub window_ms: u64,
    /// The first rest; each further one is twice as long.
    pub rest_ms: u64,
    pub rest_max_ms: u64,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            consecutive_failures: 5,
            failure_percent: 50,
            window_calls_min: 10,
            window_ms: 30_000,
            rest_ms: 15_000,
            rest_max_ms: 300_000,
        }
    }
}

const fn yes() -> bool {
    true
}

/// Splits `provider/model` at the first slash.
pub(crate) fn split_target(target: &str) -> Option<(&str, &str)> {
    target
        .split_once('/')
        .filter(|(provider, model)| !provider.is_empty() && !model.is_empty())
}

impl Config {
    /// Checks everything that needs no secret and no network.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the path of the first wrong setting.
    pub fn check(&self) -> Result<(), Error> {
        let mut names = HashSet::from([OFFLINE]);
        bounded("llm.provider", self.provider.len(), PROVIDERS_MAX)?;
        for (index, provider) in self.provider.iter().enumerate() {
            provider.check(&format!("llm.provider[{index}]"))?;
            // `offline` may be configured under its own name, which changes nothing
            let renames_offline = provider.name == OFFLINE && provider.dialect == Dialect::Offline;
            if !names.insert(&provider.name) && !renames_offline {
                return Err(Error::config(
                    format!("llm.provider[{index}].name"),
                    format!("two providers are named {:?}", provider.name),
                ));
            }
        }
        self.check_routes(&names)?;
        self.timeouts.check()?;
        self.retry.check()?;
        self.breaker.check()
    }

    fn check_routes(&self, providers: &HashSet<&str>) -> Result<(), Error> {
        bounded("llm.route", self.route.len(), ROUTES_MAX)?;
        let mut models = HashSet::new();
        for (index, route) in self.route.iter().enumerate() {
            let key = format!("llm.route[{index}]");
            if route.model.is_empty() || !models.insert(route.model.as_str()) {
                let message = format!("model {:?} is empty or named twice", route.model);
                return Err(Error::config(format!("{key}.model"), message));
            }
            if route.targets.is_empty() {
                let message = format!("route {:?} has no target", route.model);
                return Err(Error::config(format!("{key}.targets"), message));
            }
            bounded(&format!("{key}.targets"), route.targets.len(), TARGETS_MAX)?;
            for target in &route.targets {
                check_target(target, &format!("{key}.targets"), providers)?;
            }
        }
        if !self.provider.is_empty() && self.route.is_empty() {
            return Err(Error::config(
                "llm.route",
                "providers are configured but no route uses them",
            )
            .with_hint("add [[llm.route]] model = \"name\", targets = [\"provider/model\"]"));
        }
        match &self.default_model {
            Some(model) if model != OFFLINE && !models.contains(model.as_str()) => Err(
                Error::config("llm.default_model", format!("no route is named {model:?}")),
            ),
            _ => Ok(()),
        }
    }
}

impl ProviderConfig {
    fn check(&self, key: &str) -> Result<(), Error> {
        let plain = |ch: char| ch.is_ascii_lowercase() || ch.is_ascii_digit() || "-_".contains(ch);
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(plain) {
            return Err(Error::config(
                format!("{key}.name"),
                format!(
                    "{:?} is not a name of lower-case letters, digits, - and _",
                    self.name
                ),
            ));
        }
        if !self.dialect.supported() {
            let message = format!(
                "dialect {:?} of provider {:?} is not supported by this version",
                self.dialect.name(),
                self.name
            );
            return Err(Error::config(format!("{key}.dialect"), message)
                .with_hint("supported are \"openai\", \"anthropic\" and \"offline\""));
        }
        if self.requests_per_minute == Some(0) {
            let message = "0 would never send anything; leave it out for no limit";
            return Err(Error::config(format!("{key}.requests_per_minute"), message));
        }
        if self.dialect == Dialect::Offline {
            return Ok(());
        }
        match reqwest::Url::parse(&self.base_url) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(()),
            _ => Err(Error::config(
                format!("{key}.base_url"),
                format!("{:?} is not an http or https URL", self.base_url),
            )),
        }
    }
}

impl TimeoutConfig {
    fn check(&self) -> Result<(), Error> {
        let all = [
            ("connect_ms", self.connect_ms),
            ("first_byte_ms", self.first_byte_ms),
            ("first_output_ms", self.first_output_ms),
            ("silence_ms", self.silence_ms),
            ("total_ms", self.total_ms),
        ];
        for (name, value) in all {
            in_range(&format!("llm.timeouts.{name}"), value, 1, TIMEOUT_MS_MAX)?;
        }
        Ok(())
    }
}

impl RetryConfig {
    fn check(&self) -> Result<(), Error> {
        in_range("llm.retry.attempts_max", self.attempts_max.into(), 1, 10)?;
        in_range(
            "llm.retry.budget_percent",
            self.budget_percent.into(),
            0,
            100,
        )?;
        in_range("llm.retry.budget_burst", self.budget_burst.into(), 0, 1_000)?;
        in_range(
            "llm.retry.backoff_max_ms",
            self.backoff_max_ms,
            1,
            TIMEOUT_MS_MAX,
        )?;
        in_range(
            "llm.retry.backoff_start_ms",
            self.backoff_start_ms,
            1,
            self.backoff_max_ms,
        )?;
        in_range("llm.retry.wait_max_ms", self.wait_max_ms, 0, TIMEOUT_MS_MAX)
    }
}

impl BreakerConfig {
    fn check(&self) -> Result<(), Error> {
        in_range(
            "llm.breaker.consecutive_failures",
            self.consecutive_failures.into(),
            1,
            1_000,
        )?;
        in_range(
            "llm.breaker.failure_percent",
            self.failure_percent.into(),
            1,
            100,
        )?;
        in_range(
            "llm.breaker.window_calls_min",
            self.window_calls_min.into(),
            1,
            256,
        )?;
        in_range("llm.breaker.window_ms", self.window_ms, 1, TIMEOUT_MS_MAX)?;
        in_range(
            "llm.breaker.rest_max_ms",
            self.rest_max_ms,
            1,
            TIMEOUT_MS_MAX,
        )?;
        in_range("llm.breaker.rest_ms", self.rest_ms, 1, self.rest_max_ms)
    }
}

fn check_target(target: &str, key: &str, providers: &HashSet<&str>) -> Result<(), Error> {
    match split_target(target) {
        Some((provider, _)) if providers.contains(provider) => Ok(()),
        Some((provider, _)) => {
            let mut known: Vec<&str> = providers.iter().copied().collect();
            known.sort_unstable();
            Err(Error::config(
                key,
                format!("target {target:?}: no provider is named {provider:?}"),
            )
            .with_hint(format!("configured are: {}", known.join(", "))))
        }
        None => Err(Error::config(
            key,
            format!("target {target:?} is not \"provider/model\""),
        )),
    }
}

fn bounded(key: &str, count: usize, most: usize) -> Result<(), Error> {
    if count <= most {
        return Ok(());
    }
    Err(Error::config(
        key,
        format!("{key} has {count} entries, more than {most}"),
    ))
}

fn in_range(key: &str, value: u64, least: u64, most: u64) -> Result<(), Error> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Error::config(
        key,
        format!("{key} is {value}, it must be {least} to {most}"),
    ))
}

#[cfg(test)]
mod tests;
