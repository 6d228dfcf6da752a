//! The node's configuration: defaults < file < environment < flags, parsed once into checked types.

use crate::args::Args;
use aiex_llm::SecretRef;
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Everything a node can be told. Each section belongs to the part of that name.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) node: NodeConfig,
    pub(crate) telemetry: aiex_telemetry::Config,
    pub(crate) llm: aiex_llm::Config,
    pub(crate) agent: aiex_agent::Config,
}

/// The process itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NodeConfig {
    /// Directory that holds everything the node keeps.
    pub(crate) data_dir: PathBuf,
    /// host:port for clients.
    pub(crate) client_address: String,
    /// host:port for probes and metrics.
    pub(crate) operations_address: String,
    /// Nodes the cluster is planned for; decides the number of shards when the cluster is made.
    pub(crate) planned_nodes: u16,
    /// Time that running turns get to reach a safe point when the node stops.
    pub(crate) shutdown_grace_ms: u64,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("aiex-data"),
            client_address: "127.0.0.1:7400".to_owned(),
            operations_address: "127.0.0.1:7403".to_owned(),
            planned_nodes: 3,
            shutdown_grace_ms: 10_000,
        }
    }
}

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ConfigError {
    pub(crate) message: String,
    pub(crate) hint: String,
}

impl Config {
    /// Reads all sources and checks the result.
    pub(crate) fn load(args: &Args) -> Result<Self, ConfigError> {
        let mut figment = Figment::from(Serialized::defaults(Config::default()));
        if let Some(file) = &args.config {
            check_readable(file)?;
            figment = figment.merge(Toml::file_exact(file));
        }
        figment = figment.merge(Env::prefixed("AIEX__").split("__"));
        figment = with_flags(figment, args);
        let config: Config = figment.extract().map_err(|error| unusable(&error))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        for (key, address) in [
            ("node.client_address", &self.node.client_address),
            ("node.operations_address", &self.node.operations_address),
        ] {
            address.parse::<SocketAddr>().map_err(|_| ConfigError {
                message: format!("{key} = {address:?} is not an address"),
                hint: "write it as 127.0.0.1:7400 or [::1]:7400; port 0 means any free port"
                    .to_owned(),
            })?;
        }
        if !(1..=50).contains(&self.node.planned_nodes) {
            return Err(ConfigError {
                message: format!(
                    "node.planned_nodes = {} is not 1 to 50",
                    self.node.planned_nodes
                ),
                hint: "it is the size the cluster is planned for, fixed when the cluster is made"
                    .to_owned(),
            });
        }
        self.llm.check().map_err(|error| ConfigError {
            message: match &error.kind {
                aiex_llm::ErrorKind::Config { key } if !error.message.contains(key.as_str()) => {
                    format!("{key}: {}", error.message)
                }
                _ => error.message.clone(),
            },
            hint: match error.hint.as_str() {
                "" => "see docs/configuration.md".to_owned(),
                hint => hint.to_owned(),
            },
        })
    }

    /// Checks that every provider's key is a reference that `resolve` accepts. Apart from [`Config::load`], because a
    /// configuration can be shown where its secrets are not.
    pub(crate) fn check_keys(
        &self,
        resolve: impl Fn(&SecretRef) -> Result<(), String>,
    ) -> Result<(), ConfigError> {
        for (index, provider) in self.llm.provider.iter().enumerate() {
            let Some(key) = &provider.key else { continue };
            let checked = key.parse().and_then(|reference| resolve(&reference));
            checked.map_err(|why| ConfigError {
                message: format!("llm.provider[{index}].key: {why}"),
                hint: "name a variable that is set or a file that the node can read".to_owned(),
            })?;
        }
        Ok(())
    }

    /// The configuration in force as TOML. Secrets are references, so nothing secret is in it;
    /// a literal in a key's place is hidden.
    pub(crate) fn to_redacted_toml(&self) -> Result<String, toml::ser::Error> {
        let mut shown = self.clone();
        for provider in &mut shown.llm.provider {
            if let Some(key) = &mut provider.key
                && !key.starts_with("env:")
                && !key.starts_with("file:")
            {
                "(hidden)".clone_into(key);
            }
        }
        toml::to_string_pretty(&shown)
    }
}

fn check_readable(file: &Path) -> Result<(), ConfigError> {
    std::fs::read(file)
        .map(|_| ())
        .map_err(|error| ConfigError {
            message: format!(
                "configuration file {} cannot be read: {error}",
                file.display()
            ),
            hint: "check the path given by --config and its permissions".to_owned(),
        })
}

fn with_flags(mut figment: Figment, args: &Args) -> Figment {
    if let Some(dir) = &args.data_dir {
        figment = figment.merge(("node.data_dir", dir));
    }
    if let Some(address) = &args.client_address {
        figment = figment.merge(("node.client_address", address));
    }
    if let Some(address) = &args.operations_address {
        figment = figment.merge(("node.operations_address", address));
    }
    figment
}

/// One sentence with the key, from the first of figment's complaints.
fn unusable(error: &figment::Error) -> ConfigError {
    let first = error
        .clone()
        .into_iter()
        .next()
        .unwrap_or_else(|| error.clone());
    let key = first.path.join(".");
    let place = first
        .metadata
        .as_ref()
        .map(|metadata| {
            let source = metadata
                .source
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            if source.is_empty() {
                format!(" (from {})", metadata.name)
            } else {
                format!(" (in {source})")
            }
        })
        .unwrap_or_default();
    let (message, hint) = match &first.kind {
        figment::error::Kind::UnknownField(field, known) => {
            let key = if key.is_empty() || key.ends_with(field.as_str()) {
                field.clone()
            } else {
                format!("{key}.{field}")
            };
            (
                format!("unknown key {key}{place}"),
                format!("known keys here: {}", known.join(", ")),
            )
        }
        kind if key.is_empty() => (
            format!("{kind}{place}"),
            "see docs/configuration.md".to_owned(),
        ),
        kind => (
            format!("{key}: {kind}{place}"),
            "see docs/configuration.md".to_owned(),
        ),
    };
    ConfigError { message, hint }
}

#[cfg(test)]
mod tests;
