//! The credentials, and what all checks at AWS share.

use std::collections::BTreeSet;

use crate::codes;
use crate::facts::{Facts, Identity, Unseen};
use crate::finding::{Finding, Hop};

/// Whose credentials there are, and which accounts they leave out.
pub(super) fn credentials(facts: &Facts) -> Vec<Finding> {
    let hop = Hop::Credentials;
    let account = match &facts.identity {
        Identity::None(why) => {
            let why = format!(
                "no AWS credentials ({why}), so nothing at AWS was looked at; give doctor read access by environment, profile or role, as docs/doctor.md lists it"
            );
            return vec![Finding::skipped(hop, codes::CREDENTIALS_NONE, why)];
        }
        Identity::Refused(why) => {
            let todo = "mend or remove them; without any, the checks at AWS are left out";
            let saw = format!("AWS credentials were found, but cannot be used: {why}");
            return vec![Finding::warning(hop, codes::CREDENTIALS_REFUSED, saw, todo)];
        }
        Identity::Known { account, arn } => {
            (account, Finding::good(hop, codes::CREDENTIALS_FOUND, format!("looking at AWS as {arn}")))
        }
    };
    let (account, found) = account;
    let others: BTreeSet<String> =
        facts.names.keys().filter(|other| *other != account).map(ToString::to_string).collect();
    let mut findings = vec![found];
    if !others.is_empty() {
        let others: Vec<String> = others.into_iter().collect();
        let why = format!(
            "rules and recorders of other accounts were not looked at: {}; run doctor with credentials of each",
            others.join(", ")
        );
        findings.push(Finding::skipped(hop, codes::OTHER_ACCOUNT, why));
    }
    findings
}

/// What is told of something at AWS that could not be seen; `None` when it is told elsewhere, or the caller has words of its own for what is missing.
pub(super) fn unseen(hop: Hop, unseen: &Unseen) -> Option<Finding> {
    match unseen {
        Unseen::NoCredentials => None,
        Unseen::Missing => None,
        Unseen::Denied(permission) => {
            let why = format!("these credentials may not look: {permission} is missing");
            Some(Finding::skipped(hop, codes::NOT_PERMITTED, why))
        }
        Unseen::Failed(why) => {
            Some(Finding::skipped(hop, codes::AWS_DID_NOT_ANSWER, format!("AWS did not answer: {why}")))
        }
    }
}

/// One line for a whole hop that was not looked at for want of credentials.
pub(super) fn without_credentials(hop: Hop) -> Finding {
    Finding::skipped(hop, codes::NOT_LOOKED_AT, "no usable AWS credentials")
}

/// Whether there are credentials to look with.
pub(super) fn can_look(facts: &Facts) -> bool {
    matches!(facts.identity, Identity::Known { .. })
}
