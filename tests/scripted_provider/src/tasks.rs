//! The one background task of this crate.

use axum::Router;
use axum::serve::ListenerExt;
use std::future::IntoFuture;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Task `scripted-provider`: accepts and answers until `stop` is sent or dropped, then finishes what
/// is under way. Owned by [`crate::ScriptedProvider`].
#[expect(clippy::disallowed_methods, reason = "this is the crate's tasks.rs")]
pub(crate) fn serve(
    listener: TcpListener,
    app: Router,
    stop: oneshot::Receiver<()>,
) -> JoinHandle<()> {
    // without it small frames wait for acknowledgements; a socket that refuses is still usable
    let listener = listener.tap_io(|stream| {
        let _set = stream.set_nodelay(true);
    });
    let serving = axum::serve(listener, app).with_graceful_shutdown(async {
        let _stopped = stop.await;
    });
    tokio::spawn(async move {
        // accept errors are retried inside; there is nobody to tell about the rest
        let _served = serving.into_future().await;
    })
}
