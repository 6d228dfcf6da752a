//! Every task this crate spawns.
//!
//! | task | owner | ends |
//! |---|---|---|
//! | watch | [`crate::Service`] | when the service is stopped, dropped or has left |
//! | resolve seeds | watch | with its owner, or at once when no seed is a name |
//! | claim a generation (blocking) | the caller's future | with the file written |
//!
//! The gossip library spawns its own task; [`crate::gossip::Gossip`] owns it, and it ends with that.

use std::{collections::BTreeSet, io, net::SocketAddr, path::PathBuf, sync::Arc};

use tokio::{
    sync::watch,
    task::{JoinHandle, spawn_blocking},
};

use crate::{
    Error, Resolve,
    generation::{Claimed, claim},
    seeds::{Seed, keep_resolving},
};

/// A task that is aborted with its owner.
#[derive(Debug)]
pub(crate) struct Owned(JoinHandle<()>);

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[allow(clippy::disallowed_methods, reason = "the one file that spawns")]
pub(crate) fn spawn_watch(work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(work)
}

#[allow(clippy::disallowed_methods, reason = "the one file that spawns")]
pub(crate) fn spawn_resolver(
    seeds: Vec<Seed>,
    resolver: Arc<dyn Resolve>,
    found: watch::Sender<BTreeSet<SocketAddr>>,
    alone: watch::Receiver<bool>,
) -> Owned {
    Owned(tokio::spawn(keep_resolving(seeds, resolver, found, alone)))
}

pub(crate) async fn claim_generation(
    path: PathBuf,
    now_unix_ms: u64,
    floor: u64,
) -> Result<Claimed, Error> {
    let file = path.clone();
    let claimed = spawn_blocking(move || claim(&file, now_unix_ms, floor)).await;
    claimed.unwrap_or_else(|_| {
        Err(Error::Generation {
            path,
            source: io::Error::other("writing it was interrupted"),
        })
    })
}
