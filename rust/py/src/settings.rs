//! The settings of the hub and of the throttle for Python, each by the operator's name.

use fortepiano_core::hub::Settings;
use fortepiano_core::limits::throttle;
use fortepiano_core::settings::{Value, Values};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The settings of a hub; see `_core.pyi`.
#[pyclass(module = "fortepiano._core", frozen)]
pub(crate) struct HubSettings(pub(crate) Settings);

/// The settings of a throttle; see `_core.pyi`.
#[pyclass(module = "fortepiano._core", frozen)]
pub(crate) struct ThrottleSettings(pub(crate) throttle::ThrottleSettings);

/// The attributes of a rate in the operator's settings.
#[derive(FromPyObject)]
struct Rate {
    burst: u32,
    per_second: f64,
}

/// Return the value of a setting.
fn value(name: &str, given: &Bound<'_, PyAny>) -> PyResult<Value> {
    if let Ok(flag) = given.extract::<bool>() {
        Ok(Value::Flag(flag))
    } else if let Ok(number) = given.extract::<u64>() {
        Ok(Value::Whole(number))
    } else if let Ok(number) = given.extract::<f64>() {
        Ok(Value::Number(number))
    } else if let Ok(Rate { burst, per_second }) = given.extract::<Rate>() {
        Ok(Value::Rate(burst, per_second))
    } else if let Ok(texts) = given.extract::<Vec<String>>() {
        Ok(Value::Texts(texts))
    } else {
        Err(PyValueError::new_err(format!("{name} is of a type that no setting has")))
    }
}

/// Return the settings that were given as keywords.
fn values(keywords: Option<&Bound<'_, PyDict>>) -> PyResult<Values> {
    let read = |(name, given): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
        let name: String = name.extract()?;
        let value = value(&name, &given)?;
        Ok((name, value))
    };
    keywords.map_or_else(|| Ok(Values::default()), |keywords| keywords.iter().map(read).collect())
}

#[pymethods]
impl HubSettings {
    #[new]
    #[pyo3(signature = (**settings))]
    fn new(settings: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let problem = |problem| PyValueError::new_err(format!("setting of the hub: {problem}"));
        Settings::read(values(settings)?).map(Self).map_err(problem)
    }
}

#[pymethods]
impl ThrottleSettings {
    #[new]
    #[pyo3(signature = (**settings))]
    fn new(settings: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let problem = |problem| PyValueError::new_err(format!("setting of the throttle: {problem}"));
        throttle::ThrottleSettings::read(values(settings)?).map(Self).map_err(problem)
    }
}

/// Add the names of this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<HubSettings>()?;
    module.add_class::<ThrottleSettings>()
}
