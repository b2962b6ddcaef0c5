//! One record: a public leaf of tokens, references and salted commitments, and a payload that opens the commitments.
//! The leaf holds no free text and no personal value (`facts/policy-audit.md`, section 2); it is RFC 8785 canonical
//! JSON. Erasing the payload leaves the leaf and every proof over it intact.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use model::{Digest, SessionId, Timestamp, sha256};
use serde::Serialize;
use serde_json::Value;

use crate::json::{
    in_order, sort_names, write_base64, write_canonical, write_json, write_list, write_object, write_text, write_token,
};

/// What a record is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// The gateway started, or found the log as described.
    Started,
    /// A session was opened.
    Session,
    /// A session ended, with its counts.
    SessionEnded,
    /// A login or a proof of identity failed.
    LoginFailed,
    /// A statement was met for the first time in a session.
    Statement,
    /// Policy decided on a statement's facts.
    Decision,
    /// A statement was cleared to be prepared: it did not run.
    Prepare,
    /// An action was cleared to be run and undone, for those who review it.
    DryRun,
    /// An action was cleared under an `allow`.
    Execute,
    /// An action was refused.
    Refused,
    /// A review was opened.
    ReviewOpened,
    /// A presenter came to a review or left it.
    Presenter,
    /// A person gave a verdict.
    Verdict,
    /// A verdict or a step of a review came too late, or from somebody not entitled.
    VerdictRefused,
    /// A review ended.
    ReviewEnded,
    /// An action was released under an approval.
    Released,
    /// A run ended.
    RunEnded,
    /// People, agents or groups changed.
    Directory,
    /// The active policy set changed.
    Policy,
    /// The configured targets changed.
    Targets,
    /// Literals were shown to a reviewer.
    Revealed,
    /// What reviewers are told beside the action itself was found out.
    Context,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 22] = [
        Self::Started,
        Self::Session,
        Self::SessionEnded,
        Self::LoginFailed,
        Self::Statement,
        Self::Decision,
        Self::Prepare,
        Self::DryRun,
        Self::Execute,
        Self::Refused,
        Self::ReviewOpened,
        Self::Presenter,
        Self::Verdict,
        Self::VerdictRefused,
        Self::ReviewEnded,
        Self::Released,
        Self::RunEnded,
        Self::Directory,
        Self::Policy,
        Self::Targets,
        Self::Revealed,
        Self::Context,
    ];

    /// The word in the leaf.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Session => "session",
            Self::SessionEnded => "session-ended",
            Self::LoginFailed => "login-failed",
            Self::Statement => "statement",
            Self::Decision => "decision",
            Self::Prepare => "prepare",
            Self::DryRun => "dry-run",
            Self::Execute => "execute",
            Self::Refused => "refused",
            Self::ReviewOpened => "review-opened",
            Self::Presenter => "presenter",
            Self::Verdict => "verdict",
            Self::VerdictRefused => "verdict-refused",
            Self::ReviewEnded => "review-ended",
            Self::Released => "released",
            Self::RunEnded => "run-ended",
            Self::Directory => "directory",
            Self::Policy => "policy",
            Self::Targets => "targets",
            Self::Revealed => "revealed",
            Self::Context => "context",
        }
    }
}

/// Builds one record. Tokens and references stand in the leaf; everything else is committed to and stands in the payload.
#[derive(Debug)]
#[must_use]
pub struct Leaf {
    name: RecordName,
    /// Values as JSON, one after another as they came.
    json: Vec<u8>,
    /// Each with the place of its value in `json`.
    fields: Vec<(&'static str, Range<usize>)>,
    commitments: Vec<(&'static str, Commitment)>,
}

/// A value that the leaf commits to.
#[derive(Debug)]
struct Commitment {
    salt: [u8; SALT_BYTES],
    digest: Digest,
    /// Its place in the leaf's `json`.
    value: Range<usize>,
}

impl Leaf {
    /// Starts the record number `sequence` of `session`; both together name it for good.
    pub fn new(kind: Kind, session: SessionId, sequence: u64, at: Timestamp) -> Self {
        let name = RecordName { session, sequence };
        let (json, fields) = (Vec::with_capacity(512), Vec::with_capacity(12));
        Self { name, json, fields, commitments: Vec::new() }
            .field("k", |out| write_text(out, kind.as_str()))
            .field("n", |out| write_json(out, &sequence))
            .field("s", |out| write_token(out, session))
            .field("t", |out| write_json(out, &at.as_millis()))
            .field("v", |out| write_json(out, &VERSION))
    }

    /// Adds a token: an id, a digest, a name of the configuration or of a rule. Never free text.
    pub fn token(self, name: &'static str, token: impl fmt::Display) -> Self {
        self.field(name, |out| write_token(out, token))
    }

    /// Adds tokens.
    pub fn tokens<T: fmt::Display>(self, name: &'static str, tokens: impl IntoIterator<Item = T>) -> Self {
        self.field(name, |out| write_list(out, tokens, write_token))
    }

    /// Adds a count, or the sequence number of another record of the same session.
    pub fn number(self, name: &'static str, number: u64) -> Self {
        self.field(name, |out| write_json(out, &number))
    }

    /// Commits to a value that stays out of the leaf: `SHA-256(salt || JCS([name, value]))`, 128 bits of salt.
    pub fn commit(mut self, name: &'static str, value: impl Serialize, salts: &mut SaltSource) -> Self {
        let salt = salts.draw();
        let value = self.write(|out| write_json(out, &value));
        let digest = commitment(&salt, name, self.json.get(value.clone()).unwrap_or_default());
        put(&mut self.commitments, name, Commitment { salt, digest, value });
        self
    }

    fn field(mut self, name: &'static str, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let value = self.write(write);
        put(&mut self.fields, name, value);
        self
    }

    fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range<usize> {
        let start = self.json.len();
        write(&mut self.json);
        start..self.json.len()
    }

    /// The finished record.
    ///
    /// # Errors
    /// If leaf or payload is over its limit: such an action cannot be recorded, and so it cannot run.
    pub fn finish(self) -> Result<Entry, crate::Unwritable> {
        let mut payload = Vec::new();
        if !self.commitments.is_empty() {
            payload.reserve(self.json.len());
            write_object(&mut payload, &self.commitments, |out, Commitment { salt, value, .. }| {
                out.push(b'[');
                write_base64(out, salt);
                out.push(b',');
                out.extend_from_slice(self.json.get(value.clone()).unwrap_or_default());
                out.push(b']');
            });
        }
        self.finish_with(payload)
    }

    /// The finished record, short: it commits to this value alone, and only the salt is kept. Who has the value can show
    /// that it is the one.
    ///
    /// # Errors
    /// As `finish`.
    pub fn finish_short(
        self,
        name: &'static str,
        value: impl Serialize,
        salts: &mut SaltSource,
    ) -> Result<Entry, crate::Unwritable> {
        let leaf = self.commit(name, value, salts);
        match leaf.commitments.as_slice() {
            [(_, Commitment { salt, .. })] => {
                let payload = salt.to_vec();
                leaf.finish_with(payload)
            }
            _ => leaf.finish(),
        }
    }

    fn finish_with(mut self, payload: Vec<u8>) -> Result<Entry, crate::Unwritable> {
        if !self.commitments.is_empty() {
            let commitments = std::mem::take(&mut self.commitments);
            self = self.field("c", |out| {
                write_object(out, &commitments, |out, commitment| write_base64(out, commitment.digest.as_bytes()));
            });
        }
        let mut leaf = Vec::with_capacity(256);
        write_object(&mut leaf, &self.fields, |out, value| {
            out.extend_from_slice(self.json.get(value.clone()).unwrap_or_default());
        });
        if leaf.len() > LEAF_BYTES || payload.len() > PAYLOAD_BYTES {
            return Err(crate::Unwritable::TooLarge);
        }
        Ok(Entry { name: self.name, leaf, payload })
    }
}

/// Keeps the fields in order. A name said twice means what was said last.
fn put<T>(fields: &mut Vec<(&'static str, T)>, name: &'static str, value: T) {
    match fields.binary_search_by(|(known, _)| in_order(known, name)) {
        Ok(at) => fields.splice(at..=at, [(name, value)]).for_each(drop),
        Err(at) => fields.insert(at, (name, value)),
    }
}

/// An encoded record, ready for its place in the log.
#[derive(Debug)]
#[must_use]
pub struct Entry {
    /// Which record it is.
    pub name: RecordName,
    /// What the tree commits to.
    pub leaf: Vec<u8>,
    /// What opens the leaf's commitments; may be erased.
    pub payload: Vec<u8>,
}

/// Which record of which session: what a proof is a proof of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordName {
    /// The session.
    pub session: SessionId,
    /// Its number in the session.
    pub sequence: u64,
}

/// A payload's values by name, each checked against the leaf's commitment.
pub type Opened = BTreeMap<String, Value>;

/// The leaf's fields with its commitments: what a reader of the log sees.
#[derive(Debug, Clone)]
pub struct Committed(pub serde_json::Map<String, Value>);

impl Committed {
    /// Reads a leaf.
    ///
    /// # Errors
    /// If it is not a record of a version this build knows, written canonically.
    pub fn parse(leaf: &[u8]) -> Result<Self, String> {
        let Ok(fields) = serde_json::from_slice::<serde_json::Map<String, Value>>(leaf) else {
            return Err("the leaf is not a JSON object".to_owned());
        };
        if fields.get("v").and_then(Value::as_u64) != Some(VERSION) {
            return Err("the leaf's version is not known to this build".to_owned());
        }
        let mut again = Vec::with_capacity(leaf.len());
        write_canonical(&mut again, &fields);
        if again != leaf {
            return Err("the leaf is not canonical".to_owned());
        }
        Ok(Self(fields))
    }

    /// A field's text, or empty.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or("")
    }

    /// A field's number, or zero.
    #[must_use]
    pub fn number(&self, name: &str) -> u64 {
        self.0.get(name).and_then(Value::as_u64).unwrap_or(0)
    }

    /// Whether a record that keeps only a salt commits to this value.
    #[must_use]
    pub fn commits_to(&self, payload: &[u8], name: &str, value: &Value) -> bool {
        payload.len() == SALT_BYTES && self.commitment(name) == Some(&encoded(payload, name, value))
    }

    fn commitments(&self) -> impl Iterator<Item = &String> {
        self.0.get("c").and_then(Value::as_object).into_iter().flat_map(serde_json::Map::keys)
    }

    fn commitment(&self, name: &str) -> Option<&str> {
        self.0.get("c")?.get(name)?.as_str()
    }
}

/// Opens `payload` against `leaf`: every value must match its commitment, and every commitment must be opened.
/// An empty payload opens nothing: it was erased, or the record commits to nothing. One that is a salt and nothing else
/// opens nothing either: its record commits to one value, which is not kept.
///
/// # Errors
/// With the name of the first value that does not match.
pub fn open_payload(leaf: &Committed, payload: &[u8]) -> Result<Opened, String> {
    let may_be_short = [Kind::Prepare, Kind::Execute].iter().any(|kind| kind.as_str() == leaf.text("k"));
    let is_short = may_be_short && payload.len() == SALT_BYTES && leaf.commitments().count() == 1;
    if payload.is_empty() || is_short {
        return Ok(Opened::new());
    }
    let payload: BTreeMap<String, (String, Value)> =
        serde_json::from_slice(payload).map_err(|_| "the payload is not readable".to_owned())?;
    if let Some(missing) = leaf.commitments().find(|name| !payload.contains_key(*name)) {
        return Err(format!("the payload does not open `{missing}`"));
    }
    let mut opened = Opened::new();
    for (name, (salt, value)) in payload {
        let salt = BASE64_URL_SAFE_NO_PAD.decode(&salt).map_err(|_| format!("the salt of `{name}` is not base64"))?;
        if leaf.commitment(&name) != Some(&encoded(&salt, &name, &value)) {
            return Err(format!("`{name}` does not match its commitment"));
        }
        opened.insert(name, value);
    }
    Ok(opened)
}

/// A commitment as it stands in the leaf.
fn encoded(salt: &[u8], name: &str, value: &Value) -> String {
    let mut json = Vec::new();
    write_json(&mut json, value);
    BASE64_URL_SAFE_NO_PAD.encode(commitment(salt, name, &json).as_bytes())
}

/// The commitment to a value, given as JSON without spaces.
fn commitment(salt: &[u8], name: &str, value: &[u8]) -> Digest {
    let mut pair = Vec::with_capacity(name.len() + value.len() + 5);
    pair.push(b'[');
    write_text(&mut pair, name);
    pair.push(b',');
    pair.extend_from_slice(value);
    pair.push(b']');
    sort_names(&mut pair);
    sha256(&[salt, &pair])
}

/// Salts and ids for one session, from 256 random bits: `SHA-256(seed || counter)`, cut to 128 bits.
pub struct SaltSource {
    seed: [u8; 32],
    used: u64,
}

impl SaltSource {
    /// From 256 random bits, used for nothing else.
    #[must_use]
    pub const fn new(seed: [u8; 32]) -> Self {
        Self { seed, used: 0 }
    }

    /// The next 128 bits: a salt, or an id.
    pub fn draw(&mut self) -> [u8; SALT_BYTES] {
        self.used = self.used.wrapping_add(1);
        let [salt @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
            *sha256(&[&self.seed, &self.used.to_be_bytes()]).as_bytes();
        salt
    }
}

impl fmt::Debug for SaltSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SaltSource(…)")
    }
}

/// The version of the leaf format.
const VERSION: u64 = 1;
/// Bytes of a salt.
const SALT_BYTES: usize = 16;
/// Bytes of a leaf; C2SP bundles allow 65,535.
pub const LEAF_BYTES: usize = 32 * 1024;
/// Bytes of a payload: room for the largest statement with its parameters, as JSON.
pub const PAYLOAD_BYTES: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sample(salts: &mut SaltSource) -> Entry {
        Leaf::new(
            Kind::Execute,
            SessionId::from_random([255; 16]),
            4_000_000_000,
            Timestamp::from_millis(1_795_365_989_123),
        )
        .number("d", 3_999_999_999)
        .commit("action", sha256(&[b"x"]).to_string(), salts)
        .finish()
        .unwrap()
    }

    #[test]
    fn a_short_record_shows_its_value_to_who_has_it() {
        let leaf = Leaf::new(Kind::Execute, SessionId::from_random([1; 16]), 1, Timestamp::from_millis(1));
        let entry = leaf.finish_short("a", "value", &mut SaltSource::new([1; 32])).unwrap();
        let leaf = Committed::parse(&entry.leaf).unwrap();
        assert!(open_payload(&leaf, &entry.payload).unwrap().is_empty());
        assert!(leaf.commits_to(&entry.payload, "a", &"value".into()));
        assert!(!leaf.commits_to(&entry.payload, "a", &"other".into()));
        assert!(!leaf.commits_to(&entry.payload, "b", &"value".into()));
        assert!(!leaf.commits_to(&[0; 16], "a", &"value".into()));
        assert!(open_payload(&leaf, &entry.payload[1..]).is_err());
    }

    #[test]
    fn what_commits_to_more_than_one_value_keeps_them() {
        let salts = &mut SaltSource::new([1; 32]);
        let leaf = Leaf::new(Kind::Execute, SessionId::from_random([1; 16]), 1, Timestamp::from_millis(1));
        let two = leaf.commit("a", 1, salts).finish_short("b", 2, salts).unwrap();
        let leaf = Committed::parse(&two.leaf).unwrap();
        assert_eq!(open_payload(&leaf, &two.payload).unwrap().len(), 2);
        assert!(open_payload(&leaf, &[0; 16]).is_err());
    }

    #[test]
    fn a_payload_opens_only_its_own_leaf() {
        let mut salts = SaltSource::new([1; 32]);
        let (one, two) = (sample(&mut salts), sample(&mut salts));
        let leaf = Committed::parse(&one.leaf).unwrap();
        assert_eq!(open_payload(&leaf, &one.payload).unwrap().len(), 1);
        assert!(open_payload(&leaf, &two.payload).unwrap_err().contains("does not match"));
        assert!(open_payload(&leaf, b"{}").unwrap_err().contains("does not open"));
    }

    #[test]
    fn equal_values_commit_differently() {
        let mut salts = SaltSource::new([1; 32]);
        assert_ne!(sample(&mut salts).leaf, sample(&mut salts).leaf);
    }

    #[test]
    fn a_leaf_that_is_not_canonical_is_refused() {
        let entry = sample(&mut SaltSource::new([1; 32]));
        let text = String::from_utf8(entry.leaf).unwrap();
        assert!(Committed::parse(text.as_bytes()).is_ok());
        assert!(Committed::parse(text.replacen(',', ", ", 1).as_bytes()).is_err());
        assert!(Committed::parse(text.replace("\"v\":1", "\"v\":2").as_bytes()).is_err());
        assert!(Committed::parse(b"[]").is_err());
    }

    /// The canonical form, sorted as a tree.
    fn naive(value: &Value) -> String {
        match value {
            Value::Object(fields) => {
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_by_key(|(name, _)| name.encode_utf16().collect::<Vec<_>>());
                let field = |(name, value): (&String, &Value)| format!("{}:{}", json!(name), naive(value));
                format!("{{{}}}", fields.into_iter().map(field).collect::<Vec<_>>().join(","))
            }
            Value::Array(items) => format!("[{}]", items.iter().map(naive).collect::<Vec<_>>().join(",")),
            Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => value.to_string(),
        }
    }

    /// Names and texts of every two letters that escapes, orders or brackets could go wrong by, nested.
    fn hostile() -> Value {
        const LETTERS: &str = "a\u{ffff}A\"\\\0\u{1f}\n\u{7f}/é€\u{d7ff}\u{e000}\u{10000}😀{}[],: ";
        let texts = LETTERS.chars().flat_map(|a| LETTERS.chars().map(move |b| format!("{a}{b}")));
        let value = |(at, text): (usize, String)| match at % 5 {
            0 => (text, json!([])),
            1 => (text, json!({})),
            2 => (text, json!([at, -1, 1.5, u64::MAX, null, true, ""])),
            3 => (text.clone(), json!([[{ &text: {}, "": [{ "b": 1, "a": &text }] }, text]])),
            _ => (text.clone(), json!(text)),
        };
        let flat = texts.enumerate().map(value).collect();
        (0..20).fold(flat, |inner, _| json!({ "z": [inner, 1], "\u{e000}": { "": 2 }, "😀": "", "\"": 3, "A": 4 }))
    }

    #[test]
    fn a_hostile_value_is_written_and_committed_to_as_a_tree_of_it_would_be() {
        let (value, salt) = (hostile(), SaltSource::new([5; 32]).draw());
        for value in [value, json!("{\"b\":1,\"a\":2}\\"), json!(""), json!(null), json!({}), json!([[], {}])] {
            let leaf = Leaf::new(Kind::Started, SessionId::from_random([1; 16]), 1, Timestamp::from_millis(1));
            let entry = leaf.commit("a\"", &value, &mut SaltSource::new([5; 32])).finish().unwrap();
            let digest = sha256(&[&salt, format!(r#"["a\"",{}]"#, naive(&value)).as_bytes()]);
            let digest = BASE64_URL_SAFE_NO_PAD.encode(digest.as_bytes());
            let payload = format!(r#"{{"a\"":["{}",{value}]}}"#, BASE64_URL_SAFE_NO_PAD.encode(salt));
            assert!(entry.payload == payload.as_bytes(), "the payload of {value}");
            let leaf = Committed::parse(&entry.leaf).unwrap();
            assert_eq!(leaf.commitment("a\""), Some(digest.as_str()));
            assert_eq!(open_payload(&leaf, &entry.payload).unwrap(), BTreeMap::from([("a\"".to_owned(), value)]));
        }
    }

    #[test]
    fn a_record_is_written_byte_for_byte_as_it_always_was() {
        let mut salts = SaltSource::new([7; 32]);
        let value: Value = serde_json::from_str(r#"{"z":[1,null,true],"a":{"\u20ac":"\u000f\"\\\n","A":-1}}"#).unwrap();
        let entry = Leaf::new(Kind::Refused, SessionId::from_random([9; 16]), 12, Timestamp::from_millis(34))
            .commit("reason", "no \"way\"", &mut salts)
            .tokens("verbs", ["sql.select", "sql.delete"])
            .commit("change", value, &mut salts)
            .token("policy", "a\\b")
            .number("d", 5)
            .finish()
            .unwrap();
        assert_eq!(String::from_utf8(entry.leaf).unwrap(), LEAF);
        assert_eq!(String::from_utf8(entry.payload).unwrap(), PAYLOAD);
    }

    const LEAF: &str = r#"{"c":{"change":"xzJCh7rkhwTOPqNWngTGoF-U-f9Y6DVnIcFmw7iEkI8","reason":"71dHBOr8FYHXeS2PQXd68O52WZ48Eu5l6aTinVWugAA"},"d":5,"k":"refused","n":12,"policy":"a\\b","s":"ses_144gj289144gj289144gj28914","t":34,"v":1,"verbs":["sql.select","sql.delete"]}"#;
    const PAYLOAD: &str = r#"{"change":["WSIyngxccwYrD51g2krhSA",{"z":[1,null,true],"a":{"€":"\u000f\"\\\n","A":-1}}],"reason":["8iKiCyGSfYjnI3cDHwHv4A","no \"way\""]}"#;
}
