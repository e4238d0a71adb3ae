//! The account that an access key id carries.

use aws_event_cache_model::AccountId;

/// Access key ids of users and of role sessions. Others (`AIDA`, `AROA`, …) are ids of principals and sign nothing.
const PREFIXES: [&str; 2] = ["AKIA", "ASIA"];

/// Both sorts of key ids are this long. AWS allows longer ones, but nobody has shown what those carry, so no account is read from them.
const LENGTH: usize = 20;

/// The account an access key id belongs to; none if the id carries none that can be read.
///
/// Characters 5 to 20 are base32. Its bits 1 to 40 are the account's number, if bit 0 is set; ids from before about spring 2019 have it unset and carry no account, which is told by that bit alone.
/// Undocumented by AWS, found by T. Be'ery and A. Steele: check the account against what an answer shows before believing it.
pub fn account_of(key_id: &str) -> Option<AccountId> {
    if key_id.len() != LENGTH || !PREFIXES.iter().any(|prefix| key_id.starts_with(prefix)) {
        return None;
    }
    let mut bits: u128 = 0;
    for &character in &key_id.as_bytes()[4..] {
        bits = bits << 5 | u128::from(base32(character)?);
    }
    let carries_account = bits >> 79 == 1;
    let account = (bits >> 39) as u64 & 0xff_ffff_ffff;
    if !carries_account || account > 999_999_999_999 {
        return None;
    }
    let mut digits = [b'0'; 12];
    let mut left = account;
    for digit in digits.iter_mut().rev() {
        *digit += (left % 10) as u8;
        left /= 10;
    }
    AccountId::new(std::str::from_utf8(&digits).ok()?).ok()
}

fn base32(character: u8) -> Option<u8> {
    match character {
        b'A'..=b'Z' => Some(character - b'A'),
        b'2'..=b'7' => Some(character - b'2' + 26),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn account(key_id: &str) -> Option<String> {
        account_of(key_id).map(|account| account.as_str().to_owned())
    }

    #[test]
    fn published_keys_give_their_published_accounts() {
        for (key_id, expected) in [
            ("ASIAY34FZKBOKMUTVV7A", "609629065308"),
            ("ASIAVJ2E6QGR2WZILJFM", "364679954851"),
            ("AKIASP2TPHJSQH3FJXYZ", "171436882533"),
            ("ASIAQNZGKIQY56JQ7WML", "029608264753"),
        ] {
            assert_eq!(account(key_id).as_deref(), Some(expected), "{key_id}");
        }
    }

    #[test]
    fn keys_from_before_2019_carry_no_account() {
        assert_eq!(account("AKIAIOSFODNN7EXAMPLE"), None);
        assert_eq!(account("ASIAJ34FZKBOKMUTVV7A"), None);
    }

    #[test]
    fn what_is_not_base32_or_not_a_key_of_a_caller_carries_none() {
        for key_id in [
            "",
            "AKIA",
            "AKIAI44QH8DHBEXAMPLE",
            "AKIAMOCK123456789012",
            "AROAY34FZKBOKMUTVV7A",
            "ASIAY34FZKBOKMUTVV7AA",
        ] {
            assert_eq!(account(key_id), None, "{key_id}");
        }
        assert_eq!(account("ASIAÄ34FZKBOKMUTVV7"), None, "twenty bytes but not twenty letters");
    }

    #[test]
    fn a_number_of_more_than_twelve_digits_is_no_account() {
        assert_eq!(account("AKIA7777777777777777"), None);
    }

    proptest! {
        #[test]
        fn every_account_written_into_a_key_is_read_from_it(number in 0u64..1_000_000_000_000, rest in 0u64..1 << 39) {
            let bits = 1u128 << 79 | u128::from(number) << 39 | u128::from(rest);
            let mut key_id = String::from("ASIA");
            for place in (0..16).rev() {
                let digit = ((bits >> (place * 5)) & 31) as u8;
                key_id.push(char::from(if digit < 26 { b'A' + digit } else { b'2' + digit - 26 }));
            }
            prop_assert_eq!(account(&key_id), Some(format!("{number:012}")));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,24}") {
            let _ = account_of(&text);
        }
    }
}
