//! What outlives the node: disk, store, wall clock, configuration, chance, and the witness that sees all of it.
//! And the only way that a task waits: it gives up its turn.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::Poll;

use crate::disk::Disk;
use crate::flaw::Flaw;
use crate::random::Random;
use crate::store::Store;
use crate::witness::{Grounds, Witness};

/// What outlives the node.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) random: RefCell<Random>,
    pub(crate) flaw: Option<Flaw>,
    pub(crate) disk: RefCell<Disk>,
    pub(crate) store: RefCell<Store>,
    /// Older copies of the store, newest last.
    pub(crate) copies: RefCell<VecDeque<Store>>,
    pub(crate) witness: RefCell<Witness>,
    /// Wall time in milliseconds; it may go back.
    pub(crate) wall: Cell<u64>,
    /// Which set of rules is configured.
    pub(crate) rules: Cell<usize>,
    /// Which version of the target is configured.
    pub(crate) target: Cell<u64>,
    /// How often in a thousand times the store fails.
    pub(crate) store_faults: Cell<usize>,
    /// Told when a seed is replayed.
    pub(crate) tells: bool,
}

impl Ground {
    pub(crate) fn happens(&self, per_mille: usize) -> bool {
        self.random.borrow_mut().happens(per_mille)
    }

    pub(crate) fn below(&self, end: usize) -> usize {
        self.random.borrow_mut().below(end)
    }

    pub(crate) fn id(&self) -> [u8; 16] {
        self.random.borrow_mut().id()
    }

    pub(crate) fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    pub(crate) fn tell(&self, what: impl FnOnce() -> String) {
        if self.tells {
            println!("  {}", what());
        }
    }

    /// What a release rests on, as it truly is now.
    pub(crate) fn grounds(&self) -> Grounds {
        let revoked = self.witness.borrow().revoked.clone();
        Grounds { rules: self.rules.get(), target: self.target.get(), revoked }
    }

    /// Shows the witness what has become durable.
    pub(crate) fn see(&self) {
        self.witness.borrow_mut().see(&self.disk.borrow());
    }

    /// Keeps a copy of the store as it is.
    pub(crate) fn copy_store(&self) {
        let mut copies = self.copies.borrow_mut();
        if copies.len() >= COPIES {
            copies.remove(1);
        }
        copies.push_back(self.store.borrow().clone());
    }
}

/// Gives up the turn once.
pub(crate) fn turn() -> impl Future<Output = ()> {
    let mut given_up = false;
    std::future::poll_fn(move |_| {
        if given_up {
            return Poll::Ready(());
        }
        given_up = true;
        Poll::Pending
    })
}

pub(crate) type Shared = Rc<Ground>;

/// Older copies of the store that are kept.
const COPIES: usize = 12;
