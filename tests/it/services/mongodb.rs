//! MongoDB: a peer in Python, which decodes the request and encodes the answer with that project's own
//! client library. No real server was run: Debian and PyPI have none.

use crate::support::{Peer, healthy, unhealthy};

#[test]
fn mongodb() {
    let peer = Peer::python("mongodb_peer.py", &[]);
    let target = |name: &str| peer.target("mongodb", name, "");
    for (name, saw) in [
        ("primary", "writable in rs0, wire version 21"),
        ("secondary", "a secondary in rs0, wire version 21"),
        ("alone", "writable, wire version 25"),
        ("mongos", "a mongos, wire version 21"),
        ("starting", "neither writable nor a secondary in rs0, wire version 21"),
        ("checksum", "writable in rs0, wire version 21"),
        ("former", "writable, wire version 8"),
    ] {
        assert_eq!(healthy(&[&target(name)]), saw, "{name}");
    }
    for name in ["primary", "alone", "mongos", "former"] {
        healthy(&[&target(name), "--primary"]);
    }
    for name in ["primary", "secondary", "alone"] {
        healthy(&[&target(name), "--member"]);
    }
    assert_eq!(
        unhealthy(&[&target("starting"), "--member"]),
        "server neither writable nor a secondary in rs0, want a primary or a secondary (--member)"
    );
    assert_eq!(
        unhealthy(&[&target("mongos"), "--member"]),
        "server a mongos, want a primary or a secondary (--member)"
    );
    assert_eq!(
        unhealthy(&[&target("secondary"), "--primary"]),
        "server a secondary in rs0, want a writable one (--primary)"
    );
    assert_eq!(
        unhealthy(&[&target("error")]),
        "hello is refused (ok:0), want ok:1: The server is in quiesce mode and will shut down"
    );
    for (name, text) in [
        ("op_reply", "that is no MongoDB, or an older one"),
        ("hangs_up", "the connection was closed without a word"),
        ("huge", "a message of 2147483648 bytes"),
        ("another", "an answer to another request"),
        ("short", "the connection was closed after 40 bytes"),
    ] {
        let got = unhealthy(&[&target(name)]);
        let what = "want an answer of MongoDB 3.6 or later";
        assert!(got.contains(what) && got.contains(text), "{name}: {got}");
    }
}
