//! Work spread over a few plain threads that end with it. For blocking callers only.

use crate::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Deeply nested source makes deep recursion; the default of 2 MiB is too little for it.
const STACK_BYTES: usize = 32 << 20;

/// Maps items with at most `threads` threads; results are in the order of the items. The first
/// error in that order wins. A panic of the work becomes an error.
pub(crate) fn map<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Result<R, Error>)>> = Mutex::new(Vec::with_capacity(items.len()));
    let run = || {
        while let Some((at, item)) = claim(items, &next) {
            let result = work(item);
            done.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((at, result));
        }
    };
    thread::scope(|scope| {
        let mut started = Vec::new();
        for number in 0..threads.clamp(1, items.len().max(1)) {
            let builder = thread::Builder::new()
                .name(format!("analysis-{number}"))
                .stack_size(STACK_BYTES);
            started.push(builder.spawn_scoped(scope, run).map_err(stopped)?);
        }
        for worker in started {
            worker
                .join()
                .map_err(|_| stopped("a file could not be analysed"))?;
        }
        Ok(())
    })?;
    let mut results = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_unstable_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

fn claim<'i, T>(items: &'i [T], next: &AtomicUsize) -> Option<(usize, &'i T)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    items.get(at).map(|item| (at, item))
}

fn stopped(reason: impl ToString) -> Error {
    Error::Indexing {
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_their_order_and_failures_are_errors() {
        let items: Vec<usize> = (0..500).collect();
        assert_eq!(map(&items, 4, |item| Ok(item * 2)).unwrap()[499], 998);
        assert!(map(&[] as &[u8], 4, |_| Ok(())).unwrap().is_empty());
        let failed = map(&items, 4, |item| match item {
            7 | 300 => Err(stopped(item)),
            _ => Ok(()),
        });
        assert_eq!(failed.unwrap_err().to_string(), "indexing stopped: 7");
        let panicked = map(&items, 2, |item| {
            if *item == 3 {
                panic!("on purpose")
            } else {
                Ok(())
            }
        });
        assert!(matches!(panicked, Err(Error::Indexing { .. })));
    }
}
