//! A shard's state as a plain map, for the tests of what reads and writes it.

use aiex_coordinator::{StateReader, StateTx};
use std::collections::BTreeMap;

#[derive(Default, Clone, PartialEq, Debug)]
pub(crate) struct Map(pub(crate) BTreeMap<Vec<u8>, Vec<u8>>);

impl StateReader for Map {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key).cloned()
    }

    fn scan_prefix(&self, prefix: &[u8], start: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let from = prefix.max(start).to_vec();
        let pairs = self
            .0
            .range(from..)
            .take_while(|(key, _)| key.starts_with(prefix));
        pairs
            .take(limit)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}

impl StateTx for Map {
    fn put(&mut self, key: &[u8], value: &[u8]) {
        self.0.insert(key.to_vec(), value.to_vec());
    }

    fn delete(&mut self, key: &[u8]) {
        self.0.remove(key);
    }
}
