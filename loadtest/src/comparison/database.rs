//! Databases: one prepared for each program and seed, cloned for each go.

use tokio_postgres::{Client, NoTls};

use super::error::ComparisonError;

/// The server, with the right to make databases.
pub(super) struct DatabaseServer {
    client: Client,
    url: String,
}

impl DatabaseServer {
    pub(super) async fn connect(url: &str) -> Result<Self, ComparisonError> {
        url_with(url, "x").ok_or(ComparisonError::Url("--database"))?;
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        // What fails here fails the statement that waits for it.
        tokio::spawn(connection);
        Ok(Self {
            client,
            url: url.to_owned(),
        })
    }

    /// The URL of one of its databases.
    pub(super) fn url_of(&self, name: &str) -> String {
        url_with(&self.url, name).unwrap_or_default()
    }

    pub(super) async fn create(&self, name: &str, template: &str) -> Result<(), ComparisonError> {
        self.drop(name).await?;
        let create = format!("CREATE DATABASE {name} TEMPLATE {template}");
        self.client.batch_execute(&create).await?;
        // What was written so far is not the next go's to write out.
        self.client.batch_execute("CHECKPOINT").await?;
        Ok(())
    }

    pub(super) async fn drop(&self, name: &str) -> Result<(), ComparisonError> {
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        Ok(self.client.batch_execute(&drop).await?)
    }

    /// How many notifications a database holds.
    pub(super) async fn stored(&self, name: &str) -> Result<u64, ComparisonError> {
        let (client, connection) = tokio_postgres::connect(&self.url_of(name), NoTls).await?;
        tokio::spawn(connection);
        let count = "SELECT count(*) FROM notification_schema.notifications";
        let count: i64 = client.query_one(count, &[]).await?.try_get(0)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }
}

/// The URL with another database or virtual host at its end.
pub(super) fn url_with(url: &str, name: &str) -> Option<String> {
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
