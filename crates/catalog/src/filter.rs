//! Filters: what turns a text found in a message into the name by which the kind's file calls a resource.

use std::borrow::Cow;
use std::fmt;

use smol_str::SmolStr;

use crate::error::nearest;

/// One step from the text found to the resource's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// `starts(sg-)`: only texts that start so.
    Starts(SmolStr),
    /// `has(:alarm:)`: only texts that contain it.
    Has(SmolStr),
    /// `lacks(/)`: only texts that do not contain it.
    Lacks(SmolStr),
    /// `after(policyName/)`: what follows the first such text; nothing where it is missing.
    After(SmolStr),
    /// `before(-)`: what precedes the first such text; the whole where it is missing.
    Before(SmolStr),
    /// `last-segment`: what follows the last `/`; the whole where there is none. Names of ECS clusters and services come bare or as ARNs.
    LastSegment,
    /// `load-balancer-arn`: the ARN of the load balancer out of a load balancer's, listener's or rule's ARN.
    LoadBalancerArn,
    /// `listener-arn`: the ARN of the listener out of a listener's or rule's ARN.
    ListenerArn,
    /// `function-name`: the bare name of a Lambda function, which callers may give as name, `account:name` or ARN, with or without qualifier.
    FunctionName,
    /// `revision`: only texts that end in `:` and a number, as the names and ARNs of a task definition's revisions do.
    Revision,
}

/// Filters without an argument.
const PLAIN: [&str; 5] = ["last-segment", "load-balancer-arn", "listener-arn", "function-name", "revision"];
/// Filters with one.
const WITH_TEXT: [&str; 5] = ["starts", "has", "lacks", "after", "before"];

impl Filter {
    /// Reads one filter.
    ///
    /// # Errors
    /// A sentence saying what is wrong, and the nearest filter.
    pub(crate) fn parse(text: &str) -> Result<Self, (String, Option<String>)> {
        match text {
            "last-segment" => return Ok(Self::LastSegment),
            "load-balancer-arn" => return Ok(Self::LoadBalancerArn),
            "listener-arn" => return Ok(Self::ListenerArn),
            "function-name" => return Ok(Self::FunctionName),
            "revision" => return Ok(Self::Revision),
            _ => {}
        }
        let (word, argument) = match text.split_once('(') {
            Some((word, rest)) => (word, rest.strip_suffix(')').filter(|argument| !argument.is_empty())),
            None => (text, None),
        };
        let argument = argument.map(SmolStr::new);
        match (word, argument) {
            ("starts", Some(argument)) => Ok(Self::Starts(argument)),
            ("has", Some(argument)) => Ok(Self::Has(argument)),
            ("lacks", Some(argument)) => Ok(Self::Lacks(argument)),
            ("after", Some(argument)) => Ok(Self::After(argument)),
            ("before", Some(argument)) => Ok(Self::Before(argument)),
            (word, None) if WITH_TEXT.contains(&word) => {
                Err((format!("the filter {word} needs a text, as in {word}(some text)"), None))
            }
            (word, _) => {
                let near = nearest(word, PLAIN.into_iter().chain(WITH_TEXT));
                Err((format!("{word:?} is not a filter"), near))
            }
        }
    }

    /// Applies it; `None` drops the text.
    pub fn apply<'v>(&self, text: Cow<'v, str>) -> Option<Cow<'v, str>> {
        match self {
            Self::Starts(start) => text.starts_with(start.as_str()).then_some(text),
            Self::Has(part) => text.contains(part.as_str()).then_some(text),
            Self::Lacks(part) => (!text.contains(part.as_str())).then_some(text),
            Self::After(mark) => narrow(text, |t| t.split_once(mark.as_str()).map(|(_, rest)| rest)),
            Self::Before(mark) => narrow(text, |t| Some(t.split_once(mark.as_str()).map_or(t, |(first, _)| first))),
            Self::LastSegment => narrow(text, |t| t.rsplit('/').next()),
            Self::LoadBalancerArn => load_balancer_arn(text),
            Self::ListenerArn => listener_arn(text),
            Self::FunctionName => narrow(text, function_name),
            Self::Revision => is_revision(&text).then_some(text),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starts(text) => write!(f, "starts({text})"),
            Self::Has(text) => write!(f, "has({text})"),
            Self::Lacks(text) => write!(f, "lacks({text})"),
            Self::After(text) => write!(f, "after({text})"),
            Self::Before(text) => write!(f, "before({text})"),
            Self::LastSegment => f.write_str("last-segment"),
            Self::LoadBalancerArn => f.write_str("load-balancer-arn"),
            Self::ListenerArn => f.write_str("listener-arn"),
            Self::FunctionName => f.write_str("function-name"),
            Self::Revision => f.write_str("revision"),
        }
    }
}

/// Keeps the part of a text that `part` picks, without copying a borrowed one.
fn narrow<'v>(text: Cow<'v, str>, part: impl Fn(&str) -> Option<&str>) -> Option<Cow<'v, str>> {
    match text {
        Cow::Borrowed(text) => part(text).map(Cow::Borrowed),
        Cow::Owned(text) => part(&text).map(|kept| Cow::Owned(kept.to_owned())),
    }
}

/// `…:listener/app/shop/1/2` and `…:listener-rule/app/shop/1/2/3` hold their load balancer `…:loadbalancer/app/shop/1`.
fn load_balancer_arn(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    if text.contains(":loadbalancer/") {
        return Some(text);
    }
    let (head, tail) = text.split_once(":listener-rule/").or_else(|| text.split_once(":listener/"))?;
    let parts: Vec<&str> = tail.splitn(4, '/').collect();
    let [kind, name, id, ..] = parts.as_slice() else { return None };
    Some(Cow::Owned(format!("{head}:loadbalancer/{kind}/{name}/{id}")))
}

/// `…:listener-rule/app/shop/1/2/3` holds its listener `…:listener/app/shop/1/2`.
fn listener_arn(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    if text.contains(":listener/") {
        return Some(text);
    }
    let (head, tail) = text.split_once(":listener-rule/")?;
    let (listener, _) = tail.rsplit_once('/')?;
    Some(Cow::Owned(format!("{head}:listener/{listener}")))
}

fn is_revision(text: &str) -> bool {
    let number = text.rsplit_once(':').map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// The forms that the Lambda API reference lists for `FunctionName`. Another thing's ARN has no such name in it.
fn function_name(text: &str) -> Option<&str> {
    if text.starts_with("arn:") && !text.contains(":function:") {
        return None;
    }
    let rest = text.rsplit_once(":function:").map_or(text, |(_, rest)| rest);
    let rest = rest.strip_prefix("function:").unwrap_or(rest);
    let mut parts = rest.split(':');
    let first = parts.next()?;
    let is_account = first.len() == 12 && first.bytes().all(|b| b.is_ascii_digit());
    match parts.next() {
        Some(second) if is_account => Some(second),
        _ => Some(first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(filter: &str, text: &str) -> Option<String> {
        Filter::parse(filter).unwrap().apply(Cow::Borrowed(text)).map(Cow::into_owned)
    }

    #[test]
    fn every_form_of_a_function_name_becomes_the_bare_name() {
        for form in [
            "shop-cart",
            "shop-cart:live",
            "111122223333:shop-cart",
            "111122223333:function:shop-cart",
            "arn:aws:lambda:eu-west-1:111122223333:function:shop-cart",
            "arn:aws:lambda:eu-west-1:111122223333:function:shop-cart:7",
        ] {
            assert_eq!(through("function-name", form).as_deref(), Some("shop-cart"), "{form}");
        }
    }

    #[test]
    fn what_is_no_function_has_no_function_name() {
        let layer = "arn:aws:lambda:eu-west-1:111122223333:layer:shop-cart:3";
        assert_eq!(through("function-name", layer), None);
    }

    #[test]
    fn a_revision_ends_in_its_number() {
        let head = "arn:aws:ecs:eu-west-1:111122223333:task-definition";
        for revision in ["shop-cart:7".to_owned(), format!("{head}/shop-cart:12")] {
            assert_eq!(through("revision", &revision).as_ref(), Some(&revision));
        }
        for family in ["shop-cart".to_owned(), "shop-cart:".to_owned(), format!("{head}/shop-cart")] {
            assert_eq!(through("revision", &family), None);
        }
    }

    #[test]
    fn listeners_and_rules_lead_to_their_load_balancer() {
        let head = "arn:aws:elasticloadbalancing:eu-west-1:111122223333";
        let balancer = format!("{head}:loadbalancer/app/shop/50dc6c495c0c9188");
        for arn in [
            balancer.clone(),
            format!("{head}:listener/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2"),
            format!("{head}:listener-rule/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee"),
        ] {
            assert_eq!(through("load-balancer-arn", &arn), Some(balancer.clone()));
        }
        assert_eq!(through("load-balancer-arn", "arn:aws:ec2:eu-west-1:111122223333:instance/i-1"), None);
        assert_eq!(
            through("listener-arn", &format!("{head}:listener-rule/app/shop/1/2/3")),
            Some(format!("{head}:listener/app/shop/1/2"))
        );
    }

    #[test]
    fn after_drops_what_lacks_the_mark_and_before_keeps_it() {
        assert_eq!(through("after(policyName/)", "a:policyName/p"), Some("p".to_owned()));
        assert_eq!(through("after(policyName/)", "p"), None);
        assert_eq!(through("before(-)", "cart"), Some("cart".to_owned()));
    }

    #[test]
    fn an_unknown_filter_is_answered_with_the_nearest() {
        let (_, near) = Filter::parse("last-segmnt").unwrap_err();
        assert_eq!(near.as_deref(), Some("last-segment"));
        assert!(Filter::parse("after").unwrap_err().0.contains("needs a text"));
    }
}
