//! CBOR (RFC 8949), as Smithy's RPC v2 uses it: texts as names, tag 1 for times, everything definite or indefinite.

use ciborium_io::Read as _;
use ciborium_ll::{Decoder, Error, Header, simple};

use super::{DEEPEST, Kind, Step, Stop, Visit};

/// RFC 8949 3.4.2: seconds since 1970.
const EPOCH: u64 = 1;

pub(crate) fn walk(body: &[u8], visit: &mut impl Visit) -> Result<(), Stop> {
    let mut walker = Walker { from: Decoder::from(body), visit, scratch: Vec::new() };
    let first = walker.pull()?;
    walker.value(first, 0)?;
    let mut rest = [0; 1];
    match walker.from.read_exact(&mut rest) {
        Ok(()) => Err(Stop::Malformed),
        Err(_) => Ok(()),
    }
}

struct Walker<'b, 'v, V> {
    from: Decoder<&'b [u8]>,
    visit: &'v mut V,
    /// Texts come in pieces.
    scratch: Vec<u8>,
}

impl<V: Visit> Walker<'_, '_, V> {
    fn pull(&mut self) -> Result<Header, Stop> {
        self.from.pull().map_err(|_| Stop::Malformed)
    }

    fn value(&mut self, header: Header, depth: usize) -> Result<(), Stop> {
        match header {
            Header::Positive(number) => self.visit.value(Kind::Number, &number.to_string()),
            // The header holds -1 - n as n's bits.
            Header::Negative(bits) => self.visit.value(Kind::Number, &(-1 - i128::from(bits)).to_string()),
            Header::Float(number) => self.visit.value(Kind::Number, &format!("{number:?}")),
            Header::Simple(simple::TRUE) => self.visit.value(Kind::Bool, "true"),
            Header::Simple(simple::FALSE) => self.visit.value(Kind::Bool, "false"),
            Header::Simple(simple::NULL | simple::UNDEFINED) => self.visit.value(Kind::Null, ""),
            Header::Text(length) => {
                let text = self.text(length)?;
                let seen = self.visit.value(Kind::Text, &text);
                self.scratch = text.into_bytes();
                seen
            }
            Header::Bytes(length) => {
                let bytes = self.bytes(length)?;
                self.visit.value(Kind::Bytes, &hex(&bytes))
            }
            Header::Tag(EPOCH) => self.time(),
            Header::Array(length) => self.list(length, depth),
            Header::Map(length) => self.map(length, depth),
            Header::Tag(_) | Header::Simple(_) | Header::Break => Err(Stop::Malformed),
        }
    }

    fn time(&mut self) -> Result<(), Stop> {
        let text = match self.pull()? {
            Header::Positive(seconds) => seconds.to_string(),
            Header::Negative(bits) => (-1 - i128::from(bits)).to_string(),
            Header::Float(seconds) => format!("{seconds:?}"),
            _ => return Err(Stop::Malformed),
        };
        self.visit.value(Kind::Time, &text)
    }

    /// The next header of a list or map of `left` more entries; none at its end.
    fn next(&mut self, left: &mut Option<usize>) -> Result<Option<Header>, Stop> {
        match left {
            Some(0) => Ok(None),
            Some(left) => {
                *left -= 1;
                self.pull().map(Some)
            }
            None => Ok(Some(self.pull()?).filter(|header| *header != Header::Break)),
        }
    }

    fn list(&mut self, mut left: Option<usize>, depth: usize) -> Result<(), Stop> {
        let mut index = 0;
        if depth >= DEEPEST {
            return Err(Stop::TooDeep);
        }
        while let Some(header) = self.next(&mut left)? {
            index += 1;
            self.visit.enter(Step::Item(index))?;
            self.value(header, depth + 1)?;
            self.visit.leave()?;
        }
        if index == 0 { self.visit.value(Kind::EmptyList, "") } else { Ok(()) }
    }

    fn map(&mut self, mut left: Option<usize>, depth: usize) -> Result<(), Stop> {
        let mut empty = true;
        if depth >= DEEPEST {
            return Err(Stop::TooDeep);
        }
        while let Some(header) = self.next(&mut left)? {
            empty = false;
            let Header::Text(length) = header else { return Err(Stop::Malformed) };
            let name = self.text(length)?;
            self.visit.enter(Step::Member(&name))?;
            self.scratch = name.into_bytes();
            let value = self.pull()?;
            self.value(value, depth + 1)?;
            self.visit.leave()?;
        }
        if empty { self.visit.value(Kind::EmptyMap, "") } else { Ok(()) }
    }

    /// A text. Grows with what is really there, never with the length that the header claims.
    fn text(&mut self, length: Option<usize>) -> Result<String, Stop> {
        let mut whole = std::mem::take(&mut self.scratch);
        whole.clear();
        let mut buffer = [0; 256];
        let mut segments = self.from.text(length);
        while let Some(mut segment) = segments.pull().map_err(|_| Stop::Malformed)? {
            while let Some(piece) = segment.pull(&mut buffer).map_err(broken)? {
                whole.extend_from_slice(piece.as_bytes());
            }
        }
        String::from_utf8(whole).map_err(|_| Stop::NotText)
    }

    fn bytes(&mut self, length: Option<usize>) -> Result<Vec<u8>, Stop> {
        let mut whole = Vec::new();
        let mut buffer = [0; 256];
        let mut segments = self.from.bytes(length);
        while let Some(mut segment) = segments.pull().map_err(|_| Stop::Malformed)? {
            while let Some(piece) = segment.pull(&mut buffer).map_err(|_| Stop::Malformed)? {
                whole.extend_from_slice(piece);
            }
        }
        Ok(whole)
    }
}

/// A text that ends too early, or is none.
fn broken<E>(error: Error<E>) -> Stop {
    match error {
        Error::Io(_) => Stop::Malformed,
        Error::Syntax(_) => Stop::NotText,
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}
