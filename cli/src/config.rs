//! The settings of a run: defaults < user file < environment < flags, and what the project narrows.
//!
//! The user file says where the cluster is. The project file travels with a repository that a stranger may have
//! written, so it can only take away: it never names an endpoint, a token or a directory outside the project.

use crate::environment::{self, Environment};
use crate::error::Error;
use aiex_client::{Endpoints, Token};
use figment::Figment;
use figment::providers::{Format as _, Serialized, Toml};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Name of the project file, beside `mix.exs`.
pub(crate) const PROJECT_FILE: &str = ".aiex.toml";
/// Most bytes of a configuration file.
const FILE_BYTES_MAX: u64 = 256 << 10;

/// What the user file, the environment and the flags may say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// One address or several, separated by commas; none: the private node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) endpoint: Option<String>,
    /// `env:NAME` or `file:PATH`; from `AIEX_TOKEN` also the token itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
    /// PEM file of the authority behind `https` endpoints.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Model to ask for; none: the cluster's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// How long a session may stay unreachable before a command gives up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reconnect_deadline_ms: Option<u64>,
    /// Directories outside the project that tools may read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) read_outside: Vec<PathBuf>,
    /// Runs commands even where no sandbox works. Off unless set here by name.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) allow_unsandboxed: bool,
}

/// What the project file may say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ProjectSettings {
    /// Globs of files that are neither sent nor indexed.
    pub(crate) exclude: Vec<String>,
    /// Refuses every tool that changes files or runs commands.
    pub(crate) read_only: bool,
    /// Tools that are refused by name.
    pub(crate) deny_tools: Vec<String>,
}

/// What the command line says about the connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    pub(crate) endpoint: Option<String>,
    pub(crate) model: Option<String>,
}

impl Settings {
    /// Layers the sources.
    ///
    /// # Errors
    /// `Usage` with the file and the key for anything that is not understood.
    pub(crate) fn load(environment: &Environment, flags: &Flags) -> Result<Self, Error> {
        let file = Self::file(environment);
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        match read_limited(&file)? {
            Some(text) => figment = figment.merge(Toml::string(&text)),
            None if environment.config_file.is_some() => {
                return Err(Error::usage(
                    format!("the configuration file {} does not exist", file.display()),
                    "correct or unset AIEX_CONFIG",
                ));
            }
            None => {}
        }
        let in_file: Self = extract(&figment, &file)?;
        if let Some(token) = &in_file.token
            && !is_reference(token)
        {
            return Err(Error::usage(
                format!("token in {} is not a reference", file.display()),
                "write token = \"env:NAME\" or token = \"file:/path\", never the secret itself",
            ));
        }
        let surroundings = Self {
            endpoint: environment.endpoint.clone(),
            token: environment.token.clone(),
            model: environment.model.clone(),
            ..Self::default()
        };
        let typed = Self {
            endpoint: flags.endpoint.clone(),
            model: flags.model.clone(),
            ..Self::default()
        };
        let figment = figment
            .merge(Serialized::defaults(surroundings))
            .merge(Serialized::defaults(typed));
        extract(&figment, &file)
    }

    /// Where the user file is looked for.
    pub(crate) fn file(environment: &Environment) -> PathBuf {
        environment
            .config_file
            .clone()
            .unwrap_or_else(|| environment.config_dir.join("config.toml"))
    }

    /// The configured addresses, if any.
    pub(crate) fn endpoints(&self) -> Result<Option<Endpoints>, Error> {
        self.endpoint
            .as_deref()
            .map(|text| {
                Endpoints::parse(text).map_err(|error| Error::usage(error.message, error.hint))
            })
            .transpose()
    }

    /// The configured token, resolved.
    pub(crate) fn token(&self) -> Result<Option<Token>, Error> {
        let Some(text) = &self.token else {
            return Ok(None);
        };
        let secret = if let Some(name) = text.strip_prefix("env:") {
            environment::named_variable(name).ok_or_else(|| {
                Error::usage(
                    format!("the token's variable {name} is not set"),
                    format!("set {name}"),
                )
            })?
        } else if let Some(path) = text.strip_prefix("file:") {
            let path = Path::new(path);
            read_limited(path)?.ok_or_else(|| {
                Error::usage(
                    format!("the token's file {} does not exist", path.display()),
                    "correct the path",
                )
            })?
        } else {
            text.clone()
        };
        Ok(Some(Token::new(&secret)?))
    }
}

impl ProjectSettings {
    /// Reads the project file below `root`, if there is one.
    ///
    /// # Errors
    /// `Usage` with the file and the key for anything that is not understood.
    pub(crate) fn load(root: &Path) -> Result<Self, Error> {
        let file = root.join(PROJECT_FILE);
        let Some(text) = read_limited(&file)? else {
            return Ok(Self::default());
        };
        extract(&Figment::from(Toml::string(&text)), &file)
    }
}

fn is_reference(token: &str) -> bool {
    token.starts_with("env:") || token.starts_with("file:")
}

fn read_limited(file: &Path) -> Result<Option<String>, Error> {
    match std::fs::metadata(file) {
        Ok(metadata) if metadata.len() > FILE_BYTES_MAX => {
            return Err(Error::usage(
                format!("{} is larger than {FILE_BYTES_MAX} bytes", file.display()),
                "a configuration file is short; check the path",
            ));
        }
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::file("read", file, &error)),
    }
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Err(Error::usage(
            format!("{} is not UTF-8", file.display()),
            "save it as UTF-8",
        )),
        Err(error) => Err(Error::file("read", file, &error)),
    }
}

fn extract<'de, T: Deserialize<'de>>(figment: &Figment, file: &Path) -> Result<T, Error> {
    figment.extract().map_err(|error| explain(&error, file))
}

/// Names the key: figment knows it, either as a path or inside the kind of error.
fn explain(error: &figment::Error, file: &Path) -> Error {
    use figment::error::Kind;
    let file = file.display();
    match &error.kind {
        Kind::UnknownField(key, known) => {
            let forbidden = matches!(
                key.as_str(),
                "endpoint" | "token" | "ca_file" | "read_outside" | "allow_unsandboxed"
            );
            let hint = if forbidden {
                "a project file only narrows; put this into your own config.toml".to_owned()
            } else {
                format!("known keys: {}", known.join(", "))
            };
            Error::usage(format!("unknown key '{key}' in {file}"), hint)
        }
        kind if !error.path.is_empty() => Error::usage(
            format!("key '{}' in {file}: {kind}", error.path.join(".")),
            "see docs/cli.md",
        ),
        kind => Error::usage(
            format!("{file} cannot be read: {kind}"),
            "it must be TOML; see docs/cli.md",
        ),
    }
}

#[cfg(test)]
mod tests;
