//! The scanner for Python: for tests against a reference model, and for tools.

use fortepiano_core::wire::json::Span;
use fortepiano_core::wire::scan::{self, Element};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

/// Split a text message into its elements; see `_core.pyi`.
#[pyfunction]
#[pyo3(name = "scan", signature = (text, custom_notes=false))]
fn scan_text<'py>(
    py: Python<'py>,
    text: &[u8],
    custom_notes: bool,
) -> PyResult<Option<Vec<Bound<'py, PyTuple>>>> {
    let mut text = text.to_vec();
    let mut elements = Vec::new();
    // Texts of the link were checked by the frame codec; texts from Python were not.
    if std::str::from_utf8(&text).is_err() || !scan::scan(&mut text, custom_notes, &mut elements) {
        return Ok(None);
    }
    let bytes = |span: Span| PyBytes::new(py, span.of(&text));
    let written = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        PyBytes::new(py, &out)
    };
    let tuple = |element: &Element| match element {
        Element::Notes(notes) => {
            let time = written(&|out| notes.write_time(&text, out));
            let array = written(&|out| notes.write(&text, out));
            ("n", time, array, notes.count).into_pyobject(py)
        }
        Element::BadNotes => ("bad notes",).into_pyobject(py),
        Element::Pointer { x, y } => ("m", bytes(*x), bytes(*y)).into_pyobject(py),
        Element::Time { echo } => ("t", echo.map(bytes)).into_pyobject(py),
        Element::Cold(span) => ("cold", bytes(*span)).into_pyobject(py),
    };
    elements.iter().map(tuple).collect::<PyResult<_>>().map(Some)
}

/// Add the names of this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(scan_text, module)?)
}
