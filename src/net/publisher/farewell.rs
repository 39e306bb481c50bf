//! How a connection is left in order: what is queued goes out, goodbye is said, our side is closed.

use std::pin::Pin;

use tokio::time::timeout;

use super::link::Link;
use crate::{media::clock::Clock, units::MediaTime};

/// A farewell under way.
pub(super) type Farewell = Pin<Box<dyn Future<Output = ()>>>;

/// Says goodbye behind what `link` still has to send, and closes it. Whoever does not take our goodbye by
/// `deadline` does without.
pub(super) fn farewell(link: Link, clock: Clock, deadline: MediaTime) -> Farewell {
    Box::pin(async move {
        let _ = timeout(clock.until(deadline), leave(link)).await;
    })
}

async fn leave(mut link: Link) {
    link.say_goodbye();
    while !link.has_ended() {
        if link.next_event().is_none() {
            link.step().await;
        }
    }
    if let Err(error) = link.close().await {
        tracing::debug!(peer = %link.peer, %error, "the server took no goodbye");
    }
    link.count_arrived();
}
