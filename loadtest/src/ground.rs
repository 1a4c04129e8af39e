//! Fresh ground for a measurement: a database and a virtual host that nothing else uses, on servers
//! that run already.
//!
//! What must never happen here: anything that was not made here is touched.

use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use crate::broker_admin::BrokerAdmin;

/// The servers that the ground is made on, by the URLs of their administrators.
#[derive(Clone, Debug)]
pub struct Servers {
    /// `postgres://user:password@host:port/database` of somebody who may create databases.
    pub database: String,
    /// `amqp://user:password@host:port/vhost`.
    pub broker: String,
    /// `http://user:password@host:port` of the broker's management interface.
    pub broker_admin: String,
}

/// A database and a virtual host of its own.
#[derive(Debug)]
pub struct Ground {
    name: String,
    servers: Servers,
    admin: BrokerAdmin,
}

impl Ground {
    /// Makes an empty database and an empty virtual host.
    ///
    /// # Errors
    /// When a server does not answer, or refuses.
    pub async fn make(servers: Servers) -> Result<Self, String> {
        let admin = BrokerAdmin::new(&servers.broker_admin)?;
        let name = format!("herald_loadtest_{}", Uuid::now_v7().simple());
        let ground = Self {
            name,
            servers,
            admin,
        };
        let create = format!("CREATE DATABASE {} TEMPLATE template0", ground.name);
        ground.on_server(&create).await?;
        if let Err(error) = ground.admin.make_vhost(&ground.name).await {
            // Nobody else knows of the database by now.
            ground.drop_database().await?;
            return Err(error);
        }
        Ok(ground)
    }

    /// The URL of the database, as its owner.
    #[must_use]
    pub fn database_url(&self) -> String {
        with_last(&self.servers.database, &self.name)
    }

    /// The URL of the virtual host.
    #[must_use]
    pub fn broker_url(&self) -> String {
        with_last(&self.servers.broker, &self.name)
    }

    /// The virtual host's name.
    #[must_use]
    pub fn vhost(&self) -> &str {
        &self.name
    }

    /// The broker's management interface.
    #[must_use]
    pub fn broker_admin(&self) -> &BrokerAdmin {
        &self.admin
    }

    /// A connection to the database, as its owner, with the engine's tables in sight.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn connect(&self) -> Result<Client, String> {
        connect_to(&self.database_url()).await
    }

    /// Drops what was made. Whoever is still connected is cut off.
    ///
    /// # Errors
    /// With what could not be dropped.
    pub async fn remove(self) -> Result<(), String> {
        let vhost = self.admin.delete_vhost(&self.name).await;
        self.drop_database().await?;
        vhost
    }

    async fn drop_database(&self) -> Result<(), String> {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        self.on_server(&drop).await
    }

    async fn on_server(&self, statement: &str) -> Result<(), String> {
        let client = connect(&self.servers.database).await?;
        let named = |error| format!("the database server, {statement}: {error}");
        client.batch_execute(statement).await.map_err(named)
    }
}

/// A connection to a database of the engine, with its tables in sight.
///
/// # Errors
/// When the database cannot be reached.
pub async fn connect_to(url: &str) -> Result<Client, String> {
    let client = connect(url).await?;
    client
        .batch_execute("SET search_path TO notification_schema")
        .await
        .map_err(|error| format!("the engine's database: {error}"))?;
    Ok(client)
}

async fn connect(url: &str) -> Result<Client, String> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.map_err(|error| {
        let cause = std::error::Error::source(&error)
            .map_or_else(String::new, |cause| format!(": {cause}"));
        format!(
            "the database server: {error}{cause}; script/servers start starts one, \
             script/servers env prints its URL as HERALD_TEST_DATABASE_URL"
        )
    })?;
    // It ends with its client; what it would have said, the client's next statement says.
    tokio::spawn(connection);
    Ok(client)
}

/// The URL with another last part: a database, or a virtual host.
fn with_last(url: &str, last: &str) -> String {
    let (address, parameters) = match url.split_once('?') {
        Some((address, parameters)) => (address, format!("?{parameters}")),
        None => (url, String::new()),
    };
    let host = address.find("://").map_or(0, |at| at + 3);
    let end = address
        .get(host..)
        .and_then(|rest| rest.find('/'))
        .map_or(address.len(), |at| host + at);
    let server = address.get(..end).unwrap_or(address);
    format!("{server}/{last}{parameters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_part_of_a_url_changes() {
        for (url, expected) in [
            ("postgres://a:b@h:1/main", "postgres://a:b@h:1/x"),
            ("postgres://a:b@h:1/main?c=d", "postgres://a:b@h:1/x?c=d"),
            ("amqp://a:b@h:1/%2f", "amqp://a:b@h:1/x"),
            ("amqp://a:b@h:1", "amqp://a:b@h:1/x"),
        ] {
            assert_eq!(with_last(url, "x"), expected);
        }
    }
}
