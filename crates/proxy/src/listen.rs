//! Accepts connections, as many as there are places.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_model::telemetry::{self, Metric};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::{Shared, serve};
use crate::slots::Slots;

/// So long the listener rests when the machine is out of file descriptors: connections that end meanwhile free some.
const REST: Duration = Duration::from_millis(100);

/// Accepts until the proxy closes. Each connection has its own task, which ends when `ended` is cancelled at the latest.
pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>, tasks: TaskTracker, ended: CancellationToken) {
    let slots = Slots::new(shared.limits.connections, shared.limits.connections_per_peer);
    loop {
        let accepted = tokio::select! {
            () = shared.closing.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        let slot = match slots.take(peer.ip()) {
            Ok(slot) => slot,
            Err(full) => {
                telemetry::count(Metric::ProxyRefused, &[("reason", full.as_str())]);
                continue;
            }
        };
        let slots = slots.clone();
        open(&slots);
        let (shared, ended) = (shared.clone(), ended.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = ended.cancelled() => {}
                () = serve(stream, peer, shared) => {}
            }
            drop(slot);
            open(&slots);
        });
    }
}

fn open(slots: &Slots) {
    // Far below 2^52.
    #[allow(clippy::cast_precision_loss, reason = "a number of connections")]
    telemetry::set(Metric::ProxyConnectionsOpen, slots.total() as f64, &[]);
}
