//! Limits on what clients, users and addresses may do.

pub mod message_rates;
pub mod meter;
pub mod quota;
pub(crate) mod subscriber_table;
pub mod throttle;
pub(crate) mod time_limit;
pub mod token_bucket;
