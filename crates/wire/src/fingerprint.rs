//! Whether two answers say the same.

use rapidhash::v3::rapidhash_v3;
use smol_str::SmolStr;

use crate::Protocol;
use crate::structure::{Kind, Step, Stop, Visit, is_called, walk};

/// The answer's own members that are different every time.
const ABOUT_THE_CALL: [&str; 2] = ["requestId", "responseMetadata"];

/// A number that is equal for answers that say the same: request ids, `volatile` fields (by name, wherever they stand) and the order of list members do not count.
/// An answer that cannot be read is told by its bytes. For comparisons within one process and version; the number's making may change.
pub fn fingerprint(protocol: Protocol, body: &[u8], volatile: &[SmolStr]) -> u64 {
    let mut sums = Sums { open: vec![Open { name: 0, sum: 0 }], volatile, skipped: 0 };
    match walk(protocol, body, &mut sums) {
        Ok(()) => sums.open.first().map_or(0, |whole| whole.sum),
        Err(_) => rapidhash_v3(body),
    }
}

/// A value that is being read. Sums do not depend on the order of what they add.
struct Open {
    name: u64,
    sum: u64,
}

struct Sums<'v> {
    open: Vec<Open>,
    volatile: &'v [SmolStr],
    /// How deep we are in something that does not count.
    skipped: usize,
}

impl Sums<'_> {
    fn counts(&self, name: &str) -> bool {
        let about_the_call = self.open.len() == 1 && ABOUT_THE_CALL.iter().any(|known| is_called(name, known));
        !about_the_call && !self.volatile.iter().any(|known| is_called(name, known))
    }

    fn add(&mut self, number: u64) {
        if let Some(open) = self.open.last_mut() {
            open.sum = open.sum.wrapping_add(number);
        }
    }
}

impl Visit for Sums<'_> {
    fn enter(&mut self, step: Step<'_>) -> Result<(), Stop> {
        if self.skipped > 0 {
            self.skipped += 1;
            return Ok(());
        }
        let name = match step {
            Step::Member(name) if !self.counts(name) => {
                self.skipped = 1;
                return Ok(());
            }
            Step::Member(name) => rapidhash_v3(name.as_bytes()),
            Step::Item(_) => 1,
        };
        self.open.push(Open { name, sum: 0 });
        Ok(())
    }

    fn value(&mut self, kind: Kind, text: &str) -> Result<(), Stop> {
        if self.skipped == 0 {
            self.add(join(rapidhash_v3(text.as_bytes()), kind as u64));
        }
        Ok(())
    }

    fn leave(&mut self) -> Result<(), Stop> {
        if self.skipped > 0 {
            self.skipped -= 1;
        } else if let Some(Open { name, sum }) = self.open.pop() {
            self.add(join(name, sum));
        }
        Ok(())
    }
}

fn join(left: u64, right: u64) -> u64 {
    let mut both = [0; 16];
    both[..8].copy_from_slice(&left.to_le_bytes());
    both[8..].copy_from_slice(&right.to_le_bytes());
    rapidhash_v3(&both)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn xml(body: &str, volatile: &[&str]) -> u64 {
        let volatile: Vec<SmolStr> = volatile.iter().map(SmolStr::new).collect();
        fingerprint(Protocol::Query, body.as_bytes(), &volatile)
    }

    fn of(value: &Value) -> u64 {
        fingerprint(Protocol::Json, value.to_string().as_bytes(), &[])
    }

    #[test]
    fn request_ids_do_not_count_but_ids_of_resources_do() {
        let ec2 = |request: &str, id: &str| {
            format!(
                "<AResponse><requestId>{request}</requestId><set><item><requestId>{id}</requestId></item></set></AResponse>"
            )
        };
        assert_eq!(xml(&ec2("1", "a"), &[]), xml(&ec2("2", "a"), &[]));
        assert_ne!(xml(&ec2("1", "a"), &[]), xml(&ec2("1", "b"), &[]));
        let query = |request: &str, name: &str| {
            format!(
                "<AResponse><AResult><List><member>{name}</member></List></AResult><ResponseMetadata><RequestId>{request}</RequestId></ResponseMetadata></AResponse>"
            )
        };
        assert_eq!(xml(&query("1", "a"), &[]), xml(&query("2", "a"), &[]));
        assert_ne!(xml(&query("1", "a"), &[]), xml(&query("1", "b"), &[]));
    }

    #[test]
    fn volatile_fields_and_the_order_of_members_do_not_count() {
        let body = |first: &str, second: &str, count: u32| {
            format!(
                "<AResponse><set><item><id>{first}</id><freeCount>{count}</freeCount></item><item><id>{second}</id></item></set></AResponse>"
            )
        };
        assert_eq!(xml(&body("a", "b", 1), &["freeCount"]), xml(&body("a", "b", 2), &["FreeCount"]));
        assert_ne!(xml(&body("a", "b", 1), &[]), xml(&body("a", "b", 2), &[]));
        let list = |first: &str, second: &str| {
            format!("<AResponse><set><item>{first}</item><item>{second}</item></set></AResponse>")
        };
        assert_eq!(xml(&list("a", "b"), &[]), xml(&list("b", "a"), &[]));
        assert_ne!(xml(&list("a", "b"), &[]), xml(&list("a", "a"), &[]));
    }

    #[test]
    fn where_a_value_stands_counts() {
        let pairs = [
            (json!({"a": "1"}), json!({"b": "1"})),
            (json!({"a": {"b": "1"}}), json!({"b": {"a": "1"}})),
            (json!({"a": ["1", "2"]}), json!({"a": ["12"]})),
            (json!({"a": [["1"], ["2"]]}), json!({"a": [["1", "2"]]})),
            (json!({"a": [{"x": 1, "y": 1}, {"x": 2, "y": 2}]}), json!({"a": [{"x": 1, "y": 2}, {"x": 2, "y": 1}]})),
            (json!({"a": 1}), json!({"a": "1"})),
            (json!({"a": null}), json!({"a": ""})),
            (json!({"a": []}), json!({"a": {}})),
            (json!({"a": []}), json!({})),
        ];
        for (left, right) in pairs {
            assert_ne!(of(&left), of(&right), "{left} {right}");
        }
    }

    /// The model: the value with all lists sorted.
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Array(items) => {
                let mut items: Vec<Value> = items.iter().map(sorted).collect();
                items.sort_by_key(Value::to_string);
                Value::Array(items)
            }
            Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), sorted(value))).collect(),
            leaf => leaf.clone(),
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0u8..3).prop_map(Value::from),
            "[ab]{0,2}".prop_map(Value::from)
        ];
        let value = leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[abc]", inner, 0..4).prop_map(|members| members.into_iter().collect()),
            ]
        });
        proptest::collection::btree_map("[abc]", value, 0..4).prop_map(|members| members.into_iter().collect())
    }

    proptest! {
        #[test]
        fn it_is_equal_exactly_if_the_sorted_values_are(left in values(), right in values()) {
            prop_assert_eq!(of(&left) == of(&right), sorted(&left) == sorted(&right));
            prop_assert_eq!(of(&left), of(&sorted(&left)));
        }
    }
}
