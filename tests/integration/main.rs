//! Tests against real servers. `script/test` starts them and says where they are.

#[cfg(test)]
mod database;
#[cfg(test)]
mod store;
