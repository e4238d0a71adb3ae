//! What is handed out: a file's path and text.

/// One generated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Where it belongs, below the folder that the operator chooses: `member/main.tf`.
    pub path: String,
    /// Its text, ending in a line feed.
    pub text: String,
}

impl Document {
    pub(crate) fn new(path: &str, text: String) -> Self {
        Self { path: path.to_owned(), text }
    }
}
