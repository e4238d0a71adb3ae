//! Yes, no, or cannot be told: what reading somebody else's policy or pattern comes to.

/// A judgement that may be open. Ordered so that "and" is the least and "or" the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tri {
    /// Certainly not.
    No,
    /// Something is used that is not understood here.
    Unsure,
    /// Certainly.
    Yes,
}

impl Tri {
    /// All of them; of none, yes.
    pub(crate) fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        parts.into_iter().min().unwrap_or(Self::Yes)
    }

    /// Any of them; of none, no.
    pub(crate) fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        parts.into_iter().max().unwrap_or(Self::No)
    }

    /// The opposite; what is open stays open.
    pub(crate) fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Unsure => Self::Unsure,
            Self::Yes => Self::No,
        }
    }
}

impl From<bool> for Tri {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

/// Whether a text fits a pattern in which `*` stands for any text and, if `one` is given, that character for any one character.
pub(crate) fn like(pattern: &str, text: &str, one: Option<char>) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last star was, and how much of the text it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == text[t] || Some(c) == one => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stars_stand_for_any_text_and_the_mark_for_one_character() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("arn:*:rule/*", "arn:aws:events:eu-west-1:1:rule/x", true),
            ("a*b*c", "aXbXbYc", true),
            ("a*b*c", "aXbX", false),
            ("ab", "abc", false),
            ("a?c", "abc", true),
            ("", "", true),
        ] {
            assert_eq!(like(pattern, text, Some('?')), fits, "{pattern} {text}");
        }
        assert!(!like("a?c", "abc", None));
    }

    proptest! {
        #[test]
        fn a_text_fits_itself_with_any_part_replaced_by_a_star(before in "[a-c]{0,5}", part in "[a-c]{0,5}", after in "[a-c]{0,5}") {
            let text = format!("{before}{part}{after}");
            let pattern = format!("{before}*{after}");
            prop_assert!(like(&pattern, &text, None));
        }

        #[test]
        fn no_pattern_takes_more_than_a_moment(pattern in "[*ab]{0,60}", text in "[ab]{0,300}") {
            let _: bool = like(&pattern, &text, Some('?'));
        }
    }
}
