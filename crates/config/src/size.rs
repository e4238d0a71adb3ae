//! Amounts of memory as people write them: `512MiB`, `64KiB`, `2GiB`.

use crate::scalar::{Bad, Scalar};
use crate::schema::Form;

/// Bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

/// The units, the largest first. Only powers of 1024: `MB` means 1,000,000 to some and 1,048,576 to others.
const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// Units that people write for those above: Java's and Kubernetes' letters, and the ambiguous decimal ones.
const MEANT: [(&str, &str); 12] = [
    ("k", "KiB"),
    ("ki", "KiB"),
    ("kb", "KiB"),
    ("m", "MiB"),
    ("mi", "MiB"),
    ("mb", "MiB"),
    ("g", "GiB"),
    ("gi", "GiB"),
    ("gb", "GiB"),
    ("t", "TiB"),
    ("ti", "TiB"),
    ("tb", "TiB"),
];

/// Writes a size as it is read.
pub(crate) fn show(bytes: u64) -> String {
    match UNITS.iter().find(|(_, size)| bytes >= *size && bytes.is_multiple_of(*size)) {
        Some((unit, size)) => format!("{}{unit}", bytes / size),
        None => format!("{bytes}B"),
    }
}

impl Scalar for Size {
    fn read(text: &str, _: bool, form: &Form) -> Result<Self, Bad> {
        let bad = || Bad::new(format!("is not {}", form.describe()));
        let text = text.trim();
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = (&text[..end], text[end..].trim());
        let amount: f64 = number.parse().map_err(|_| bad())?;
        let size = match UNITS.iter().find(|(name, _)| *name == unit) {
            Some((_, size)) => *size,
            None if unit == "B" => 1,
            None => return Err(unknown_unit(number, unit, bad)),
        };
        // Exact up to 2^53 bytes, which is eight thousand times the largest size that any key takes.
        let bytes = (amount * size as f64) as u64;
        match form {
            Form::Size { least, most } if !(*least..=*most).contains(&bytes) => Err(bad()),
            _ => Ok(Self(bytes)),
        }
    }
}

fn unknown_unit(number: &str, unit: &str, bad: impl Fn() -> Bad) -> Bad {
    if unit.is_empty() {
        return Bad::new("has no unit").help(format!("write {number}MiB, or {number}B if bytes are meant"));
    }
    let lower = unit.to_ascii_lowercase();
    let exact = UNITS.iter().map(|(name, _)| *name).find(|name| name.eq_ignore_ascii_case(unit));
    match exact.or_else(|| MEANT.iter().find(|(other, _)| *other == lower).map(|(_, name)| *name)) {
        Some(name) => bad().help(format!("write {number}{name}")),
        None => bad(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORM: Form = Form::Size { least: 1, most: 1 << 40 };

    fn read(text: &str) -> Option<u64> {
        Size::read(text, true, &FORM).ok().map(|size| size.0)
    }

    #[test]
    fn sizes_are_read_with_their_units() {
        for (text, bytes) in
            [("512MiB", 512 << 20), ("64KiB", 64 << 10), ("1.5GiB", 3 << 29), ("100B", 100), ("2 GiB", 2 << 30)]
        {
            assert_eq!(read(text), Some(bytes), "{text}");
        }
    }

    #[test]
    fn a_missing_or_ambiguous_unit_is_explained_and_nonsense_refused() {
        for (text, help) in
            [("512", "write 512MiB"), ("512MB", "write 512MiB"), ("2g", "write 2GiB"), ("64kib", "write 64KiB")]
        {
            let bad = Size::read(text, true, &FORM).err().unwrap();
            assert!(bad.help.unwrap().starts_with(help), "{text}");
        }
        for text in ["", "MiB", "-1MiB", "1e3MiB", "1MiB2", "lots", "2TiB", "0B", "1.2.3MiB", "５MiB"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(bytes in 1u64..(1 << 40)) {
            prop_assert_eq!(read(&show(bytes)), Some(bytes));
        }

        #[test]
        fn no_text_is_too_odd(text in ".{0,20}") {
            drop(Size::read(&text, true, &FORM));
        }
    }
}
