//! Analyses of single files in three tiers: in memory, on disk, or made anew from the content.
//!
//! The key is path *and* content: an analysis names its path, so equal contents at two paths are
//! two analyses. What analysis itself would answer differently now is never read from disk.

use crate::Error;
use crate::contents::{ContentHash, HashFolder};
use crate::metrics::{ANALYSES_TOTAL, TIER_COMPUTED, TIER_HOT, TIER_WARM};
use crate::postings::FilePostings;
use aiex_analysis::{FileAnalysis, analyze_file};
use metrics::counter;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use std::path::PathBuf;
use std::sync::Arc;

/// Raised when the stored form changes.
const FORMAT_VERSION: u32 = 1;
const KEY_CONTEXT: &str = "aiex 2026 file analysis key v1";
/// The largest stored analysis; above it a file is simply analysed again.
const STORED_BYTES_MAX: u64 = 64 << 20;

/// A little of everything; when its analysis changes, stored ones are stale.
const SAMPLE: &str = r#"
defmodule Sample.Shop do
  @moduledoc "A shop."
  use GenServer, restart: :transient
  alias Sample.{Cart, Order}
  import Enum, only: [map: 2]
  @type t :: %__MODULE__{a: integer}
  @callback run(term) :: :ok
  defstruct [:a, b: 1]
  @doc "Adds."
  @spec add(t, integer) :: t
  def add(shop, n \\ 1)
  def add(%{a: a} = shop, n) when n > 0, do: %{shop | a: a + n} |> Cart.put(&Order.new/1)
  defp help(x), do: map(x, fn y -> apply(Order, :new, [y]) end)
  defdelegate total(cart), to: Cart
  defmacro m(x), do: quote(do: unquote(x))
  defimpl String.Chars do
    def to_string(_), do: raise ArgumentError, "no"
  end
end
defmodule Sample.ShopTest do
  use ExUnit.Case
  setup do: :ok
  describe "add" do
    test "adds", do: assert Sample.Shop.add(%Sample.Shop{a: 1}).a == 2
  end
end
"#;

/// A file's analysis and its searchable form.
pub(crate) struct IndexedFile {
    pub(crate) analysis: Arc<FileAnalysis>,
    pub(crate) postings: FilePostings,
}

impl IndexedFile {
    fn new(analysis: FileAnalysis, text: &str) -> Self {
        let postings = FilePostings::build(&analysis, text);
        Self {
            analysis: Arc::new(analysis),
            postings,
        }
    }

    /// Estimates the memory; chunks and calls are mostly short strings.
    pub(crate) fn size_bytes(&self) -> usize {
        const CHUNK_BYTES: usize = 600;
        const CALL_BYTES: usize = 250;
        const MODULE_BYTES: usize = 2_000;
        let analysis = &self.analysis;
        self.postings.size_bytes()
            + analysis.chunks.len() * CHUNK_BYTES
            + analysis.calls.len() * CALL_BYTES
            + analysis.modules.len() * MODULE_BYTES
    }
}

/// The three tiers.
pub(crate) struct Analyses {
    hot: Cache<ContentHash, Arc<IndexedFile>>,
    warm: HashFolder,
    warm_limit_bytes: u64,
    rules: ContentHash,
}

impl Analyses {
    pub(crate) fn open(
        root: PathBuf,
        hot_limit_bytes: u64,
        warm_limit_bytes: u64,
    ) -> Result<Self, Error> {
        let weigh = |_: &ContentHash, file: &Arc<IndexedFile>| {
            u32::try_from(file.size_bytes()).unwrap_or(u32::MAX)
        };
        Ok(Self {
            hot: Cache::builder()
                .max_capacity(hot_limit_bytes)
                .weigher(weigh)
                // plain LRU: the default policy may refuse what was just made
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            warm: HashFolder::open(root)?,
            warm_limit_bytes,
            rules: rules_fingerprint()?,
        })
    }

    pub(crate) fn folder(&self) -> &HashFolder {
        &self.warm
    }

    /// Memory of the hot tier, as of its last maintenance.
    pub(crate) fn hot_bytes(&self) -> u64 {
        self.hot.weighted_size()
    }

    /// Gives what is hot; never waits.
    pub(crate) fn hot(&self, path: &str, hash: &ContentHash) -> Option<Arc<IndexedFile>> {
        let found = self.hot.get(&self.key(path, hash));
        if found.is_some() {
            counter!(ANALYSES_TOTAL, "tier" => TIER_HOT).increment(1);
        }
        found
    }

    /// Gives the analysis from disk, or makes and stores it.
    pub(crate) fn load(
        &self,
        path: &str,
        hash: &ContentHash,
        text: &str,
    ) -> Result<Arc<IndexedFile>, Error> {
        let key = self.key(path, hash);
        let (tier, analysis) = match self.stored(&key, path)? {
            Some(analysis) => (TIER_WARM, analysis),
            None => (TIER_COMPUTED, self.computed(&key, path, text)?),
        };
        counter!(ANALYSES_TOTAL, "tier" => tier).increment(1);
        let file = Arc::new(IndexedFile::new(analysis, text));
        self.hot.insert(key, Arc::clone(&file));
        Ok(file)
    }

    /// Gives the name under which the analysis of `path` with content `hash` is stored.
    pub(crate) fn key(&self, path: &str, hash: &ContentHash) -> ContentHash {
        let mut hasher = blake3::Hasher::new_derive_key(KEY_CONTEXT);
        hasher.update(&self.rules);
        hasher.update(hash);
        hasher.update(path.as_bytes());
        *hasher.finalize().as_bytes()
    }

    fn stored(&self, key: &ContentHash, path: &str) -> Result<Option<FileAnalysis>, Error> {
        let Some(bytes) = self.warm.get(key, STORED_BYTES_MAX)? else {
            return Ok(None);
        };
        match serde_json::from_slice::<FileAnalysis>(&bytes) {
            Ok(analysis) if analysis.path == path => Ok(Some(analysis)),
            _ => {
                self.warm.remove(key);
                Ok(None)
            }
        }
    }

    fn computed(&self, key: &ContentHash, path: &str, text: &str) -> Result<FileAnalysis, Error> {
        let analysis = analyze_file(path, text);
        let room = self.warm.used_bytes() < self.warm_limit_bytes;
        if room
            && let Ok(bytes) = serde_json::to_vec(&analysis)
            && (bytes.len() as u64) < STORED_BYTES_MAX
        {
            self.warm.put(key, &bytes)?;
        }
        Ok(analysis)
    }
}

/// Names the rules of analysis by what they make of a sample.
fn rules_fingerprint() -> Result<ContentHash, Error> {
    let analysis = analyze_file("sample.ex", SAMPLE);
    let bytes = serde_json::to_vec(&analysis).map_err(|error| Error::Indexing {
        reason: error.to_string(),
    })?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&FORMAT_VERSION.to_le_bytes()).update(&bytes);
    Ok(*hasher.finalize().as_bytes())
}
