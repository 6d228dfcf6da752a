//! The names of this crate's metrics.

/// Analyses asked for, by `tier`: `hot`, `warm` (from disk) or `computed`.
pub(crate) const ANALYSES_TOTAL: &str = "aiex_context_analyses_total";
/// Time to make a project's index, hits of the hot tier left out.
pub(crate) const INDEX_SECONDS: &str = "aiex_context_index_seconds";
/// Time of one search.
pub(crate) const SEARCH_SECONDS: &str = "aiex_context_search_seconds";
/// Memory of the hot tier, by `kind`: `files` or `texts`.
pub(crate) const HOT_BYTES: &str = "aiex_context_hot_bytes";
/// Disk of the store, by `kind`: `contents` or `analyses`.
pub(crate) const DISK_BYTES: &str = "aiex_context_disk_bytes";
/// Tokens of assembled prompts.
pub(crate) const PROMPT_TOKENS: &str = "aiex_context_prompt_tokens";

pub(crate) const TIER_HOT: &str = "hot";
pub(crate) const TIER_WARM: &str = "warm";
pub(crate) const TIER_COMPUTED: &str = "computed";
