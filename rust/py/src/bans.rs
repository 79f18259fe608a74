//! Bans and lists of networks for Python: used by admission for connections and by handlers for joins.

use fortepiano_core::net::address;
use fortepiano_core::net::bans;
use fortepiano_core::net::network::Network;
use fortepiano_core::net::network_list;
use fortepiano_core::net::network_table;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The largest number of lists: a look-up returns one bit for each list.
const MAX_LISTS: usize = 64;

/// Bans of users and networks; see `_core.pyi`.
#[pyclass(module = "fortepiano._core")]
#[derive(Default)]
struct Bans(bans::Bans);

#[pymethods]
impl Bans {
    #[classattr]
    const PERMANENT: u64 = bans::PERMANENT;

    #[new]
    fn new() -> Self {
        Self::default()
    }

    fn add(&mut self, scope: &str, user: &str, until_ms: Option<u64>) {
        self.0.add(scope, user, until_ms.unwrap_or(bans::PERMANENT));
    }

    fn remove(&mut self, scope: &str, user: &str) -> bool {
        self.0.remove(scope, user)
    }

    fn add_network(&mut self, network: &str, until_ms: Option<u64>) -> PyResult<()> {
        self.0.add_network(parsed(network)?, until_ms.unwrap_or(bans::PERMANENT));
        Ok(())
    }

    fn remove_network(&mut self, network: &str) -> PyResult<bool> {
        Ok(self.0.remove_network(parsed(network)?))
    }

    fn banned_until(&self, scope: &str, user: &str, now_ms: u64) -> Option<u64> {
        self.0.banned_until(scope, user, now_ms)
    }

    fn address_banned_until(&self, address: &str, now_ms: u64) -> Option<u64> {
        self.0.address_banned_until(address::parse(address)?, now_ms)
    }

    fn network_around(&self, address: &str, now_ms: u64) -> Option<String> {
        self.0.network_around(address::parse(address)?, now_ms).map(|(network, _)| network.to_string())
    }

    fn is_any_within(&self, network: &str) -> PyResult<bool> {
        Ok(self.0.is_any_within(parsed(network)?))
    }

    fn prune(&mut self, now_ms: u64) -> usize {
        self.0.prune(now_ms)
    }

    fn bans_of(&self, scope: &str) -> Vec<(&str, u64)> {
        self.0.bans_of(scope).collect()
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }
}

fn parsed(network: &str) -> PyResult<Network> {
    Network::parse(network)
        .ok_or_else(|| PyValueError::new_err(format!("{network:?} is neither an address nor a network")))
}

/// A file of networks; see `_core.pyi`.
#[pyclass(module = "fortepiano._core", frozen)]
struct ParsedNetworks(network_list::NetworkList);

#[pymethods]
impl ParsedNetworks {
    #[new]
    fn new(python: Python<'_>, file: &[u8]) -> Self {
        Self(python.detach(|| network_list::parse(file)))
    }

    #[getter]
    fn problems(&self) -> Vec<(usize, &str)> {
        self.0.problems.iter().map(|(line, why)| (*line, why.as_str())).collect()
    }

    #[getter]
    fn wrong(&self) -> usize {
        self.0.wrong
    }

    fn texts(&self) -> Vec<String> {
        self.0.networks.iter().map(ToString::to_string).collect()
    }

    fn __len__(&self) -> usize {
        self.0.networks.len()
    }
}

/// The current lists of networks; see `_core.pyi`.
#[pyclass(module = "fortepiano._core", frozen)]
struct NetworkTable(network_table::NetworkTable);

#[pymethods]
impl NetworkTable {
    #[new]
    #[allow(clippy::needless_pass_by_value)] // converted from a Python list
    fn new(python: Python<'_>, lists: Vec<PyRef<'_, ParsedNetworks>>) -> PyResult<Self> {
        if lists.len() > MAX_LISTS {
            return Err(PyValueError::new_err(format!("there may be {MAX_LISTS} lists at most")));
        }
        let lists: Vec<&network_list::NetworkList> = lists.iter().map(|list| &list.0).collect();
        Ok(Self(python.detach(|| {
            let rows = lists.iter().enumerate();
            let rows =
                rows.flat_map(|(number, list)| list.networks.iter().map(move |&one| (one, 1 << number)));
            network_table::NetworkTable::of_bits(rows.collect())
        })))
    }

    fn around(&self, address: &str) -> u64 {
        let Some(address) = address::parse(address) else { return 0 };
        self.0.around(address, |_, lists| Some(lists)).unwrap_or(0)
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }
}

/// Add the names of this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ParsedNetworks>()?;
    module.add_class::<NetworkTable>()?;
    module.add_class::<Bans>()
}
