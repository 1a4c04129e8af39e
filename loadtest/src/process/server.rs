//! The processes of the servers, as far as they run on this machine.

use tokio_postgres::Client;

use super::{listener, named, parent};

/// The first process of the database server that `client` is connected to.
pub async fn postgresql(client: &Client) -> Option<u32> {
    let row = client
        .query_one("SELECT pg_backend_pid()", &[])
        .await
        .ok()?;
    let backend = u32::try_from(row.try_get::<_, i32>(0).ok()?).ok()?;
    // A server on another machine has process numbers of its own, which mean nothing here.
    if named("postgres").contains(&backend) {
        parent(backend)
    } else {
        None
    }
}

/// The process of the broker at `amqp://user:password@host:port/vhost`.
#[must_use]
pub fn rabbitmq(url: &str) -> Option<u32> {
    // RabbitMQ is an Erlang machine. Of several here it is the one that listens there, which only
    // its own account and root may see.
    match named("beam.smp").as_slice() {
        [only] => Some(*only),
        several => port(url).and_then(|port| listener(port, several)),
    }
}

/// The port in `amqp://user:password@host:port/vhost`.
fn port(url: &str) -> Option<u16> {
    let (address, _) = url.rsplit_once('/')?;
    address.rsplit_once(':')?.1.parse().ok()
}
