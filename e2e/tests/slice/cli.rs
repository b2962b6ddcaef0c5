//! The command line as scripts and people rely on it: exit codes, one JSON document on standard output, errors with
//! what to do next on standard error, help for everything, the demo.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use e2e::canary::Canaries;
use e2e::shop::insert;
use e2e::site::passphrase;
use e2e::{Gateway, Held, Ran, Site, binary, countersign, until};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::task::JoinSet;

/// Runs `propose` in the background as the shopkeeper.
fn proposing(gateway: &Gateway, statement: &str, json: bool) -> JoinSet<Ran> {
    let mut command = binary::command();
    if json {
        command.arg("--json");
    }
    command.args(["propose", "shop", statement, "--reason", "from a script"]);
    command.env("COUNTERSIGN_URL", &gateway.url).env("COUNTERSIGN_TOKEN", gateway.site.token("shopkeeper"));
    let mut running = JoinSet::new();
    running.spawn(binary::run(command, ""));
    running
}

/// The one review that is open and presented.
async fn the_open_review(gateway: &Gateway) -> Held {
    let held = until("a review is open", async || {
        let page = gateway.cli_as("grace", &["--json", "reviews", "list"]).await.ok().json();
        let review = page["items"].as_array()?.first()?.clone();
        let text = |name: &str| review[name].as_str().expect("text").to_owned();
        Some(Held { action: String::new(), review: text("id"), code: text("code") })
    })
    .await;
    gateway.until_presented(&held).await;
    held
}

async fn ended(mut running: JoinSet<Ran>) -> Ran {
    running.join_next().await.expect("it runs").expect("it ends")
}

#[tokio::test]
async fn propose_exits_0_when_it_ran_and_3_when_it_was_rejected() {
    let gateway = Gateway::open().await;
    let running = proposing(&gateway, &insert("approved"), false);
    let held = the_open_review(&gateway).await;
    let settled = gateway.cli_as("grace", &["reviews", "approve", &held.review, "--code", &held.code]).await.ok();
    assert!(settled.stdout.contains(&held.code), "{settled:?}");
    let ran = ended(running).await.ok();
    assert!(ran.stdout.contains("succeeded: 1 rows affected"), "{ran:?}");
    assert!(ran.stderr.contains(&held.code), "progress names the review's code: {ran:?}");
    assert_eq!(gateway.site.shop.effects("approved").await, 1);

    let running = proposing(&gateway, &insert("rejected"), false);
    let held = the_open_review(&gateway).await;
    gateway.cli_as("grace", &["reviews", "reject", &held.review, "--code", &held.code, "--reason", "no"]).await.ok();
    let ran = ended(running).await.exits(3);
    assert!(
        ran.stdout.is_empty() && ran.stderr.contains("rejected by grace") && ran.stderr.contains("hint:"),
        "{ran:?}"
    );
    assert_eq!(gateway.site.shop.effects("rejected").await, 0);
}

#[tokio::test]
async fn propose_exits_5_when_it_is_denied_and_1_when_it_failed() {
    let gateway = Gateway::open().await;
    let token = gateway.site.token("shopkeeper");
    let ran = gateway.cli_with(token, &["propose", "shop", "CREATE TABLE more (id INTEGER)"]).await.exits(5);
    assert!(ran.stdout.is_empty() && ran.stderr.starts_with("error: denied by policy"), "{ran:?}");
    assert!(ran.stderr.contains("\nhint: "), "{ran:?}");
    for statement in ["SELECT * FORM orders", "SELECT no_such_column FROM orders WHERE id = 1"] {
        let ran = gateway.cli_with(token, &["propose", "shop", statement]).await.exits(1);
        assert!(ran.stdout.is_empty() && ran.stderr.contains("\nhint: "), "{ran:?}");
    }
    let ran = gateway.cli_with("not a token", &["propose", "shop", "SELECT 1"]).await.exits(1);
    assert!(ran.stderr.contains("Authorization: Bearer"), "{ran:?}");
}

#[tokio::test]
async fn propose_takes_values_standard_input_and_a_token_file() {
    let gateway = Gateway::open().await;
    let token = gateway.site.token("shopkeeper");
    let statement = "SELECT id, note FROM orders WHERE id = ? AND note = ?";
    let values = ["propose", "shop", statement, "--value", "2", "--value", "\"second\""];
    let ran = gateway.cli_with(token, &values).await.ok();
    assert!(ran.stdout.contains("second"), "{ran:?}");
    gateway.site.write("token", &format!("{token}\n"));
    let file = gateway.site.path("token").display().to_string();
    let ran =
        gateway.cli(&["propose", "shop", "-", "--token-file", &file], "SELECT note FROM orders WHERE id = 1").await;
    assert!(ran.ok().stdout.contains("first"));
    let ran = gateway.cli_with(token, &["--json", "propose", "shop", &insert("later"), "--no-wait"]).await.ok();
    assert_eq!(ran.json()["status"], "pending");
    let ran = gateway.cli(&["propose", "shop", "SELECT 1"], "").await.exits(1);
    assert!(ran.stderr.contains("COUNTERSIGN_TOKEN"), "{ran:?}");
    let ran = gateway.cli_with(token, &["propose", "shop", "SELECT ?", "--value", "{"]).await.exits(1);
    assert!(ran.stderr.contains("is not JSON"), "{ran:?}");
}

#[tokio::test]
async fn json_is_one_document_on_standard_output_and_errors_on_standard_error() {
    let gateway = Gateway::open().await;
    let config = gateway.site.config();
    let token = gateway.site.token("shopkeeper");
    let held = gateway.hold(&gateway.shopkeeper(), &insert("listed")).await;
    for arguments in [
        vec!["reviews", "list"],
        vec!["reviews", "list", "--all"],
        vec!["reviews", "show", &held.review],
        vec!["agent", "list"],
        vec!["agent", "list", "--pipelines"],
        vec!["person", "list"],
        vec!["audit", "search", "--kind", "verdict"],
        vec!["reviews", "withdraw", &held.review],
    ] {
        let ran = gateway.cli_as("ada", &[&["--json"], arguments.as_slice()].concat()).await.ok();
        assert!(ran.json().is_object() && ran.stderr.is_empty(), "{arguments:?}: {ran:?}");
    }
    let explain = ["--group", "agents", "--target", "shop", "--operation", "sql.delete", "--on", "orders"];
    let explain = [["--json", "policy", "explain", "--config", &config].as_slice(), &explain].concat();
    assert_eq!(countersign(explain, "").await.ok().json()["decision"], "review");
    countersign(["--json", "check", "--config", &config], "").await.ok().json();
    assert_eq!(
        gateway.cli_with(token, &["--json", "propose", "shop", "SELECT 1"]).await.ok().json()["status"],
        "succeeded"
    );

    let denied =
        gateway.cli_with(token, &["--json", "propose", "shop", "CREATE TABLE more (id INTEGER)"]).await.exits(5);
    let wrong = gateway.cli_as("edith", &["--json", "reviews", "show", &held.review]).await.exits(1);
    let absent = countersign(["--json", "check", "--config", "/nonexistent"], "").await.exits(1);
    for ran in [denied, wrong, absent] {
        assert!(ran.stdout.is_empty(), "{ran:?}");
        let told: Value =
            serde_json::from_str(&ran.stderr).unwrap_or_else(|_| panic!("not one JSON document: {ran:?}"));
        assert!(told["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{ran:?}");
    }
}

#[tokio::test]
async fn errors_say_what_to_do_next() {
    let ran = countersign(["reviews", "list", "--as", "ada"], "").await.exits(1);
    assert!(ran.stderr.contains("--passphrase-stdin"), "{ran:?}");
    let elsewhere = ["reviews", "list", "--as", "ada", "--passphrase-stdin", "--url", "http://127.0.0.1:1"];
    let ran = countersign(elsewhere, "ada-countersigns").await.exits(1);
    assert!(ran.stderr.contains("countersign serve") && ran.stderr.contains("--url"), "{ran:?}");
    let ran = countersign(["serve", "--config", "/nonexistent.toml"], "").await.exits(1);
    assert!(ran.stderr.contains("countersign init"), "{ran:?}");
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().join("site").display().to_string();
    let ran = countersign(["init", &at, "--person", "ada", "--passphrase-stdin"], "too short").await.exits(1);
    assert!(ran.stderr.contains("at least 12 characters"), "{ran:?}");
    assert!(!folder.path().join("site/keys").exists(), "a refused init left things behind");
    countersign(["aproov"], "").await.exits(2);
    countersign(["reviews", "approve", "rev_x"], "").await.exits(2);
}

/// Every command, in the order of its name. One that is new is to be thought of in the tests of this file.
const COMMANDS: [&str; 24] = [
    "agent add",
    "agent list",
    "agent revoke",
    "audit search",
    "audit show",
    "audit verify",
    "check",
    "demo",
    "init",
    "mask",
    "person add",
    "person list",
    "person revoke",
    "policy check",
    "policy explain",
    "propose",
    "reviews approve",
    "reviews grants",
    "reviews list",
    "reviews reject",
    "reviews show",
    "reviews watch",
    "reviews withdraw",
    "serve",
];

/// The names under `Commands:` in a help text.
fn commands(help: &str) -> Vec<String> {
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines =
        list.take_while(|line| !line.is_empty()).filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = lines.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    names.map(str::to_owned).collect()
}

#[tokio::test]
async fn every_command_explains_itself() {
    let (mut open, mut seen) = (vec![Vec::<String>::new()], Vec::new());
    while let Some(path) = open.pop() {
        let arguments = path.iter().map(String::as_str).chain(["--help"]);
        let ran = countersign(arguments, "").await.ok();
        let about = ran.stdout.lines().next().unwrap_or("");
        assert!(about.split(" ").count() >= 2 && !about.starts_with("Usage"), "`{path:?}` has no purpose: {ran:?}");
        assert!(ran.stdout.contains("Usage: countersign") && ran.stderr.is_empty(), "{ran:?}");
        assert!(!ran.stdout.contains('\u{1b}'), "colour without a terminal: {ran:?}");
        assert!(ran.stdout.contains("--json"), "`{path:?}` has no answer for scripts: {ran:?}");
        open.extend(commands(&ran.stdout).into_iter().map(|name| [path.as_slice(), &[name]].concat()));
        seen.push(path.join(" "));
    }
    let groups = ["", "agent", "audit", "person", "policy", "reviews"];
    let commands: BTreeSet<&str> = seen.iter().map(String::as_str).filter(|path| !groups.contains(path)).collect();
    assert_eq!(commands.into_iter().collect::<Vec<_>>(), COMMANDS);
    let help = countersign(["--help"], "").await.ok().stdout;
    assert!(help.contains("countersign demo"), "no example to begin with: {help}");
    let help = countersign(["propose", "--help"], "").await.ok().stdout;
    assert!(help.contains("0 ran, 3 rejected, 4 expired, 5 denied"), "exit codes are not told: {help}");
    // As `propose_takes_values_standard_input_and_a_token_file` sees it.
    assert!(help.contains("Exit code 0 then says that it ran or is held"), "that of --no-wait is not told: {help}");
}

/// Every file under a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder can be read").map(|entry| entry.expect("an entry").path());
    let (folders, mut files): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|path| path.is_dir());
    files.extend(folders.iter().flat_map(|folder| self::files(folder)));
    files
}

/// A command of grace's, with its places for settings, caches and temporary files under `home`.
fn at_home(gateway: &Gateway, home: &Path, arguments: &[&str]) -> tokio::process::Command {
    let mut command = binary::command();
    for name in ["HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"] {
        command.env(name, home);
    }
    command.env("TMPDIR", home).current_dir(home).env("COUNTERSIGN_URL", &gateway.url);
    command.args(arguments).args(["--as", "grace", "--passphrase-stdin"]);
    command
}

#[tokio::test]
async fn a_passphrase_is_kept_nowhere() {
    let gateway = Gateway::open().await;
    let canary = Canaries::default().and([passphrase("grace")]);
    let home = tempfile::tempdir().expect("a folder");
    let [first, second] = [insert("kept"), insert("not kept")];
    let first = gateway.hold(&gateway.shopkeeper(), &first).await;
    let second = gateway.hold(&gateway.shopkeeper(), &second).await;
    for arguments in [
        vec!["reviews", "list"],
        vec!["reviews", "show", &first.review],
        vec!["reviews", "approve", &first.review, "--code", &first.code],
        vec!["reviews", "reject", &second.review, "--code", &second.code, "--reason", "no"],
        vec!["agent", "list"],
        vec!["person", "list"],
        vec!["audit", "search"],
    ] {
        let command = at_home(&gateway, home.path(), &arguments);
        let ran = binary::run(command, &format!("{}\n", passphrase("grace"))).await.ok();
        canary.assert_silent("what it says", format!("{ran:?}").as_bytes());
        assert_eq!(files(home.path()), Vec::<PathBuf>::new(), "{arguments:?} left something behind");
    }
    // Whoever may look at processes sees it neither among the arguments nor in the environment.
    let mut command = at_home(&gateway, home.path(), &["--json", "reviews", "watch"]);
    let mut watching = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it can be run");
    let mut stdin = watching.stdin.take().expect("its input");
    stdin.write_all(passphrase("grace").as_bytes()).await.expect("it reads");
    for place in ["cmdline", "environ"] {
        let process = format!("/proc/{}/{place}", watching.id().expect("it runs"));
        canary.assert_silent(place, &std::fs::read(process).expect("Linux tells"));
    }
    watching.kill().await.expect("it can be killed");
    assert_eq!(files(home.path()), Vec::<PathBuf>::new(), "`watch` left something behind");
    for path in files(&gateway.site.path("")) {
        canary.assert_silent(&path.display().to_string(), &std::fs::read(&path).expect("it can be read"));
    }
    // There is no way to give it where it would be seen or kept.
    for wrong in [["--passphrase", "x"], ["--passphrase-file", "x"], ["--passphrase-stdin=x", "--json"]] {
        binary::run(at_home(&gateway, home.path(), &["reviews", "list", wrong[0], wrong[1]]), "").await.exits(2);
    }
    let mut command = at_home(&gateway, home.path(), &["reviews", "list"]);
    for name in ["COUNTERSIGN_PASSPHRASE", "COUNTERSIGN_PASSWORD", "COUNTERSIGN_TOKEN"] {
        command.env(name, passphrase("grace"));
    }
    binary::run(command, "").await.exits(1);
}

#[tokio::test]
async fn the_demo_plays_itself_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = binary::command();
    command.args(["demo", "--auto"]).env("TMPDIR", folder.path());
    let ran = binary::run(command, "").await.ok();
    for words in ["[email]", "refused:", "the agent is told:", "the log verifies:"] {
        assert!(ran.stdout.contains(words), "no `{words}` in {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("@example") && !ran.stdout.contains('\u{1b}'), "{}", ran.stdout);
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0, "it left its folder");
    countersign(["demo"], "").await.exits(1);
}

#[tokio::test]
async fn check_and_explain_say_what_holds() {
    let site = Site::new().await;
    let told = site.check().await.ok().stdout;
    assert!(told.contains("shop (sqlite, production)") && told.contains("sandbox (sqlite, staging)"), "{told}");
    let config = site.config();
    for (more, decision) in [
        (["agent", "shop", "sql.select"], "allow"),
        (["agent", "shop", "sql.insert"], "review"),
        (["agent", "sandbox", "sql.insert"], "allow"),
        (["agent", "shop", "sql.create"], "deny"),
        (["person", "shop", "sql.select"], "allow"),
        (["agent", "countersign", "gateway.escalate"], "deny"),
    ] {
        let [kind, target, operation] = more;
        let explain = ["--json", "policy", "explain", "--config", &config, "--group", "agents", "--kind", kind];
        let explain = [explain.as_slice(), &["--target", target, "--operation", operation]].concat();
        let told = countersign(explain, "").await.ok().json();
        assert_eq!(told["decision"], decision, "{more:?}: {told}");
        assert!(decision == "deny" || !told["rules"].as_array().expect("rules").is_empty(), "{told}");
    }
}

#[tokio::test]
async fn what_others_wrote_reaches_a_terminal_on_one_line_and_escaped() {
    let gateway = Gateway::open().await;
    let reason = "x\u{201d}\n  verdict   approve by joan: fine\u{1b}[2K";
    let body = json!({"target": "shop", "statement": insert("forged"), "reason": reason});
    let held = gateway.shopkeeper().post("/api/v1/actions", &body).await.held();
    let told = gateway.cli_as("grace", &["reviews", "show", &held.review]).await.ok().stdout;
    assert!(!told.lines().any(|line| line.starts_with("  verdict ")) && !told.contains('\u{1b}'), "{told}");
    let arguments = ["propose", "shop", "SELECT '\u{1b}[31mred\n' AS \"a\u{1b}[2Jb\""];
    let told = gateway.cli_with(gateway.site.token("shopkeeper"), &arguments).await.ok().stdout;
    assert!(!told.contains('\u{1b}') && told.contains("\\u{1b}[31mred\\u{a}"), "{told}");
    let token = gateway.site.token("nightly");
    let refused = gateway.cli_with(token, &["propose", "shop", "SELECT \u{1b}[2J"]).await.exits(1);
    assert!(!refused.stderr.contains('\u{1b}'), "{refused:?}");
    let revoked = gateway.cli_as("ada", &["agent", "revoke", "clerk"]).await.ok();
    assert!(revoked.stdout.contains("clerk"), "{revoked:?}");
}

#[tokio::test]
async fn watch_tells_of_reviews_as_they_come_and_go() {
    let gateway = Gateway::open().await;
    let mut command = binary::command();
    command.args(["--json", "reviews", "watch", "--as", "grace", "--passphrase-stdin"]);
    command.env("COUNTERSIGN_URL", &gateway.url);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut watching = command.spawn().expect("it can be run");
    let mut stdin = watching.stdin.take().expect("its input");
    stdin.write_all(passphrase("grace").as_bytes()).await.expect("it reads");
    drop(stdin);
    let mut lines = BufReader::new(watching.stdout.take().expect("its output")).lines();
    // It hears only what happens from now on, so things happen until it does.
    let agent = gateway.shopkeeper();
    let happening = async {
        for number in 0.. {
            let held = gateway.hold(&agent, &insert(&format!("watched {number}"))).await;
            gateway.person("grace").reject(&held).await.ok();
        }
    };
    let heard = async {
        let mut states = Vec::new();
        while !states.contains(&json!("rejected")) {
            let line = lines.next_line().await.expect("it can be read").expect("it goes on");
            let event: Value = serde_json::from_str(&line).expect("one JSON document a line");
            states.push(event["state"].clone());
        }
        states
    };
    let limit = tokio::time::sleep(Duration::from_secs(30));
    tokio::select! {
        states = heard => assert!(states.contains(&json!("pending")) || states.len() == 1, "{states:?}"),
        () = happening => {}
        () = limit => panic!("it heard nothing"),
    }
    let ran = gateway.cli(&["reviews", "watch", "--as", "grace", "--passphrase-stdin"], "wrong").await.exits(1);
    assert!(ran.stderr.contains("hint:"), "{ran:?}");
}

#[tokio::test]
async fn mask_says_what_it_finds_and_why_or_masks_it() {
    let sample = "to bob@example.com\n{\"card\": 4111111111111111}\nnothing here\n2125550123\n";
    let run = async |arguments: &[&str]| {
        let mut command = binary::command();
        command.args(arguments);
        binary::run(command, sample).await
    };
    let masked = run(&["mask", "-"]).await.ok();
    assert_eq!(masked.stdout, "to [email]\n{\"card\": [card]}\nnothing here\n2125550123\n");
    let named = run(&["mask", "-", "--column", "phone", "--class", "phone"]).await.ok();
    assert!(named.stdout.ends_with("\n[phone]\n") && named.stdout.starts_with("to bob@"), "{named:?}");
    let explained = run(&["mask", "--explain", "-"]).await.ok();
    for told in ["1:4: [email] 15 bytes, told by email", "2:10: [card] 16 bytes, told by card", "2 found"] {
        assert!(explained.stdout.contains(told), "{explained:?}");
    }
    assert!(!explained.stdout.contains("bob@") && !explained.stdout.contains("4111"), "{explained:?}");
    let json = run(&["--json", "mask", "--explain", "-"]).await.ok().json();
    assert_eq!(json["found"][0], json!({"line": 1, "column": 4, "bytes": 15, "class": "email", "detector": "email"}));
    let wrong = run(&["mask", "-", "--class", "shoe-size"]).await.exits(1);
    assert!(wrong.stderr.contains("there is no detector for `shoe-size`"), "{wrong:?}");
}
