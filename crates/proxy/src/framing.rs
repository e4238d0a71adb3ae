//! A connection's requests one after another: where each head and body ends, so that no byte of a head reaches the HTTP library uninspected.
//!
//! Pure: bytes in, how many of them may pass out. `gate` does the reading.

use crate::head::{self, Framing, HeadLimits, Malformed};

/// Longest line of a chunked body that is not data: size with extensions. Nobody sends extensions; 256 bytes is kind.
const CHUNK_LINE: u16 = 256;

/// Longest trailer section. S3 clients send one line.
const TRAILER: u16 = 4_096;

/// Follows one direction of a connection.
#[derive(Debug)]
pub struct Inspector {
    limits: HeadLimits,
    state: State,
    requests: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Inside a head of which so many bytes were looked at.
    Head(usize),
    /// Inside a body with so many bytes to come.
    Body(u64),
    Chunked(Chunk),
    /// Refused: nothing passes any more.
    Halted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chunk {
    /// Digits of the size: how many, and their value so far.
    Size(u8, u64),
    /// After the size, up to the CR.
    Extension(u64, u16),
    /// The LF after the size.
    SizeEnd(u64),
    Data(u64),
    DataCr,
    DataLf,
    /// Trailer lines after the last chunk: bytes of the section, and bytes of the line.
    Trailer(u16, u16),
    /// The LF that ends a line of so many bytes.
    TrailerLf(u16, u16),
}

/// What comes after the bytes that may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing is left over.
    Nothing,
    /// The start of a head: show it again, from its first byte, when there is more of it.
    Incomplete,
    /// A request that must not pass; the connection is done.
    Refused(Malformed),
}

/// Where the connection is, between two bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// No byte of the next request has come.
    Between,
    /// Inside a head.
    Head,
    /// Inside a body.
    Body,
}

impl Inspector {
    /// At the start of a connection.
    pub fn new(limits: HeadLimits) -> Self {
        Self { limits, state: State::Head(0), requests: 0 }
    }

    /// Where it is.
    pub fn place(&self) -> Place {
        match self.state {
            State::Head(0) | State::Halted => Place::Between,
            State::Head(_) => Place::Head,
            State::Body(_) | State::Chunked(_) => Place::Body,
        }
    }

    /// Heads that passed.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// Takes the bytes that follow those that passed before; returns how many of them may pass, and what the rest is.
    pub fn pass(&mut self, bytes: &[u8]) -> (usize, Next) {
        let mut passed = 0;
        loop {
            let rest = &bytes[passed..];
            if rest.is_empty() && !matches!(self.state, State::Halted) {
                return (passed, Next::Nothing);
            }
            let step = match self.state {
                State::Head(checked) => self.head(rest, checked),
                State::Body(left) => Ok(Some(self.body(rest, left))),
                State::Chunked(chunk) => self.chunked(rest, chunk).map(Some),
                State::Halted => return (passed, Next::Refused(Malformed::RequestLine)),
            };
            match step {
                Ok(Some(more)) => passed += more,
                Ok(None) => return (passed, Next::Incomplete),
                Err(malformed) => {
                    self.state = State::Halted;
                    return (passed, Next::Refused(malformed));
                }
            }
        }
    }

    fn head(&mut self, bytes: &[u8], checked: usize) -> Result<Option<usize>, Malformed> {
        let Some(length) = head::end(bytes, checked, self.limits)? else {
            self.state = State::Head(bytes.len());
            return Ok(None);
        };
        let head = head::inspect(&bytes[..length], self.limits)?;
        if head.method == "CONNECT" {
            return Err(Malformed::Connect);
        }
        self.requests += 1;
        self.state = match head.framing {
            Framing::Length(0) => State::Head(0),
            Framing::Length(length) => State::Body(length),
            Framing::Chunked => State::Chunked(Chunk::Size(0, 0)),
        };
        Ok(Some(length))
    }

    fn body(&mut self, bytes: &[u8], left: u64) -> usize {
        let taken = left.min(bytes.len() as u64);
        self.state = if taken == left { State::Head(0) } else { State::Body(left - taken) };
        // At most `bytes.len()`, so that it fits.
        usize::try_from(taken).unwrap_or(bytes.len())
    }

    fn chunked(&mut self, bytes: &[u8], mut chunk: Chunk) -> Result<usize, Malformed> {
        let mut at = 0;
        while at < bytes.len() {
            if let Chunk::Data(left) = chunk {
                let taken = left.min((bytes.len() - at) as u64);
                at += usize::try_from(taken).unwrap_or(bytes.len() - at);
                chunk = if taken == left { Chunk::DataCr } else { Chunk::Data(left - taken) };
                continue;
            }
            match chunk.byte(bytes[at]) {
                Some(Some(next)) => chunk = next,
                Some(None) => {
                    self.state = State::Head(0);
                    return Ok(at + 1);
                }
                None if at == 0 => return Err(Malformed::Chunk),
                // What came before it passes, as it would have if it had arrived alone.
                None => break,
            }
            at += 1;
        }
        self.state = State::Chunked(chunk);
        Ok(at)
    }
}

impl Chunk {
    /// One byte that is not data. `Some(None)` is the body's end.
    fn byte(self, byte: u8) -> Option<Option<Self>> {
        let next = match (self, byte) {
            (Self::Size(digits, value), byte) if byte.is_ascii_hexdigit() && digits < 15 => {
                Self::Size(digits + 1, value << 4 | u64::from((byte as char).to_digit(16)?))
            }
            (Self::Size(1.., value), b'\r') => Self::SizeEnd(value),
            (Self::Size(1.., value), b';') => Self::Extension(value, 0),
            (Self::Extension(value, _), b'\r') => Self::SizeEnd(value),
            (Self::Extension(value, length), byte) if is_text(byte) && length < CHUNK_LINE => {
                Self::Extension(value, length + 1)
            }
            (Self::SizeEnd(0), b'\n') => Self::Trailer(0, 0),
            (Self::SizeEnd(value), b'\n') => Self::Data(value),
            (Self::DataCr, b'\r') => Self::DataLf,
            (Self::DataLf, b'\n') => Self::Size(0, 0),
            (Self::Trailer(section, line), b'\r') => Self::TrailerLf(section, line),
            (Self::Trailer(_, 0), b' ' | b'\t') => return None,
            (Self::Trailer(section, line), byte) if is_text(byte) && section < TRAILER => {
                Self::Trailer(section + 1, line + 1)
            }
            (Self::TrailerLf(_, 0), b'\n') => return Some(None),
            (Self::TrailerLf(section, _), b'\n') => Self::Trailer(section, 0),
            _ => return None,
        };
        Some(Some(next))
    }
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 127)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: HeadLimits = HeadLimits { bytes: 512, lines: 20 };
    const POST: &str = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
    const CHUNKED: &str = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n";

    /// Feeds it in pieces, as the gate does, and returns what passed and how it ended.
    fn feed(text: &[u8], pieces: &[usize]) -> (Vec<u8>, Next) {
        let mut inspector = Inspector::new(LIMITS);
        let (mut passed, mut held, mut rest) = (Vec::new(), Vec::new(), text);
        let mut sizes = pieces.iter().copied().cycle();
        loop {
            let size = sizes.next().unwrap_or(1).clamp(1, rest.len().max(1)).min(rest.len());
            held.extend_from_slice(&rest[..size]);
            rest = &rest[size..];
            let (count, next) = inspector.pass(&held);
            passed.extend(held.drain(..count));
            if rest.is_empty() || matches!(next, Next::Refused(_)) {
                return (passed, next);
            }
        }
    }

    #[test]
    fn requests_follow_one_another_whatever_their_framing() {
        let text = format!("{POST}{CHUNKED}{POST}");
        let (passed, next) = feed(text.as_bytes(), &[7]);
        assert_eq!((passed.len(), next), (text.len(), Next::Nothing));
    }

    #[test]
    fn what_follows_a_good_request_is_inspected_too() {
        let text = format!("{POST}GET /evil HTTP/1.1\nHost: h\r\n\r\n");
        assert_eq!(feed(text.as_bytes(), &[text.len()]), (POST.as_bytes().to_vec(), Next::Refused(Malformed::LineEnd)));
    }

    #[test]
    fn connect_comes_first_or_not_at_all() {
        let text = format!("{POST}CONNECT h:443 HTTP/1.1\r\n\r\n");
        assert_eq!(feed(text.as_bytes(), &[text.len()]).1, Next::Refused(Malformed::Connect));
    }

    #[test]
    fn chunks_that_parsers_read_differently_are_refused() {
        let head = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
        let bodies = [
            "3\nabc\r\n0\r\n\r\n",
            "3\r\nabc\n0\r\n\r\n",
            "3\r\nabcd\r\n0\r\n\r\n",
            "0x3\r\nabc\r\n0\r\n\r\n",
            " 3\r\nabc\r\n0\r\n\r\n",
            "3 \r\nabc\r\n0\r\n\r\n",
            "-3\r\nabc\r\n",
            "\r\n",
            "ffffffffffffffff\r\n",
            "3;a\nb\r\nabc\r\n0\r\n\r\n",
            "0\r\nX: y\n\r\n",
            "0\r\n folded\r\n\r\n",
        ];
        for body in bodies {
            let text = format!("{head}{body}");
            assert_eq!(feed(text.as_bytes(), &[3]).1, Next::Refused(Malformed::Chunk), "{body:?}");
        }
    }

    #[test]
    fn endless_extensions_and_trailers_are_refused() {
        let head = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
        for body in [format!("3;{}", "a".repeat(300)), format!("0\r\n{}", "A: b\r\n".repeat(2_000))] {
            assert_eq!(feed(format!("{head}{body}").as_bytes(), &[50]).1, Next::Refused(Malformed::Chunk));
        }
    }

    proptest! {
        #[test]
        fn the_verdict_does_not_depend_on_how_the_bytes_arrive(
            pieces in prop::collection::vec(1_usize..40, 1..8),
            text in prop_oneof![
                Just(format!("{POST}{CHUNKED}")),
                Just(CHUNKED.replace("abc", "abcd")),
                Just(format!("{CHUNKED}GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n")),
                "[A-Z ]{0,3}POST / HTTP/1.1\r\n(Host: h\r\n){0,2}(Content-Length: [0-9]\r\n){0,2}\r\n[a-z\r\n]{0,12}",
            ],
        ) {
            prop_assert_eq!(feed(text.as_bytes(), &pieces), feed(text.as_bytes(), &[text.len().max(1)]));
        }

        #[test]
        fn no_bytes_confuse_it(text in prop::collection::vec(any::<u8>(), 0..600), pieces in prop::collection::vec(1_usize..90, 1..5)) {
            let (passed, _) = feed(&text, &pieces);
            prop_assert!(passed.len() <= text.len());
        }
    }
}
