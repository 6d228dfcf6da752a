//! The contract, on an executor of a few lines.

use super::MemoryStore;
use crate::contract::event_store_contract;
use crate::ids::SessionId;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn it_passes_the_contract() {
    let mut next = 0u8;
    let fresh = || {
        next += 1;
        SessionId::from_bytes([next; 16])
    };
    let outcome = block_on(event_store_contract(&MemoryStore::new(), fresh));
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_waiter_on_another_thread_is_woken() {
    let store = Arc::new(MemoryStore::new());
    let session = SessionId::from_bytes([7; 16]);
    let waiter = {
        let store = Arc::clone(&store);
        std::thread::spawn(move || block_on(crate::EventStore::wait_beyond(&*store, session, 0)))
    };
    let append = crate::Append {
        session,
        expected: crate::ExpectedSeq::Any,
        request_id: "r".to_owned(),
        actor: "node".to_owned(),
        at_unix_ms: 0,
        events: vec![crate::Event::SessionArchived],
    };
    block_on(crate::EventStore::append(&*store, append)).unwrap();
    assert_eq!(waiter.join().unwrap(), Ok(1));
}
