//! The forms that SNS gives to its fields. Only `Message` may hold a line feed, which is what makes the signed bytes readable in one way only.

/// Longest token taken; those seen have about 250 characters.
const TOKEN_LIMIT: usize = 512;

/// Longest URL taken; those seen stay below 600 characters.
const URL_LIMIT: usize = 2048;
/// A UUID; upper case is accepted and kept, since it is signed as it is.
pub(super) fn is_message_id(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// `2026-05-04T09:15:27.481Z`, with no to nine digits of fraction. Whether it is a real date is seen when it is read.
pub(super) fn is_timestamp(text: &str) -> bool {
    let Some((seconds, rest)) = text.as_bytes().split_at_checked(19) else { return false };
    let shape = seconds.iter().enumerate().all(|(at, byte)| match at {
        4 | 7 => *byte == b'-',
        10 => *byte == b'T',
        13 | 16 => *byte == b':',
        _ => byte.is_ascii_digit(),
    });
    let fraction = |digits: &[u8]| (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    shape
        && match rest {
            [b'Z'] => true,
            [b'.', digits @ .., b'Z'] => fraction(digits),
            _ => false,
        }
}

/// Under 100 characters and nothing that ends a line (API reference of `Publish`).
pub(super) fn is_subject(text: &str) -> bool {
    let ends_line = |c: char| c < ' ' || matches!(c, '\u{7f}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    text.chars().count() < 100 && !text.chars().any(ends_line)
}

pub(super) fn is_token(text: &str) -> bool {
    (1..=TOKEN_LIMIT).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Printable ASCII. Whether it is the right URL is decided by comparing it with the one we compose.
pub(super) fn is_plain_url(text: &str) -> bool {
    (1..=URL_LIMIT).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}
