//! PostgreSQL, MariaDB, MySQL, MongoDB, Kafka: the real executable against servers on loopback.
//!
//! PostgreSQL and MariaDB are the distribution's, MySQL is npm's, each started by the test that needs it, as a user
//! that is not root, in a folder of its own. **No real MongoDB and no real Kafka broker was run**:
//! they have no package; what stands in for them are peers in Python that decode the request and
//! encode the answer with those projects' own client libraries (`tests/peers/`).

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that panics has failed, as it should"
)]

mod mariadb;
mod postgres;
mod recorded;
mod support;
