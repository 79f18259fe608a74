//! The receive buffer, and what of it is not handled yet.

use std::ops::Range;

use crate::hub::refusal::Refusal;
use crate::hub::NONE;
use crate::wire::frame::MAX_HEADER;
use crate::wire::json::Span;
use crate::wire::scan::Element;

/// Bytes that one read may bring.
pub(super) const READ: usize = 256 << 10;

/// The text that the elements under way are ranges of.
#[derive(Debug)]
pub(super) enum Text {
    Buffer(Range<usize>),
    Assembled(Vec<u8>),
}

/// The receive buffer, shared by all connections, and what of it is not handled yet.
#[derive(Debug)]
pub(crate) struct InboundState {
    pub(super) buffer: Box<[u8]>,
    pub(super) client: u32,
    pub(super) at: usize,
    pub(super) end: usize,
    pub(super) text: Text,
    pub(super) elements: Vec<Element>,
    pub(super) next: usize,
    /// Whether the text is a binary message that Python has not seen yet.
    pub(super) is_blob: bool,
    /// What it is too much of, where the connection must end for that.
    pub(super) excess: Option<Refusal>,
    /// Whether the next frame was put off, and has been counted.
    pub(super) is_counted: bool,
    /// Whether what Python must handle may be put off.
    pub(super) may_defer: bool,
    pub(super) scratch: Vec<u8>,
}

impl InboundState {
    pub(crate) fn new(message: usize) -> Self {
        Self {
            buffer: vec![0; READ + message + MAX_HEADER].into_boxed_slice(),
            client: NONE,
            at: 0,
            end: 0,
            text: Text::Buffer(0..0),
            elements: Vec::new(),
            next: 0,
            is_blob: false,
            excess: None,
            is_counted: false,
            may_defer: true,
            scratch: Vec::new(),
        }
    }

    /// Makes room for longer messages. It never shrinks: half-read ones may have the old length.
    pub(crate) fn fit(&mut self, message: usize) {
        let needed = READ + message + MAX_HEADER;
        if needed > self.buffer.len() {
            self.buffer = vec![0; needed].into_boxed_slice();
        }
    }

    pub(super) fn text(&self) -> &[u8] {
        match &self.text {
            Text::Buffer(range) => &self.buffer[range.clone()],
            Text::Assembled(bytes) => bytes,
        }
    }

    /// The text from an element on, and the bytes behind its frame; nothing where they may not wait
    /// or are more than `most` together.
    pub(crate) fn behind(&self, element: Span, most: usize) -> Option<(Vec<u8>, Vec<u8>)> {
        let rest = &self.buffer[self.at..self.end];
        let text = self.text();
        if !self.may_defer || self.excess.is_some() || MAX_HEADER + text.len() + rest.len() > most {
            return None;
        }
        let text = if self.next == 1 {
            text.to_vec()
        } else {
            // What stands before it is handled: the array begins with it now.
            [b"[", &text[element.start as usize..]].concat()
        };
        Some((text, rest.to_vec()))
    }

    /// Leaves what is not handled; gives whose it is.
    pub(crate) fn abandon(&mut self) -> u32 {
        self.at = self.end;
        self.next = self.elements.len();
        self.is_blob = false;
        self.client
    }

    /// Lets nothing wait until other bytes are taken.
    pub(crate) fn forbid_deferring(&mut self) {
        self.may_defer = false;
    }
}
