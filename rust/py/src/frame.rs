//! The frame codec for Python: for tests against a reference model, and for raw clients.

use fortepiano_core::wire::frame::{self, Fragments, Incoming, MessageLimits, Parsed};
use fortepiano_core::wire::partial_text::PartialText;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

/// A parser of client frames; see `_core.pyi`.
#[pyclass(module = "fortepiano._core")]
struct FrameReader {
    limits: MessageLimits,
    bytes: Vec<u8>,
    fragments: Option<Box<Fragments>>,
    text: PartialText,
    is_over: bool,
}

#[pymethods]
impl FrameReader {
    #[new]
    fn new(message_bytes: usize, fragments: u32) -> Self {
        Self {
            limits: MessageLimits { message: message_bytes, fragments },
            bytes: Vec::new(),
            fragments: None,
            text: PartialText::default(),
            is_over: false,
        }
    }

    fn feed<'py>(&mut self, py: Python<'py>, data: &[u8]) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        self.bytes.extend_from_slice(data);
        let mut events = Vec::new();
        while !self.is_over {
            let (used, what) = match self.text.parse(&mut self.bytes, &mut self.fragments, self.limits) {
                Parsed::Incomplete => return Ok(events),
                Parsed::Violation(code) => {
                    // Nothing can be parsed after a violation: the start of the next frame is unknown.
                    self.is_over = true;
                    events.push(("violation", code).into_pyobject(py)?);
                    break;
                }
                Parsed::Frame(used, what) => (used, what),
            };
            let bytes = |range: std::ops::Range<usize>| PyBytes::new(py, &self.bytes[range]);
            match what {
                Incoming::Text(range) => events.push(("text", bytes(range)).into_pyobject(py)?),
                Incoming::AssembledText(whole) => {
                    events.push(("text", PyBytes::new(py, &whole)).into_pyobject(py)?);
                }
                Incoming::Binary(range) => events.push(("binary", bytes(range)).into_pyobject(py)?),
                Incoming::AssembledBinary(whole) => {
                    events.push(("binary", PyBytes::new(py, &whole)).into_pyobject(py)?);
                }
                Incoming::Fragment => {}
                Incoming::Ping(range) => events.push(("ping", bytes(range)).into_pyobject(py)?),
                Incoming::Pong(range) => events.push(("pong", bytes(range)).into_pyobject(py)?),
                Incoming::Close(code, range) => {
                    events.push(("close", code, bytes(range)).into_pyobject(py)?);
                }
            }
            self.bytes.drain(..used);
        }
        Ok(events)
    }
}

/// Create one unmasked, final frame.
#[pyfunction]
fn frame_bytes<'py>(py: Python<'py>, opcode: u8, payload: &[u8]) -> Bound<'py, PyBytes> {
    let mut out = Vec::new();
    frame::append(&mut out, opcode & 0x0F, payload);
    PyBytes::new(py, &out)
}

/// Create a close frame.
#[pyfunction]
fn close_frame<'py>(py: Python<'py>, code: u16, reason: &str) -> Bound<'py, PyBytes> {
    let mut out = Vec::new();
    frame::append_close(&mut out, code, reason);
    PyBytes::new(py, &out)
}

/// Add the names of this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<FrameReader>()?;
    module.add_function(wrap_pyfunction!(frame_bytes, module)?)?;
    module.add_function(wrap_pyfunction!(close_frame, module)?)
}
