//! The two connections of a session: how the gateway proves itself to a server and has it prove itself, which of several
//! servers it goes to, and by which ways clients may come to its door.

use e2e::postgres::relay::Manner;
use e2e::postgres::{Authority, Bank, Fields, Relay, Server, Wire, frame, psql};
use e2e::{Gateway, Site, until};

use super::{open, serve, session, still_serves};

/// A site whose upstream is `to` in place of the bank's own `ROLE@HOST:PORT/DATABASE`.
fn leading(site: Site, bank: &Bank, to: &str) -> Site {
    let own = format!("gateway@127.0.0.1:{}/{}", bank.server.port, bank.name);
    site.replace("countersign.toml", &own, to);
    site
}

/// What a client is told of an upstream that the gateway does not use.
async fn refusal(gateway: &Gateway) -> Fields {
    Wire::login(&gateway.login("shopkeeper", "bank")).await.expect_err("nobody may come in")
}

/// Whether the gateway is at the server by TLS, and as whom.
async fn at_the_server(bank: &Bank, gateway: &Gateway) -> [String; 2] {
    let mut wire = session(gateway, "bank").await;
    wire.query("SELECT 1").await.ok();
    let asked = format!(
        "SELECT concat_ws(' ', ssl, usename) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
         WHERE datname = '{}' AND client_addr IS NOT NULL",
        bank.name
    );
    let seen = bank.texts(&asked).await;
    let [one] = &seen[..] else { panic!("one session is there: {seen:?}") };
    let (tls, role) = one.split_once(' ').expect("two words");
    drop(wire);
    bank.until_left().await;
    [tls.to_owned(), role.to_owned()]
}

#[tokio::test]
async fn a_login_by_scram_is_bound_to_the_servers_certificate() {
    let bank = Bank::open().await;
    let bound = format!("gateway@127.0.0.1:{}/{}?channel_binding=require", bank.server.port, bank.name);
    let gateway = leading(Site::new().await.with_bank(&bank), &bank, &bound).serve().await;
    assert_eq!(at_the_server(&bank, &gateway).await, ["t", "gateway"]);
}

#[tokio::test]
async fn somebody_in_between_with_a_certificate_that_is_trusted_gets_no_session() {
    let bank = Bank::open().await;
    for (by_tls, binding, told) in
        [(true, "require", "28000"), (true, "prefer", "28000"), (false, "require", "does not offer SCRAM-SHA-256-PLUS")]
    {
        // It shows another certificate than the server, by the authority that the gateway trusts.
        let shows = Authority::new();
        let manner = Manner { shows: shows.clone(), at_once: false, by_tls };
        let relay = Relay::start(&bank.server, manner).await;
        let to = format!("gateway@{}/{}?channel_binding={binding}", relay.address, bank.name);
        let site = leading(Site::new().await.with_bank(&bank), &bank, &to);
        site.write("tls/ca.pem", &shows.authority);
        let gateway = site.serve().await;
        let words = refusal(&gateway).await.words();
        assert!(words.contains(told), "{binding}: {words}");
        assert!(!words.contains(&bank.server.password), "{words}");
    }
}

#[tokio::test]
async fn an_unverified_server_proves_itself_by_the_binding_alone() {
    let bank = Bank::open().await;
    let to = format!("gateway@127.0.0.1:{}/{}?sslmode=require&channel_binding=require", bank.server.port, bank.name);
    let site = leading(Site::new().await.with_bank(&bank), &bank, &to);
    site.replace("countersign.toml", "upstream-ca = \"tls/ca.pem\"\n", "");
    let mut gateway = site.serve().await;
    assert_eq!(at_the_server(&bank, &gateway).await, ["t", "gateway"]);
    still_serves(&mut gateway, "a server that nobody vouches for").await;
}

#[tokio::test]
async fn a_certificate_for_another_name_is_enough_for_verify_ca_and_not_for_verify_full() {
    let bank = Bank::open().await;
    // The certificate is for 127.0.0.1 and localhost.
    let relay = tokio::net::TcpListener::bind("127.0.0.2:0").await.expect("a port");
    let address = relay.local_addr().expect("it listens");
    let server = std::net::SocketAddr::from(([127, 0, 0, 1], bank.server.port));
    let passing = tokio::spawn(async move {
        while let Ok((mut client, _)) = relay.accept().await {
            let mut server = tokio::net::TcpStream::connect(server).await.expect("the server is there");
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await });
        }
    });
    let other = format!("gateway@{address}/{}?sslmode=verify-ca", bank.name);
    let site = leading(Site::new().await.with_bank(&bank), &bank, &other);
    let gateway = site.serve().await;
    assert_eq!(at_the_server(&bank, &gateway).await, ["t", "gateway"]);
    let site = gateway.stop().await;
    site.replace("countersign.toml", "?sslmode=verify-ca", "?sslmode=verify-full");
    let gateway = site.serve().await;
    let words = refusal(&gateway).await.words();
    assert!(words.contains("certificate"), "{words}");
    let site = gateway.stop().await;
    site.replace("countersign.toml", "?sslmode=verify-full", "?sslmode=verify-ca");
    site.write("tls/ca.pem", &Authority::new().authority);
    assert!(refusal(&site.serve().await).await.words().contains("certificate"));
    passing.abort();
}

#[tokio::test]
async fn tls_that_is_not_asked_for_is_spoken_to_a_server_that_takes_it() {
    let bank = Bank::open().await;
    let manner = Manner { shows: bank.server.authority.clone(), at_once: true, by_tls: false };
    let relay = Relay::start(&bank.server, manner).await;
    let to = format!("gateway@{}/{}?sslnegotiation=direct", relay.address, bank.name);
    let site = leading(Site::new().await.with_bank(&bank), &bank, &to);
    let gateway = site.serve().await;
    assert_eq!(at_the_server(&bank, &gateway).await, ["f", "gateway"]);
    let site = gateway.stop().await;
    let real = format!("gateway@127.0.0.1:{}/{}", bank.server.port, bank.name);
    site.replace("countersign.toml", &format!("gateway@{}/{}", relay.address, bank.name), &real);
    // PostgreSQL 15 takes the first byte for a length.
    let words = refusal(&site.serve().await).await.words();
    assert!(words.contains("could not be reached"), "{words}");
}

#[tokio::test]
async fn weaker_proofs_are_given_where_they_are_allowed_and_nowhere_else() {
    let bank = Bank::open().await;
    let port = bank.server.port;
    for (role, allowed) in [("by_md5", "md5"), ("by_password", "password")] {
        let plain = format!("{role}@127.0.0.1:{port}/{}", bank.name);
        let site = leading(Site::new().await.with_bank(&bank), &bank, &plain);
        let gateway = site.serve().await;
        let words = refusal(&gateway).await.words();
        assert!(words.contains("require_auth"), "{words}");
        let site = gateway.stop().await;
        let also = format!("{plain}?require_auth={allowed}");
        site.replace("countersign.toml", &plain, &also);
        let gateway = site.serve().await;
        assert_eq!(at_the_server(&bank, &gateway).await, ["t", role]);
        // The same role has SCRAM where the server asks for that.
        let site = gateway.stop().await;
        let scram = format!("gateway@127.0.0.1:{port}/{}?require_auth={allowed},scram-sha-256", bank.name);
        site.replace("countersign.toml", &also, &scram);
        assert_eq!(at_the_server(&bank, &site.serve().await).await, ["t", "gateway"]);
    }
}

#[tokio::test]
async fn the_gateway_logs_in_by_a_certificate_of_its_own() {
    let bank = Bank::open().await;
    let to = format!("by_certificate@127.0.0.1:{}/{}", bank.server.port, bank.name);
    let site = leading(Site::new().await.with_bank(&bank), &bank, &to);
    bank.server.authority.write_client("by_certificate", &site.path("tls"));
    let own = "upstream-certificate = { certificate = \"tls/by_certificate.pem\", key = \"tls/by_certificate.key\" }\n";
    site.replace("countersign.toml", "password = { file = \"secrets/bank\" }\n", own);
    let gateway = site.serve().await;
    assert_eq!(at_the_server(&bank, &gateway).await, ["t", "by_certificate"]);
    let site = gateway.stop().await;
    site.replace("countersign.toml", own, "");
    assert!(refusal(&site.serve().await).await.words().contains("28000"));
}

/// A server beside the bank's own, with a database of the same name.
async fn twin(bank: &Bank) -> Server {
    let twin = Server::start().await;
    let create = format!("CREATE DATABASE {} OWNER gateway", bank.name);
    Wire::open(&twin.superuser("postgres")).await.query(&create).await.ok();
    let password = format!("ALTER ROLE gateway PASSWORD '{}'", bank.server.password);
    Wire::open(&twin.superuser("postgres")).await.query(&password).await.ok();
    twin
}

#[tokio::test]
async fn the_first_host_that_is_there_and_will_do_is_used() {
    let bank = Bank::open().await;
    let twin = twin(&bank).await;
    let (own, other) = (format!("127.0.0.1:{}", bank.server.port), format!("127.0.0.1:{}", twin.port));
    let to = format!("gateway@127.0.0.1:1,{other},{own}/{}?sslmode=require", bank.name);
    let site = leading(Site::new().await.with_bank(&bank), &bank, &to);
    site.replace("countersign.toml", "upstream-ca = \"tls/ca.pem\"\n", "");
    // Classes stand on columns that only the bank has.
    let config = site.read("countersign.toml");
    let without: Vec<&str> =
        config.lines().filter(|line| !line.contains("classify") && !line.starts_with('"')).collect();
    site.write("countersign.toml", &without.join("\n"));
    let mut gateway = site.serve().await;
    let port = async |gateway: &Gateway| {
        let mut wire = session(gateway, "bank").await;
        wire.query("SHOW port").await.ok().texts()[0].clone()
    };
    assert_eq!(port(&gateway).await, twin.port.to_string());
    // It takes no writes any more.
    let read_only = "ALTER ROLE gateway SET default_transaction_read_only = on";
    Wire::open(&twin.superuser("postgres")).await.query(read_only).await.ok();
    let site = gateway.stop().await;
    site.replace("countersign.toml", "?sslmode=require", "?sslmode=require&target_session_attrs=read-write");
    gateway = site.serve().await;
    assert_eq!(port(&gateway).await, bank.server.port.to_string());
    let mut there = session(&gateway, "bank").await;
    // A cancel request goes where the statement runs.
    let mut locks = Wire::open(&bank.server.superuser(&bank.name)).await;
    locks.query("BEGIN; LOCK orders").await.ok();
    there.send(&frame::query("SELECT note FROM orders")).await;
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'orders'::regclass";
    until("it waits for the lock", async || (bank.number(waits).await > 0).then_some(())).await;
    let login = gateway.login("shopkeeper", "bank");
    let mut cancel = Wire::connect(&login).await.expect("the door is open");
    cancel.send(&frame::cancel_request(&there.key)).await;
    assert_eq!(there.answer().await.refused().sqlstate(), "57014");
    let site = gateway.stop().await;
    site.replace("countersign.toml", "session_attrs=read-write", "session_attrs=read-only");
    gateway = site.serve().await;
    assert_eq!(port(&gateway).await, twin.port.to_string());
    // A session ends with its server; the next one goes to a host that is there.
    let mut there = session(&gateway, "bank").await;
    twin.kill().await;
    assert!(there.query("SELECT 1").await.closed);
    let site = gateway.stop().await;
    site.replace("countersign.toml", "session_attrs=read-only", "session_attrs=any");
    gateway = site.serve().await;
    assert_eq!(port(&gateway).await, bank.server.port.to_string());
}

#[tokio::test]
async fn clients_may_speak_tls_at_once() {
    let (bank, mut gateway) = serve(Bank::open().await, Site::with_tls_doors).await;
    let (login, authority) = (gateway.login("shopkeeper", "bank"), &bank.server.authority);
    let wire = Wire::connect(&login).await.expect("the door is open");
    let wire = wire.over_tls(authority, &[b"postgresql"]).await.expect("TLS");
    let mut wire = wire.start(&login).await.expect("a session");
    assert_eq!(wire.query("SELECT note FROM orders WHERE id = 2").await.ok().texts(), ["second"]);
    let mut cancel = Wire::connect(&login).await.expect("the door is open");
    cancel = cancel.over_tls(authority, &[b"postgresql"]).await.expect("TLS");
    cancel.send(&frame::cancel_request(&wire.key)).await;
    assert_eq!(cancel.byte().await, None);
    // What is spoken inside must be said: somebody may have been led here who means another service.
    let wire = Wire::connect(&login).await.expect("the door is open");
    let wire = wire.over_tls(authority, &[]).await.expect("TLS");
    assert_eq!(wire.start(&login).await.expect_err("no session").sqlstate(), "08P01");
    let wire = Wire::connect(&login).await.expect("the door is open");
    assert!(wire.over_tls(authority, &[b"h2"]).await.is_err());
    still_serves(&mut gateway, "TLS at once").await;
}

#[tokio::test]
async fn a_door_that_asks_for_certificates_lets_nobody_in_without_one() {
    let (_bank, gateway) = serve(Bank::open().await, Site::with_tls_doors).await;
    let site = gateway.stop().await;
    let (tls, also) = ("key = \"tls/server.key\" }", "key = \"tls/server.key\", client-ca = \"tls/clients/ca.pem\" }");
    site.replace("countersign.toml", tls, also);
    let (ours, theirs) = (Authority::new(), Authority::new());
    ours.write(&site.path("tls/clients"));
    ours.write_client("agent", &site.path("tls/clients"));
    theirs.write_client("stranger", &site.path("tls/strangers"));
    let gateway = site.serve().await;
    let login = gateway.login("shopkeeper", "bank").verified_by(&gateway.site.path("tls/ca.pem"));
    let shows = |folder: &str, name: &str| {
        let file = |kind: &str| gateway.site.path(&format!("tls/{folder}/{name}.{kind}")).display().to_string();
        login.clone().with("PGSSLCERT", &file("pem")).with("PGSSLKEY", &file("key"))
    };
    assert_eq!(psql::run(&shows("clients", "agent"), "SELECT 1").await.ok().stdout, "1\n");
    assert!(psql::run(&login, "SELECT 1").await.exits(2).stderr.contains("certificate"));
    assert!(psql::run(&shows("strangers", "stranger"), "SELECT 1").await.exits(2).stderr.contains("alert"));
    let plain = shows("clients", "agent").with("PGSSLMODE", "disable");
    assert!(psql::run(&plain, "SELECT 1").await.exits(2).stderr.contains("asks for a certificate"));
    // A certificate is no token.
    let wrong = shows("clients", "agent").password("wrong");
    assert!(psql::run(&wrong, "SELECT 1").await.exits(2).stderr.contains("FATAL:  the password"));
}

/// Where sessions came from, as far as their doors know.
fn addresses(gateway: &Gateway) -> Vec<String> {
    let sessions = gateway.site.log().of_kind("session");
    sessions.iter().filter_map(|record| record.opened("address").as_str()).map(str::to_owned).collect()
}

/// Version 2 of a PROXY header, from this address.
fn proxied(from: [u8; 4]) -> Vec<u8> {
    let signature = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
    let (head, ports) = ([0x21, 0x11, 0x00, 0x0c], [0xd4, 0x31, 0x1d, 0x08]);
    [&signature[..], &head, &from, &[127, 0, 0, 1], &ports].concat()
}

#[tokio::test]
async fn a_proxy_that_is_trusted_says_whose_connection_it_is() {
    let (bank, gateway) = serve(Bank::open().await, Site::with_tls_doors).await;
    let site = gateway.stop().await;
    site.replace("countersign.toml", "tls = {", "proxy-protocol = [\"127.0.0.0/8\"]\ntls = {");
    let gateway = site.serve().await;
    let (login, authority) = (gateway.login("shopkeeper", "bank"), &bank.server.authority);
    let behind = async |header: &[u8]| {
        let mut wire = Wire::connect(&login).await.expect("the door is open");
        wire.send(header).await;
        wire
    };
    // Who comes from elsewhere comes by TLS, whatever the last stretch of the way is.
    for header in [&b"PROXY TCP4 203.0.113.7 127.0.0.1 54321 7432\r\n"[..], &proxied([203, 0, 113, 7])] {
        let refused = behind(header).await.start(&login).await.expect_err("no session");
        assert_eq!(refused.sqlstate(), "28000", "{refused}");
        let wire = behind(header).await.over_tls(authority, &[b"postgresql"]).await.expect("TLS");
        wire.start(&login).await.expect("a session").query("SELECT 1").await.ok();
    }
    behind(&proxied([127, 0, 0, 1])).await.start(&login).await.expect("a session");
    behind(b"PROXY TCP4 127.0.0.1 127.0.0.1 54321 7432\r\n").await.start(&login).await.expect("a session");
    let came = addresses(&gateway);
    assert_eq!(came, ["203.0.113.7:54321", "203.0.113.7:54321", "127.0.0.1:54321", "127.0.0.1:54321"]);
    // Without a header, or with one that says nothing, it is nobody's.
    for parts in [["PROXY TCP4 127.0.0.1 127.0.0.1 55000 ", "7831\r\n"], ["PROX", "Y TCP4 127.0.0.1 127.0.0.1 1 2\r\n"]]
    {
        let mut wire = behind(parts[0].as_bytes()).await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        wire.send(parts[1].as_bytes()).await;
        wire.start(&login).await.expect("a session");
    }
    for header in [&b""[..], b"PROXY UNKNOWN\r\n", b"PROXY TCP4 x y 1 2\r\n", b"GET / HTTP/1.1\r\n\r\n"] {
        assert!(behind(header).await.start(&login).await.is_err(), "{}", String::from_utf8_lossy(header));
    }
}

#[tokio::test]
async fn a_header_from_whoever_is_not_a_proxy_is_no_message() {
    let (_bank, mut gateway) = open().await;
    let login = gateway.login("shopkeeper", "bank");
    let mut wire = Wire::connect(&login).await.expect("the door is open");
    wire.send(&proxied([127, 0, 0, 1])).await;
    assert_eq!(wire.start(&login).await.expect_err("no session").sqlstate(), "08P01");
    let mut wire = session(&gateway, "bank").await;
    wire.query("SELECT 1").await.ok();
    let came = addresses(&gateway);
    assert!(came[0].starts_with("127.0.0.1:"), "{came:?}");
    still_serves(&mut gateway, "a header").await;
}
