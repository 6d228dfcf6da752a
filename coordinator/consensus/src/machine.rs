//! The state machine that a group drives, and what it sees of its state.

/// Turns agreed entries into state. The same on every replica: no clock, no randomness, no files, no hash-map order.
///
/// It must not panic: an entry that panics would do so again at every restart, and stop its group.
pub trait ShardMachine: Send + Sync + 'static {
    /// Applies one proposal and returns the bytes its proposer gets.
    ///
    /// `index` is the position of the Raft entry; proposals that were batched together share it and are applied in
    /// order. `tx` shows the effects of everything applied before. Runs on a blocking thread.
    fn apply(&self, tx: &mut dyn StateTx, index: u64, entry: &[u8]) -> Vec<u8>;
}

/// Reads of a shard's state. A failing disk shows as "nothing there", and then fails the whole operation afterwards,
/// so code here needs no error path.
pub trait StateReader {
    /// Returns the value of `key`.
    fn get(&self, key: &[u8]) -> Option<Vec<u8>>;

    /// Returns at most `limit` pairs whose keys begin with `prefix` and are not below `start`, in key order.
    ///
    /// `start` is a whole key; an empty one means the first. To go on after a page, pass its last key with a zero byte
    /// added.
    fn scan_prefix(&self, prefix: &[u8], start: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)>;
}

/// State as an entry being applied sees and changes it. All changes of an entry take effect together.
pub trait StateTx: StateReader {
    /// Sets `key`.
    fn put(&mut self, key: &[u8], value: &[u8]);

    /// Removes `key`.
    fn delete(&mut self, key: &[u8]);
}
