//! Where a provider's key is, not the key: `env:NAME` or `file:PATH`.
//!
//! The caller resolves it, because this crate reads neither the environment nor files.

use crate::error::Error;
pub use secrecy::SecretString;
use std::str::FromStr;

/// A reference to a secret, safe to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// The environment variable of that name.
    Env(String),
    /// The trimmed content of that file.
    File(String),
}

impl FromStr for SecretRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.to_owned())),
            // the text itself is not repeated: it may be a key somebody pasted here
            _ => Err("a key is given by reference: \"env:NAME\" or \"file:PATH\"".to_owned()),
        }
    }
}

/// Turns a reference into the secret.
pub trait SecretResolver {
    /// Gives the secret, or why there is none, in words safe to show.
    fn resolve(&self, reference: &SecretRef) -> Result<SecretString, String>;
}

impl<F> SecretResolver for F
where
    F: Fn(&SecretRef) -> Result<SecretString, String>,
{
    fn resolve(&self, reference: &SecretRef) -> Result<SecretString, String> {
        self(reference)
    }
}

/// Resolves the key of the provider at `key_path`.
pub(crate) fn resolve(
    reference: &str,
    key_path: &str,
    secrets: &dyn SecretResolver,
) -> Result<SecretString, Error> {
    let parsed: SecretRef = reference
        .parse()
        .map_err(|message: String| Error::config(key_path, message))?;
    secrets.resolve(&parsed).map_err(|why| {
        Error::config(key_path, format!("{key_path}: {why}"))
            .with_hint("set the variable or create the file, readable by the node only")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_key_is_refused_and_not_repeated() {
        let message = "sk-live-abc".parse::<SecretRef>().unwrap_err();
        assert!(!message.contains("abc"), "{message}");
        assert_eq!("env:KEY".parse(), Ok(SecretRef::Env("KEY".into())));
        assert_eq!("file:/a:b".parse(), Ok(SecretRef::File("/a:b".into())));
        assert!("env:".parse::<SecretRef>().is_err());
    }
}
