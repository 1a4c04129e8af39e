//! The operators' pages against real servers.

mod browser;
mod guarding;
mod masking;
mod pages;
mod sessions;
