//! Databases made for a measurement.

use tokio_postgres::{Client, NoTls};

/// Why there is no database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The URL has no part to exchange.
    #[error("the URL must end in /NAME")]
    Url,
    /// The server.
    #[error(
        "{}; script/servers start starts a server, script/servers env prints its URL as \
         HERALD_TEST_DATABASE_URL",
        with_cause(.0)
    )]
    Server(#[from] tokio_postgres::Error),
}

/// PostgreSQL's own words are the cause of an error that only says "db error".
pub(crate) fn with_cause(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// A connection to a database of the engine, with its tables in sight.
///
/// # Errors
/// When the database cannot be reached.
pub async fn connect(url: &str) -> Result<Client, DatabaseError> {
    let client = open(url).await?;
    client
        .batch_execute("SET search_path TO notification_schema")
        .await?;
    Ok(client)
}

async fn open(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // It ends with its client; what fails here fails the statement that waits for it.
    tokio::spawn(connection);
    Ok(client)
}

/// The server, with the right to make databases.
#[derive(Debug)]
pub(crate) struct DatabaseServer {
    client: Client,
    url: String,
}

impl DatabaseServer {
    pub(crate) async fn connect(url: &str) -> Result<Self, DatabaseError> {
        url_with(url, "x").ok_or(DatabaseError::Url)?;
        Ok(Self {
            client: open(url).await?,
            url: url.to_owned(),
        })
    }

    /// The URL of one of its databases.
    pub(crate) fn url_of(&self, name: &str) -> String {
        url_with(&self.url, name).unwrap_or_default()
    }

    pub(crate) async fn create(&self, name: &str, template: &str) -> Result<(), DatabaseError> {
        self.drop(name).await?;
        let create = format!("CREATE DATABASE {name} TEMPLATE {template}");
        self.client.batch_execute(&create).await?;
        // What was written so far is not the next go's to write out.
        self.client.batch_execute("CHECKPOINT").await?;
        Ok(())
    }

    /// A copy by file: of a large database much quicker than by page.
    pub(crate) async fn copy(&self, name: &str, template: &str) -> Result<(), DatabaseError> {
        self.drop(name).await?;
        let create = format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY");
        Ok(self.client.batch_execute(&create).await?)
    }

    pub(crate) async fn drop(&self, name: &str) -> Result<(), DatabaseError> {
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        Ok(self.client.batch_execute(&drop).await?)
    }

    /// How many notifications a database holds.
    pub(crate) async fn stored(&self, name: &str) -> Result<u64, DatabaseError> {
        let client = open(&self.url_of(name)).await?;
        let count = "SELECT count(*) FROM notification_schema.notifications";
        let count: i64 = client.query_one(count, &[]).await?.try_get(0)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }
}

/// The URL with another database or virtual host at its end.
pub(crate) fn url_with(url: &str, name: &str) -> Option<String> {
    let (address, parameters) = match url.split_once('?') {
        Some((address, parameters)) => (address, format!("?{parameters}")),
        None => (url, String::new()),
    };
    let (server, _) = address.rsplit_once('/')?;
    // The slashes of `postgres://` are not the one before a name.
    (!server.ends_with('/')).then(|| format!("{server}/{name}{parameters}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_of_a_url_is_exchanged() {
        let url = |text| url_with(text, "new");
        assert_eq!(
            url("postgres://a:b@h:1/old?x=1").as_deref(),
            Some("postgres://a:b@h:1/new?x=1")
        );
        assert_eq!(url("amqp://h:1/%2f").as_deref(), Some("amqp://h:1/new"));
        assert_eq!(url("postgres://h:1"), None);
    }
}
