//! The HTTP API against real servers.

mod keys;
