//! What the log needs of a disk: an ordered map with atomic batches and one sync.

use crate::Error;

/// The two key spaces of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// Entries: `group u16 BE ‖ index u64 BE`.
    Entries,
    /// Votes and positions: `group u16 BE ‖ tag u8`, and the round at one fixed key.
    Meta,
}

/// One change of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Sets a key.
    Put(Space, Vec<u8>, Vec<u8>),
    /// Removes the keys from the first (included) to the second (excluded).
    DeleteRange(Space, Vec<u8>, Vec<u8>),
}

/// Sees one pair of a scan; says whether to go on.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<bool, Error> + 'a;

/// A disk under the log. Only the writer's thread writes; any thread may read.
pub trait LogMedium: Send + Sync + 'static {
    /// Applies `batch` as a whole: readable on return, durable after the next [`LogMedium::sync`].
    ///
    /// # Errors
    /// [`Error::DiskFull`] or [`Error::Io`]; the batch may then be there in part.
    fn write(&self, batch: &[Change]) -> Result<(), Error>;

    /// Makes everything written so far survive a crash of the machine.
    ///
    /// # Errors
    /// [`Error::Io`]; what was written since the last sync may then be lost.
    fn sync(&self) -> Result<(), Error>;

    /// Returns the value of `key`.
    ///
    /// # Errors
    /// [`Error::Io`] when the disk fails.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;

    /// Visits the pairs from `from` (included) to `to` (excluded) in order until `visit` returns `false`.
    ///
    /// # Errors
    /// [`Error::Io`] when the disk fails, or what `visit` returns.
    fn scan(
        &self,
        space: Space,
        from: &[u8],
        to: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), Error>;
}
