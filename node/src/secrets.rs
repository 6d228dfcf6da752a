//! The node's only look at the environment and at secret files, for references in the configuration.

use aiex_llm::{SecretRef, SecretString};

/// Resolves `env:NAME` and `file:PATH`, or says why not in words safe to show.
#[allow(
    clippy::disallowed_methods,
    reason = "the rim's one place to read a secret from the environment"
)]
pub(crate) fn resolve(reference: &SecretRef) -> Result<SecretString, String> {
    match reference {
        SecretRef::Env(name) => std::env::var(name)
            .map(SecretString::from)
            .map_err(|_| format!("the environment variable {name} is not set")),
        SecretRef::File(path) => std::fs::read_to_string(path)
            .map(|text| SecretString::from(text.trim().to_owned()))
            .map_err(|error| format!("{path}: {error}")),
    }
}
