//! The raw head of a request, inspected before any parser that is kinder than we want sees it.
//!
//! hyper and httparse take bare line feeds, two equal lengths, and a length beside `chunked`. Whatever stands behind or before us might read such a request
//! differently, which is how requests are smuggled. No SDK sends any of it, so all of it is refused.
//!
//! What it promises: a head that is let through means the same to every HTTP/1 parser: where it ends, where its body ends, and to which host it goes.

use std::str;

use memchr::memchr;

/// How the end of a body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// So many bytes, maybe none.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// How much of a head is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes, with the empty line.
    pub bytes: usize,
    /// Header lines.
    pub lines: usize,
}

/// A head that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head<'h> {
    /// Upper-case letters.
    pub method: &'h str,
    /// As sent; visible ASCII without `#`.
    pub target: &'h str,
    /// HTTP/1.1, else HTTP/1.0.
    pub is_1_1: bool,
    /// The `Host` line's value.
    pub host: Option<&'h str>,
    /// The `Proxy-Authorization` line's value.
    pub proxy_authorization: Option<&'h [u8]>,
    /// Where the body ends.
    pub framing: Framing,
    /// Bytes of the head, with the empty line.
    pub length: usize,
}

/// Why a request is refused before anything reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// More bytes than a head may have.
    #[error("the request's head is too long")]
    TooLong,
    /// More header lines than a head may have.
    #[error("the request has too many header lines")]
    TooManyLines,
    /// A line feed without a carriage return, or the other way round.
    #[error("a line of the head does not end in CR LF")]
    LineEnd,
    /// The first line is no request line of HTTP/1.0 or 1.1.
    #[error("the first line is not a request line of HTTP/1.0 or HTTP/1.1")]
    RequestLine,
    /// A line that continues the one before.
    #[error("a header line is folded")]
    Folded,
    /// A line that is none: no colon, blanks before it, or characters that a name or value must not have.
    #[error("a header line is malformed")]
    Line,
    /// `Content-Length` is not one number.
    #[error("the Content-Length is not one number")]
    Length,
    /// Two `Content-Length` lines, equal or not.
    #[error("the request has two Content-Length lines")]
    TwoLengths,
    /// `Content-Length` and `Transfer-Encoding`.
    #[error("the request has both Content-Length and Transfer-Encoding")]
    LengthAndCoding,
    /// A transfer coding other than just `chunked`, or in HTTP/1.0.
    #[error("the Transfer-Encoding is not just chunked")]
    Coding,
    /// Two `Host` lines, or none in HTTP/1.1.
    #[error("the request does not have exactly one Host line")]
    Host,
    /// A CONNECT with a body, or after other requests.
    #[error("CONNECT must be the first request of a connection and have no body")]
    Connect,
    /// A chunk that is none.
    #[error("the chunked body is malformed")]
    Chunk,
    /// The head was not complete in time.
    #[error("the request's head did not arrive in time")]
    Late,
}

impl Malformed {
    /// As in labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "head-bytes",
            Self::TooManyLines => "head-lines",
            Self::LineEnd => "line-end",
            Self::RequestLine => "request-line",
            Self::Folded => "folded",
            Self::Line => "header-line",
            Self::Length => "length",
            Self::TwoLengths => "two-lengths",
            Self::LengthAndCoding => "length-and-coding",
            Self::Coding => "coding",
            Self::Host => "host-lines",
            Self::Connect => "connect",
            Self::Chunk => "chunk",
            Self::Late => "head-time",
        }
    }
}

/// Looks for the head's end in `bytes`, of which the first `checked` were looked at before. Returns the head's length, or `None` while it is not complete.
///
/// # Errors
/// It is too long, or a line ends in a bare line feed.
pub fn end(bytes: &[u8], checked: usize, limits: HeadLimits) -> Result<Option<usize>, Malformed> {
    let mut from = checked.min(bytes.len());
    while let Some(offset) = memchr(b'\n', &bytes[from..]) {
        let at = from + offset;
        if at + 1 > limits.bytes {
            return Err(Malformed::TooLong);
        }
        if at == 0 || bytes[at - 1] != b'\r' {
            return Err(Malformed::LineEnd);
        }
        // An empty line: this CR LF follows another one, or is the very first thing.
        if at == 1 || (at >= 3 && bytes[at - 2] == b'\n') {
            return Ok(Some(at + 1));
        }
        from = at + 1;
    }
    if bytes.len() >= limits.bytes { Err(Malformed::TooLong) } else { Ok(None) }
}

/// Inspects a complete head, as [`end`] delimits it.
///
/// # Errors
/// [`Malformed`] says what is wrong with it.
pub fn inspect(head: &[u8], limits: HeadLimits) -> Result<Head<'_>, Malformed> {
    let mut lines = Lines(head);
    let first = lines.next().ok_or(Malformed::RequestLine)??;
    let (method, target, is_1_1) = request_line(first).ok_or_else(|| why(first, Malformed::RequestLine))?;
    let mut seen = Lined::default();
    for (count, line) in lines.enumerate() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if count >= limits.lines {
            return Err(Malformed::TooManyLines);
        }
        seen.line(line)?;
    }
    let framing = seen.framing(is_1_1)?;
    let is_connect = method == "CONNECT";
    if is_connect && framing != Framing::Length(0) {
        return Err(Malformed::Connect);
    }
    // Apache's client and Python send CONNECT without a Host line, or with half of one.
    if seen.host.is_none() && is_1_1 && !is_connect {
        return Err(Malformed::Host);
    }
    Ok(Head {
        method,
        target,
        is_1_1,
        host: seen.host,
        proxy_authorization: seen.authorization,
        framing,
        length: head.len(),
    })
}

/// The lines of a head, each without its CR LF. A CR inside of one is no character of any part of it, and is found where the parts are looked at.
struct Lines<'h>(&'h [u8]);

impl<'h> Iterator for Lines<'h> {
    type Item = Result<&'h [u8], Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = memchr(b'\n', self.0)?;
        let (line, rest) = self.0.split_at(at + 1);
        self.0 = rest;
        Some(line.strip_suffix(b"\r\n").ok_or(Malformed::LineEnd))
    }
}

/// What is wrong with a line that is none.
fn why(line: &[u8], otherwise: Malformed) -> Malformed {
    if memchr(b'\r', line).is_some() { Malformed::LineEnd } else { otherwise }
}

fn request_line(line: &[u8]) -> Option<(&str, &str, bool)> {
    let line = str::from_utf8(line).ok()?;
    let (method, rest) = line.split_at_checked(memchr(b' ', line.as_bytes())?)?;
    let rest = &rest[1..];
    let (target, version) = rest.split_at_checked(memchr(b' ', rest.as_bytes())?)?;
    let is_1_1 = match version {
        " HTTP/1.1" => true,
        " HTTP/1.0" => false,
        _ => return None,
    };
    let is_method = (1..=32).contains(&method.len()) && method.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_target = !target.is_empty() && is_every(target.as_bytes(), |byte| byte.is_ascii_graphic() && byte != b'#');
    (is_method && is_target).then_some((method, target, is_1_1))
}

/// Whether all bytes are such. Looks at every one of them, which the compiler turns into looking at many at a time: sooner done than stopping early.
fn is_every(bytes: &[u8], such: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(true, |so_far, &byte| so_far & such(byte))
}

/// What the header lines said so far.
#[derive(Default)]
struct Lined<'h> {
    length: Option<u64>,
    chunked: bool,
    host: Option<&'h str>,
    authorization: Option<&'h [u8]>,
}

impl<'h> Lined<'h> {
    fn line(&mut self, line: &'h [u8]) -> Result<(), Malformed> {
        if matches!(line.first(), Some(b' ' | b'\t')) {
            return Err(Malformed::Folded);
        }
        let colon = memchr(b':', line).ok_or_else(|| why(line, Malformed::Line))?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.is_empty() || !name.iter().all(|&byte| TOKEN[usize::from(byte)]) || !is_every(value, is_of_value) {
            return Err(why(line, Malformed::Line));
        }
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.host(trimmed(value)),
            14 if name.eq_ignore_ascii_case(b"content-length") => self.length(trimmed(value)),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.coding(trimmed(value)),
            19 if name.eq_ignore_ascii_case(b"proxy-authorization") => {
                // Of two, neither counts: the second might be somebody else's.
                self.authorization = if self.authorization.is_none() { Some(trimmed(value)) } else { Some(b"") };
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn host(&mut self, value: &'h [u8]) -> Result<(), Malformed> {
        let value = str::from_utf8(value).map_err(|_| Malformed::Host)?;
        if self.host.replace(value).is_some() { Err(Malformed::Host) } else { Ok(()) }
    }

    fn length(&mut self, value: &[u8]) -> Result<(), Malformed> {
        let is_number = (1..=18).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
        let number = str::from_utf8(value)
            .ok()
            .filter(|_| is_number)
            .and_then(|text| text.parse().ok())
            .ok_or(Malformed::Length)?;
        if self.length.replace(number).is_some() { Err(Malformed::TwoLengths) } else { Ok(()) }
    }

    fn coding(&mut self, value: &[u8]) -> Result<(), Malformed> {
        if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Malformed::Coding);
        }
        self.chunked = true;
        Ok(())
    }

    fn framing(&self, is_1_1: bool) -> Result<Framing, Malformed> {
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(Malformed::LengthAndCoding),
            (true, None) if !is_1_1 => Err(Malformed::Coding),
            (true, None) => Ok(Framing::Chunked),
            (false, length) => Ok(Framing::Length(length.unwrap_or(0))),
        }
    }
}

fn trimmed(value: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !is_blank(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_blank(byte)).map_or(start, |at| at + 1);
    &value[start..end]
}

/// RFC 9110 5.6.2.
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let marks = b"!#$%&'*+-.^_`|~";
    let mut at = 0;
    while at < marks.len() {
        table[marks[at] as usize] = true;
        at += 1;
    }
    table
};

/// RFC 9110 5.5: visible characters, blanks, tabs, and what is beyond ASCII. Without a branch, so that many bytes are looked at at a time.
fn is_of_value(byte: u8) -> bool {
    (byte >= b' ') & (byte != 127) | (byte == b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { bytes: 1024, lines: 5 };

    fn judge(text: &str) -> Result<Framing, Malformed> {
        let bytes = text.as_bytes();
        let length = end(bytes, 0, LIMITS)?.expect("a complete head");
        inspect(&bytes[..length], LIMITS).map(|head| head.framing)
    }

    #[test]
    fn what_sdks_send_passes() {
        let cases = [
            (
                "POST http://ec2.eu-west-1.amazonaws.com/ HTTP/1.1\r\nHost: ec2.eu-west-1.amazonaws.com\r\nContent-Length: 42\r\n\r\n",
                Framing::Length(42),
            ),
            ("CONNECT ec2.eu-west-1.amazonaws.com:443 HTTP/1.0\r\n\r\n", Framing::Length(0)),
            ("CONNECT ec2.eu-west-1.amazonaws.com:443 HTTP/1.1\r\nHost: x\r\nUser-Agent:\r\n\r\n", Framing::Length(0)),
            ("PUT /b/k HTTP/1.1\r\nhost:s3.amazonaws.com\r\ntransfer-encoding: Chunked\r\n\r\n", Framing::Chunked),
            (
                "GET /2015-03-31/functions/arn%3Aaws%3A HTTP/1.1\r\nHost: l\r\nX-Name: w\u{f6}rd\r\n\r\n",
                Framing::Length(0),
            ),
        ];
        for (text, framing) in cases {
            assert_eq!(judge(text), Ok(framing), "{text:?}");
        }
    }

    #[test]
    fn whatever_two_parsers_may_read_differently_is_refused() {
        let cases = [
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", Malformed::TwoLengths),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", Malformed::TwoLengths),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\n", Malformed::Length),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\n", Malformed::Length),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n", Malformed::Length),
            (
                "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                Malformed::LengthAndCoding,
            ),
            (
                "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
                Malformed::LengthAndCoding,
            ),
            ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", Malformed::Coding),
            ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Malformed::Coding),
            (
                "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
                Malformed::Coding,
            ),
            ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n", Malformed::Coding),
            ("POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", Malformed::Coding),
            ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n", Malformed::Line),
            ("POST / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", Malformed::Folded),
            ("POST / HTTP/1.1\r\nHost: h\r\n\tX: a\r\n\r\n", Malformed::Folded),
            ("POST / HTTP/1.1\nHost: h\r\n\r\n", Malformed::LineEnd),
            ("POST / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", Malformed::LineEnd),
            ("POST / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", Malformed::LineEnd),
            ("POST / HTTP/1.1\r\nHost: h\r\nX: y\0\r\n\r\n", Malformed::Line),
            ("POST / HTTP/1.1\r\nHost: h\r\nNo colon\r\n\r\n", Malformed::Line),
            ("POST / HTTP/1.1\r\nHost: h\r\n: empty\r\n\r\n", Malformed::Line),
            ("POST / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", Malformed::Host),
            ("POST / HTTP/1.1\r\nX: y\r\n\r\n", Malformed::Host),
            ("POST  / HTTP/1.1\r\nHost: h\r\n\r\n", Malformed::RequestLine),
            ("POST / HTTP/1.1 \r\nHost: h\r\n\r\n", Malformed::RequestLine),
            ("POST /a b HTTP/1.1\r\nHost: h\r\n\r\n", Malformed::RequestLine),
            ("POST /a#b HTTP/1.1\r\nHost: h\r\n\r\n", Malformed::RequestLine),
            ("POST / HTTP/2.0\r\nHost: h\r\n\r\n", Malformed::RequestLine),
            ("POST /\r\nHost: h\r\n\r\n", Malformed::RequestLine),
            ("post / HTTP/1.1\r\nHost: h\r\n\r\n", Malformed::RequestLine),
            ("\r\nPOST / HTTP/1.1\r\nHost: h\r\n\r\n", Malformed::RequestLine),
            ("PRI * HTTP/2.0\r\n\r\n", Malformed::RequestLine),
            ("CONNECT h:443 HTTP/1.1\r\nContent-Length: 5\r\n\r\n", Malformed::Connect),
            ("CONNECT h:443 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", Malformed::Connect),
            ("GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\nE: 1\r\n\r\n", Malformed::TooManyLines),
        ];
        for (text, malformed) in cases {
            assert_eq!(judge(text), Err(malformed), "{text:?}");
        }
    }

    #[test]
    fn a_head_that_never_ends_is_refused_when_it_is_too_long() {
        let long = vec![b'a'; LIMITS.bytes];
        assert_eq!(end(&long[..LIMITS.bytes - 1], 0, LIMITS), Ok(None));
        assert_eq!(end(&long, 0, LIMITS), Err(Malformed::TooLong));
        let mut ends_late = vec![b'a'; LIMITS.bytes - 3];
        ends_late.extend(b"\r\n\r\n");
        assert_eq!(end(&ends_late, 0, LIMITS), Err(Malformed::TooLong));
    }

    #[test]
    fn of_two_proxy_passwords_neither_counts() {
        let text =
            b"CONNECT h:443 HTTP/1.1\r\nProxy-Authorization: Basic YTpi\r\nproxy-authorization: Basic YTpi\r\n\r\n";
        assert_eq!(inspect(text, LIMITS).unwrap().proxy_authorization, Some(&b""[..]));
    }

    #[test]
    fn the_end_is_found_wherever_the_bytes_are_split() {
        let text = b"GET / HTTP/1.1\r\nHost: h\r\n\r\nrest";
        let whole = text.len() - 4;
        for split in 0..text.len() {
            let first = end(&text[..split], 0, LIMITS).unwrap();
            assert_eq!(first, (split >= whole).then_some(whole), "{split}");
            assert_eq!(end(text, split.min(whole - 1), LIMITS), Ok(Some(whole)), "{split}");
        }
    }
}
