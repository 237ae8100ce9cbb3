//! RabbitMQ, from Debian's package.

use crate::support::{
    Certificates, Folder, Server, blurts, epmd, free_port, has, healthy, unhealthy,
};

/// A broker, and the name server that it has to itself.
pub fn rabbitmq(port: u16, tls: u16) -> (Server, Server, String) {
    let folder = Folder::new("s");
    let Certificates { root: ca, cert, key, .. } = Certificates::in_folder(&folder);
    let conf = folder.file(
        "rabbitmq.conf",
        &format!(
            "listeners.tcp.1 = 127.0.0.1:{port}\nlisteners.ssl.1 = 127.0.0.1:{tls}\n\
             ssl_options.cacertfile = {ca}\nssl_options.certfile = {cert}\n\
             ssl_options.keyfile = {key}\nlog.file = {}\n",
            folder.path("rabbit.log")
        ),
    );
    let plugins = folder.file("enabled_plugins", "[].\n");
    let (epmd, names) = epmd();
    let dist = free_port().to_string();
    let node = format!("hc{port}@localhost");
    let (mnesia, logs) = (folder.folder("mnesia"), folder.folder("log"));
    let env = [
        ("RABBITMQ_NODENAME", node.as_str()),
        ("RABBITMQ_MNESIA_BASE", &mnesia),
        ("RABBITMQ_LOG_BASE", &logs),
        ("RABBITMQ_CONFIG_FILE", &conf),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", &plugins),
        ("RABBITMQ_PID_FILE", &folder.path("pid")),
        ("RABBITMQ_DIST_PORT", &dist),
        ("ERL_EPMD_PORT", &names),
        ("LANG", "C.UTF-8"),
    ];
    let server = Server::in_folder(folder, "/usr/lib/rabbitmq/bin/rabbitmq-server", &[], &env);
    (epmd, server, ca)
}

#[test]
fn rabbitmq_over_tls() {
    let [plain, secure] = [(); 2].map(|()| free_port());
    let (_epmd, broker, ca) = rabbitmq(plain, secure);
    let _broker = broker.on_port(secure);
    has(&healthy(&[&format!("amqps://127.0.0.1:{secure}"), "--cacert", &ca]), "RabbitMQ 3.");
    unhealthy(&[&format!("amqps://127.0.0.1:{secure}")]);
}

/// Qpid Proton's library, from Debian's package, listens as brokers do.
fn proton(wants_a_login: bool) -> (Server, u16) {
    let port = free_port();
    let folder = Folder::new("proton");
    let script = folder.file(
        "broker.py",
        &format!(
            "from proton.handlers import MessagingHandler\n\
             from proton.reactor import Container\n\
             class Broker(MessagingHandler):\n\
             \x20   def on_start(self, event):\n\
             \x20       self.listener = event.container.listen('127.0.0.1:{port}')\n\
             \x20   def on_connection_bound(self, event):\n\
             \x20       event.transport.require_auth({})\n\
             Container(Broker()).run()\n",
            if wants_a_login { "True" } else { "False" }
        ),
    );
    let broker = Server::in_folder(folder, "/usr/bin/python3", &[&script], &[]);
    (broker.on_port(port), port)
}

#[test]
fn brokers_of_amqp_1_0() {
    for wants_a_login in [false, true] {
        let (_broker, port) = proton(wants_a_login);
        let said = healthy(&[&format!("amqp://127.0.0.1:{port}")]);
        assert_eq!(said, "speaks AMQP 1.0, with SASL", "{wants_a_login}");
    }
    // The header of one that knows no SASL, and of one that says SASL's to all.
    for (header, said) in [(0, "speaks AMQP 1.0"), (3, "speaks AMQP 1.0, with SASL")] {
        let port = blurts([b'A', b'M', b'Q', b'P', header, 1, 0, 0]);
        assert_eq!(healthy(&[&format!("amqp://u:p@127.0.0.1:{port}/queue")]), said);
    }
}

#[test]
fn brokers_that_speak_something_else() {
    let port = blurts(b"AMQP\x02\x01\0\0");
    has(
        &unhealthy(&[&format!("amqp://127.0.0.1:{port}")]),
        "want the greeting of an AMQP broker: the broker speaks AMQP 1.0.0 (with TLS), not 0.9.1 or 1.0",
    );
    let port = blurts(b"\x01\0\0\x80\0\0\0\0");
    has(&unhealthy(&[&format!("amqp://127.0.0.1:{port}")]), "2147483648 bytes, more than 64 KiB");
}
