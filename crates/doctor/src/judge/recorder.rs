//! AWS Config: a second opinion, so its absence is no fault; but one that is meant for us and does not run is.

use super::aws::{can_look, unseen, without_credentials};
use crate::codes;
use crate::facts::{Facts, RecorderFacts};
use crate::finding::{Finding, Hop};

pub(super) fn recorders(facts: &Facts) -> Vec<Finding> {
    if !can_look(facts) {
        return vec![without_credentials(Hop::Recorder)];
    }
    let of = |place: &crate::facts::PlaceFacts| {
        let finding = match &place.recorder {
            Err(why) => unseen(Hop::Recorder, why)?,
            Ok(recorder) => of_recorder(recorder, &facts.feeds),
        };
        Some(finding.of(facts.title(&place.place)))
    };
    facts.places.iter().filter_map(of).collect()
}

fn of_recorder(recorder: &RecorderFacts, feeds: &[String]) -> Finding {
    let hop = Hop::Recorder;
    let Some(name) = &recorder.name else {
        let why = "AWS Config does not record here; it is optional, EventBridge tells of changes sooner";
        return Finding::skipped(hop, codes::RECORDER_ABSENT, why);
    };
    let Some(topic) = recorder.topic.as_ref().filter(|topic| feeds.contains(topic)) else {
        let to = recorder.topic.as_deref().unwrap_or("no topic");
        let why = format!("recorder {name} delivers to {to}, which the service does not listen to; optional");
        return Finding::skipped(hop, codes::RECORDER_ELSEWHERE, why);
    };
    if !recorder.recording {
        let todo = format!("aws configservice start-configuration-recorder --configuration-recorder-name {name}");
        return Finding::broken(hop, codes::RECORDER_STOPPED, format!("recorder {name} is stopped"), todo);
    }
    if let Some(why) = &recorder.failure {
        let todo = "look at the recorder's role and its bucket";
        return Finding::broken(hop, codes::RECORDER_FAILING, format!("recorder {name} failed last: {why}"), todo);
    }
    if let Some(why) = &recorder.delivery_failure {
        let todo = "let config.amazonaws.com, or the recorder's role, publish to the topic";
        return Finding::broken(
            hop,
            codes::DELIVERY_FAILING,
            format!("the last delivery to {topic} failed: {why}"),
            todo,
        );
    }
    Finding::good(hop, codes::RECORDER_DELIVERS, format!("recorder {name} records and delivers to {topic}"))
}
