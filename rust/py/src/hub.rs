//! The hub for Python.

use std::ptr::NonNull;
use std::thread::{self, ThreadId};

use fortepiano_core::hub::stats::FLUSH_BOUNDS;
use fortepiano_core::hub::{self as core, Refusal, SHARE};
use fortepiano_core::net::address::parse;
use fortepiano_core::relay::handover::HomeState;
use fortepiano_core::settings::{Milliseconds, Seconds};
use fortepiano_core::slots::SlotId;
use fortepiano_core::sys::clock::Clock;
use fortepiano_core::wire::close_code;
use fortepiano_core::wire::scan;
use pyo3::exceptions::{PyKeyError, PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::relay;
use crate::relay_handover;
use crate::settings::HubSettings;
use crate::stats;

const MICROSECONDS: f64 = 1_000_000.0;

/// All connections, rooms and participants as plain data; see `_core.pyi`.
///
/// The Cython link works on the same hub through its address, between two calls of this class and never
/// during one. Both run on the event loop's thread only, which `get` and `get_mut` enforce.
///
/// `PyO3`'s `unsendable` would enforce that too. However, it would not free a hub that Python's garbage
/// collector finds while another thread runs it.
#[pyclass(module = "fortepiano._core")]
pub(crate) struct Hub {
    inner: NonNull<core::Hub>,
    thread: ThreadId,
}

// SAFETY: a core hub is plain data without ties to a thread, and any thread may free it: the owner of
// the Python object is the last to know it. All other use is on one thread.
unsafe impl Send for Hub {}
// SAFETY: `get` and `get_mut` allow one thread only; no other thread ever holds a reference to the hub.
unsafe impl Sync for Hub {}

impl Hub {
    fn check_thread(&self) {
        assert_eq!(thread::current().id(), self.thread, "a hub is used by the thread that made it");
    }

    pub(crate) fn get(&self) -> &core::Hub {
        self.check_thread();
        // SAFETY: `inner` was created from a leaked Box in `new` and is freed in `drop` only. Nothing
        // else holds a reference while a method runs (see the note on the class).
        unsafe { self.inner.as_ref() }
    }

    pub(crate) fn get_mut(&mut self) -> &mut core::Hub {
        self.check_thread();
        // SAFETY: as in `get`, and `&mut self` excludes a second reference through this object.
        unsafe { self.inner.as_mut() }
    }
}

/// Fail to compile if a hub stops being data that any thread may free.
const _: fn() = || {
    fn sendable<T: Send>() {}
    sendable::<core::Hub>();
};

impl Drop for Hub {
    fn drop(&mut self) {
        // SAFETY: `inner` was created from a leaked Box in `new`, and `drop` runs once.
        drop(unsafe { Box::from_raw(self.inner.as_ptr()) });
    }
}

/// Return the id with this number; a number that no slot can have gives an id that is unknown.
pub(crate) fn slot<I: SlotId>(number: i64) -> I {
    I::from_number(u32::try_from(number).unwrap_or(u32::MAX))
}

fn refusal_of(name: &str) -> PyResult<Refusal> {
    Ok(match name {
        "quota" => Refusal::Quota,
        "solo" => Refusal::Solo,
        "muted" => Refusal::Muted,
        "t" => Refusal::Time,
        "bytes" => Refusal::Bytes,
        "messages" => Refusal::Messages,
        "notes" => Refusal::Notes,
        other => return Err(PyValueError::new_err(format!("unknown kind of refusal: {other:?}"))),
    })
}

/// Return the number of what only a hub in a cluster can have.
fn of_cluster<I: SlotId>(id: Option<I>) -> PyResult<u32> {
    id.map(SlotId::number).ok_or_else(|| PyRuntimeError::new_err("the hub has not joined a cluster"))
}

/// Channel and message of a publication.
type Publication<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>);

#[pymethods]
impl Hub {
    #[new]
    #[pyo3(signature = (settings, *, linger_seconds=None, standing_at=None))]
    fn new(settings: &HubSettings, linger_seconds: Option<f64>, standing_at: Option<u64>) -> PyResult<Self> {
        let clock = standing_at.map_or_else(Clock::running, Clock::manual);
        let hub = core::Hub::new(settings.0.clone(), clock);
        let mut hub = hub.map_err(|error| PyOSError::new_err(error.to_string()))?;
        if let Some(linger) = linger_seconds {
            hub.set_linger(Seconds(linger));
        }
        Ok(Self { inner: NonNull::from(Box::leak(Box::new(hub))), thread: thread::current().id() })
    }

    fn apply_settings(&mut self, settings: &HubSettings) {
        self.get_mut().apply_settings(settings.0.clone());
    }

    #[getter]
    fn deferred(&self) -> usize {
        self.get().deferred()
    }

    #[getter]
    fn queued_bytes(&self) -> u64 {
        self.get().stats.queued
    }

    #[getter]
    fn address(&self) -> usize {
        self.inner.as_ptr() as usize
    }

    fn fileno(&self) -> i32 {
        self.get().fd()
    }

    fn now_ms(&self) -> u64 {
        self.get().now_ms()
    }

    fn now_us(&mut self) -> u64 {
        let clock = self.get_mut().clock();
        clock.unix_us(clock.now())
    }

    fn set_clock(&mut self, offset_us: i64) {
        self.get_mut().clock().set(offset_us);
    }

    fn steer_clock(&mut self, offset_us: i64) {
        self.get_mut().clock().steer(offset_us);
    }

    fn advance_clock(&mut self, seconds: f64) {
        self.get_mut().clock().advance(Seconds(seconds).us());
    }

    fn set_notice(&mut self, refusal: &str, payload: &[u8]) -> PyResult<()> {
        self.get_mut().set_notice(refusal_of(refusal)?, payload);
        Ok(())
    }

    fn may_notify(&mut self, client: i64, refusal: &str) -> PyResult<bool> {
        Ok(self.get_mut().may_notify(slot(client), refusal_of(refusal)?))
    }

    fn attach(&mut self, fd: i32) -> u32 {
        self.get_mut().attach(fd).number()
    }

    fn detach(&mut self, client: i64) {
        self.get_mut().detach(slot(client));
    }

    fn start_session(&mut self, client: i64, quota: i64) {
        self.get_mut().start_session(slot(client), slot(quota));
    }

    #[staticmethod]
    fn strict_object<'py>(py: Python<'py>, text: &[u8]) -> Option<Bound<'py, PyBytes>> {
        let mut text = text.to_vec();
        // No frame codec has checked the text of a binary message.
        std::str::from_utf8(&text).ok()?;
        scan::strict_object(&mut text).map(|object| PyBytes::new(py, object))
    }

    #[pyo3(signature = (client, address=""))]
    fn meter(&mut self, client: i64, address: &str) {
        self.get_mut().meter(slot(client), parse(address));
    }

    fn set_privileges(&mut self, client: i64, plays_anywhere: bool, unlimited: bool) {
        self.get_mut().set_privileges(slot(client), plays_anywhere, unlimited);
    }

    fn send_raw(&mut self, client: i64, data: &[u8]) {
        self.get_mut().send_with(slot(client), |out| out.extend_from_slice(data));
    }

    fn send(&mut self, client: i64, payload: &[u8]) {
        self.get_mut().send(slot(client), payload);
    }

    fn send_binary(&mut self, client: i64, payload: &[u8]) {
        self.get_mut().send_binary(slot(client), payload);
    }

    #[pyo3(signature = (client, room, before, after, sees_all=false))]
    fn send_participants(&mut self, client: i64, room: i64, before: &[u8], after: &[u8], sees_all: bool) {
        self.get_mut().send_participants(slot(client), slot(room), before, after, sees_all);
    }

    #[pyo3(signature = (room, payload, except_client=None))]
    fn broadcast(&mut self, room: i64, payload: &[u8], except_client: Option<i64>) {
        self.get_mut().broadcast(slot(room), payload, except_client.map(slot));
    }

    #[pyo3(signature = (room, payload, except_client=None))]
    fn broadcast_soon(&mut self, room: i64, payload: &[u8], except_client: Option<i64>) {
        self.get_mut().broadcast_soon(slot(room), payload, except_client.map(slot));
    }

    fn broadcast_participants(&mut self, room: i64, before: &[u8], after: &[u8]) {
        self.get_mut().broadcast_participants(slot(room), before, after);
    }

    #[pyo3(signature = (client, code, reason=""))]
    fn close(&mut self, client: i64, code: u16, reason: &str) {
        self.get_mut().close(slot(client), code, reason);
    }

    fn open_room(&mut self) -> u32 {
        self.get_mut().open_room().number()
    }

    fn close_room(&mut self, room: i64) {
        self.get_mut().close_room(slot(room));
    }

    #[pyo3(signature = (room, solo, holder=None))]
    fn set_players(&mut self, room: i64, solo: bool, holder: Option<i64>) {
        self.get_mut().set_players(slot(room), solo, holder.map(slot));
    }

    fn add_participant(&mut self, room: i64, id: &[u8], head: &[u8], x: &[u8], y: &[u8]) -> PyResult<u32> {
        let added = self.get_mut().add_participant(slot(room), id, head, x, y);
        added.map(SlotId::number).ok_or_else(|| PyKeyError::new_err(format!("no room has the number {room}")))
    }

    fn update_participant(&mut self, participant: i64, head: &[u8]) {
        self.get_mut().update_participant(slot(participant), head);
    }

    fn set_participant_flags(&mut self, participant: i64, muted: bool, hidden: bool) {
        self.get_mut().set_participant_flags(slot(participant), muted, hidden);
    }

    fn remove_participant(&mut self, participant: i64) {
        self.get_mut().remove_participant(slot(participant));
    }

    fn position<'py>(
        &self,
        py: Python<'py>,
        participant: i64,
    ) -> Option<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        self.get().position(slot(participant)).map(|(x, y)| (PyBytes::new(py, x), PyBytes::new(py, y)))
    }

    fn participants<'py>(&self, py: Python<'py>, room: i64) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.get().participants_json(slot(room), None, true))
    }

    fn enter(&mut self, client: i64, room: i64, participant: i64) {
        self.get_mut().enter(slot(client), slot(room), slot(participant));
    }

    fn leave(&mut self, client: i64) {
        self.get_mut().leave(slot(client));
    }

    fn add_quota(&mut self, allowance: i32, max: i32) -> u32 {
        self.get_mut().add_quota(allowance, max).number()
    }

    fn set_quota(&mut self, quota: i64, allowance: i32, max: i32) -> bool {
        self.get_mut().quotas.set_params(slot(quota), allowance, max)
    }

    fn remove_quota(&mut self, quota: i64) {
        self.get_mut().quotas.remove(slot(quota));
    }

    fn join_cluster(&mut self, nid: u16, inbox: &[u8], everybody: &[u8], rooms: &[u8], gap_ms: f64) {
        self.get_mut().join_cluster(nid, inbox, everybody, rooms, Milliseconds(gap_ms));
    }

    fn add_node(&mut self, nid: u16, inbox: &[u8]) {
        self.get_mut().add_node(nid, inbox);
    }

    fn remove_node(&mut self, nid: u16) {
        self.get_mut().remove_node(nid);
    }

    fn set_epoch(&mut self, room: i64, epoch: u64) {
        self.get_mut().set_epoch(slot(room), epoch);
    }

    fn attach_remote(&mut self, nid: u16, stay: u32) -> PyResult<u32> {
        of_cluster(self.get_mut().attach_remote(nid, stay))
    }

    fn drop_remote(&mut self, client: i64) {
        self.get_mut().drop_remote(slot(client));
    }

    fn resnapshot(&mut self, room: i64, nid: u16) {
        self.get_mut().resnapshot(slot(room), nid);
    }

    fn begin_stay(&mut self, client: i64, stay: u32) {
        self.get_mut().begin_stay(slot(client), stay);
    }

    fn end_stay(&mut self, stay: u32) {
        self.get_mut().end_stay(stay);
    }

    fn open_replica(&mut self, nid: u16, epoch: u64) -> PyResult<u32> {
        of_cluster(self.get_mut().open_replica(nid, epoch))
    }

    fn enter_replica(&mut self, stay: u32, room: i64, participant: u32) -> Option<u32> {
        self.get_mut().enter_replica(stay, slot(room), participant).map(SlotId::number)
    }

    fn pack_relay<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        relay_handover::pack_relay(py, self.get_mut())
    }

    fn unpack_relay(&mut self, packed: &Bound<'_, PyDict>) -> PyResult<()> {
        relay_handover::unpack_relay(self.get_mut(), packed)
    }

    fn pack_home(&self, room: i64) -> Option<(u64, u32, u64)> {
        self.get().home_state(slot(room)).map(|it| (it.epoch, it.seq, it.position))
    }

    fn unpack_home(&mut self, room: i64, packed: (u64, u32, u64)) {
        let (epoch, seq, position) = packed;
        self.get_mut().restore_home(slot(room), HomeState { epoch, seq, position });
    }

    fn enter_again(&mut self, client: i64, room: i64, participant: i64) {
        self.get_mut().restore_remote(slot(client), slot(room), slot(participant));
    }

    fn pack_replica<'py>(&self, py: Python<'py>, room: i64) -> PyResult<Option<Bound<'py, PyDict>>> {
        relay_handover::pack_replica(py, self.get(), room)
    }

    fn unpack_replica(&mut self, room: i64, packed: &Bound<'_, PyDict>) -> PyResult<()> {
        relay_handover::unpack_replica(self.get_mut(), room, packed)
    }

    fn stay_participant(&self, stay: u32) -> Option<u32> {
        self.get().stay_participant(stay)
    }

    fn reserve_participants(&mut self, numbers: Vec<u32>) {
        self.get_mut().reserve_participants(numbers);
    }

    fn add_participant_again(
        &mut self,
        number: u32,
        room: i64,
        id: &[u8],
        head: &[u8],
        x: &[u8],
        y: &[u8],
    ) -> Option<u32> {
        self.get_mut().restore_participant(number, slot(room), id, head, x, y).map(SlotId::number)
    }

    fn cut_replicas(&mut self, nid: Option<u16>) {
        self.get_mut().cut_replicas(nid);
    }

    fn cut_replica(&mut self, room: i64) {
        self.get_mut().cut_replica(slot(room));
    }

    fn promote_replica(&mut self, room: i64) {
        self.get_mut().promote_replica(slot(room));
    }

    fn set_record(&mut self, room: i64, record: &[u8]) {
        self.get_mut().set_record(slot(room), record);
    }

    fn add_line(&mut self, room: i64, line: &[u8], most: u16) {
        self.get_mut().add_line(slot(room), line, most);
    }

    fn records<'py>(&self, py: Python<'py>, room: i64) -> (Bound<'py, PyBytes>, Vec<Bound<'py, PyBytes>>) {
        let (record, lines) = self.get().records(slot(room));
        (PyBytes::new(py, record), lines.map(|line| PyBytes::new(py, line)).collect())
    }

    fn entries<'py>(&self, py: Python<'py>, room: i64) -> Vec<(u32, Bound<'py, PyBytes>)> {
        let entries = self.get().entries(slot(room));
        entries.map(|(id, head)| (id.number(), PyBytes::new(py, head))).collect()
    }

    fn set_lease(&mut self, seconds: Option<f64>) {
        self.get_mut().set_lease(seconds.map(Seconds));
    }

    fn hold(&mut self, client: i64) {
        self.get_mut().hold(slot(client));
    }

    fn release(&mut self, client: i64) {
        self.get_mut().release(slot(client));
    }

    #[pyo3(signature = (nid, payload, room=None))]
    fn post(&mut self, nid: u16, payload: &[u8], room: Option<i64>) {
        self.get_mut().post(nid, payload, room.map(slot));
    }

    fn post_all(&mut self, payload: &[u8]) {
        self.get_mut().post_all(payload);
    }

    fn take_publications<'py>(&mut self, py: Python<'py>) -> Vec<Publication<'py>> {
        let mut taken = Vec::new();
        self.get_mut().drain_publications(|channel, message| {
            taken.push((PyBytes::new(py, channel), PyBytes::new(py, message)));
        });
        taken
    }

    fn receive_publication(
        &mut self,
        py: Python<'_>,
        channel: &[u8],
        message: &[u8],
    ) -> PyResult<Option<Py<PyAny>>> {
        relay::event(py, self.get_mut().receive_publication(channel, message))
    }

    fn relay_stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        relay::stats(py, self.get())
    }

    fn connections(&self) -> usize {
        self.get().connections()
    }

    fn lag(&self, client: i64) -> u64 {
        self.get().lag(slot(client))
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        stats::counters(py, &self.get().stats)
    }

    fn closes(&self) -> Vec<(Option<u16>, u64)> {
        let codes = close_code::ALL.iter().map(|code| Some(code.number)).chain([None]);
        codes.zip(self.get().stats.closes).collect()
    }

    fn flush_times(&self) -> Vec<(f64, u64)> {
        let bounds = FLUSH_BOUNDS.iter().map(|bound| *bound as f64 / MICROSECONDS);
        bounds.chain([f64::INFINITY]).zip(self.get().stats.flush_times).collect()
    }

    fn gauges<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        stats::gauges(py, self.get().gauges())
    }
}

/// Add the names of this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("SHARE_SECONDS", SHARE as f64 / MICROSECONDS)?;
    module.add_class::<Hub>()
}
