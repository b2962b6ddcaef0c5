//! Who may call what, where Rust's privacy cannot say it: one fence a row.
//!
//! Textual and therefore easy to get round on purpose; it is there against accident.

use super::Finding;
use super::code::{without_test_modules, words};
use super::tree::{File, Tree};

/// Words that may stand only in some files.
struct Fence {
    words: &'static [&'static str],
    /// The fence holds in files whose path starts so.
    inside: &'static str,
    gaps: &'static [Gap],
    why: &'static str,
}

/// Where some of a fence's words may stand: in files whose path starts so, alone or in a phrase.
struct Gap {
    path: &'static str,
    phrases: &'static [&'static str],
}

const FENCES: &[Fence] = &[
    Fence {
        words: DURABLE,
        inside: "",
        gaps: &[
            Gap { path: "crates/audit/", phrases: DURABLE },
            Gap { path: "crates/enforcement/src/writer.rs", phrases: DURABLE },
            Gap { path: "crates/simulation/", phrases: DURABLE },
        ],
        why: "only the log's one writer knows what is durable",
    },
    Fence {
        words: REACHING,
        inside: "crates/",
        gaps: &[
            Gap { path: "crates/proxy/src/upstream/", phrases: REACHING },
            // Options of sockets that others opened.
            Gap { path: "crates/proxy/src/tls.rs", phrases: &["socket2"] },
            // Asks `proxy::upstream` for a session's connection.
            Gap { path: "crates/proxy/src/door/postgres/login.rs", phrases: &["upstream.connect"] },
            // Asks it for an estimate's.
            Gap { path: "crates/proxy/src/door/postgres/inquiry.rs", phrases: &["upstream.connect"] },
            // The gateway's own files, no target's.
            Gap {
                path: "crates/store/src/",
                phrases: &["SqliteConnection", "SqliteConnectOptions", "SqlitePool", "connect_with"],
            },
            // The sample database of the demo, before there is a gateway.
            Gap {
                path: "crates/countersign/src/commands/demo/shop.rs",
                phrases: &["SqliteConnectOptions", "connect_with"],
            },
            // The command line calls the gateway: its one client, and a method's name.
            Gap { path: "crates/countersign/src/client.rs", phrases: &["reqwest"] },
            Gap { path: "crates/countersign/src/commands/reviews.rs", phrases: &["reqwest"] },
            // Reads an address.
            Gap { path: "crates/countersign/src/config/postgres/address.rs", phrases: &["reqwest"] },
            // Serves, and calls nobody.
            Gap { path: "crates/countersign/src/server.rs", phrases: &["hyper", "hyper_util"] },
        ],
        why: "only `proxy::upstream` reaches upstreams; who else opens a connection stands in the list of gaps, with a reason",
    },
];

/// What says that records are durable.
const DURABLE: &[&str] = &["handle_written", "handle_synced"];

/// What opens connections, or finds out where to.
const REACHING: &[&str] = &[
    "connect",
    "connect_lazy",
    "connect_lazy_with",
    "connect_timeout",
    "connect_with",
    "TcpSocket",
    "UdpSocket",
    "UnixDatagram",
    "ToSocketAddrs",
    "lookup_host",
    "to_socket_addrs",
    "TlsConnector",
    "socket2",
    "reqwest",
    "hyper",
    "hyper_util",
    "SqliteConnection",
    "SqliteConnectOptions",
    "SqlitePool",
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust().flat_map(|file| FENCES.iter().flat_map(|fence| crossings(fence, file))).collect()
}

fn crossings(fence: &Fence, file: &File) -> Vec<Finding> {
    if !fence.holds_in(&file.path) {
        return Vec::new();
    }
    let code = without_test_modules(file.code());
    let mut findings = Vec::new();
    for (index, line) in code.lines().enumerate() {
        if let Some(word) = words(line).find(|word| fence.words.contains(word) && !fence.lets(&file.path, line, word)) {
            let message = format!("`{word}` may not stand here: {}", fence.why);
            findings.push(Finding::new(&file.path, index + 1, message));
        }
    }
    findings
}

impl Fence {
    fn holds_in(&self, path: &str) -> bool {
        let free = path.contains("/tests/") || ["/tests.rs", "/testing.rs"].iter().any(|end| path.ends_with(end));
        path.starts_with(self.inside) && !free
    }

    fn lets(&self, path: &str, line: &str, word: &str) -> bool {
        let holds = |phrase: &str| line.contains(phrase) && words(phrase).any(|inside| inside == word);
        self.gaps.iter().any(|gap| path.starts_with(gap.path) && gap.phrases.iter().any(|phrase| holds(phrase)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn only_the_writer_says_what_is_durable() {
        let call = "log.handle_written(ticket);\nlog.handle_synced(ticket);";
        assert_eq!(found("crates/proxy/src/door/mcp.rs", call), 2);
        assert_eq!(found("crates/enforcement/src/outbox.rs", call), 2);
        assert_eq!(found("crates/enforcement/src/writerless/a.rs", call), 2);
        assert_eq!(found("crates/enforcement/src/writer.rs", call), 0);
        assert_eq!(found("crates/audit/src/log.rs", call), 0);
    }

    #[test]
    fn tests_may_drive_a_log_of_their_own() {
        let text = "#[cfg(test)]\nmod tests { fn a() { log.handle_synced(t); } }";
        assert_eq!(found("crates/enforcement/src/outbox.rs", text), 0);
        assert_eq!(found("crates/enforcement/src/outbox.rs", "log.handle_synced(t);"), 1);
    }

    #[test]
    fn only_upstream_connects() {
        for text in [
            "TcpStream::connect(a)",
            "UnixStream::connect(a)",
            "use std::net::TcpStream as Stream; fn f() { Stream::connect(a) }",
            "TcpStream::connect_timeout(a, b)",
            "TcpSocket::new_v4()",
            "UdpSocket::bind(a)",
            "UnixDatagram::unbound()",
            "tokio::net::lookup_host(a)",
            "a.to_socket_addrs()",
            "TlsConnector::from(a)",
            "socket2::Socket::new(a)",
            "reqwest::get(a)",
            "hyper::client::conn::http1::handshake(a)",
            "use hyper_util::client::legacy::Client;",
            "SqliteConnection::x",
            "SqliteConnectOptions",
            "SqlitePool::connect_lazy(a)",
        ] {
            for path in ["crates/proxy/src/door/postgres.rs", "crates/console/src/api.rs", "crates/gate/src/lib.rs"] {
                assert_eq!(found(path, text), 1, "{path}: {text}");
            }
            assert_eq!(found("crates/proxy/src/upstream/postgres.rs", text), 0, "{text}");
            assert_eq!(found("e2e/src/gateway.rs", text), 0, "{text}");
        }
    }

    #[test]
    fn a_gap_lets_through_no_more_than_it_says() {
        assert_eq!(found("crates/countersign/src/client.rs", "reqwest::Client::builder()"), 0);
        assert_eq!(found("crates/countersign/src/client.rs", "TcpStream::connect(a)"), 1);
        assert_eq!(found("crates/countersign/src/server.rs", "hyper::x; Socket::connect(a)"), 1);
        assert_eq!(found("crates/proxy/src/door/postgres/login.rs", "door.upstream.connect(a)"), 0);
        assert_eq!(found("crates/proxy/src/door/postgres/login.rs", "TcpStream::connect(a)"), 1);
        assert_eq!(found("crates/store/src/lib.rs", "SqlitePool::x"), 0);
        assert_eq!(found("crates/store/src/lib.rs", "reqwest::get(a)"), 1);
        // What only looks like one of the words is none.
        assert_eq!(found("crates/console/src/api.rs", "max_connections(2); reconnect(); connected()"), 0);
    }

    #[test]
    fn every_gap_is_needed() {
        let tree = Tree::read().unwrap();
        for gap in FENCES.iter().flat_map(|fence| fence.gaps) {
            let files: Vec<&File> = tree.rust().filter(|file| file.path.starts_with(gap.path)).collect();
            let whole = [DURABLE, REACHING].contains(&gap.phrases);
            let used = |phrase: &&&str| files.iter().any(|file| file.code().contains(**phrase));
            let used = gap.phrases.iter().filter(used).count();
            assert!(used == gap.phrases.len() || (whole && used > 0), "{}: {:?}", gap.path, gap.phrases);
        }
    }

    #[test]
    fn a_doors_test_may_be_its_client() {
        let text = "#[cfg(test)]\nmod tests {\n fn a() { TcpStream::connect(door); }\n}\n";
        assert_eq!(found("crates/proxy/src/door/postgres.rs", text), 0);
        let client = "TcpStream::connect(door);";
        assert_eq!(found("crates/proxy/tests/doors/main.rs", client), 0);
        assert_eq!(found("crates/proxy/src/door/postgres/tests.rs", client), 0);
    }

    #[test]
    fn speaking_of_it_is_not_calling_it() {
        let text = "// calls handle_written(ticket)\nlet a = \"handle_synced(\";";
        assert_eq!(found("crates/proxy/src/door/mcp.rs", text), 0);
    }
}
