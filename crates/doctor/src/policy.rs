//! Whether a resource's policy admits an AWS service. Only what such policies usually say is understood; the rest is "cannot be told", never a guess.

use serde_json::Value;

use crate::tri::{Tri, like};

/// Who wants to do what to which resource.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    /// The service principal, such as `events.amazonaws.com`.
    pub(crate) service: &'a str,
    /// The action, such as `sns:Publish`.
    pub(crate) action: &'a str,
    /// The resource's ARN.
    pub(crate) resource: &'a str,
    /// On whose behalf: `aws:SourceAccount`.
    pub(crate) source_account: &'a str,
    /// On behalf of which resource: `aws:SourceArn`; `None` when that is not known.
    pub(crate) source_arn: Option<&'a str>,
}

/// Whether the policy admits it: an allowing statement that fits, and no denying one.
pub(crate) fn admits(policy: &Value, ask: &Ask<'_>) -> Tri {
    let statements = many(policy.get("Statement"));
    let of = |effect: &str| {
        let chosen = statements.iter().filter(move |s| s.get("Effect").and_then(Value::as_str) == Some(effect));
        Tri::any(chosen.map(|statement| fits(statement, ask)))
    };
    Tri::all([of("Allow"), of("Deny").not()])
}

fn fits(statement: &Value, ask: &Ask<'_>) -> Tri {
    let part = |name: &str, negated: &str, judge: &dyn Fn(&Value) -> Tri| match statement.get(name) {
        Some(value) => judge(value),
        None if statement.get(negated).is_some() => Tri::Unsure,
        // A resource's policy may leave out the resource.
        None => Tri::from(name == "Resource"),
    };
    Tri::all([
        part("Principal", "NotPrincipal", &|value| principal(value, ask.service)),
        part("Action", "NotAction", &|value| any_like(value, ask.action, true)),
        part("Resource", "NotResource", &|value| any_like(value, ask.resource, false)),
        conditions(statement.get("Condition"), ask),
    ])
}

fn principal(value: &Value, service: &str) -> Tri {
    let everybody = |value: &Value| value.as_str() == Some("*");
    let Value::Object(kinds) = value else { return everybody(value).into() };
    let services = many(kinds.get("Service"));
    let named = services.iter().any(|value| value.as_str().is_some_and(|name| name == service || name == "*"));
    // "AWS": "*" is everybody, too.
    (named || many(kinds.get("AWS")).iter().any(everybody)).into()
}

fn any_like(value: &Value, text: &str, ignore_case: bool) -> Tri {
    let fold = |text: &str| if ignore_case { text.to_ascii_lowercase() } else { text.to_owned() };
    let text = fold(text);
    many(Some(value)).iter().filter_map(Value::as_str).any(|pattern| like(&fold(pattern), &text, Some('?'))).into()
}

fn conditions(condition: Option<&Value>, ask: &Ask<'_>) -> Tri {
    let Some(condition) = condition else { return Tri::Yes };
    let Value::Object(operators) = condition else { return Tri::Unsure };
    Tri::all(operators.iter().flat_map(|(operator, keys)| {
        let keys = keys.as_object().into_iter().flatten();
        keys.map(move |(key, values)| one_condition(operator, key, values, ask))
    }))
}

fn one_condition(operator: &str, key: &str, values: &Value, ask: &Ask<'_>) -> Tri {
    let operator = operator.strip_suffix("IfExists").unwrap_or(operator);
    let actual = match key.to_ascii_lowercase().as_str() {
        "aws:sourceaccount" => ask.source_account,
        "aws:sourcearn" => match ask.source_arn {
            Some(arn) => arn,
            None => return Tri::Unsure,
        },
        // Services call over TLS.
        "aws:securetransport" => "true",
        // The condition of a topic's first policy; calls of services carry no such key.
        "aws:sourceowner" => return Tri::No,
        _ => return Tri::Unsure,
    };
    let (negated, operator) = match operator.split_once("Not") {
        Some((kind, rest)) => (true, format!("{kind}{rest}")),
        None => (false, operator.to_owned()),
    };
    let wild = match operator.as_str() {
        "StringEquals" | "Bool" => false,
        // ArnEquals takes wildcards as ArnLike does.
        "StringLike" | "ArnLike" | "ArnEquals" => true,
        "StringEqualsIgnoreCase" => false,
        _ => return Tri::Unsure,
    };
    let fits = many(Some(values)).iter().any(|value| {
        let expected = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if wild { like(&expected, actual, Some('?')) } else { expected.eq_ignore_ascii_case(actual) }
    });
    Tri::from(fits != negated)
}

/// One value or a list of them, as IAM's language has it everywhere.
fn many(value: Option<&Value>) -> Vec<Value> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(values)) => values.clone(),
        Some(value) => vec![value.clone()],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:changes";

    fn ask() -> Ask<'static> {
        Ask {
            service: "events.amazonaws.com",
            action: "sns:Publish",
            resource: TOPIC,
            source_account: "111122223333",
            source_arn: Some("arn:aws:events:eu-west-1:111122223333:rule/writes"),
        }
    }

    fn allow(more: Value) -> Value {
        let mut statement = json!({
            "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish", "Resource": TOPIC
        });
        statement.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        statement
    }

    fn judged(statements: Value) -> Tri {
        admits(&json!({"Version": "2012-10-17", "Statement": statements}), &ask())
    }

    #[test]
    fn the_documented_policy_admits() {
        assert_eq!(judged(json!([allow(json!({}))])), Tri::Yes);
        assert_eq!(judged(allow(json!({"Action": ["SNS:*"], "Resource": "*"}))), Tri::Yes);
        let narrow = json!({"Condition": {
            "StringEquals": {"aws:SourceAccount": ["999988887777", "111122223333"]},
            "ArnLike": {"aws:SourceArn": "arn:aws:events:*:111122223333:rule/*"}
        }});
        assert_eq!(judged(allow(narrow)), Tri::Yes);
    }

    #[test]
    fn a_policy_for_one_rule_admits_that_rule_only_and_is_open_when_the_rule_is_not_known() {
        let only = |rule: &str| {
            allow(
                json!({"Condition": {"ArnEquals": {"aws:SourceArn": format!("arn:aws:events:eu-west-1:111122223333:rule/{rule}")}}}),
            )
        };
        assert_eq!(judged(only("writes")), Tri::Yes);
        assert_eq!(judged(only("hub/to-service")), Tri::No);
        let policy = json!({"Statement": [only("hub/to-service")]});
        assert_eq!(admits(&policy, &Ask { source_arn: None, ..ask() }), Tri::Unsure);
    }

    #[test]
    fn another_service_resource_action_or_account_does_not() {
        for more in [
            json!({"Principal": {"Service": "s3.amazonaws.com"}}),
            json!({"Principal": {"AWS": "arn:aws:iam::111122223333:root"}}),
            json!({"Action": "sns:Subscribe"}),
            json!({"Resource": "arn:aws:sns:eu-west-1:111122223333:other"}),
            json!({"Condition": {"StringEquals": {"aws:SourceAccount": "999988887777"}}}),
            json!({"Condition": {"StringNotEquals": {"aws:SourceAccount": "111122223333"}}}),
        ] {
            assert_eq!(judged(allow(more.clone())), Tri::No, "{more}");
        }
        assert_eq!(judged(json!([])), Tri::No);
    }

    #[test]
    fn a_topics_first_policy_admits_no_service() {
        let first = json!({
            "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["SNS:Publish"], "Resource": TOPIC,
            "Condition": {"StringEquals": {"AWS:SourceOwner": "111122223333"}}
        });
        assert_eq!(judged(first), Tri::No);
    }

    #[test]
    fn a_denial_wins_and_one_for_plain_http_does_not_matter() {
        let deny = |condition: Value| json!({"Effect": "Deny", "Principal": "*", "Action": "sns:*", "Resource": TOPIC, "Condition": condition});
        assert_eq!(judged(json!([allow(json!({})), deny(json!({}))])), Tri::No);
        let insecure = deny(json!({"Bool": {"aws:SecureTransport": "false"}}));
        assert_eq!(judged(json!([allow(json!({})), insecure])), Tri::Yes);
    }

    #[test]
    fn what_is_not_understood_is_left_open() {
        let organisation = json!({"Condition": {"StringEquals": {"aws:SourceOrgID": "o-1"}}});
        assert_eq!(judged(allow(organisation)), Tri::Unsure);
        let mut other_way = allow(json!({"NotAction": "sns:Subscribe"}));
        other_way.as_object_mut().unwrap().remove("Action");
        assert_eq!(judged(other_way), Tri::Unsure);
    }
}
