//! The records that the gate writes, one maker each. Tokens in the leaf; texts, values and changes as commitments.

use audit::{Entry, Kind, Leaf, RecordName, SaltSource, Unwritable};
use model::{
    Decision, Digest, Explained, Name, Outcome, Parameter, PresenterId, PrincipalId, Purpose, ReviewId, RunId,
    SessionId, SessionState, Standing, Statement, Target, Timestamp, Verb, Verdict,
};
use serde::Serialize;
use serde_json::Value;

use crate::{Case, Change, NotCounted, Presented, Refusal, Way};

/// Numbers and salts the records of one session.
#[derive(Debug)]
pub struct Journal {
    session: SessionId,
    next: u64,
    salts: SaltSource,
}

impl Journal {
    /// The journal of a new session, with 256 random bits of its own.
    #[must_use]
    pub const fn new(session: SessionId, seed: [u8; 32]) -> Self {
        Self { session, next: 0, salts: SaltSource::new(seed) }
    }

    /// The session.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// The sequence number of the next record.
    #[must_use]
    pub const fn next_sequence(&self) -> u64 {
        self.next
    }

    pub(crate) fn draw(&mut self) -> [u8; 16] {
        self.salts.draw()
    }

    /// The record was not staged, nor any after it: its number is the next one's. A hole in the numbers would read as a
    /// record that was removed.
    pub fn take_back(&mut self, record: RecordName) {
        if record.session == self.session {
            self.next = self.next.min(record.sequence);
        }
    }

    fn leaf(&self, kind: Kind, now: Timestamp) -> Leaf {
        Leaf::new(kind, self.session, self.next, now)
    }

    /// Only a record that can be written has a number.
    fn numbered(&mut self, entry: Result<Entry, Unwritable>) -> Result<Entry, Unwritable> {
        self.next += u64::from(entry.is_ok());
        entry
    }

    /// A record of `kind` that commits to `fields`: for what the gateway tells of itself.
    ///
    /// # Errors
    /// If it is too large.
    pub fn note(
        &mut self,
        kind: Kind,
        tokens: &[(&'static str, String)],
        fields: &[(&'static str, Value)],
        now: Timestamp,
    ) -> Result<Entry, Unwritable> {
        let mut leaf = self.leaf(kind, now);
        for (name, token) in tokens {
            leaf = leaf.token(name, token);
        }
        for (name, value) in fields {
            leaf = leaf.commit(name, value, &mut self.salts);
        }
        self.numbered(leaf.finish())
    }

    pub(crate) fn session_opened(
        &mut self,
        (standing, target): (&Standing, &Target),
        way: Way,
        decision: &Decision,
        now: Timestamp,
    ) -> Result<Entry, Unwritable> {
        let entry = self
            .session_leaf(Kind::Session, (standing, target), decision, now)
            .token("door", way.door)
            .commit("address", way.address.map(|address| address.to_string()), &mut self.salts)
            .commit("name", standing.actor.principal.name.as_str(), &mut self.salts)
            .finish();
        self.numbered(entry)
    }

    pub(crate) fn session_refused(
        &mut self,
        (standing, target): (&Standing, &Target),
        way: Way,
        (refusal, decision): (&Refusal, &Decision),
        now: Timestamp,
    ) -> Result<Entry, Unwritable> {
        let entry = self
            .session_leaf(Kind::Refused, (standing, target), decision, now)
            .token("refusal", format!("{:?}", refusal.kind).to_lowercase())
            .tokens("verbs", [Verb::Session])
            .commit("address", way.address.map(|address| address.to_string()), &mut self.salts)
            .commit("reason", refusal.message.as_str(), &mut self.salts)
            .finish();
        self.numbered(entry)
    }

    fn session_leaf(
        &mut self,
        kind: Kind,
        (standing, target): (&Standing, &Target),
        decision: &Decision,
        now: Timestamp,
    ) -> Leaf {
        let principal = &standing.actor.principal;
        explained(self.leaf(kind, now), decision.explained())
            .token("actor", principal.id)
            .token("kind", principal.kind)
            .tokens("lineage", standing.actor.lineage.people())
            .token("target", &target.name)
            .token("target-version", target.version.0)
    }

    /// A session ended.
    ///
    /// # Errors
    /// If it is too large.
    pub fn session_ended(&mut self, counts: &[(&'static str, u64)], now: Timestamp) -> Result<Entry, Unwritable> {
        let entry = counts
            .iter()
            .fold(self.leaf(Kind::SessionEnded, now), |leaf, (name, count)| leaf.number(name, *count))
            .finish();
        self.numbered(entry)
    }

    pub(crate) fn statement(&mut self, presented: &Presented, now: Timestamp) -> Result<Entry, Unwritable> {
        let statement = &presented.statement;
        let entry = self
            .leaf(Kind::Statement, now)
            .tokens("verbs", verbs(statement))
            .commit("text", statement.text.as_str(), &mut self.salts)
            .commit("operations", &statement.operations, &mut self.salts)
            .commit("bound", &statement.bound, &mut self.salts)
            .finish();
        self.numbered(entry)
    }

    pub(crate) fn decision(&mut self, decision: &Decision, now: Timestamp) -> Result<Entry, Unwritable> {
        let entry = explained(self.leaf(Kind::Decision, now), decision.explained())
            .token("decision", decision.as_str())
            .finish();
        self.numbered(entry)
    }

    /// At most 200 bytes as it lies in the log: everything that repeats is referred to by sequence number, and of the
    /// digest only the salt of its commitment is kept.
    pub(crate) fn execute(&mut self, digest: &Digest, of: (u64, u64), now: Timestamp) -> Result<Entry, Unwritable> {
        let entry = self.executed(Kind::Execute, of, now).finish_short("a", digest, &mut self.salts);
        self.numbered(entry)
    }

    /// Like `execute`, for a statement that is only prepared.
    pub(crate) fn prepare(&mut self, digest: &Digest, of: (u64, u64), now: Timestamp) -> Result<Entry, Unwritable> {
        let entry = self.executed(Kind::Prepare, of, now).finish_short("a", digest, &mut self.salts);
        self.numbered(entry)
    }

    /// For everything that is not a plain read: the digest is committed to, and kept, with the bound values and the state.
    pub(crate) fn execute_whole(
        &mut self,
        presented: &Presented,
        digest: &Digest,
        of: (u64, u64),
        now: Timestamp,
    ) -> Result<Entry, Unwritable> {
        let Presented { parameters, state, .. } = presented;
        let action = Whole { digest, parameters, state };
        let kind = if presented.purpose == Purpose::DryRun { Kind::DryRun } else { Kind::Execute };
        let entry = self.executed(kind, of, now).commit("a", action, &mut self.salts).finish();
        self.numbered(entry)
    }

    fn executed(&mut self, kind: Kind, (statement, decision): (u64, u64), now: Timestamp) -> Leaf {
        self.leaf(kind, now).number("d", decision).number("q", statement)
    }

    pub(crate) fn refused(
        &mut self,
        presented: &Presented,
        digest: &Digest,
        (refusal, explained_by): (&Refusal, &Explained),
        now: Timestamp,
    ) -> Result<Entry, Unwritable> {
        let entry = explained(self.leaf(Kind::Refused, now), explained_by)
            .tokens("verbs", verbs(&presented.statement))
            .token("refusal", format!("{:?}", refusal.kind).to_lowercase())
            .commit("a", digest, &mut self.salts)
            .commit("text", presented.statement.text.as_str(), &mut self.salts)
            .commit("reason", refusal.message.as_str(), &mut self.salts)
            .finish();
        self.numbered(entry)
    }

    pub(crate) fn review_opened(&mut self, case: &Case, change: &Change, now: Timestamp) -> Result<Entry, Unwritable> {
        let rules = case.requirements.iter().map(|requirement| &requirement.rule.id);
        let leaf = self.of_review(Kind::ReviewOpened, case.id, now);
        let leaf = case
            .under
            .into_iter()
            .fold(leaf, |leaf, under| leaf.token("grant", under.grant).number("use", u64::from(under.number)));
        let leaf = leaf
            .token("actor", case.action.actor.principal.id)
            .tokens("lineage", case.action.actor.lineage.people())
            .token("target", &case.action.target)
            .token("policy", case.policy)
            .tokens("rules", rules)
            .tokens("verbs", verbs(&case.action.statement))
            .commit("a", case.digest, &mut self.salts)
            .commit("code", case.code().to_string(), &mut self.salts);
        self.with_change(leaf, change)
    }

    pub(crate) fn presenter(
        &mut self,
        review: ReviewId,
        attached: Option<PresenterId>,
        change: &Change,
        now: Timestamp,
    ) -> Result<Entry, Unwritable> {
        let leaf = self.of_review(Kind::Presenter, review, now);
        let leaf = attached.into_iter().fold(leaf, |leaf, id| leaf.token("presenter", id));
        self.with_change(leaf, change)
    }

    /// A presenter left a review.
    ///
    /// # Errors
    /// If it is too large.
    pub fn presenter_left(&mut self, review: ReviewId, change: &Change, now: Timestamp) -> Result<Entry, Unwritable> {
        self.presenter(review, None, change, now)
    }

    /// A verdict that counts.
    ///
    /// # Errors
    /// If it is too large.
    pub fn verdict(
        &mut self,
        review: ReviewId,
        verdict: &Verdict,
        change: &Change,
        now: Timestamp,
    ) -> Result<Entry, Unwritable> {
        let leaf = self
            .of_review(Kind::Verdict, review, now)
            .token("reviewer", verdict.reviewer)
            .token("verdict", verdict.kind)
            .token("channel", verdict.channel.as_str())
            .number("strength", u64::from(verdict.strength.0))
            .commit("reason", verdict.reason.as_str(), &mut self.salts);
        self.with_change(leaf, change)
    }

    /// A verdict that does not count.
    ///
    /// # Errors
    /// If it is too large.
    pub fn verdict_refused(
        &mut self,
        review: ReviewId,
        reviewer: PrincipalId,
        why: &NotCounted,
        now: Timestamp,
    ) -> Result<Entry, Unwritable> {
        let entry = self
            .of_review(Kind::VerdictRefused, review, now)
            .token("reviewer", reviewer)
            .commit("why", why.to_string(), &mut self.salts)
            .finish();
        self.numbered(entry)
    }

    /// A review ended without a run.
    ///
    /// # Errors
    /// If it is too large.
    pub fn review_ended(
        &mut self,
        review: ReviewId,
        outcome: Outcome,
        change: &Change,
        now: Timestamp,
    ) -> Result<Entry, Unwritable> {
        let leaf = self.of_review(Kind::ReviewEnded, review, now).token("outcome", outcome);
        self.with_change(leaf, change)
    }

    pub(crate) fn released(
        &mut self,
        review: ReviewId,
        run: RunId,
        change: &Change,
        now: Timestamp,
    ) -> Result<Entry, Unwritable> {
        let leaf = self.of_review(Kind::Released, review, now).token("run", run);
        self.with_change(leaf, change)
    }

    /// A run ended. `change` is there where the store keeps the run.
    ///
    /// # Errors
    /// If it is too large.
    pub fn run_ended(
        &mut self,
        run: Option<RunId>,
        end: &crate::RunEnd,
        change: Option<&Change>,
        now: Timestamp,
    ) -> Result<Entry, Unwritable> {
        let leaf = self.leaf(Kind::RunEnded, now).token("end", end.run).number("rows", end.rows);
        let mut leaf = run.into_iter().fold(leaf, |leaf, run| leaf.token("run", run));
        if !end.masked.is_empty() {
            leaf = leaf.number("masked", end.masked.values().sum());
            leaf = leaf.commit("masked", &end.masked, &mut self.salts);
        }
        leaf = leaf.commit("detail", end.detail.as_str(), &mut self.salts);
        match change {
            Some(change) => self.with_change(leaf, change),
            None => self.numbered(leaf.finish()),
        }
    }

    /// The directory changed.
    ///
    /// # Errors
    /// If it is too large.
    pub fn directory(
        &mut self,
        by: Option<PrincipalId>,
        whom: PrincipalId,
        change: &Change,
        now: Timestamp,
    ) -> Result<Entry, Unwritable> {
        let leaf = self.leaf(Kind::Directory, now).token("whom", whom);
        let leaf = by.into_iter().fold(leaf, |leaf, by| leaf.token("by", by));
        self.with_change(leaf, change)
    }

    /// The configured targets changed: `moved` are those that came, changed or went, by what became of each.
    ///
    /// # Errors
    /// If it is too large.
    pub fn targets(
        &mut self,
        moved: &[(&'static str, Vec<Name>)],
        change: &Change,
        now: Timestamp,
    ) -> Result<Entry, Unwritable> {
        let leaf = self.leaf(Kind::Targets, now);
        let leaf = moved.iter().fold(leaf, |leaf, (how, names)| leaf.tokens(how, names.iter().take(TOKENS)));
        self.with_change(leaf, change)
    }

    fn of_review(&mut self, kind: Kind, review: ReviewId, now: Timestamp) -> Leaf {
        self.leaf(kind, now).token("review", review)
    }

    /// A leaf that commits, last, to the change which a start replays.
    fn with_change(&mut self, leaf: Leaf, change: &Change) -> Result<Entry, Unwritable> {
        let entry = leaf.commit("change", change, &mut self.salts).finish();
        self.numbered(entry)
    }
}

/// What an action that is kept whole commits to, beside its statement.
#[derive(Serialize)]
struct Whole<'a> {
    digest: &'a Digest,
    parameters: &'a [Parameter],
    state: &'a SessionState,
}

fn explained(leaf: Leaf, explained: &Explained) -> Leaf {
    leaf.token("policy", explained.policy).tokens("rules", explained.rules.iter().map(|rule| &rule.id))
}

fn verbs(statement: &Statement) -> impl Iterator<Item = Verb> {
    statement.operations.iter().map(|operation| operation.verb).take(TOKENS)
}

/// Verbs, or targets, named in a leaf; the payload has all.
const TOKENS: usize = 32;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use audit::FRAME_HEADER;
    use model::{Format, sha256};
    use serde_json::json;

    use super::*;
    use crate::testing::{case, node, presented, presenter};
    use crate::{Presenter, Review};

    /// A long session's journal, and what it refers to.
    fn late() -> (Journal, (u64, u64), Timestamp) {
        let journal = Journal {
            session: SessionId::from_random([255; 16]),
            next: 9_999_999_999,
            salts: SaltSource::new([1; 32]),
        };
        (journal, (99_999, 99_999), Timestamp::from_millis(9_999_999_999_999))
    }

    #[test]
    fn an_execute_record_stays_within_200_bytes() {
        let (mut journal, of, now) = late();
        let digest = sha256(&[b"x"]);
        for entry in [journal.execute(&digest, of, now), journal.prepare(&digest, of, now)] {
            let entry = entry.unwrap();
            let bytes = FRAME_HEADER + entry.leaf.len() + entry.payload.len();
            assert!(bytes <= 200, "{bytes} bytes");
        }
    }

    #[test]
    fn a_record_that_cannot_be_written_takes_no_number() {
        let (mut journal, _, now) = late();
        let mut huge = (*presented(Verb::SqlDelete, "orders").statement).clone();
        huge.text = "x".repeat(audit::PAYLOAD_BYTES + 1);
        let huge = Presented { statement: std::sync::Arc::new(huge), ..presented(Verb::SqlDelete, "orders") };
        assert!(journal.statement(&huge, now).is_err());
        assert_eq!(journal.note(Kind::Started, &[], &[], now).unwrap().name.sequence, 9_999_999_999);
    }

    #[test]
    fn the_number_of_a_record_that_was_not_staged_is_given_again() {
        let (mut journal, _, now) = late();
        let mut next = || journal.note(Kind::Started, &[], &[], now).unwrap().name;
        let (first, second) = (next(), next());
        journal.take_back(second);
        journal.take_back(first);
        journal.take_back(RecordName { session: SessionId::from_random([1; 16]), sequence: 0 });
        assert_eq!(journal.next_sequence(), first.sequence);
    }

    #[test]
    fn the_leaf_of_a_write_stays_within_200_bytes_whatever_its_values() {
        let (mut journal, of, now) = late();
        let mut written = presented(Verb::SqlDelete, "orders");
        written.state =
            std::sync::Arc::new(SessionState(BTreeMap::from([("search_path".to_owned(), "x".repeat(999))])));
        let entry = journal.execute_whole(&written, &sha256(&[b"x"]), of, now).unwrap();
        assert!(entry.leaf.len() <= 200, "{} bytes", entry.leaf.len());
        assert!(entry.payload.len() > 999);
    }

    #[test]
    fn what_is_kept_is_written_as_a_tree_of_it_would_be() {
        let (mut journal, of, now) = late();
        let mut written = presented(Verb::SqlDelete, "orders");
        written.parameters =
            vec![Parameter { kind: "int4".to_owned(), format: Format::Binary, value: Some(vec![0, 255]) }];
        let digest = sha256(&[b"x"]);
        let whole = json!({ "digest": digest.to_string(), "parameters": written.parameters, "state": written.state });
        let entry = journal.execute_whole(&written, &digest, of, now).unwrap();
        assert!(String::from_utf8(entry.payload).unwrap().ends_with(&format!(",{whole}]}}")));
        let presenter = Presenter::Live { id: presenter(1), node: node(1) };
        let change = Change::OpenReview { review: Box::new(Review::open(case(Vec::new(), now), presenter)) };
        let entry = journal.directory(None, PrincipalId::from_random([1; 16]), &change, now).unwrap();
        assert!(String::from_utf8(entry.payload).unwrap().ends_with(&format!(",{}]}}", json!(change))));
    }
}
