//! One refresh of one agent, carried out: looks go into the state machine of [`crate::run`], and what it wants is done.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_event_cache_clock::Clock;
use aws_event_cache_model::{Agent, AgentName, Outcome, RefreshRequest, Timestamp};

use crate::lock::{Lock, Timing};
use crate::run::{Action, Input, Run};
use crate::watcher::{Looks, Watcher};

/// Time between two questions about a run whose end its lock cannot tell. The answer is long, and the alternative is to wait a minute.
const CONFIRM_EVERY: Duration = Duration::from_secs(3);

/// A way to look at agents and to have them run: their locks, or the plugin.
#[async_trait]
pub(crate) trait Way: Send + Sync {
    /// What is looked at.
    type Source: Looks;

    /// Who looks.
    fn watcher(&self) -> &Arc<Watcher<Self::Source>>;

    /// What must be remembered from look to look of one refresh.
    type Story: Default + Send;

    /// What a look means.
    fn input(
        &self,
        agent: &Agent,
        sight: <Self::Source as Looks>::Sight,
        asked: Timestamp,
        story: &mut Self::Story,
    ) -> Input;

    /// Has an agent run that was seen to wait; `seen` is what was seen of it.
    async fn release(&self, request: &RefreshRequest, seen: &Lock, story: &mut Self::Story) -> Input;

    /// When a run that has ended started, where something else than looks can tell.
    async fn confirmed(&self, _agent: &AgentName) -> Option<Timestamp> {
        None
    }
}

/// Sees to it that the agent runs once, starting at or after `request.since`, and waits until that run has ended.
pub(crate) async fn refresh<W: Way>(way: &W, request: &RefreshRequest, clock: &Clock) -> Outcome {
    let agent = &request.agent;
    let mut run = Run::new(request.since, Timing::from(&**agent));
    let mut looks = way.watcher().watch(&agent.name);
    let (mut story, mut confirm_at) = (W::Story::default(), Timestamp::MIN);
    loop {
        let (asked, sight) = looks.next().await;
        let input = match sight {
            Err(why) => Input::Unreadable(why),
            Ok(sight) => way.input(agent, sight, asked, &mut story),
        };
        let mut action = run.step(input, clock.now());
        if let Action::Release(seen) = &action {
            let answer = way.release(request, seen, &mut story).await;
            looks.restart();
            action = run.step(answer, clock.now());
        }
        if !matches!(action, Action::End(_)) && run.wants_confirmation() && clock.now() >= confirm_at {
            if let Some(started) = way.confirmed(&agent.name).await {
                action = run.step(Input::Confirmed { started }, clock.now());
            }
            confirm_at = clock.now().saturating_add(CONFIRM_EVERY).unwrap_or(Timestamp::MAX);
        }
        if let Action::End(outcome) = action {
            return outcome;
        }
    }
}
