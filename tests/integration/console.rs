//! The operators' pages against real servers.

mod browser;
mod desks;
mod flows;
mod forms;
mod guarding;
mod masking;
mod pages;
mod planted;
mod sessions;
mod tickets;
