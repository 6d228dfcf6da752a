//! Views of a replica's state that remember the first failure instead of returning it.

use std::{cell::OnceCell, collections::BTreeMap, ops::Bound};

use aiex_storage::{Error, Lookup, Pair, StateChange};

use crate::{StateReader, StateTx};

/// A view that only reads.
pub(crate) struct Reading<'a> {
    base: &'a dyn Lookup,
    failure: OnceCell<Error>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(base: &'a dyn Lookup) -> Self {
        Self {
            base,
            failure: OnceCell::new(),
        }
    }

    /// Returns the first failure, after which nothing that was read may be trusted.
    pub(crate) fn finish(self) -> Result<(), Error> {
        self.failure.into_inner().map_or(Ok(()), Err)
    }

    fn noted<T: Default>(&self, result: Result<T, Error>) -> T {
        result.unwrap_or_else(|error| {
            let _ = self.failure.set(error);
            T::default()
        })
    }
}

impl StateReader for Reading<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.noted(self.base.get(key))
    }

    fn scan_prefix(&self, prefix: &[u8], start: &[u8], limit: usize) -> Vec<Pair> {
        self.noted(self.base.scan(prefix, start, limit))
    }
}

/// A view with changes on top that are not written yet.
pub(crate) struct Writing<'a> {
    below: Reading<'a>,
    changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl<'a> Writing<'a> {
    pub(crate) fn new(base: &'a dyn Lookup) -> Self {
        Self {
            below: Reading::new(base),
            changes: BTreeMap::new(),
        }
    }

    /// Returns the changes, in key order, or the first failure.
    pub(crate) fn finish(self) -> Result<Vec<StateChange>, Error> {
        self.below.finish()?;
        let change = |(key, value)| match value {
            Some(value) => StateChange::Put(key, value),
            None => StateChange::Delete(key),
        };
        Ok(self.changes.into_iter().map(change).collect())
    }
}

impl StateReader for Writing<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        match self.changes.get(key) {
            Some(changed) => changed.clone(),
            None => self.below.get(key),
        }
    }

    fn scan_prefix(&self, prefix: &[u8], start: &[u8], limit: usize) -> Vec<Pair> {
        let mut found = Vec::new();
        let mut from = prefix.max(start).to_vec();
        while found.len() < limit {
            let wanted = limit - found.len();
            let page = self.below.scan_prefix(prefix, &from, wanted);
            // A full page hides what follows its last key; changes beyond it belong to the next page.
            let upto = (page.len() == wanted)
                .then(|| page.last().map(|(key, _)| key.clone()))
                .flatten();
            let mut merged: BTreeMap<Vec<u8>, Option<Vec<u8>>> =
                page.into_iter().map(|(k, v)| (k, Some(v))).collect();
            let end = upto.as_ref().map_or(Bound::Unbounded, Bound::Included);
            let changed = self
                .changes
                .range::<Vec<u8>, _>((Bound::Included(&from), end));
            for (key, value) in changed.take_while(|(key, _)| key.starts_with(prefix)) {
                merged.insert(key.clone(), value.clone());
            }
            let present = merged
                .into_iter()
                .filter_map(|(key, value)| Some((key, value?)));
            found.extend(present.take(wanted));
            match upto {
                Some(mut last) => {
                    last.push(0);
                    from = last;
                }
                None => break,
            }
        }
        found
    }
}

impl StateTx for Writing<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) {
        self.changes.insert(key.to_vec(), Some(value.to_vec()));
    }

    fn delete(&mut self, key: &[u8]) {
        self.changes.insert(key.to_vec(), None);
    }
}

#[cfg(test)]
mod tests {
    use aiex_storage::{GroupId, StateStore, state::SimState};
    use proptest::prelude::*;

    use super::*;

    struct Broken;

    impl Lookup for Broken {
        fn get(&self, _: &[u8]) -> Result<Option<Vec<u8>>, Error> {
            Err(Error::DiskFull)
        }
        fn scan(&self, _: &[u8], _: &[u8], _: usize) -> Result<Vec<Pair>, Error> {
            Err(Error::Io("no".to_owned()))
        }
    }

    #[test]
    fn the_first_failure_is_kept() {
        let view = Writing::new(&Broken);
        assert_eq!(view.get(b"a"), None);
        assert!(view.scan_prefix(b"", b"", 3).is_empty());
        assert!(matches!(view.finish(), Err(Error::DiskFull)));
    }

    proptest! {
        // The merged view must equal a plain map to which everything was applied.
        #[test]
        fn a_scan_sees_base_and_changes_as_one(
            base in prop::collection::btree_map("[ab]{1,3}", any::<u8>(), 0..12),
            changes in prop::collection::vec(("[ab]{1,3}", prop::option::of(any::<u8>())), 0..12),
            prefix in "[ab]{0,2}", start in "[ab]{0,3}", limit in 0usize..8,
        ) {
            let replica = SimState::default().replica(GroupId(1), 0).unwrap();
            let puts: Vec<_> = base.iter().map(|(k, v)| StateChange::Put(k.clone().into_bytes(), vec![*v])).collect();
            replica.write(&puts, b"m").unwrap();
            let mut model: BTreeMap<Vec<u8>, Vec<u8>> = base.into_iter().map(|(k, v)| (k.into_bytes(), vec![v])).collect();
            let mut tx = Writing::new(&*replica);
            for (key, value) in changes {
                match value {
                    Some(v) => { tx.put(key.as_bytes(), &[v]); model.insert(key.into_bytes(), vec![v]); }
                    None => { tx.delete(key.as_bytes()); model.remove(key.as_bytes()); }
                }
            }
            let want: Vec<Pair> = model.iter()
                .filter(|(k, _)| k.starts_with(prefix.as_bytes()) && k.as_slice() >= start.as_bytes())
                .take(limit).map(|(k, v)| (k.clone(), v.clone())).collect();
            prop_assert_eq!(tx.scan_prefix(prefix.as_bytes(), start.as_bytes(), limit), want);
            for key in model.keys() { prop_assert_eq!(tx.get(key), model.get(key).cloned()); }
        }
    }
}
