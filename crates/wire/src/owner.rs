//! Whose resources an answer shows.

use std::str::FromStr;

use aws_event_cache_model::AccountId;

use crate::Protocol;
use crate::structure::{Kind, Step, Stop, Visit, is_called, walk};

/// What people write themselves says nothing about owners.
const WRITTEN_BY_PEOPLE: [&str; 4] = ["tags", "tagSet", "tagList", "description"];

/// The first account that the answer names as an owner: by an `ownerId`, or in a resource's ARN. Tags do not count.
pub fn owner_of(protocol: Protocol, body: &[u8]) -> Option<AccountId> {
    let mut first = None;
    look(protocol, body, |owner| {
        first = AccountId::from_str(owner).ok();
        first.is_some()
    });
    first
}

/// Whether the answer shows anything that belongs to `account`; none if it names no owner at all.
///
/// Better than the first owner alone: shared subnets and images, and topics that an alarm speaks to, may belong to another account and come first.
pub fn shows_owner(protocol: Protocol, body: &[u8], account: &AccountId) -> Option<bool> {
    let mut shown = None;
    look(protocol, body, |owner| {
        let own = owner == account.as_str();
        shown = Some(own);
        own
    });
    shown
}

/// Hands over every owner until told that it is enough. What can be read of a torn answer is.
fn look(protocol: Protocol, body: &[u8], enough: impl FnMut(&str) -> bool) {
    let mut look = Look { enough, depth: 0, skipped_from: None, is_owner: false };
    // However the walk ends: what was seen was seen.
    walk(protocol, body, &mut look).ok();
}

struct Look<F> {
    enough: F,
    depth: usize,
    skipped_from: Option<usize>,
    is_owner: bool,
}

impl<F: FnMut(&str) -> bool> Visit for Look<F> {
    fn enter(&mut self, step: Step<'_>) -> Result<(), Stop> {
        self.depth += 1;
        if let Step::Member(name) = step {
            self.is_owner = is_called(name, "ownerId");
            if self.skipped_from.is_none() && WRITTEN_BY_PEOPLE.iter().any(|known| is_called(name, known)) {
                self.skipped_from = Some(self.depth);
            }
        }
        Ok(())
    }

    fn value(&mut self, kind: Kind, text: &str) -> Result<(), Stop> {
        if kind != Kind::Text || self.skipped_from.is_some() {
            return Ok(());
        }
        let owner = if self.is_owner { Some(text) } else { account_of_arn(text) };
        match owner {
            Some(owner) if is_account(owner) && (self.enough)(owner) => Err(Stop::Enough),
            _ => Ok(()),
        }
    }

    fn leave(&mut self) -> Result<(), Stop> {
        if self.skipped_from == Some(self.depth) {
            self.skipped_from = None;
        }
        self.depth -= 1;
        self.is_owner = false;
        Ok(())
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `arn:partition:service:region:account:resource`
fn account_of_arn(text: &str) -> Option<&str> {
    let mut parts = text.strip_prefix("arn:")?.splitn(5, ':');
    let account = parts.nth(3)?;
    parts.next().map(|_| account)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(protocol: Protocol, body: &str) -> Option<String> {
        owner_of(protocol, body.as_bytes()).map(|account| account.as_str().to_owned())
    }

    #[test]
    fn an_owner_or_an_arn_tells_it() {
        let ec2 = "<AResponse><set><item><id>r-1</id><ownerId>111122223333</ownerId></item></set></AResponse>";
        assert_eq!(owner(Protocol::Query, ec2).as_deref(), Some("111122223333"));
        let json = r#"{"clusterArns":["arn:aws:ecs:eu-west-1:444455556666:cluster/a"]}"#;
        assert_eq!(owner(Protocol::Json, json).as_deref(), Some("444455556666"));
        assert_eq!(owner(Protocol::Json, r#"{"a":"arn:aws-cn:sns:cn-north-1:444455556666"}"#), None);
        assert_eq!(
            owner(Protocol::Json, r#"{"a":"arn:aws:iam::aws:policy/ReadOnly","b":"arn:aws:s3:::bucket"}"#),
            None
        );
        assert_eq!(owner(Protocol::Json, "{}"), None);
    }

    #[test]
    fn what_people_write_does_not() {
        let tagged = "<AResponse><set><item><tagSet><item><key>ownerId</key><value>arn:aws:iam::999999999999:role/x</value><ownerId>999999999999</ownerId></item></tagSet>\
            <ownerId>111122223333</ownerId></item></set></AResponse>";
        assert_eq!(owner(Protocol::Query, tagged).as_deref(), Some("111122223333"));
        assert_eq!(
            owner(
                Protocol::Json,
                r#"{"Tags":{"a":"arn:aws:iam::999999999999:role/x"},"description":"arn:aws:iam::999999999999:role/x"}"#
            ),
            None
        );
    }

    #[test]
    fn an_account_is_shown_wherever_it_stands() {
        let account = |id: &str| AccountId::from_str(id).unwrap();
        let body = br#"{"topics":["arn:aws:sns:eu-west-1:999999999999:t"],"arn":"arn:aws:x:eu-west-1:111122223333:y"}"#;
        assert_eq!(shows_owner(Protocol::Json, body, &account("111122223333")), Some(true));
        assert_eq!(shows_owner(Protocol::Json, body, &account("444455556666")), Some(false));
        assert_eq!(shows_owner(Protocol::Json, b"{}", &account("444455556666")), None);
    }
}
