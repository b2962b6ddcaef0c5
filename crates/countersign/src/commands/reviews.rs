//! `countersign reviews`: what waits for people, shown whole, and settled with a passphrase typed for each verdict.

use clap::{Args, Subcommand};
use futures_util::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::{AsPerson, tell};
use crate::terminal::{self, BOLD, DIM, YELLOW, paint, shown};

/// List, show and settle reviews.
#[derive(Debug, Subcommand)]
pub(super) enum Reviews {
    /// List reviews that concern you.
    List {
        /// Settled ones too.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        person: AsPerson,
    },
    /// Show a review whole: what will run, for whom, on what.
    Show {
        /// The review's id.
        id: String,
        #[command(flatten)]
        person: AsPerson,
    },
    /// List what still may run under an approval of before, with nobody asked. Rejecting such a review ends it.
    Grants {
        #[command(flatten)]
        person: AsPerson,
    },
    /// Approve. You type your passphrase for this verdict alone.
    Approve {
        #[command(flatten)]
        settle: Settle,
        /// Let the same action, to the last bit, run this often altogether: 2 to 100.
        #[arg(long, requires = "minutes")]
        uses: Option<u32>,
        /// For so many minutes from now: 1 to 1,440.
        #[arg(long, requires = "uses")]
        minutes: Option<u64>,
    },
    /// Reject. One rejection is enough.
    Reject(Settle),
    /// Take an action of yours, or of your agent, back.
    Withdraw {
        /// The review's id.
        id: String,
        #[command(flatten)]
        person: AsPerson,
    },
    /// Watch reviews as they come and go.
    Watch {
        #[command(flatten)]
        person: AsPerson,
    },
}

/// A verdict.
#[derive(Debug, Args)]
pub(super) struct Settle {
    /// The review's id.
    id: String,
    /// The code that you were shown, such as `7KQ2-M4XD`.
    #[arg(long)]
    code: String,
    /// Why.
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    person: AsPerson,
}

impl Reviews {
    pub(super) async fn run(self, json: bool) -> anyhow::Result<()> {
        match self {
            Self::List { all, person } => {
                let state = if all { "all" } else { "open" };
                let page = person.client()?.get(&format!("/api/v1/reviews?state={state}")).await?;
                tell(json, &page, listed);
            }
            Self::Show { id, person } => {
                let review = person.client()?.get(&format!("/api/v1/reviews/{id}")).await?;
                tell(json, &review, whole);
            }
            Self::Grants { person } => {
                let page = person.client()?.get("/api/v1/grants").await?;
                tell(json, &page, granted);
            }
            Self::Approve { settle, uses, minutes } => {
                let grant = uses.zip(minutes).map(|(uses, minutes)| json!({"uses": uses, "minutes": minutes}));
                settle.run("approve", grant, json).await?;
            }
            Self::Reject(settle) => settle.run("reject", None, json).await?,
            Self::Withdraw { id, person } => {
                let review = person.client()?.post(&format!("/api/v1/reviews/{id}/withdraw"), &json!({})).await?;
                tell(json, &review, settled);
            }
            Self::Watch { person } => watch(&person, json).await?,
        }
        Ok(())
    }
}

impl Settle {
    async fn run(self, verdict: &str, grant: Option<Value>, json: bool) -> anyhow::Result<()> {
        let body =
            json!({"verdict": verdict, "reason": self.reason, "code": self.code, "channel": "cli", "grant": grant});
        let review = self.person.client()?.post(&format!("/api/v1/reviews/{}/verdicts", self.id), &body).await?;
        tell(json, &review, settled);
        Ok(())
    }
}

async fn watch(person: &AsPerson, json: bool) -> anyhow::Result<()> {
    let response = person.client()?.send(Method::GET, "/api/v1/events", None).await?;
    if !response.status().is_success() {
        return Err(crate::failure::Problem::of(response.json().await?).into());
    }
    let mut chunks = response.bytes_stream();
    let mut held = String::new();
    while let Some(chunk) = chunks.next().await {
        held.push_str(&String::from_utf8_lossy(&chunk?));
        while let Some((line, rest)) = held.split_once('\n') {
            if let Some(event) =
                line.strip_prefix("data:").and_then(|data| serde_json::from_str::<Value>(data.trim()).ok())
            {
                tell(json, &event, settled);
            }
            held = rest.to_owned();
        }
    }
    anyhow::bail!("the gateway ended the stream")
}

fn settled(review: &Value) -> String {
    let at = |name: &str| shown(review.get(name));
    format!("{}  {}  {} on {}  {}", paint(&at("code"), BOLD), at("state"), at("actor"), at("target"), at("run"))
}

fn listed(page: &Value) -> String {
    rows(page, &["code", "state", "actor", "target", "expires_at", "id"], "nothing waits for you")
}

fn granted(page: &Value) -> String {
    rows(page, &["code", "actor", "target", "used", "uses", "until", "id"], "nothing is granted")
}

/// A table of reviews; a column is a field of theirs, or of their grant.
fn rows(page: &Value, columns: &[&str], none: &str) -> String {
    let items = page.get("items").and_then(Value::as_array);
    let at = |item: &Value, name: &str| shown(item.get(name).or_else(|| item.get("grant")?.get(name)));
    let row = |item: &Value| columns.iter().map(|name| at(item, name)).collect();
    let rows: Vec<Vec<String>> = items.into_iter().flatten().map(row).collect();
    let head: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    if rows.is_empty() { none.to_owned() } else { terminal::table(&head, &rows) }
}

/// A review as a reviewer must see it: the exact action first, the actor's words last and quoted.
pub(super) fn whole(review: &Value) -> String {
    let at = |name: &str| shown(review.get(name));
    let mut text = format!(
        "{}  {}\n  actor     {} ({}), for {}\n  target    {}\n",
        paint(&at("code"), BOLD),
        at("state"),
        at("actor"),
        at("actor_kind"),
        at("lineage"),
        at("target")
    );
    for (name, label) in [("operations", "does"), ("names", "bound to"), ("parameters", "values")] {
        for line in review.get(name).and_then(Value::as_array).into_iter().flatten() {
            text.push_str(&format!("  {label:<9} {}\n", shown(Some(line))));
        }
    }
    if let Some(grant) = review.get("grant").filter(|grant| grant.is_object()) {
        let part = |name: &str| shown(grant.get(name));
        text.push_str(&format!("  granted   {} runs of exactly this until {}\n", part("uses"), part("until")));
    }
    if let Some(under) = review.get("under").filter(|under| under.is_string()) {
        text.push_str(&format!("  under     the grant of {}: nobody was asked for this one\n", shown(Some(under))));
    }
    text.push_str(&session(review));
    text.push_str("  statement\n");
    text.push_str(&statement(review));
    if at("had_hidden_characters") == "true" {
        text.push_str(&paint("  it held characters that a screen would hide: they are shown as \\u{…}\n", "31"));
    }
    for insight in review.get("context").and_then(Value::as_array).into_iter().flatten() {
        text.push_str(&format!("  {}\n", insight_line(insight)));
    }
    for ask in review.get("asks").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| shown(ask.get(name));
        text.push_str(&format!(
            "  asks      {} of {}: {} ({})\n",
            part("quorum"),
            part("group"),
            part("title"),
            part("rule")
        ));
    }
    for verdict in review.get("verdicts").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| shown(verdict.get(name));
        text.push_str(&format!("  verdict   {} by {}: {}\n", part("verdict"), part("reviewer"), part("reason")));
    }
    if !at("reason").is_empty() {
        text.push_str(&format!("  the actor says: \u{201c}{}\u{201d}\n", at("reason")));
    }
    text.push_str(&format!(
        "  expires   {}\n  {}\n",
        at("expires_at"),
        paint(&format!("not bound: {}", at("not_bound")), DIM)
    ));
    text
}

/// The statement in lines, with its parts told apart. Only it, made visible by the gateway, has lines of its own; each stands
/// deeper than any line of ours.
fn statement(review: &Value) -> String {
    let mut painted = String::new();
    for span in review.get("layout").and_then(Value::as_array).into_iter().flatten() {
        let (kind, text) = (span.get("kind").and_then(Value::as_str), span.get("text").and_then(Value::as_str));
        let code = match kind {
            Some("keyword") => BOLD,
            Some("literal") => YELLOW,
            Some("comment") => DIM,
            _ => "",
        };
        let painted_line = |line: &str| if code.is_empty() { line.to_owned() } else { paint(line, code) };
        let lines: Vec<String> = text.unwrap_or("").split('\n').map(painted_line).collect();
        painted.push_str(&lines.join("\n"));
    }
    painted.lines().map(|line| format!("    {line}\n")).collect()
}

/// One thing that the gateway found out.
fn insight_line(insight: &Value) -> String {
    let at = |name: &str| shown(insight.get(name));
    let rows = || grouped(insight.get("rows").and_then(Value::as_u64).unwrap_or(0));
    match insight.get("kind").and_then(Value::as_str) {
        Some("table") => format!("table     {} has about {} rows", at("table"), rows()),
        Some("plan") => format!("estimate  about {} rows, says the server's planner", rows()),
        Some("no-plan") => format!("estimate  none: {}", at("why")),
        Some("dry-run") => format!("dry run   {} rows changed, and was undone", rows()),
        Some("no-dry-run") => format!("dry run   none: {}", at("why")),
        Some("first-time") => {
            let what = format!("{} on {}", at("verb"), at("resource"));
            paint(&format!("first     never let do {what} before (known since {})", at("since")), YELLOW)
        }
        _ => format!("context   {}", shown(Some(insight))),
    }
}

/// A number in groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let begins_group = |at: usize| at > 0 && (digits.len() - at).is_multiple_of(3);
    let digit = |(at, digit): (usize, char)| if begins_group(at) { format!(",{digit}") } else { digit.to_string() };
    digits.chars().enumerate().map(digit).collect()
}

/// The session's state as far as it is not what a new PostgreSQL session has, a line each.
fn session(review: &Value) -> String {
    let Some(state) = review.get("session").and_then(Value::as_object) else { return String::new() };
    let is_usual = |(name, value): &(&String, &Value)| {
        USUAL.iter().any(|usual| (name.as_str(), value.as_str()) == (usual.0, Some(usual.1)))
    };
    let (usual, own): (Vec<_>, Vec<_>) = state.iter().partition(is_usual);
    let mut text = String::new();
    for (name, value) in own {
        text.push_str(&format!("  session   {} = {}\n", shown(Some(&json!(name))), shown(Some(value))));
    }
    if !usual.is_empty() {
        text.push_str(&format!("  session   {} more settings as PostgreSQL has them by default\n", usual.len()));
    }
    text
}

/// Settings of the state as a new PostgreSQL session has them, where nobody changed the server's defaults.
const USUAL: [(&str, &str); 16] = [
    ("array_nulls", "on"),
    ("backslash_quote", "safe_encoding"),
    ("bytea_output", "hex"),
    ("DateStyle", "ISO, MDY"),
    ("extra_float_digits", "1"),
    ("IntervalStyle", "postgres"),
    ("role", "none"),
    ("row_security", "on"),
    ("search_path", "\"$user\", public"),
    ("session_replication_role", "origin"),
    ("standard_conforming_strings", "on"),
    ("transaction", "none"),
    ("transaction_isolation", "read committed"),
    ("transaction_read_only", "off"),
    ("transform_null_equals", "off"),
    ("xmloption", "content"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_is_shown_as_far_as_it_is_not_the_usual_one() {
        let session = json!({"database": "x\u{1b}[2K\n  asks", "role": "none", "search_path": "public, other"});
        let told = whole(&json!({"layout": [], "session": session}));
        let lines: Vec<&str> = told.lines().filter(|line| line.starts_with("  session ")).collect();
        assert_eq!(
            lines,
            [
                "  session   database = x\\u{1b}[2K\\u{a}  asks",
                "  session   search_path = public, other",
                "  session   1 more settings as PostgreSQL has them by default",
            ]
        );
        assert!(!whole(&json!({"layout": [], "session": {}})).contains("session"));
    }

    #[test]
    fn what_was_found_out_stands_in_lines_of_its_own() {
        let context = json!([
            {"kind": "table", "table": "public.orders", "rows": 1_234_567},
            {"kind": "plan", "rows": 3},
            {"kind": "no-plan", "why": "it runs code\n  asks"},
            {"kind": "first-time", "verb": "sql.delete", "resource": "public.orders", "since": "2026-11-30T00:00:00Z"},
        ]);
        let told = whole(&json!({"layout": [], "context": context}));
        for line in [
            "  table     public.orders has about 1,234,567 rows\n",
            "  estimate  about 3 rows, says the server's planner\n",
            "  estimate  none: it runs code\\u{a}  asks\n",
            "first     never let do sql.delete on public.orders before (known since 2026-11-30T00:00:00Z)",
        ] {
            assert!(told.contains(line), "{told}");
        }
    }

    #[test]
    fn what_others_wrote_forges_no_line_of_a_review() {
        let forged = "x\u{201d}\n  verdict   approve by joan: fine\r\u{1b}[2K";
        let review = json!({
            "code": "7KQ2-M4XD", "layout": [{"kind": "other", "text": "SELECT 1\nFROM t"}], "reason": forged, "parameters": [forged],
            "verdicts": [{"verdict": "reject", "reviewer": "grace", "reason": forged}],
        });
        let told = whole(&review);
        let verdicts: Vec<&str> = told.lines().filter(|line| line.starts_with("  verdict ")).collect();
        assert_eq!(verdicts.len(), 1, "{told}");
        assert!(verdicts[0].starts_with("  verdict   reject by grace: x"), "{told}");
        assert!(!told.contains(['\u{1b}', '\r']), "{told}");
        assert!(told.contains("    SELECT 1\n    FROM t\n"), "{told}");
    }
}
