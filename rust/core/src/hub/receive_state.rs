//! The receive buffer, and the unhandled bytes and elements in it.

use std::ops::Range;

use crate::hub::ids::ClientId;
use crate::hub::refusal::Refusal;
use crate::wire::frame::MAX_HEADER;
use crate::wire::json::Span;
use crate::wire::scan::Element;

/// The largest number of bytes in one read.
pub(super) const READ: usize = 256 << 10;

/// The text that contains the current elements.
#[derive(Debug)]
pub(super) enum Text {
    Buffer(Range<usize>),
    Assembled(Vec<u8>),
}

/// The receive buffer, shared by all connections, and its unhandled content.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // independent facts about the bytes in the buffer
pub(crate) struct InboundState {
    pub(super) buffer: Box<[u8]>,
    pub(super) client: Option<ClientId>,
    pub(super) at: usize,
    pub(super) end: usize,
    /// The number of bytes at the beginning of the buffer that were stored of an incomplete frame.
    pub(super) carried: usize,
    pub(super) text: Text,
    pub(super) elements: Vec<Element>,
    pub(super) next: usize,
    /// Whether the text is a binary message that Python has not received yet.
    pub(super) is_blob: bool,
    /// The exceeded limit, if the connection must end for that.
    pub(super) excess: Option<Refusal>,
    /// Whether the next frame was deferred, and therefore counted already.
    pub(super) is_counted: bool,
    /// Whether messages for Python may be deferred.
    pub(super) may_defer: bool,
    /// Whether all unhandled bytes must wait.
    pub(super) is_held: bool,
    pub(super) scratch: Vec<u8>,
}

impl InboundState {
    pub(crate) fn new(message: usize) -> Self {
        Self {
            buffer: vec![0; READ + message + MAX_HEADER].into_boxed_slice(),
            client: None,
            at: 0,
            end: 0,
            carried: 0,
            text: Text::Buffer(0..0),
            elements: Vec::new(),
            next: 0,
            is_blob: false,
            excess: None,
            is_counted: false,
            may_defer: true,
            is_held: false,
            scratch: Vec::new(),
        }
    }

    /// Enlarge the buffer for longer messages.
    ///
    /// The buffer never shrinks: incomplete messages may have the earlier length.
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

    /// Return the text from an element on, and the bytes after its frame.
    ///
    /// Return `None` if they must not be deferred, or would not fit into the buffer again.
    pub(crate) fn behind(&self, element: Span) -> Option<(Vec<u8>, Vec<u8>)> {
        let rest = &self.buffer[self.at..self.end];
        let text = self.text();
        let fits = MAX_HEADER + text.len() + rest.len() <= self.buffer.len();
        if !self.may_defer || self.excess.is_some() || !fits {
            return None;
        }
        let text = if self.next == 1 {
            text.to_vec()
        } else {
            // The elements before this one are handled: the array now begins here.
            [b"[", &text[element.start as usize..]].concat()
        };
        Some((text, rest.to_vec()))
    }

    /// Return the text behind the element that Python has handled, as a text of its own, if any is left.
    pub(crate) fn behind_handled(&self) -> Option<Vec<u8>> {
        let handled = self.next.checked_sub(1).and_then(|at| self.elements.get(at));
        let (Some(Element::Cold(span)), true) = (handled, self.next < self.elements.len()) else {
            return None;
        };
        let rest = &self.text()[span.end as usize..];
        let comma = rest.iter().position(|byte| *byte == b',')?;
        Some([b"[", &rest[comma + 1..]].concat())
    }

    /// Drop everything unhandled; return the client.
    pub(crate) fn abandon(&mut self) -> Option<ClientId> {
        self.at = self.end;
        self.next = self.elements.len();
        self.is_blob = false;
        self.client
    }

    /// Forbid deferring until the next bytes are fed.
    pub(crate) fn forbid_deferring(&mut self) {
        self.may_defer = false;
    }
}
