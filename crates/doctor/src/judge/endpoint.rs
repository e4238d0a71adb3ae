//! The way in from outside, by a probe that only the running service knows, and the whole way from the topic.

use super::aws::{can_look, unseen, without_credentials};
use crate::codes;
use crate::facts::{EndpointFacts, Facts, ProbeFacts, ProbeOutcome, Unseen};
use crate::finding::{Finding, Hop};

/// What the service answers to a message without a signature.
const REFUSED: u16 = 403;

pub(super) fn endpoint(facts: &Facts) -> Vec<Finding> {
    vec![of_endpoint(&facts.endpoint, facts.service.status.is_ok())]
}

fn of_endpoint(endpoint: &EndpointFacts, service_answers: bool) -> Finding {
    let hop = Hop::Endpoint;
    if !endpoint.used {
        return Finding::skipped(hop, codes::ENDPOINT_NOT_USED, "the service takes no messages over HTTP");
    }
    let Some(url) = &endpoint.url else {
        let why = "intake.sns.publicUrl is not set, so it is not known where SNS posts to";
        return Finding::skipped(hop, codes::ENDPOINT_UNKNOWN, why);
    };
    match &endpoint.posted {
        None if service_answers => {
            let why = "the running service gives no probe: it is older than this program";
            Finding::skipped(hop, codes::NOT_LOOKED_AT, why)
        }
        None => {
            let why = "the service cannot be asked whether it sees a probe";
            Finding::skipped(hop, codes::NOT_LOOKED_AT, why)
        }
        Some(Err(why)) => Finding::broken(
            hop,
            codes::ENDPOINT_UNREACHABLE,
            format!("nothing answers at {url}: {why}"),
            "look at DNS, certificate, load balancer and network on the way; SNS needs a public address and a certificate of a public authority",
        ),
        Some(Ok(status)) if !endpoint.seen => Finding::broken(
            hop,
            codes::ENDPOINT_NOT_OURS,
            format!(
                "{url} answers {status}, but the running service has not seen the probe: somebody else answers there"
            ),
            "let the ingress path, the Gate plugin or the proxy lead to the service; with intake.relaySecret, Gate and the service must have the same secret, and only Gate reaches the endpoint",
        ),
        Some(Ok(REFUSED)) => Finding::good(
            hop,
            codes::ENDPOINT_REACHED,
            format!(
                "{url} leads to the running service: it saw the probe, and refused it as it refuses everything unsigned"
            ),
        ),
        Some(Ok(status)) => Finding::warning(
            hop,
            codes::ENDPOINT_STATUS,
            format!(
                "the probe reached the service, which answers {REFUSED}, but {url} answered {status}: something on the way changes statuses, by which SNS knows what to try again"
            ),
            "let the proxy pass statuses on as they are",
        ),
    }
}

pub(super) fn end_to_end(facts: &Facts) -> Vec<Finding> {
    let hop = Hop::EndToEnd;
    if !can_look(facts) {
        return vec![without_credentials(hop)];
    }
    if facts.end_to_end.is_empty() {
        return vec![Finding::skipped(hop, codes::NOT_LOOKED_AT, "no topic is listed in intake.sns.topics")];
    }
    facts.end_to_end.iter().filter_map(of_probe).collect()
}

fn of_probe(probe: &ProbeFacts) -> Option<Finding> {
    let hop = Hop::EndToEnd;
    let finding = match &probe.outcome {
        Err(Unseen::Missing) => Finding::skipped(hop, codes::FOLLOWS, "the topic is not there"),
        Err(why) => unseen(hop, why)?,
        Ok(ProbeOutcome::NotSent(why)) => Finding::skipped(hop, codes::NOT_LOOKED_AT, *why),
        Ok(ProbeOutcome::Arrived { by, after }) => Finding::good(
            hop,
            codes::PROBE_ARRIVED,
            format!("a test message arrived by {} after {:.1} s", by.join(" and "), after.as_secs_f64()),
        ),
        Ok(ProbeOutcome::Refused) => Finding::broken(
            hop,
            codes::PROBE_REFUSED,
            "a test message reached the service and was refused",
            "its log says why (\"message refused\"): the topic's list, the certificate, the clock or the age",
        ),
        Ok(ProbeOutcome::Lost { waited }) => Finding::broken(
            hop,
            codes::PROBE_LOST,
            format!("a test message was published and did not arrive within {} s", waited.as_secs()),
            "look at the subscription's delivery status logging in CloudWatch, and whether SNS can reach the endpoint",
        ),
    };
    Some(finding.of(probe.topic.as_str()))
}
