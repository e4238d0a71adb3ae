//! XML, as the query protocols and REST services answer in it: elements and text; attributes say nothing that a caller reads.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::{DEEPEST, Kind, Step, Stop, Visit};

pub(crate) fn walk(body: &[u8], visit: &mut impl Visit) -> Result<(), Stop> {
    let text = std::str::from_utf8(body).map_err(|_| Stop::NotText)?;
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut walker = Walker { visit, open: Vec::new(), text: String::new(), result: String::new(), done: false };
    loop {
        match reader.read_event().map_err(|_| Stop::Malformed)? {
            Event::Start(element) => walker.start(&element)?,
            Event::End(_) => walker.end()?,
            Event::Text(text) => walker.text(&text.into_inner())?,
            Event::CData(text) => walker.text(&text.into_inner())?,
            Event::GeneralRef(reference) => walker.reference(&reference)?,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            // No answer of AWS has one, and entities of its own could grow without bound.
            Event::DocType(_) | Event::Empty(_) => return Err(Stop::Malformed),
            Event::Eof if walker.done => return Ok(()),
            Event::Eof => return Err(Stop::Malformed),
        }
    }
}

/// An element that has been opened and not yet closed.
#[derive(Clone, Copy)]
struct Open {
    /// The outermost element, or the query protocol's `…Result` in it: both only repeat the operation's name.
    wrapper: bool,
    has_elements: bool,
}

struct Walker<'v, V> {
    visit: &'v mut V,
    open: Vec<Open>,
    /// The innermost element's text, as long as it has no elements.
    text: String,
    /// `XResult` inside `XResponse`.
    result: String,
    done: bool,
}

impl<V: Visit> Walker<'_, V> {
    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), Stop> {
        let name = element.local_name();
        let name = name.as_ref();
        if self.done {
            return Err(Stop::Malformed);
        }
        if self.open.len() >= DEEPEST {
            return Err(Stop::TooDeep);
        }
        self.text.clear();
        let wrapper = match self.open.last_mut() {
            None => {
                self.visit.root(name)?;
                self.result =
                    name.strip_suffix("Response").map(|operation| format!("{operation}Result")).unwrap_or_default();
                true
            }
            Some(parent) => {
                parent.has_elements = true;
                self.open.len() == 1 && name == self.result
            }
        };
        if !wrapper {
            self.visit.enter(Step::Member(name))?;
        }
        self.open.push(Open { wrapper, has_elements: false });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stop> {
        let closed = self.open.pop().ok_or(Stop::Malformed)?;
        self.done = self.open.is_empty();
        if !closed.wrapper {
            if !closed.has_elements {
                self.visit.value(Kind::Text, &self.text)?;
            }
            self.visit.leave()?;
        }
        self.text.clear();
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Stop> {
        match self.open.last() {
            Some(open) if open.wrapper || open.has_elements => Ok(()),
            Some(_) => {
                self.text.push_str(text);
                Ok(())
            }
            None if text.trim_start_matches('\u{feff}').trim_ascii().is_empty() => Ok(()),
            None => Err(Stop::Malformed),
        }
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), Stop> {
        if let Some(character) = reference.resolve_char_ref().map_err(|_| Stop::Malformed)? {
            return self.text(character.encode_utf8(&mut [0; 4]));
        }
        let name = reference.xml10_content();
        self.text(resolve_predefined_entity(&name).ok_or(Stop::Malformed)?)
    }
}
