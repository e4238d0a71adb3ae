//! What the drive arm may do, as it can change while we run.

use std::sync::Arc;

use async_trait::async_trait;
use aws_event_cache_clock::Clock;
use aws_event_cache_model::seam::{Drive, DriveError};
use aws_event_cache_model::{AgentName, AgentSeen, DriveMode, Hold, Means, Outcome, RefreshRequest};
use tokio::sync::watch;

/// A drive arm under a switch. In `enforce` everything goes through; in `observe` and `off` locks are looked at and nothing is touched, but holds that are to be
/// given back: a predecessor, or we ourselves before the switch was turned, may have left some.
pub struct Moded<D> {
    drive: Arc<D>,
    mode: watch::Receiver<DriveMode>,
    clock: Clock,
}

impl<D: Drive> Moded<D> {
    /// Over the drive arm that acts.
    pub fn new(drive: Arc<D>, mode: watch::Receiver<DriveMode>, clock: Clock) -> Self {
        Self { drive, mode, clock }
    }

    fn acts(&self) -> bool {
        *self.mode.borrow() == DriveMode::Enforce
    }
}

#[async_trait]
impl<D: Drive> Drive for Moded<D> {
    /// Unless it may act, reports what would have been done.
    async fn refresh(&self, request: &RefreshRequest) -> Outcome {
        if self.acts() {
            return self.drive.refresh(request).await;
        }
        tracing::info!(
            agent = %request.agent.name,
            class = request.class.as_str(),
            cause = request.cause.event.as_str(),
            causes = request.causes,
            "only watching: this agent would have been run"
        );
        let now = self.clock.now();
        Outcome::Refreshed { started: now, ended: now, means: Means::WouldForce }
    }

    async fn survey(&self, agents: &[AgentName]) -> Result<Vec<AgentSeen>, DriveError> {
        self.drive.survey(agents).await
    }

    /// Unless it may act, gives back what is still held: holds are renewed by the drive arm itself, so leaving them alone would keep them.
    async fn hold(&self, holds: &[Hold]) -> Result<(), DriveError> {
        self.drive.hold(if self.acts() { holds } else { &[] }).await
    }

    async fn release_all(&self) -> Result<(), DriveError> {
        self.drive.release_all().await
    }
}
