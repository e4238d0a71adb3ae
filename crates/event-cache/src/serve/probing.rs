//! Between control API and intake: probes, by which `doctor` sees whether the way to the service is open.

use std::sync::Arc;

use aws_event_cache_api as api;
use aws_event_cache_intake as intake;
use aws_event_cache_intake::Intake;

/// Opens and shows the intake's probes.
pub(super) fn probing(intake: &Arc<Intake>) -> api::Probing {
    let (opens, looks) = (Arc::clone(intake), Arc::clone(intake));
    api::Probing {
        open: Arc::new(move || shown(opens.open_probe())),
        look: Arc::new(move |id| looks.probe(id).map(shown)),
    }
}

fn shown(probe: intake::Probe) -> api::Probe {
    let sighting = |sighting: &intake::Sighting| api::Sighting {
        at: sighting.at.to_string(),
        source: sighting.source.as_str().to_owned(),
        accepted: sighting.accepted,
    };
    api::Probe {
        opened: probe.opened.to_string(),
        sightings: probe.sightings.iter().map(sighting).collect(),
        id: probe.id,
    }
}
