//! RabbitMQ, from Debian's package.

use crate::support::{Certificates, Folder, Server, blurts, free_port, has, healthy, unhealthy};

/// A broker with a name server of its own, since Erlang's would outlive it.
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
    let (names, dist) = (free_port(), free_port());
    let (names_text, dist_text) = (names.to_string(), dist.to_string());
    let epmd = ["-port", &names_text, "-address", "127.0.0.1"];
    let epmd = Server::in_folder(Folder::new("s"), "epmd", &epmd, &[]).on_port(names);
    let node = format!("hc{port}@localhost");
    let (mnesia, logs) = (folder.folder("mnesia"), folder.folder("log"));
    let env = [
        ("RABBITMQ_NODENAME", node.as_str()),
        ("RABBITMQ_MNESIA_BASE", &mnesia),
        ("RABBITMQ_LOG_BASE", &logs),
        ("RABBITMQ_CONFIG_FILE", &conf),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", &plugins),
        ("RABBITMQ_PID_FILE", &folder.path("pid")),
        ("RABBITMQ_DIST_PORT", &dist_text),
        ("ERL_EPMD_PORT", &names_text),
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
#[test]
fn a_broker_of_amqp_1_0() {
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
             Container(Broker()).run()\n"
        ),
    );
    let broker = Server::in_folder(folder, "/usr/bin/python3", &[&script], &[]);
    let _broker = broker.on_port(port);
    assert_eq!(healthy(&[&format!("amqp://127.0.0.1:{port}")]), "speaks AMQP 1.0");
    let sasl = blurts(b"AMQP\x03\x01\0\0");
    let said = healthy(&[&format!("amqp://u:p@127.0.0.1:{sasl}/queue")]);
    assert_eq!(said, "speaks AMQP 1.0, with SASL");
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
