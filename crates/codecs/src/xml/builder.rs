//! From text to a tree.

use anlan_kernel::Problem;
use quick_xml::{
    NsReader, XmlVersion,
    events::{BytesRef, BytesStart, Event},
    name::{Namespace, ResolveResult},
};

use super::{
    Element, Limits, MAX_DEPTH, allowed,
    problem::{cut, dtd, illegal_character, malformed, too_deep, too_many, unbound_prefix, unknown_entity},
};

/// Builds the tree with an explicit stack: nothing recurses over the input.
pub(super) struct Builder<'a> {
    reader: NsReader<&'a [u8]>,
    stack: Vec<Element>,
    root: Option<Element>,
    namespace: Option<String>,
    elements: usize,
    limits: Limits,
    /// Depth inside an element of another namespace.
    foreign: usize,
}

impl<'a> Builder<'a> {
    pub fn new(text: &'a str, limits: Limits) -> Result<Self, Problem> {
        if text.trim().is_empty() {
            return Err(malformed(0, "报文是空的", "the message is empty"));
        }
        let mut reader = NsReader::from_str(text);
        reader.config_mut().check_end_names = true;
        Ok(Self { reader, stack: Vec::new(), root: None, namespace: None, elements: 0, limits, foreign: 0 })
    }

    pub fn run(mut self) -> Result<(Element, Option<String>), Problem> {
        loop {
            let at = self.position();
            let event = match self.reader.read_event() {
                Ok(event) => event,
                Err(error) => return Err(self.broken_syntax(&error)),
            };
            match event {
                Event::Start(tag) => self.open(&tag, at)?,
                Event::Empty(tag) => {
                    self.open(&tag, at)?;
                    self.close();
                }
                Event::End(_) => self.close(),
                Event::Text(text) => self.push(&text.xml10_content(), at)?,
                Event::CData(text) => self.push(&text.xml10_content(), at)?,
                Event::GeneralRef(reference) => self.reference(&reference, at)?,
                Event::DocType(_) => return Err(dtd(at)),
                Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
                Event::Eof => return self.finish(),
            }
        }
    }

    fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX)
    }

    fn open(&mut self, tag: &BytesStart<'_>, at: usize) -> Result<(), Problem> {
        self.elements += 1;
        if self.root.is_some() {
            return Err(malformed(at, "根元素之后还有内容", "there is content after the root element"));
        }
        if self.elements > self.limits.elements {
            return Err(too_many(self.limits, at));
        }
        if self.stack.len() + self.foreign >= MAX_DEPTH {
            return Err(too_deep(at));
        }
        if self.foreign > 0 {
            self.foreign += 1;
            return Ok(());
        }
        let (own, name) = self.resolve(tag, at)?;
        let element = Element { name, at, own, label: label(tag), ..Element::default() };
        if own {
            self.stack.push(element);
        } else {
            self.foreign = 1;
            if let Some(parent) = self.stack.last_mut() {
                parent.children.push(element);
            }
        }
        Ok(())
    }

    fn resolve(&mut self, tag: &BytesStart<'_>, at: usize) -> Result<(bool, String), Problem> {
        let (space, name) = self.reader.resolver().resolve_element(tag.name());
        let space = match space {
            ResolveResult::Unbound => None,
            ResolveResult::Bound(Namespace(uri)) => Some(uri.to_owned()),
            ResolveResult::Unknown(prefix) => return Err(unbound_prefix(&prefix, at)),
        };
        let name: &str = name.as_ref();
        if self.stack.is_empty() {
            self.namespace = space.clone();
        }
        Ok((space == self.namespace, name.to_owned()))
    }

    fn close(&mut self) {
        if self.foreign > 0 {
            self.foreign -= 1;
            return;
        }
        if let Some(element) = self.stack.pop() {
            match self.stack.last_mut() {
                Some(parent) => parent.children.push(element),
                None => self.root = Some(element),
            }
        }
    }

    fn push(&mut self, text: &str, at: usize) -> Result<(), Problem> {
        if self.foreign > 0 {
            return Ok(());
        }
        match self.stack.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => {
                return Err(malformed(at, "根元素之外有文字", "there is text outside the root element"));
            }
        }
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef<'_>, at: usize) -> Result<(), Problem> {
        let resolved = match reference.as_ref() {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => reference.resolve_char_ref().ok().flatten(),
        };
        match resolved {
            Some(it) if allowed(it) => self.push(it.encode_utf8(&mut [0; 4]), at),
            Some(it) => Err(illegal_character(it, at)),
            None => Err(unknown_entity(reference, at)),
        }
    }

    fn finish(self) -> Result<(Element, Option<String>), Problem> {
        let at = self.position();
        if let Some(open) = self.stack.last() {
            let (zh, en) = (
                format!("报文不完整：<{}> 没有结束", cut(&open.name)),
                format!("the message is cut short: <{}> is never closed", cut(&open.name)),
            );
            return Err(malformed(at, zh, en).field(open.name.clone()));
        }
        self.root
            .map(|root| (root, self.namespace))
            .ok_or_else(|| malformed(at, "不是 XML 报文：没有根元素", "this is not XML: there is no root element"))
    }

    fn broken_syntax(&self, error: &quick_xml::Error) -> Problem {
        let at = usize::try_from(self.reader.error_position()).unwrap_or(0);
        let words: String = error.to_string().chars().take(200).collect();
        malformed(at, format!("XML 语法有误或不完整：{words}"), format!("the XML is broken or cut short: {words}"))
    }
}

fn label(tag: &BytesStart<'_>) -> Option<String> {
    let attribute = tag.try_get_attribute("name").ok().flatten()?;
    attribute.normalized_value(XmlVersion::Explicit1_0).ok().map(|it| it.into_owned())
}
