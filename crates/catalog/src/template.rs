//! Small templates: agents' names and the bodies of on-demand calls.
//!
//! `{account}`, `{region}` and `{name}` are filled in; `{name | before(-)}` puts the value through filters first.

use std::borrow::Cow;

use serde_json::Value;

use crate::error::nearest;
use crate::filter::Filter;

/// What may stand in braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Spinnaker's name of the account.
    Account,
    /// The region.
    Region,
    /// The resource's name.
    Name,
}

pub(crate) const SLOTS: [(&str, Slot); 3] =
    [("account", Slot::Account), ("region", Slot::Region), ("name", Slot::Name)];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Slot(Slot, Vec<Filter>),
}

/// Text with slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
    source: String,
}

/// What fills the slots.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filling<'a> {
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    pub(crate) name: Option<&'a str>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong, and the nearest valid word if there is one.
    pub(crate) fn parse(text: &str) -> Result<Self, (String, Option<String>)> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, open)) = rest.split_once('{') {
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            let Some((inner, after)) = open.split_once('}') else {
                return Err((format!("{text:?} has a brace that is not closed"), None));
            };
            pieces.push(slot(inner)?);
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self { pieces, source: text.to_owned() })
    }

    /// Fills it in; `None` when a name is needed and there is none, or a filter drops it.
    pub(crate) fn fill(&self, filling: Filling<'_>) -> Option<String> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(part) => text.push_str(part),
                Piece::Slot(slot, filters) => {
                    let value = match slot {
                        Slot::Account => filling.account,
                        Slot::Region => filling.region,
                        Slot::Name => filling.name?,
                    };
                    text.push_str(&filters.iter().try_fold(Cow::Borrowed(value), |value, f| f.apply(value))?);
                }
            }
        }
        Some(text)
    }

    /// Whether it has such a slot.
    pub(crate) fn has(&self, wanted: Slot) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Slot(slot, _) if *slot == wanted))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

fn slot(inner: &str) -> Result<Piece, (String, Option<String>)> {
    let mut parts = inner.split(" | ").map(str::trim);
    let word = parts.next().unwrap_or_default();
    let Some((_, slot)) = SLOTS.into_iter().find(|(name, _)| *name == word) else {
        return Err((format!("{{{word}}} cannot be filled in"), nearest(word, SLOTS.map(|(name, _)| name))));
    };
    Ok(Piece::Slot(slot, parts.map(Filter::parse).collect::<Result<_, _>>()?))
}

/// A field of an on-demand call's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyValue {
    /// A text.
    One(Template),
    /// A list of texts.
    Many(Vec<Template>),
}

impl BodyValue {
    /// Whether it has such a slot.
    pub(crate) fn has(&self, slot: Slot) -> bool {
        match self {
            Self::One(template) => template.has(slot),
            Self::Many(list) => list.iter().any(|template| template.has(slot)),
        }
    }

    pub(crate) fn fill(&self, filling: Filling<'_>) -> Option<Value> {
        match self {
            Self::One(template) => template.fill(filling).map(Value::from),
            Self::Many(list) => list.iter().map(|t| t.fill(filling)).collect::<Option<Vec<_>>>().map(Value::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILLING: Filling<'static> = Filling { account: "prod", region: "eu-west-1", name: Some("shop-cart") };

    #[test]
    fn slots_are_filled_and_filtered() {
        let fill = |text: &str| Template::parse(text).unwrap().fill(FILLING);
        assert_eq!(fill("{account}/{region}/WidgetCachingAgent").as_deref(), Some("prod/eu-west-1/WidgetCachingAgent"));
        assert_eq!(fill("{name | before(-)}").as_deref(), Some("shop"));
        assert_eq!(fill("{name | after(:)}"), None);
    }

    #[test]
    fn a_missing_name_leaves_the_template_unfilled() {
        let template = Template::parse("{name}").unwrap();
        assert_eq!(template.fill(Filling { name: None, ..FILLING }), None);
    }

    #[test]
    fn an_unknown_slot_is_answered_with_the_nearest() {
        let (_, near) = Template::parse("{acount}").unwrap_err();
        assert_eq!(near.as_deref(), Some("account"));
        assert!(Template::parse("{account").is_err());
    }

    proptest! {
        #[test]
        fn reading_and_filling_never_panic(text in ".{0,60}") {
            if let Ok(template) = Template::parse(&text) {
                let _ = template.fill(FILLING);
            }
        }
    }
}
