//! Tests against real servers. `script/test` starts them and says where they are.

#[cfg(test)]
mod api;
#[cfg(test)]
mod console;
#[cfg(test)]
mod database;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod floor;
#[cfg(test)]
mod flow;
#[cfg(test)]
mod handshakes;
#[cfg(test)]
mod outcomes;
#[cfg(test)]
mod publisher;
#[cfg(test)]
mod raw_amqp;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod store;
#[cfg(test)]
mod webhooks;
