//! File texts, the recently used ones in memory.

use crate::Error;
use crate::contents::{ContentHash, Contents};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use std::sync::Arc;

/// Reads contents as text; shared by the store and its indexes.
pub(crate) struct Texts {
    contents: Contents,
    hot: Cache<ContentHash, Arc<str>>,
}

/// What reading a content came to.
pub(crate) enum TextRead {
    Text(Arc<str>),
    /// There, but not UTF-8.
    Binary,
    Missing,
}

impl Texts {
    pub(crate) fn new(contents: Contents, hot_limit_bytes: u64) -> Self {
        let weigh = |_: &ContentHash, text: &Arc<str>| {
            u32::try_from(text.len())
                .unwrap_or(u32::MAX)
                .saturating_add(64)
        };
        let hot = Cache::builder()
            .max_capacity(hot_limit_bytes)
            .weigher(weigh)
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self { contents, hot }
    }

    pub(crate) fn contents(&self) -> &Contents {
        &self.contents
    }

    pub(crate) fn hot_bytes(&self) -> u64 {
        self.hot.weighted_size()
    }

    pub(crate) fn read(&self, hash: &ContentHash) -> Result<TextRead, Error> {
        if let Some(text) = self.hot.get(hash) {
            return Ok(TextRead::Text(text));
        }
        let Some(bytes) = self.contents.get(hash)? else {
            return Ok(TextRead::Missing);
        };
        let Ok(text) = String::from_utf8(bytes) else {
            return Ok(TextRead::Binary);
        };
        let text: Arc<str> = text.into();
        self.hot.insert(*hash, Arc::clone(&text));
        Ok(TextRead::Text(text))
    }
}
