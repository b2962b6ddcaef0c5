//! The single-use licence to forward one recorded action, and the seal on an answer that outran its record.
//! Invariant 1 in types: neither can be made, copied or spent twice outside this crate.

use audit::{Recorded, Staged};
use model::{Digest, RunId};

use crate::Payload;

/// Licence to forward one recorded action, once. It owns the bytes: what was judged is what is sent.
#[derive(Debug)]
#[must_use = "a clearance that is dropped leaves its action recorded and not run"]
pub struct Clearance {
    digest: Digest,
    payload: Payload,
    run: Option<RunId>,
    seal: Seal,
    /// Its bytes are for a transaction that is undone.
    is_dry: bool,
}

impl Clearance {
    /// From a durable record.
    pub(crate) fn recorded(digest: Digest, payload: Payload, run: Option<RunId>, _proof: &Recorded) -> Self {
        Self { digest, payload, run, seal: Seal::Open, is_dry: false }
    }

    /// From a durable record, for a dry run.
    pub(crate) fn for_dry_run(digest: Digest, payload: Payload, _proof: &Recorded) -> Self {
        Self { digest, payload, run: None, seal: Seal::Open, is_dry: true }
    }

    /// From a record that has its place: only for a proven plain read, whose answer stays sealed until it is written.
    pub(crate) fn staged(digest: Digest, payload: Payload, place: Staged) -> Self {
        Self { digest, payload, run: None, seal: Seal::Until(place), is_dry: false }
    }

    /// The digest of the action.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The run, where a review released it.
    #[must_use]
    pub const fn run(&self) -> Option<RunId> {
        self.run
    }

    /// Spends the licence: the bytes to forward, and what seals the answer. For `proxy::upstream` alone. Of one for a dry run
    /// there are no bytes.
    pub fn spend(self) -> (Payload, Forwarded) {
        let payload = if self.is_dry { Payload(Vec::new()) } else { self.payload };
        (payload, Forwarded { seal: self.seal })
    }

    /// Spends the licence for a dry run: the bytes to forward within a transaction that is undone. For `proxy::upstream`
    /// alone. Of any other there are no bytes.
    pub fn spend_dry(self) -> (Payload, Forwarded) {
        let payload = if self.is_dry { self.payload } else { Payload(Vec::new()) };
        (payload, Forwarded { seal: self.seal })
    }
}

/// What remains of a spent clearance: it seals the answer.
#[derive(Debug)]
#[must_use]
pub struct Forwarded {
    seal: Seal,
}

impl Forwarded {
    /// Seals `answer` until the record of its action is written.
    pub fn seal<T>(self, answer: T) -> Sealed<T> {
        Sealed { answer, seal: self.seal }
    }
}

/// An answer that nobody may see before the record of its action was handed to the kernel.
#[derive(Debug)]
#[must_use]
pub struct Sealed<T> {
    answer: T,
    seal: Seal,
}

impl<T> Sealed<T> {
    /// Opens it, if the record is written by now.
    ///
    /// # Errors
    /// Gives itself back while the record is not.
    pub fn open(self) -> Result<T, Self> {
        match self.seal {
            Seal::Open => Ok(self.answer),
            Seal::Until(place) => match place.written() {
                Ok(_written) => Ok(self.answer),
                Err(place) => Err(Self { answer: self.answer, seal: Seal::Until(place) }),
            },
        }
    }

    /// The index of the record that it waits for, if it waits.
    #[must_use]
    pub const fn waits_for(&self) -> Option<u64> {
        match &self.seal {
            Seal::Open => None,
            Seal::Until(place) => Some(place.index()),
        }
    }
}

#[derive(Debug)]
enum Seal {
    Open,
    Until(Staged),
}

#[cfg(test)]
mod tests {
    use super::*;
    use audit::{Kind, Leaf};
    use model::{SessionId, Timestamp, sha256};

    #[test]
    fn a_sealed_answer_opens_only_after_the_record_is_written() {
        let (inlet, mut log, _syncs) = audit::open(0);
        let leaf = Leaf::new(Kind::Execute, SessionId::from_random([1; 16]), 0, Timestamp::from_millis(0));
        let place = inlet.stage(&leaf.finish().unwrap()).unwrap();
        let (payload, forwarded) = Clearance::staged(sha256(&[b"x"]), Payload(vec![1]), place).spend();
        let sealed = forwarded.seal("rows").open().unwrap_err();
        assert_eq!((payload.0.as_slice(), sealed.waits_for()), (&[1][..], Some(0)));
        let batch = log.poll_batch().unwrap();
        let sealed = sealed.open().unwrap_err();
        log.handle_written(&batch);
        assert_eq!(sealed.open().ok(), Some("rows"));
    }
}
