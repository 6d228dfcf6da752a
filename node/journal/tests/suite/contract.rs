//! The contract that the store in memory passes, too.

use crate::node::{Node, session};
use aiex_session::contract::event_store_contract;

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_passes_the_contract_of_event_stores() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path()).await;
    let mut next = 0;
    let fresh = || {
        next += 1;
        session(next)
    };
    assert_eq!(event_store_contract(&node.store, fresh).await, Ok(()));
    node.stop().await;
}
