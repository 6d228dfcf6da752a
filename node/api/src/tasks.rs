//! Every task the edge starts.

use crate::rooms::Rooms;
use std::future::Future;

/// Reads one client's frames. Owner: the attachment. Ends: the client's half closes, or the session lets go.
pub(crate) fn client_frames(rooms: &Rooms, work: impl Future<Output = ()> + Send + 'static) {
    let stopping = rooms.stopping();
    rooms.tracker.spawn(async move {
        tokio::select! {
            () = stopping.cancelled() => {}
            () = work => {}
        }
    });
}
