//! Times as people write them: `30s`, `5m`, `250ms`, `2h`, `1h30m`.

use std::time::Duration;

use jiff::SignedDuration;

/// Why a text is not a time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadDuration {
    /// Digits without a unit: seconds or milliseconds? Nobody should have to guess.
    NoUnit,
    /// Anything else.
    Other,
}

/// Reads a time. Units are `ms`, `s`, `m` (minutes) and `h`, as Go, Prometheus and Kubernetes write them.
pub(crate) fn read(text: &str) -> Result<Duration, BadDuration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(BadDuration::NoUnit);
    }
    let signed: SignedDuration = text.parse().map_err(|_| BadDuration::Other)?;
    Duration::try_from(signed).map_err(|_| BadDuration::Other)
}

/// Writes a time as [`read`] reads it.
pub(crate) fn show(duration: Duration) -> String {
    let whole = duration.as_millis();
    if whole == 0 {
        return "0s".to_owned();
    }
    let parts = [(3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
    let mut left = whole;
    let mut text = String::new();
    for (size, unit) in parts {
        if left >= size {
            text.push_str(&format!("{}{unit}", left / size));
            left %= size;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_read_with_their_units() {
        for (text, millis) in
            [("30s", 30_000), ("5m", 300_000), ("250ms", 250), ("2h", 7_200_000), ("1h30m", 5_400_000)]
        {
            assert_eq!(read(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn digits_without_a_unit_and_negative_times_are_refused() {
        assert_eq!(read("30"), Err(BadDuration::NoUnit));
        for text in ["", "s", "soon", "-5s", "5 fortnights", "1 month"] {
            assert_eq!(read(text), Err(BadDuration::Other), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(millis in 0u64..10_000_000_000) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(read(&show(duration)), Ok(duration));
        }
    }
}
