//! All queues together.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_config::SdkConfig;
use aws_event_cache_clock::Clock;
use aws_event_cache_model::Region;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::address::QueueAddress;
use crate::aws::{self, AwsQueue};
use crate::batch::Accept;
use crate::lane::Lane;
use crate::settings::{QueueSettings, SettingsError};
use crate::stats::{Board, QueueStats};

struct Configured {
    settings: QueueSettings,
    address: QueueAddress,
    region: Region,
    board: Arc<Board>,
}

/// Consumes from several queues until it is told to stop. See the crate's page for what it promises.
pub struct Consumer {
    queues: Vec<Configured>,
    accept: Arc<dyn Accept>,
    clock: Clock,
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let urls: Vec<_> = self.queues.iter().map(|queue| &queue.settings.url).collect();
        f.debug_struct("Consumer").field("queues", &urls).finish_non_exhaustive()
    }
}

/// Shows how the queues are doing, also while the consumer runs. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Stats(Arc<[Arc<Board>]>);

impl Stats {
    /// Every queue, in the order of the configuration.
    pub fn queues(&self) -> Vec<QueueStats> {
        self.0.iter().map(|board| board.read()).collect()
    }
}

impl Consumer {
    /// Checks the settings of all queues. Nothing is called yet.
    ///
    /// # Errors
    /// Everything that is wrong with any of them, at once.
    pub fn new(queues: Vec<QueueSettings>, accept: Arc<dyn Accept>, clock: Clock) -> Result<Self, Vec<SettingsError>> {
        let mut errors = Vec::new();
        let mut seen = BTreeSet::new();
        let mut configured = Vec::new();
        for settings in queues {
            if !seen.insert(settings.url.clone()) {
                errors.push(SettingsError::Twice { url: settings.url });
                continue;
            }
            match settings.check() {
                Ok((address, region)) => {
                    let board = Arc::new(Board::new(settings.url.clone(), region.clone()));
                    configured.push(Configured { settings, address, region, board });
                }
                Err(more) => errors.extend(more),
            }
        }
        if errors.is_empty() { Ok(Self { queues: configured, accept, clock }) } else { Err(errors) }
    }

    /// To be kept for `status`.
    pub fn stats(&self) -> Stats {
        Stats(self.queues.iter().map(|queue| Arc::clone(&queue.board)).collect())
    }

    /// Consumes from all queues until `shutdown` resolves; returns when the batches under way have ended, at most about ten seconds later.
    ///
    /// Credentials are those of AWS's default chain (environment, profile, web identity, container, instance). Dropped instead, it stops in the middle, and the
    /// messages come back after their visibility timeout.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let stop = CancellationToken::new();
        let consume = async {
            if let Some(first) = self.queues.first() {
                let base = aws::base(&first.region).await;
                self.run_with(&base, stop.clone()).await;
            }
        };
        let announce = async {
            shutdown.await;
            stop.cancel();
        };
        // With no queue at all it still waits for the shutdown, as its callers expect of a service.
        tokio::join!(consume, announce);
    }

    /// As [`run`](Self::run), with a configuration that is at hand.
    pub(crate) async fn run_with(&self, base: &SdkConfig, stop: CancellationToken) {
        let mut lanes = JoinSet::new();
        for queue in &self.queues {
            let client = AwsQueue::connect(base, &queue.settings, &queue.region).await;
            let lane = Lane {
                queue: Arc::new(client),
                accept: Arc::clone(&self.accept),
                board: Arc::clone(&queue.board),
                clock: self.clock.clone(),
                url: queue.settings.url.clone(),
                region: queue.region.clone(),
                account: queue.address.account.clone(),
                visibility: queue.settings.visibility,
                batches: queue.settings.batches,
                stop: stop.clone(),
            };
            lanes.spawn(lane.run());
        }
        while let Some(ended) = lanes.join_next().await {
            if let Err(error) = ended {
                // One queue's fault is no reason to stop the others.
                tracing::error!(%error, "a queue is no longer consumed");
            }
        }
    }
}
