//! Add and remove connections, and set what they may do.

use std::net::IpAddr;
use std::os::fd::RawFd;

use crate::hub::client::{Client, Phase};
use crate::hub::ids::{ClientId, QuotaId};
use crate::hub::Hub;
use crate::limits::meter::Meter;
use crate::net::address::Subscriber;
use crate::sys::socket;
use crate::wire::close_code::ABNORMAL;

impl Hub {
    /// Add a connection and return its number.
    ///
    /// The socket remains the event loop's, which detaches the connection before closing the socket.
    pub fn attach(&mut self, fd: RawFd) -> ClientId {
        socket::prepare(fd);
        self.now = self.clock.now();
        self.stats.attached += 1;
        self.clients.insert(Client::new(fd, self.now))
    }

    /// Forget a connection.
    ///
    /// This must come before its socket is closed, because descriptors and numbers are reused.
    pub fn detach(&mut self, client: ClientId) {
        self.leave(client);
        let Some(gone) = self.clients.remove(client) else { return };
        self.forget_visitor(client);
        if gone.is_remote() {
            return self.forget_remote(client);
        }
        if gone.phase == Phase::Open {
            self.stats.count_close(ABNORMAL);
        }
        if gone.watched {
            self.poller.forget(gone.fd);
        }
        self.close_orders.retain(|(of, _)| *of != client);
    }

    /// Create the quota of a new user, with all its points; see
    /// [`Quotas::add`](crate::limits::quota::Quotas::add).
    pub fn add_quota(&mut self, allowance: i32, max: i32) -> QuotaId {
        let quota = self.quotas.add(allowance, max);
        self.time_limiter.reset(quota);
        quota
    }

    /// Let a client play, on the quota of its user.
    pub fn start_session(&mut self, client: ClientId, quota: QuotaId) {
        if let Some(client) = self.clients.get_mut(client) {
            client.has_session = true;
            client.quota = Some(quota);
            client.last_time_request = self.clock.now();
            self.time_limiter.merge(quota, client.time_bucket);
        }
    }

    /// Limit the bytes and messages per second of a client, and the time requests of its address.
    pub fn meter(&mut self, client: ClientId, address: Option<IpAddr>) {
        if let Some(client) = self.clients.get_mut(client) {
            client.meter = Some(Meter::default());
            client.subscriber = address.map(Subscriber::of);
        }
    }

    /// Exempt a client from `crownsolo` and mutes, or from rate limits, or from both.
    pub fn set_privileges(&mut self, client: ClientId, plays_anywhere: bool, unlimited: bool) {
        if let Some(client) = self.clients.get_mut(client) {
            client.plays_anywhere = plays_anywhere;
            client.unlimited = unlimited;
        }
    }

    /// Return the number of attached connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.clients.len() - self.relay.as_ref().map_or(0, |relay| relay.remotes())
    }

    /// Return the number of bytes queued for a client, in the room's log and in its inserts.
    #[must_use]
    pub fn lag(&self, client: ClientId) -> u64 {
        self.clients
            .get(client)
            .map_or(0, |client| client.lag(self.rooms.get(client.room).map_or(0, |room| room.log.head())))
    }
}
