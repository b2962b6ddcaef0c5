//! Input that is wrong, hostile or too much: each is refused with a reason, and the gateway serves the next lawful
//! read. Mistakes in configuration and policies are told with file, line and column before anything starts.

use std::time::Duration;

use e2e::shop::insert;
use e2e::{Answer, Caller, Gateway, Ran, Site};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;

/// The longest that a connection may stay without a whole request is half of this.
const LIMIT: Duration = Duration::from_secs(60);

/// The neighbour: a lawful read by the same agent still works.
async fn still_serves(gateway: &mut Gateway, after: &str) {
    gateway.assert_alive();
    let answer = gateway.shopkeeper().propose("shop", "SELECT name FROM customers WHERE id = 1").await;
    assert_eq!(answer.status, 200, "after {after}: {answer}");
}

async fn send(caller: &Caller, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = caller.request(method, path).header("content-type", "application/json").body(body);
    Answer::of(request).await.expect("there is an answer")
}

/// Says something on a connection of its own, in the background: the other side may answer before it has heard all.
async fn knock(gateway: &Gateway, words: String) -> OwnedReadHalf {
    let address = gateway.url.strip_prefix("http://").expect("an address");
    let (read, mut write) = TcpStream::connect(address).await.expect("it listens").into_split();
    tokio::spawn(async move {
        // It may hang up before everything is sent.
        write.write_all(words.as_bytes()).await.unwrap_or_default();
        // Not to be taken for a caller who has left.
        write.forget();
    });
    read
}

/// All that is answered until the other side hangs up. Fails if it does not.
async fn heard(mut read: OwnedReadHalf) -> String {
    let mut told = Vec::new();
    let reading = read.read_to_end(&mut told);
    // It may hang up with bytes unread: what it said before counts.
    tokio::time::timeout(LIMIT, reading).await.expect("it hangs up").map(drop).unwrap_or_default();
    String::from_utf8_lossy(&told).into_owned()
}

#[tokio::test]
async fn a_body_that_is_no_proposal_is_refused() {
    let mut gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    let before = gateway.site.log().of_kind("execute").len();
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let statement = |text: &str| json!({"target": "shop", "statement": text}).to_string().into_bytes();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", vec![]),
        ("half an object", b"{\"target\":\"shop\"".to_vec()),
        ("a list", b"[]".to_vec()),
        ("a number", b"7".to_vec()),
        ("null", b"null".to_vec()),
        ("no target", b"{\"statement\":\"SELECT 1\"}".to_vec()),
        ("an unknown field", b"{\"target\":\"shop\",\"statment\":\"SELECT 1\"}".to_vec()),
        ("a field in another case", b"{\"target\":\"shop\",\"Statement\":\"SELECT 1\"}".to_vec()),
        ("two targets", b"{\"target\":\"shop\",\"target\":\"sandbox\",\"statement\":\"SELECT 1\"}".to_vec()),
        ("two statements", b"{\"target\":\"shop\",\"statement\":\"SELECT 1\",\"statement\":\"SELECT 2\"}".to_vec()),
        ("two values behind each other", b"{\"target\":\"shop\",\"statement\":\"SELECT 1\"}{}".to_vec()),
        ("invalid UTF-8", b"{\"target\":\"shop\",\"statement\":\"SELECT '\xff'\"}".to_vec()),
        ("a lone surrogate", b"{\"target\":\"shop\",\"statement\":\"SELECT '\\ud800'\"}".to_vec()),
        ("a raw NUL", b"{\"target\":\"shop\",\"statement\":\"SELECT '\0'\"}".to_vec()),
        ("a NUL in the statement", statement("SELECT 1 -- \0")),
        ("no statement", statement("")),
        ("only a comment", statement("-- nothing")),
        ("no SQL", statement("please read all the customers")),
        (
            "a list of values in a value",
            b"{\"target\":\"shop\",\"statement\":\"SELECT ?\",\"parameters\":[[1]]}".to_vec(),
        ),
        (
            "a number beyond all numbers",
            b"{\"target\":\"shop\",\"statement\":\"SELECT ?\",\"parameters\":[1e999]}".to_vec(),
        ),
        ("a name that is none", b"{\"target\":\"../shop\",\"statement\":\"SELECT 1\"}".to_vec()),
        ("a wait that is none", b"{\"target\":\"shop\",\"statement\":\"SELECT 1\",\"wait\":\"soon\"}".to_vec()),
        ("a wait without end", b"{\"target\":\"shop\",\"statement\":\"SELECT 1\",\"wait\":\"11m\"}".to_vec()),
        ("deep JSON", nested.into_bytes()),
        (
            "deep arguments",
            format!("{{\"target\":\"countersign\",\"arguments\":{{\"a\":{}}}}}", "[".repeat(5_000)).into(),
        ),
        (
            "a reason too long",
            json!({"target": "shop", "statement": "SELECT 1", "reason": "x".repeat(2_001)}).to_string().into(),
        ),
        ("a statement too long", statement(&format!("SELECT '{}'", "x".repeat(1 << 20)))),
    ];
    let neighbours = cases.len();
    for (what, body) in cases {
        let answer = send(&agent, Method::POST, "/api/v1/actions", body).await;
        assert_eq!(answer.status, 400, "{what}: {answer}");
        assert!(answer.problem().starts_with("bad-"), "{what}: {answer}");
        assert!(answer.body["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{what}: {answer}");
        still_serves(&mut gateway, what).await;
    }
    let ran = gateway.site.log().of_kind("execute").len() - before;
    assert_eq!(ran, neighbours, "only the neighbours ran");
}

#[tokio::test]
async fn a_huge_body_is_cut_off() {
    let mut gateway = Gateway::open().await;
    let huge = format!("{{\"target\":\"shop\",\"statement\":\"SELECT '{}'\"}}", "x".repeat(9 << 20));
    for caller in [gateway.shopkeeper(), gateway.nobody()] {
        let credential = caller.authorization().map(|header| format!("Authorization: {header}\r\n"));
        let expected = if credential.is_some() { "HTTP/1.1 413 " } else { "HTTP/1.1 401 " };
        let head = format!(
            "POST /api/v1/actions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{}Content-Length: {}\r\n\r\n",
            credential.unwrap_or_default(),
            huge.len()
        );
        let told = heard(knock(&gateway, head + &huge).await).await;
        assert!(told.starts_with(expected), "{told}");
        still_serves(&mut gateway, "a huge body").await;
    }
    let held = gateway.hold(&gateway.shopkeeper(), &insert("huge verdict")).await;
    let path = format!("/api/v1/reviews/{}/verdicts", held.review);
    let verdict = json!({"verdict": "approve", "code": held.code, "reason": "x".repeat(100_000)}).to_string();
    let answer = send(&gateway.person("grace"), Method::POST, &path, verdict).await;
    assert_eq!(answer.status, 413, "{answer}");
    assert_eq!(gateway.person("grace").state(&held).await, "pending");
}

/// A length is announced and nothing follows; a header has no end; the request is no HTTP. No memory is taken on
/// credit, and others are served meanwhile.
#[tokio::test]
async fn what_is_announced_before_login_costs_nothing() {
    let mut gateway = Gateway::open().await;
    let head = "POST /api/v1/actions HTTP/1.1\r\nHost: x\r\n";
    let many = "a: b\r\n".repeat(20_000);
    let mut open = Vec::new();
    // Each with the status it is answered with, or none: whoever goes on talking is hung up on in time.
    for (opening, answer) in [
        (format!("{head}Content-Length: 9000000000000000\r\n\r\n"), "401"),
        (format!("{head}Transfer-Encoding: chunked\r\n\r\nffffffffff\r\n"), "401"),
        (format!("{head}Content-Length: 5\r\nContent-Length: 50\r\n\r\n12345"), "400"),
        (format!("{head}Content-Length: -1\r\n\r\n"), "400"),
        (format!("{head}{many}\r\n"), "431"),
        (format!("{head}X: {}", "x".repeat(200_000)), ""),
        ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}".to_owned(), "400"),
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), "400"),
    ] {
        let shown = opening[..opening.len().min(80)].to_owned();
        let read = knock(&gateway, opening).await;
        still_serves(&mut gateway, &shown).await;
        open.push((shown, answer, read));
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).expect("Linux tells");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    let kilobytes: u64 = resident.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kilobytes < 500_000, "{kilobytes} kB are in use");
    for (shown, answer, read) in open {
        let told = heard(read).await;
        let status = told.split(' ').nth(1).unwrap_or("");
        assert_eq!(status, answer, "{shown:?}: {told}");
    }
}

#[tokio::test]
async fn nested_and_endless_statements_are_refused() {
    let mut gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    let deep = |open: &str, close: &str, n: usize| format!("SELECT {}1{}", open.repeat(n), close.repeat(n));
    for (what, statement) in [
        ("10,000 parentheses", deep("(", ")", 10_000)),
        ("300,000 parentheses", deep("(", ")", 300_000)),
        ("nested queries", deep("(SELECT ", ")", 20_000)),
        ("nested functions", deep("abs(", ")", 20_000)),
        ("nested CASE", deep("CASE WHEN 1 THEN ", " END", 10_000)),
        ("NOT NOT NOT", deep("NOT ", "", 20_000)),
        ("minus minus", deep("- ", "", 20_000)),
        ("unclosed parentheses", "SELECT ".to_owned() + &"(".repeat(500_000)),
        ("100,000 operators", "SELECT 1".to_owned() + &" + 1".repeat(100_000)),
        ("100,000 joined texts", "SELECT 'a'".to_owned() + &"||'a'".repeat(100_000)),
        ("60,000 conditions", "SELECT id FROM orders WHERE id = 1".to_owned() + &" AND 1".repeat(60_000)),
        ("50,000 selects", "SELECT 1".to_owned() + &" UNION ALL SELECT 1".repeat(50_000)),
        ("50,000 tests", "SELECT 1 WHERE 1".to_owned() + &" IS NULL".repeat(50_000)),
        ("1,000 operators", "SELECT 1".to_owned() + &" + 1".repeat(1_000)),
        ("an open comment", "SELECT 1 /*".to_owned() + &" /* ".repeat(1_000)),
        ("an open string", "SELECT 'x".to_owned()),
    ] {
        let answer = agent.propose("shop", &statement).await;
        assert!([400, 403, 422].contains(&answer.status), "{what}: {answer}");
        still_serves(&mut gateway, what).await;
    }
}

#[tokio::test]
async fn whoever_cannot_prove_who_they_are_is_told_the_same() {
    let mut gateway = Gateway::open().await;
    let (nobody, token) = (gateway.nobody(), gateway.site.token("shopkeeper").to_owned());
    let last = token.chars().last().expect("a token is not empty");
    let wrong = format!("{}{}", &token[..token.len() - 1], if last == '0' { '1' } else { '0' });
    let short = token[..token.len() / 2].to_owned();
    let mut told = Vec::new();
    for authorization in [
        "",
        "Bearer",
        "Bearer ",
        &format!("Bearer {wrong}"),
        &format!("Bearer {short}"),
        &format!("Bearer {token}{token}"),
        &format!("Bearer {}", "x".repeat(5_000)),
        &format!("Token {token}"),
        &token,
        "Basic",
        "Basic !!!",
        "Basic YWRh",
        "Basic /w==",
        "Basic OmFkYQ==",
        "Basic QURBOmFkYS1jb3VudGVyc2lnbnM=",
        nobody.person("shopkeeper", &token).authorization().expect("a header"),
        nobody.person("nobody-of-that-name", "nobody-countersigns").authorization().expect("a header"),
        nobody.person("edith", "not-her-passphrase").authorization().expect("a header"),
        nobody.bearer("edith-countersigns").authorization().expect("a header"),
    ] {
        let caller = nobody.with(authorization);
        for answer in [caller.propose("shop", "SELECT 1").await, caller.get("/api/v1/reviews").await] {
            let answer = answer.is_problem(401, "not-authenticated");
            told.push(answer.text());
        }
    }
    told.dedup();
    assert_eq!(told.len(), 1, "the answers differ: {told:?}");
    nobody.propose("shop", "SELECT 1").await.is_problem(401, "not-authenticated");
    still_serves(&mut gateway, "wrong credentials").await;
    gateway.person("edith").get("/api/v1/reviews").await.ok();
}

/// Whatever is wrong with a call, whoever is not known is told that first, and everything is told as a problem.
#[tokio::test]
async fn every_refusal_is_a_problem_and_the_first_is_who_calls() {
    let gateway = Gateway::open().await;
    let held = gateway.hold(&gateway.shopkeeper(), &insert("no problem")).await;
    let grace = gateway.person("grace");
    let verdicts = format!("/api/v1/reviews/{}/verdicts", held.review);
    let no_code = json!({"verdict": "approve"}).to_string();
    for (method, path, body, status, kind) in [
        (Method::POST, verdicts.as_str(), "{", 400, "bad-request"),
        (Method::POST, &verdicts, &no_code, 422, "bad-request"),
        (Method::POST, &verdicts, &"x".repeat(100_000), 413, "too-large"),
        (Method::GET, "/api/v1/reviews/%ff", "", 400, "bad-request"),
        (Method::GET, "/api/v1/records/x", "", 400, "bad-request"),
        (Method::GET, "/api/v1/records?limit=x", "", 400, "bad-request"),
        (Method::GET, "/api/v1/reviews?state=bogus", "", 400, "bad-request"),
        (Method::GET, "/api/v1/principals?kind=robot", "", 400, "bad-request"),
        (Method::GET, "/api/v1/actions/x?wait=1s&more=1", "", 400, "bad-request"),
        (Method::DELETE, "/api/v1/actions", "", 405, "no-such-method"),
        (Method::PUT, &verdicts, "", 405, "no-such-method"),
        (Method::GET, "/api/v1/nowhere", "", 404, "not-found"),
        (Method::GET, "/api/v2/reviews", "", 404, "not-found"),
    ] {
        let body = body.to_owned();
        send(&grace, method.clone(), path, body.clone()).await.is_problem(status, kind);
        let (unknown, bytes) = (gateway.nobody(), body.len());
        let answer = send(&unknown, method.clone(), path, body).await;
        assert_eq!((answer.status, answer.problem()), (401, "not-authenticated"), "{method} {path}, {bytes}: {answer}");
    }
    let bogus = grace.get("/api/v1/reviews?state=bogus").await;
    assert!(bogus.text().contains("`open` or `all`"), "{bogus}");
    gateway.nobody().get("/nowhere").await.is_problem(404, "not-found");
    let request = gateway.nobody().request(Method::POST, "/metrics");
    Answer::of(request).await.expect("there is an answer").is_problem(405, "no-such-method");
    for path in ["/api/v1/reviews", "/api/v1/actions/x"] {
        let answer = gateway.nobody().request(Method::GET, path).send().await.expect("there is an answer");
        assert!(answer.headers().contains_key("www-authenticate"), "{path}: {answer:?}");
    }
    assert_eq!(grace.state(&held).await, "pending");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let mut gateway = Gateway::open().await;
    let (agent, grace) = (gateway.shopkeeper(), gateway.person("grace"));
    agent.propose("elsewhere", "SELECT 1").await.is_problem(404, "unknown-target");
    let unknown = "act_00000000000000000000000000";
    for action in [unknown, "act_", "x", "%00", "%ff", "..%2f..", "rev_00000000000000000000000000", &"a".repeat(3_000)]
    {
        let answer = agent.get(&format!("/api/v1/actions/{action}")).await;
        assert!([400, 404].contains(&answer.status), "{action}: {answer}");
        let answer = grace.get(&format!("/api/v1/reviews/{action}")).await;
        assert!([400, 404].contains(&answer.status), "{action}: {answer}");
    }
    for (method, path) in [
        (Method::GET, "/nowhere"),
        (Method::GET, "/api/v2/actions"),
        (Method::DELETE, "/api/v1/actions"),
        (Method::PUT, "/api/v1/reviews"),
        (Method::POST, "/api/v1/records"),
        (Method::PATCH, "/api/v1/principals"),
        (Method::TRACE, "/api/v1/actions"),
        (Method::POST, "/metrics"),
    ] {
        for caller in [&agent, &grace, &gateway.nobody()] {
            let answer = caller.call(method.clone(), path, None).await;
            assert!([401, 404, 405].contains(&answer.status), "{method} {path}: {answer}");
        }
    }
    for query in ["kind=%27%20OR%201", "limit=x", "limit=-1", "before=x", "sort=up", "names=%00"] {
        let answer = grace.get(&format!("/api/v1/records?{query}")).await;
        assert!([200, 400].contains(&answer.status), "{query}: {answer}");
        assert!(answer.status != 200 || answer.body["items"] == json!([]), "{query}: {answer}");
    }
    still_serves(&mut gateway, "what is not there").await;
}

#[tokio::test]
async fn a_body_that_is_no_verdict_changes_nothing() {
    let mut gateway = Gateway::open().await;
    let held = gateway.hold(&gateway.shopkeeper(), &insert("no verdict")).await;
    let grace = gateway.person("grace");
    let path = format!("/api/v1/reviews/{}/verdicts", held.review);
    let code = &held.code;
    for body in [
        String::new(),
        "{".to_owned(),
        "[]".to_owned(),
        json!({"code": code}).to_string(),
        json!({"verdict": "approve"}).to_string(),
        json!({"verdict": "Approve", "code": code}).to_string(),
        json!({"verdict": "maybe", "code": code}).to_string(),
        json!({"verdict": true, "code": code}).to_string(),
        json!({"verdict": "approve", "code": code, "reviewer": "joan"}).to_string(),
        json!({"verdict": "approve", "code": code, "strength": 9}).to_string(),
        json!({"verdict": "approve", "code": code, "channel": "elsewhere"}).to_string(),
        format!("{{\"verdict\":\"reject\",\"verdict\":\"approve\",\"code\":\"{code}\"}}"),
    ] {
        let answer = send(&grace, Method::POST, &path, body.clone()).await;
        assert!([400, 422].contains(&answer.status), "{body}: {answer}");
    }
    let other = e2e::Held { code: "AAAA-AAAA".to_owned(), ..held.clone() };
    grace.approve(&other).await.is_problem(409, "other-code");
    assert_eq!(grace.state(&held).await, "pending");
    still_serves(&mut gateway, "what is no verdict").await;
}

#[tokio::test]
async fn operations_on_the_gateway_are_strict() {
    let mut gateway = Gateway::open().await;
    let ada = gateway.person("ada");
    let before = ada.get("/api/v1/principals?kind=person").await.ok();
    for (operation, arguments) in [
        ("", json!({})),
        ("policy.wipe", json!({})),
        ("person.add", json!({"name": "eve"})),
        ("person.add", json!({"name": "Eve", "credential": "x"})),
        ("person.add", json!({"name": "eve", "credential": "not a hash"})),
        ("person.add", json!({"name": "eve", "credential": "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA"})),
        ("person.add", json!({"name": "eve", "credential": "", "groups": ["a b"]})),
        ("agent.add", json!({"name": "eve"})),
        ("agent.add", json!({"name": "eve", "owner": "nobody-of-that-name"})),
        ("agent.add", json!({"name": "eve", "owner": "shopkeeper"})),
        ("agent.add", json!({"name": "grace", "owner": "ada"})),
        ("agent.add", json!({"name": "eve", "owner": "ada", "token": "mine"})),
        ("principal.revoke", json!({"name": "nobody-of-that-name"})),
    ] {
        let answer = ada.operate(operation, arguments.clone()).await;
        assert!([400, 409, 422].contains(&answer.status), "{operation} {arguments}: {answer}");
    }
    assert_eq!(ada.get("/api/v1/principals?kind=person").await.ok(), before);
    still_serves(&mut gateway, "wrong operations").await;
}

/// Fails unless the mistake is told with its place on standard error.
#[track_caller]
fn told(ran: &Ran, place: &str, words: &str) {
    assert_ne!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.is_empty(), "{ran:?}");
    assert!(ran.stderr.contains(place), "no `{place}` in {ran:?}");
    assert!(ran.stderr.contains(words), "no `{words}` in {ran:?}");
}

/// Checks a site that is wrong: `check` says where. What `check` refuses, `serve` refuses in the same words.
async fn wrong(site: &Site, place: &str, words: &str) {
    told(&site.check().await, place, words);
}

#[tokio::test]
async fn mistakes_in_the_configuration_are_told_with_their_place() {
    let site = Site::new().await;
    let before = site.read("countersign.toml");
    // The place of a line that is no comment; lines count from one.
    let place = |line: &str| {
        let at = before.lines().position(|found| found.starts_with(line)).unwrap_or_else(|| panic!("no line `{line}`"));
        format!("countersign.toml:{}:", at + 1)
    };
    let (target, second) = ("[[target]]", "[target.classify]\n\"customers.email\"");
    assert!(before.contains(second));
    // What is wrong inside a target is told at the target, unless the line itself does not read.
    for (at, from, to, words) in [
        ("[gateway]", "[gateway]", "[gatewy]", "unknown field `gatewy`"),
        ("listen", "listen = ", "lisen = ", "did you mean `listen`"),
        ("listen", "\"127.0.0.1:0\"", "\"everywhere\"", "invalid"),
        (target, "\nkind = \"sqlite\"", "\nkind = \"oracle\"", "kind `oracle` is not supported"),
        ("name", "\nname = \"shop\"", "\nname = \"Shop\"", "`Shop` is not a name"),
        (target, "\nname = \"shop\"", "\nname = \"countersign\"", "the gateway's own"),
        (target, "\nupstream = \"sqlite:", "\nupstream = \"oracle:", "use `sqlite:PATH`"),
        (target, second, "[target.classify]\n\"email\"", "write `table.column`"),
        (target, "\n[[target]]", "\n[[target]", ""),
    ] {
        assert!(before.contains(from), "{from}");
        site.write("countersign.toml", &before.replacen(from, to, 1));
        wrong(&site, &place(at), words).await;
    }
    site.write("countersign.toml", &before.replace("\nname = \"shop\"", "\nname = \"sandbox\""));
    wrong(&site, "countersign.toml:", "two targets are named `sandbox`").await;
    told(&site.refused().await, "countersign.toml:", "two targets are named `sandbox`");
    site.write("countersign.toml", &before);
    site.check().await.ok();
    site.serve().await.shopkeeper().propose("shop", "SELECT 1").await.ok();
}

/// A class on a column that does not exist protects nothing: the target refuses everything until that is mended, and so
/// it does when the column goes later.
#[tokio::test]
async fn a_class_on_no_column_is_told_and_closes_its_target() {
    let site = Site::new().await;
    site.check().await.ok();
    let before = site.read("countersign.toml");
    let line = before.lines().position(|line| line.starts_with("\"customers.card\"")).expect("it has a class") + 1;
    let mistyped = before.replacen("\"customers.card\"", "\"Customers.Crad\"", 1);
    site.write("countersign.toml", &mistyped);
    wrong(&site, &format!("countersign.toml:{line}:1:"), "`customers.crad` has a class").await;
    let gateway = site.serve().await;
    assert!(gateway.site.read("stderr").contains("`customers.crad` has a class"), "serve did not say so");
    let agent = gateway.shopkeeper();
    for statement in ["SELECT card FROM customers WHERE id = 1", "SELECT 1"] {
        let told = agent.propose("shop", statement).await.is_problem(503, "misconfigured");
        assert!(!told.text().contains("crad"), "{told}");
    }
    // Another target on the same file is as it should be.
    agent.propose("sandbox", "SELECT name FROM customers WHERE id = 1").await.ok();
    let site = gateway.stop().await;
    site.write("countersign.toml", &before);
    let gateway = site.serve().await;
    let agent = gateway.shopkeeper();
    agent.propose("shop", "SELECT 1").await.ok();
    gateway.site.shop.execute("ALTER TABLE customers RENAME COLUMN card TO plain").await;
    agent.propose("shop", "SELECT plain FROM customers WHERE id = 1").await.is_problem(503, "misconfigured");
}

#[tokio::test]
async fn mistakes_in_policies_are_told_with_their_place() {
    let mut site = Site::new().await;
    for (rule, place, words) in [
        ("permit (principal, action", "more.cedar:1:", ""),
        ("@id(\"a\")\npermit (principal is Robot, action, resource);", "more.cedar:2:", "Robot"),
        ("@id(\"a\")\npermit (principal, action == Action::\"fly\", resource);", "more.cedar:2:", "fly"),
        ("permit (principal, action, resource);", "more.cedar:1:", "@id"),
        ("@id(\"agents-work\") permit (principal, action, resource);", "starter.cedar:4:", "used twice"),
        (
            "@id(\"a\")\n@quorum(\"2\")\nforbid (principal, action in Action::\"write\", resource);",
            "more.cedar:2:",
            "@review",
        ),
        (
            "@id(\"a\") @review(\"x\")\n@quorum(\"0\")\nforbid (principal, action in Action::\"write\", resource);",
            "more.cedar:2:",
            "`@quorum(\"0\")`",
        ),
        (
            "@id(\"a\") @review(\"x\")\n@expires(\"1s\")\nforbid (principal, action in Action::\"write\", resource);",
            "more.cedar:2:",
            "30s to 24h",
        ),
        ("@id(\"a\") @review(\"x\") permit (principal, action, resource);", "more.cedar:1:", "belongs on a `forbid`"),
        ("@id(\"a\") @titel(\"x\") permit (principal, action, resource);", "more.cedar:1:", "`@titel`"),
        (
            "@id(\"a\") @review(\"x\") forbid (principal, action == Action::\"countersign\", resource);",
            "more.cedar:1:",
            "countersign a verdict",
        ),
        (
            "@id(\"a\") permit (principal, action, resource) when { resource.colour == \"red\" };",
            "more.cedar:1:",
            "colour",
        ),
    ] {
        site = site.with_rules(rule);
        wrong(&site, place, words).await;
    }
    told(&site.refused().await, "more.cedar:1:", "colour");
    site.write("policies/more.cedar", "");
    site.check().await.ok();
    std::fs::remove_file(site.path("policies/more.cedar")).expect("it can be removed");
    std::fs::remove_file(site.path("policies/starter.cedar")).expect("it can be removed");
    wrong(&site, "policies", "nothing is permitted").await;
}

#[tokio::test]
async fn keys_and_folders_that_are_wrong_refuse_the_start() {
    let site = Site::new().await;
    let key = site.path("keys/log.key");
    let text = site.read("keys/log.key");
    std::process::Command::new("chmod").arg("644").arg(&key).status().expect("chmod");
    assert!(site.refused().await.stderr.contains("readable by others"));
    std::process::Command::new("chmod").arg("600").arg(&key).status().expect("chmod");
    for broken in ["", "one line", "origin\nnot hex\n", &text[..text.len() - 10]] {
        site.write("keys/log.key", broken);
        assert!(site.refused().await.stderr.contains("log.key"), "{broken:?}");
    }
    std::fs::remove_file(&key).expect("it can be removed");
    assert!(site.refused().await.stderr.contains("countersign init"));
    site.write("keys/log.key", &text);
    std::process::Command::new("chmod").arg("600").arg(&key).status().expect("chmod");
    let ran = e2e::countersign(["serve", "--config", "/nonexistent/countersign.toml"], "").await.exits(1);
    assert!(ran.stderr.contains("countersign init"), "{ran:?}");
    site.serve().await.shopkeeper().propose("shop", "SELECT 1").await.ok();
}

/// The target's file is gone, is no database, or is locked: told as such, and without its path.
#[tokio::test]
async fn a_target_that_is_not_there_is_told() {
    let mut gateway = Gateway::open().await;
    let (path, kept) = (gateway.site.path("data/shop.db"), gateway.site.path("data/kept.db"));
    std::fs::rename(&path, &kept).expect("it can be moved");
    let answer = gateway.shopkeeper().propose("shop", "SELECT name FROM customers WHERE id = 1").await;
    assert_eq!((answer.status, answer.problem()), (502, "upstream-unreachable"), "{answer}");
    assert!(!answer.text().contains("shop.db"), "{answer}");
    assert!(!path.exists(), "a new database was made in its place");
    std::fs::rename(&kept, &path).expect("it can be moved back");
    still_serves(&mut gateway, "a target that was gone").await;
    let answer: Value = gateway.shopkeeper().propose("shop", "SELECT count(*) FROM orders WHERE id = 1").await.ok();
    assert_eq!(answer["result"]["rows"], json!([[1]]));
}
