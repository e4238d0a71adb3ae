//! A call's parameters, flat.

/// Every leaf by its path, sorted: `Filter.1.Value.2`. The query protocol's `.member.` is left out (`Foo.member.1` is `Foo.1`), JSON arrays count from 1,
/// REST brings its path's labels and its query string.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters;

impl Parameters {
    /// Every path with its value, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        std::iter::empty()
    }

    /// The value at a path.
    pub fn get(&self, _path: &str) -> Option<&str> {
        None
    }

    /// The value at `stem` and those at `stem.N`, by N.
    pub fn items(&self, _stem: &str) -> Vec<&str> {
        Vec::new()
    }

    /// As CloudTrail would show the request: nested, first letters small, lists as arrays.
    pub fn to_cloudtrail(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}
