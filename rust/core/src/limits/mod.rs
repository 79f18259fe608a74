//! Limits on what clients, users and addresses may do.

pub mod meter;
pub mod quota;
pub mod throttle;
pub(crate) mod time_limit;
pub mod token_bucket;
