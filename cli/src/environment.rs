//! The rim: environment variables, the working directory, the clock and the terminal, read once and passed in.

use crate::error::Error;
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// What this process was given by its surroundings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    pub(crate) cwd: PathBuf,
    /// `$XDG_CONFIG_HOME/aiex` or `~/.config/aiex`.
    pub(crate) config_dir: PathBuf,
    /// `$XDG_STATE_HOME/aiex` or `~/.local/state/aiex`.
    pub(crate) state_dir: PathBuf,
    /// `AIEX_DATA_DIR`, `$XDG_DATA_HOME/aiex/local` or `~/.local/share/aiex/local`.
    pub(crate) local_data_dir: PathBuf,
    /// `AIEX_CONFIG`: another user configuration file.
    pub(crate) config_file: Option<PathBuf>,
    pub(crate) endpoint: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) model: Option<String>,
    /// `AIEX_NODE_BINARY`: the server program of the private node.
    pub(crate) node_binary: Option<PathBuf>,
    pub(crate) search_path: Option<OsString>,
    /// `MIX_HOME` or `~/.mix`: lent to commands read-only.
    pub(crate) mix_home: Option<PathBuf>,
    pub(crate) no_color: bool,
    pub(crate) stdin_is_terminal: bool,
    pub(crate) stdout_is_terminal: bool,
    pub(crate) stderr_is_terminal: bool,
}

impl Environment {
    /// Reads the surroundings.
    ///
    /// # Errors
    /// When the working directory is gone, or neither `HOME` nor the XDG variables say where files belong.
    pub(crate) fn read() -> Result<Self, Error> {
        let cwd = std::env::current_dir().map_err(|error| {
            Error::usage(
                format!("the working directory cannot be read: {error}"),
                "change to a directory that exists",
            )
        })?;
        let home = var("HOME").map(PathBuf::from);
        let place = |xdg: &str, below_home: &str| -> Result<PathBuf, Error> {
            let base = var(xdg)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute());
            base.or_else(|| home.as_ref().map(|home| home.join(below_home)))
                .ok_or_else(|| Error::usage(format!("neither {xdg} nor HOME is set"), "set HOME"))
        };
        let config_dir = place("XDG_CONFIG_HOME", ".config")?.join("aiex");
        let state_dir = place("XDG_STATE_HOME", ".local/state")?.join("aiex");
        let local_data_dir = match var("AIEX_DATA_DIR") {
            Some(dir) => cwd.join(dir),
            None => place("XDG_DATA_HOME", ".local/share")?.join("aiex/local"),
        };
        Ok(Self {
            config_dir,
            state_dir,
            local_data_dir,
            config_file: var("AIEX_CONFIG").map(|path| cwd.join(path)),
            endpoint: text("AIEX_ENDPOINT")?,
            token: text("AIEX_TOKEN")?,
            model: text("AIEX_MODEL")?,
            node_binary: var("AIEX_NODE_BINARY").map(|path| cwd.join(path)),
            search_path: var("PATH"),
            mix_home: var("MIX_HOME")
                .map(PathBuf::from)
                .or_else(|| home.as_ref().map(|home| home.join(".mix"))),
            no_color: var("NO_COLOR").is_some() || var("TERM").is_some_and(|term| term == "dumb"),
            stdin_is_terminal: std::io::stdin().is_terminal(),
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
            cwd,
        })
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_unix_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
}

/// The value of a variable named in the configuration (`env:NAME`).
pub(crate) fn named_variable(name: &str) -> Option<String> {
    var(name).and_then(|value| value.into_string().ok())
}

/// A set and non-empty variable.
fn var(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn text(name: &str) -> Result<Option<String>, Error> {
    match var(name).map(OsString::into_string) {
        None => Ok(None),
        Some(Ok(value)) => Ok(Some(value)),
        Some(Err(_)) => Err(Error::usage(
            format!("{name} is not UTF-8"),
            format!("set {name} again or unset it"),
        )),
    }
}

/// The zone times are shown in.
pub(crate) fn time_zone() -> jiff::tz::TimeZone {
    jiff::tz::TimeZone::system()
}
