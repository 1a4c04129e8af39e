//! Notifications on their whole walk: from RabbitMQ to the provider and into the database.

mod accounts;
mod addresses;
mod answers;
mod bulk;
mod channels;
mod circuits;
mod content;
mod dead_letters;
mod deafness;
mod described;
mod duplicates;
mod explaining;
mod failures;
mod limits;
mod moves;
mod pausing;
mod probing;
mod quarantine;
mod rejections;
mod repetitions;
mod schema;
mod templates;
mod timing;
mod untakeable;
mod waiting;
mod wishes;
