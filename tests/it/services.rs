//! Services: the distribution's servers, MySQL from npm, and peers in Python for those that have no
//! package. Each is started on loopback by the test that needs it, as a user that is not root, in a
//! folder of its own.
//!
//! A server that is not installed is a failure, not a skip: Debian has all but two of them.

mod amqp;
mod crossed;
mod directories;
mod fcgi;
mod kafka;
mod mail;
mod memcached;
mod mongodb;
mod mqtt;
pub mod mysql;
mod nats;
pub mod postgres;
mod recipes;
pub mod redis;
mod urls;
