//! Addresses and networks: bans, and lists of networks.

pub mod address;
pub mod bans;
pub mod network;
pub mod network_list;
mod network_pages;
pub mod network_table;
