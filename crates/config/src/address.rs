//! URLs.

use url::Url;

use crate::scalar::{Bad, Scalar};
use crate::schema::Form;

/// An `http` or `https` URL without user, password, query or fragment: a base to which paths are added.
pub(crate) struct HttpUrl(pub(crate) Url);

impl Scalar for HttpUrl {
    fn read(text: &str, _: bool, form: &Form) -> Result<Self, Bad> {
        let bad = || Bad::new(format!("is not {}", form.describe()));
        let url = Url::parse(text).map_err(|_| match text.contains("://") {
            true => bad(),
            false => bad().help(format!("write http://{text}")),
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            let help = if text.contains("://") { String::new() } else { format!("write http://{text}") };
            return Err(if help.is_empty() { bad() } else { bad().help(help) });
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Bad { hide: true, ..Bad::new("holds a user or password, which would show up in logs") });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad().help("leave out what follows the path"));
        }
        Ok(Self(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Form = Form::Text("a URL");

    #[test]
    fn a_forgotten_scheme_is_explained() {
        for text in ["spin-clouddriver:7002", "10.0.0.1:7002", "spin-clouddriver"] {
            let bad = HttpUrl::read(text, true, &FORM).err().unwrap();
            assert_eq!(bad.help.as_deref(), Some(format!("write http://{text}").as_str()), "{text}");
        }
    }

    #[test]
    fn only_plain_http_urls_are_taken() {
        assert!(HttpUrl::read("https://clouddriver.example:7002/base", true, &FORM).is_ok());
        for text in ["ftp://x/", "http://u:p@x/", "http://x/?a=b", "http://x/#y", ""] {
            assert!(HttpUrl::read(text, true, &FORM).is_err(), "{text}");
        }
    }
}
