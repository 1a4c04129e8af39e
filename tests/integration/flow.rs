//! Notifications on their whole walk: from RabbitMQ to the provider and into the database.

mod channels;
mod circuits;
mod duplicates;
mod failures;
mod limits;
mod rejections;
mod timing;
