//! Who may call what, where Rust's privacy cannot say it: one fence a row.
//!
//! Textual and therefore easy to get round on purpose; it is there against accident.

use super::Finding;
use super::code::without_test_modules;
use super::tree::{File, Tree};

/// Words that may stand only in some files.
struct Fence {
    words: &'static [&'static str],
    /// The fence holds in files whose path starts so.
    inside: &'static str,
    /// Except in those whose path starts with one of these.
    except: &'static [&'static str],
    why: &'static str,
}

const FENCES: &[Fence] = &[
    Fence {
        words: &["handle_written(", "handle_synced("],
        inside: "",
        except: &[
            "crates/audit/",
            "crates/enforcement/src/writer.rs",
            "crates/enforcement/src/writer_",
            "crates/enforcement/src/writer/",
            "crates/simulation/",
        ],
        why: "only the log's one writer knows what is durable",
    },
    Fence {
        words: &["TcpStream::connect", "UnixStream::connect", "SqliteConnection", "SqliteConnectOptions"],
        inside: "crates/proxy/",
        except: &["crates/proxy/src/upstream/", "crates/proxy/src/upstream.rs"],
        why: "only `proxy::upstream` holds upstream connections",
    },
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
        if let Some(word) = fence.words.iter().find(|word| line.contains(**word)) {
            let message = format!("`{}` may not stand here: {}", word.trim_end_matches('('), fence.why);
            findings.push(Finding::new(&file.path, index + 1, message));
        }
    }
    findings
}

impl Fence {
    fn holds_in(&self, path: &str) -> bool {
        let free = path.contains("/tests/") || ["/tests.rs", "/testing.rs"].iter().any(|end| path.ends_with(end));
        path.starts_with(self.inside) && !free && !self.except.iter().any(|start| path.starts_with(start))
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
        assert_eq!(found("crates/enforcement/src/writer/batch.rs", call), 0);
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
        for word in ["TcpStream::connect(a)", "UnixStream::connect(a)", "SqliteConnection::x", "SqliteConnectOptions"] {
            assert_eq!(found("crates/proxy/src/door/postgres.rs", word), 1, "{word}");
            assert_eq!(found("crates/proxy/src/upstream/postgres.rs", word), 0);
            assert_eq!(found("crates/store/src/sqlite.rs", word), 0);
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
