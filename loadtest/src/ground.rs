//! Fresh ground for a measurement: a database and a virtual host that nothing else uses, on servers
//! that run already.
//!
//! What must never happen here: anything that was not made here is touched.

use tokio_postgres::Client;
use uuid::Uuid;

use crate::broker_admin::BrokerAdmin;
use crate::database::{self, DatabaseServer, url_with};

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
    databases: DatabaseServer,
    broker_url: String,
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
        let broker = "the broker (--broker-server): the URL must end in /NAME";
        let broker_url = url_with(&servers.broker, &name).ok_or(broker)?;
        let databases = DatabaseServer::connect(&servers.database).await;
        let ground = Self {
            databases: databases.map_err(named)?,
            name,
            broker_url,
            admin,
        };
        ground
            .databases
            .create(&ground.name, "template0")
            .await
            .map_err(named)?;
        if let Err(error) = ground.admin.make_vhost(&ground.name).await {
            // Nobody else knows of the database by now.
            ground.databases.drop(&ground.name).await.map_err(named)?;
            return Err(error);
        }
        Ok(ground)
    }

    /// The URL of the database, as its owner.
    #[must_use]
    pub fn database_url(&self) -> String {
        self.databases.url_of(&self.name)
    }

    /// The URL of the virtual host.
    #[must_use]
    pub fn broker_url(&self) -> &str {
        &self.broker_url
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
        database::connect(&self.database_url()).await.map_err(named)
    }

    /// Drops what was made. Whoever is still connected is cut off.
    ///
    /// # Errors
    /// With what could not be dropped.
    pub async fn remove(self) -> Result<(), String> {
        let vhost = self.admin.delete_vhost(&self.name).await;
        self.databases.drop(&self.name).await.map_err(named)?;
        vhost
    }
}

fn named(error: database::DatabaseError) -> String {
    format!("the database server (--database-server): {error}")
}
