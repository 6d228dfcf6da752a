//! A machine that cannot hide an entry lost or applied twice: it adds.

use aiex_coordinator::{Error, Handle, ShardMachine, StateTx};
use bytes::Bytes;

/// Entry: `amount u64 LE ‖ key`; adds the amount to the key's total and answers the total.
pub(crate) struct Counter;

impl ShardMachine for Counter {
    fn apply(&self, tx: &mut dyn StateTx, _index: u64, entry: &[u8]) -> Vec<u8> {
        let (amount, key) = entry.split_first_chunk::<8>().expect("a counter entry");
        let before = tx
            .get(key)
            .map_or(0, |v| u64::from_le_bytes(v.try_into().expect("a total")));
        let total = (before + u64::from_le_bytes(*amount)).to_le_bytes();
        tx.put(key, &total);
        total.to_vec()
    }
}

pub(crate) fn entry(key: &str, amount: u64) -> Bytes {
    [&amount.to_le_bytes()[..], key.as_bytes()].concat().into()
}

pub(crate) async fn add(handle: &Handle, key: &str, amount: u64) -> Result<u64, Error> {
    let shard = handle.shard_of(key.as_bytes());
    let total = handle.propose(shard, entry(key, amount)).await?;
    Ok(u64::from_le_bytes(total[..].try_into().expect("a total")))
}

pub(crate) async fn count_of(handle: &Handle, key: &str) -> Result<u64, Error> {
    let owned = key.to_owned();
    let total = handle
        .read(handle.shard_of(key.as_bytes()), move |state| {
            state.get(owned.as_bytes())
        })
        .await?;
    Ok(total.map_or(0, |v| u64::from_le_bytes(v.try_into().expect("a total"))))
}
