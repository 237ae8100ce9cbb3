//! Kafka: a peer in Python, which decodes the request and encodes the answer with a client library of
//! Kafka's. No real broker was run: Debian and PyPI have none.

use crate::support::{Peer, healthy, unhealthy};

#[test]
fn kafka() {
    let peer = Peer::python("kafka_peer.py", &[]);
    let target = |name: &str| peer.target("kafka", name, "");
    assert_eq!(healthy(&[&target("broker")]), "answers 3 APIs");
    assert_eq!(healthy(&[&target("newer")]), "answers, but wants a newer ApiVersions");
    assert_eq!(unhealthy(&[&target("none")]), "broker knows no API, want at least one");
    assert_eq!(unhealthy(&[&target("error")]), "broker answers with error 58, want none (0)");
    for (name, text) in [
        ("another", "an answer to another request"),
        ("huge", "a message of 2147483652 bytes"),
        ("hangs_up", "the connection was closed without a word"),
        ("short", "the connection was closed after 20 bytes"),
    ] {
        let got = unhealthy(&[&target(name)]);
        let what = "want an answer of a Kafka broker";
        assert!(got.contains(what) && got.contains(text), "{name}: {got}");
    }
}
