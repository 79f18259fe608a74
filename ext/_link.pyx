# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# cython: embedsignature=False, binding=False, freethreading_compatible=False
"""The links between asyncio and the hub: one object per connection, called by the event loop.

No Python call happens between the bytes of a socket and the log of a room. The loop passes bytes to
`Link.buffer_updated`, which calls the hub over its C ABI (core.h). Only messages that the hub
leaves to Python (see `receive` of `Engine`) reach a handler. `BusLink` is the same for the
connection of a node to the broker. Types and docstrings are in _link.pyi.
"""

cimport cython
from cpython.bytes cimport PyBytes_AsString, PyBytes_FromStringAndSize
from cpython.memoryview cimport PyMemoryView_FromMemory
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from cpython.buffer cimport PyBUF_WRITE
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uintptr_t

from time import monotonic

from fortepiano._core import SHARE_SECONDS as _SHARE_SECONDS

cdef extern from "core.h" nogil:
    ctypedef struct fortepiano_hub:
        pass
    const uint16_t FORTEPIANO_INTERNAL_ERROR
    uint32_t fortepiano_attach(fortepiano_hub *hub, int32_t fd)
    void fortepiano_detach(fortepiano_hub *hub, uint32_t client)
    uint8_t *fortepiano_window(fortepiano_hub *hub, uint32_t client, size_t *room)
    void fortepiano_feed(fortepiano_hub *hub, uint32_t client, size_t count)
    void fortepiano_feed_copy(
        fortepiano_hub *hub, uint32_t client, const uint8_t *data, size_t count
    )
    int32_t fortepiano_step(fortepiano_hub *hub, const uint8_t **data, size_t *count)
    void fortepiano_begin_turn(fortepiano_hub *hub)
    int32_t fortepiano_end_turn(fortepiano_hub *hub)
    int32_t fortepiano_flush(fortepiano_hub *hub)
    int32_t fortepiano_wake(fortepiano_hub *hub)
    int64_t fortepiano_resume(fortepiano_hub *hub)
    int32_t fortepiano_resume_ending(fortepiano_hub *hub, uint32_t client)
    int64_t fortepiano_next_close_order(fortepiano_hub *hub, uint16_t *code)
    ctypedef struct fortepiano_bus:
        pass
    fortepiano_bus *fortepiano_bus_new()
    void fortepiano_bus_free(fortepiano_bus *bus)
    void fortepiano_bus_reset(fortepiano_bus *bus)
    void fortepiano_bus_open(fortepiano_bus *bus)
    uint8_t *fortepiano_bus_window(fortepiano_bus *bus, size_t *room)
    void fortepiano_bus_feed(fortepiano_bus *bus, size_t count)
    int32_t fortepiano_bus_step(fortepiano_hub *hub, fortepiano_bus *bus, void **event)
    void fortepiano_bus_begin(fortepiano_bus *bus, size_t count)
    void fortepiano_bus_part(fortepiano_bus *bus, const uint8_t *data, size_t count)
    void fortepiano_bus_beat(
        fortepiano_bus *bus,
        const uint8_t *channel,
        size_t channel_count,
        const uint8_t *text,
        size_t text_count,
    )
    void fortepiano_bus_drain(fortepiano_hub *hub, fortepiano_bus *bus)
    const uint8_t *fortepiano_bus_outbox(fortepiano_bus *bus, size_t *count)
    void fortepiano_bus_clear_outbox(fortepiano_bus *bus)
    void *fortepiano_bus_stats(fortepiano_bus *bus)
    void *fortepiano_bus_pack(fortepiano_bus *bus)
    int32_t fortepiano_bus_unpack(fortepiano_bus *bus, void *packed)

cdef enum:
    COLD = 1
    ENDED = 2
    BINARY = 3
    FULL = 4
    FAILED = -1
    # Of the connection to the broker.
    EVENT = 1
    ANSWER = 2
    # The most unsent bytes to the broker: beyond them it is too slow.
    MOST_UNSENT = 8388608


@cython.final
cdef class Engine:
    cdef fortepiano_hub *hub
    cdef readonly object owner
    cdef object loop
    cdef object receive
    cdef object receive_binary
    cdef object ended
    cdef object flush_callback
    cdef dict links
    cdef BusLink bus
    cdef object view
    cdef uint8_t *view_start
    cdef size_t view_room
    cdef bint is_flush_due

    def __init__(self, hub, loop, receive, ended, receive_binary=None):
        self.hub = <fortepiano_hub *><uintptr_t>hub.address
        self.owner = hub
        self.loop = loop
        self.receive = receive
        self.receive_binary = receive_binary
        self.ended = ended
        self.links = {}
        self.flush_callback = self.flush
        loop.add_reader(hub.fileno(), self.wake)

    def rebind(self, receive, ended, receive_binary=None):
        self.receive = receive
        self.receive_binary = receive_binary
        self.ended = ended

    def close(self):
        self.loop.remove_reader(self.owner.fileno())

    def open(self, transport, data):
        cdef Link link = Link.__new__(Link)
        fortepiano_begin_turn(self.hub)
        link.client = fortepiano_attach(self.hub, transport.get_extra_info("socket").fileno())
        link.engine = self
        link.transport = transport
        self.links[link.client] = link
        if data:
            self.owner.send_raw(link.client, data)
        self.end_turn()
        return link

    def adopt(self, uint32_t client):
        cdef Link link = Link.__new__(Link)
        link.client = client
        link.engine = self
        self.links[client] = link
        return link

    def connections(self):
        return list(self.links.values())

    def __len__(self):
        return len(self.links)

    def flush(self):
        cdef int32_t outcome
        self.is_flush_due = False
        # Sending takes most of a busy server's time, and needs no Python object.
        with nogil:
            outcome = fortepiano_flush(self.hub)
        self.apply_close_orders(outcome)
        if self.bus is not None:
            self.bus.write()
        self.resume_deferred()

    def wake(self):
        cdef int32_t outcome
        with nogil:
            outcome = fortepiano_wake(self.hub)
        self.apply_close_orders(outcome)
        if self.bus is not None:
            self.bus.write()
        self.end_turn()

    cdef int resume_deferred(self) except -1:
        cdef int64_t client
        cdef Link link
        try:
            while True:
                client = fortepiano_resume(self.hub)
                if client < 0:
                    return 0
                link = self.links.get(client)
                if link is not None:
                    link.run_steps()
        finally:
            # Connections still deferred are resumed after the next poll of the sockets.
            self.end_turn()

    cdef object window(self, uint32_t client):
        cdef size_t room = 0
        cdef uint8_t *start = fortepiano_window(self.hub, client, &room)
        # A long frame has memory of its own; once freed, its address may come again, but shorter.
        if start != self.view_start or room != self.view_room:
            self.view = PyMemoryView_FromMemory(<char *>start, <Py_ssize_t>room, PyBUF_WRITE)
            self.view_start = start
            self.view_room = room
        return self.view

    cdef int end_turn(self) except -1:
        if fortepiano_end_turn(self.hub) and not self.is_flush_due:
            self.is_flush_due = True
            self.loop.call_soon(self.flush_callback)
        return 0

    cdef int apply_close_orders(self, int32_t outcome) except -1:
        cdef uint16_t code = 0
        cdef int64_t client
        cdef Link link
        if outcome == FAILED:
            self.loop.call_exception_handler({"message": "the hub failed while it sent"})
        while True:
            client = fortepiano_next_close_order(self.hub, &code)
            if client < 0:
                return 0
            link = self.links.get(client)
            if link is None:
                continue
            if code:
                link.close(code)
            else:
                link.abort()


@cython.final
cdef class Link:
    cdef Engine engine
    cdef object transport
    cdef readonly uint32_t client
    cdef public object session
    cdef bint is_paused

    def __init__(self):
        raise TypeError("links are made by Engine.open")

    # Called by the event loop (asyncio.BufferedProtocol)

    def connection_made(self, transport):
        self.transport = transport

    def get_buffer(self, Py_ssize_t sizehint):
        return self.engine.window(self.client)

    def buffer_updated(self, Py_ssize_t nbytes):
        fortepiano_feed(self.engine.hub, self.client, <size_t>nbytes)
        self.run_steps()

    def eof_received(self):
        return False

    def pause_writing(self):
        pass

    def resume_writing(self):
        pass

    def connection_lost(self, exc):
        if fortepiano_resume_ending(self.engine.hub, self.client):
            self.run_steps()
        self.end()
        # The descriptor's number may be reused as soon as this returns.
        fortepiano_detach(self.engine.hub, self.client)
        self.engine.links.pop(self.client, None)
        self.transport = None

    # Called by the server

    def feed(self, bytes data):
        if self.transport is None:
            return
        fortepiano_feed_copy(
            self.engine.hub, self.client, <const uint8_t *>PyBytes_AsString(data), len(data)
        )
        self.run_steps()

    def close(self, uint16_t code, str reason=""):
        self.end()
        # The number of a lost connection may belong to another connection by now.
        if self.transport is not None:
            self.engine.owner.close(self.client, code, reason)

    def abort(self):
        if self.transport is not None:
            self.transport.abort()

    def fileno(self):
        if self.transport is None or self.transport.is_closing():
            return -1
        return self.transport.get_extra_info("socket").fileno()

    cdef int end(self) except -1:
        cdef object session = self.session
        if session is not None:
            self.session = None
            self.engine.ended(session)
        return 0

    cdef int pause_reading(self, bint is_full) except -1:
        if is_full != self.is_paused and self.transport is not None:
            self.is_paused = is_full
            if is_full:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()
        return 0

    cdef int run_steps(self) except -1:
        cdef const uint8_t *data = NULL
        cdef size_t count = 0
        cdef int32_t step
        cdef Engine engine = self.engine
        try:
            while True:
                step = fortepiano_step(engine.hub, &data, &count)
                if step == COLD:
                    if self.session is not None:
                        engine.receive(
                            self.session,
                            PyBytes_FromStringAndSize(<const char *>data, <Py_ssize_t>count),
                        )
                elif step == BINARY:
                    if self.session is not None and engine.receive_binary is not None:
                        engine.receive_binary(
                            self.session,
                            PyBytes_FromStringAndSize(<const char *>data, <Py_ssize_t>count),
                        )
                elif step == ENDED:
                    self.end()
                elif step == FAILED:
                    self.close(FORTEPIANO_INTERNAL_ERROR)
                    break
                else:
                    self.pause_reading(step == FULL)
                    break
        finally:
            # If a handler raises, the hub must still see the end of this turn.
            engine.end_turn()
        return 0


@cython.final
cdef class BusLink:
    cdef fortepiano_bus *bus
    cdef Engine engine
    cdef object transport
    cdef object receive
    cdef object answer
    cdef object lost
    cdef object resume_callback
    cdef readonly bint is_behind
    cdef bint is_held
    cdef dict packed

    def __cinit__(self):
        self.bus = fortepiano_bus_new()

    def __init__(self, Engine engine, receive, answer, lost):
        self.engine = engine
        self.receive = receive
        self.answer = answer
        self.lost = lost
        self.resume_callback = self.resume
        engine.bus = self

    def __dealloc__(self):
        fortepiano_bus_free(self.bus)

    # Called by the event loop (asyncio.BufferedProtocol)

    def connection_made(self, transport):
        self.transport = transport
        transport.set_write_buffer_limits(MOST_UNSENT)
        if self.packed is None:
            fortepiano_bus_reset(self.bus)
        else:
            # Before the loop reads anything: what has come before is handled first.
            self.unpack()

    def get_buffer(self, Py_ssize_t sizehint):
        cdef size_t room = 0
        cdef uint8_t *start = fortepiano_bus_window(self.bus, &room)
        return PyMemoryView_FromMemory(<char *>start, <Py_ssize_t>room, PyBUF_WRITE)

    def buffer_updated(self, Py_ssize_t nbytes):
        fortepiano_bus_feed(self.bus, <size_t>nbytes)
        self.run_steps()

    def eof_received(self):
        return False

    def pause_writing(self):
        self.answer(("full",))

    def resume_writing(self):
        pass

    def connection_lost(self, exc):
        fortepiano_bus_reset(self.bus)
        self.transport = None
        self.is_behind = False
        self.is_held = False
        self.lost(exc)

    # Called by the server

    @property
    def is_open(self):
        return self.transport is not None

    def publish(self):
        # Everything until now was for the connection before.
        fortepiano_bus_drain(self.engine.hub, self.bus)
        fortepiano_bus_open(self.bus)

    def send(self, *parts):
        fortepiano_bus_drain(self.engine.hub, self.bus)
        fortepiano_bus_begin(self.bus, len(parts))
        for part in parts:
            fortepiano_bus_part(self.bus, <const uint8_t *>PyBytes_AsString(part), len(part))
        self.write()

    def beat(self, bytes channel, bytes text):
        fortepiano_bus_drain(self.engine.hub, self.bus)
        fortepiano_bus_beat(
            self.bus,
            <const uint8_t *>PyBytes_AsString(channel),
            len(channel),
            <const uint8_t *>PyBytes_AsString(text),
            len(text),
        )
        self.write()

    def abort(self):
        fortepiano_bus_reset(self.bus)
        if self.transport is not None:
            self.transport.abort()

    def stats(self):
        cdef object taken = self.take(<PyObject *>fortepiano_bus_stats(self.bus))
        if taken is None:
            raise MemoryError
        return taken

    def resume(self):
        if self.is_behind:
            self.run_steps()

    def hold(self):
        self.is_held = True

    def let_go(self):
        self.is_held = False
        self.write()

    def fileno(self):
        transport = self.transport
        if not self.is_held or transport is None or transport.is_closing():
            return -1
        # Bytes in the transport's own buffer cannot go along, nor can the state of TLS.
        if transport.get_write_buffer_size() or transport.get_extra_info("ssl_object") is not None:
            return -1
        return transport.get_extra_info("socket").fileno()

    def pack(self):
        fortepiano_bus_drain(self.engine.hub, self.bus)
        cdef object taken = self.take(<PyObject *>fortepiano_bus_pack(self.bus))
        if taken is None:
            raise MemoryError
        return taken

    def restore(self, dict packed):
        self.packed = packed

    cdef int unpack(self) except -1:
        cdef int32_t outcome = fortepiano_bus_unpack(self.bus, <void *><PyObject *>self.packed)
        self.packed = None
        if outcome == FAILED:
            self.answer(("broken", "the state of the connection is not understood"))
            return 0
        self.write()
        return self.run_steps()

    cdef int fall_behind(self, bint is_behind) except -1:
        if is_behind != self.is_behind and self.transport is not None:
            self.is_behind = is_behind
            if is_behind:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()
        if self.is_behind:
            self.engine.loop.call_soon(self.resume_callback)
        return 0

    cdef object take(self, PyObject *reference):
        cdef object taken = None
        if reference != NULL:
            taken = <object>reference
            Py_XDECREF(reference)
        return taken

    cdef int write(self) except -1:
        cdef size_t count = 0
        cdef const uint8_t *data
        if self.is_held:
            return 0
        fortepiano_bus_drain(self.engine.hub, self.bus)
        data = fortepiano_bus_outbox(self.bus, &count)
        if count:
            packed = PyBytes_FromStringAndSize(<const char *>data, <Py_ssize_t>count)
            fortepiano_bus_clear_outbox(self.bus)
            if self.transport is not None:
                self.transport.write(packed)
        return 0

    cdef int run_steps(self) except -1:
        cdef int32_t step
        cdef PyObject *reference
        cdef Engine engine = self.engine
        cdef bint is_spent = False
        # Events are as dear as messages of clients, and have the same share of a turn.
        cdef double until = monotonic() + <double>_SHARE_SECONDS
        fortepiano_begin_turn(engine.hub)
        try:
            while not is_spent:
                reference = NULL
                step = fortepiano_bus_step(engine.hub, self.bus, <void **>&reference)
                event = self.take(reference)
                if step == EVENT:
                    self.receive(event)
                    is_spent = <double>monotonic() > until
                elif step == ANSWER:
                    self.answer(event)
                elif step == FAILED:
                    self.answer(("broken", "the hub failed while it received"))
                    break
                else:
                    break
        finally:
            engine.end_turn()
        self.fall_behind(is_spent)
        return 0
