//! Notifications on their whole walk: from RabbitMQ to the provider and into the database.

mod channels;
mod dead_letters;
mod duplicates;
mod failures;
mod pausing;
mod probing;
mod rejections;
mod timing;
mod wishes;
