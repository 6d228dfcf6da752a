//! Names of what this crate counts. Labels are route targets only, so cardinality is bounded.

/// Calls to providers by target and outcome code ("ok", or an error's code).
pub(crate) const ATTEMPTS_TOTAL: &str = "aiex_llm_attempts_total";
/// Milliseconds from the start of an attempt to its first real output.
pub(crate) const FIRST_OUTPUT_MS: &str = "aiex_llm_first_output_ms";
/// Tokens by target and direction ("input", "output", "cache_read", "cache_write").
pub(crate) const TOKENS_TOTAL: &str = "aiex_llm_tokens_total";
/// Second and later attempts of a call.
pub(crate) const RETRIES_TOTAL: &str = "aiex_llm_retries_total";
