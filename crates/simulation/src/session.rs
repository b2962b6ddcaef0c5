//! One session: an agent's connection, its passage, and the caller behind it, who waits, leaves and comes back. Carries
//! out the gate's steps as `enforcement::Session` does.

use std::rc::Rc;

use gate::{Change, Clearance, Fresh, Journal, Need, Passage, Phase, Refresh, Refusal, RefusalKind, RunEnd, Step, Way};
use model::{PrincipalId, ReviewId, Run, RunId, SessionId};

use crate::cast::{Connection, Wish};
use crate::flaw::Flaw;
use crate::ground::turn;
use crate::node::{Lock, Node, brief};
use crate::witness::{Effect, Grounds};

/// One connection of an agent to the target.
pub(crate) struct Session {
    node: Rc<Node>,
    passage: Passage,
    actor: PrincipalId,
    connection: Connection,
    last_record: u64,
    flight: Option<u64>,
    settling: Option<Lock>,
    /// Index of the record last staged.
    staged: u64,
    /// What held when the grounds of what is under way were last read.
    grounds: Grounds,
}

/// What became of an action at the gate.
enum Settlement {
    Forward(Clearance),
    Held(ReviewId),
    Refused(Refusal),
}

/// An agent's session with these wishes, to its end.
pub(crate) async fn session(node: Rc<Node>, actor: PrincipalId, wishes: Vec<Wish>, connection: Connection) {
    let Ok((fresh, _)) = node.fresh(actor, &Refresh::Bearing).await else { return };
    let Some(mut session) = Session::open(node, actor, connection, fresh).await else { return };
    for wish in wishes {
        if session.act(wish).await.is_err() {
            return;
        }
    }
}

impl Session {
    async fn open(node: Rc<Node>, actor: PrincipalId, connection: Connection, fresh: Fresh) -> Option<Self> {
        let ground = Rc::clone(&node.ground);
        let id = SessionId::from_random(ground.id());
        let mut seed = [1; 32];
        seed[..16].copy_from_slice(&ground.id());
        let mut passage = Passage::new(Journal::new(id, seed), node.id, fresh);
        match passage.open_session(Way { door: "simulated", address: None }, node.now()) {
            Ok(entry) => node.inlet.stage(&entry.ok()?).ok()?.index(),
            Err(refused) => {
                let staged = node.inlet.stage(&refused.entry.ok()?).ok()?;
                let written = node.written(staged).await.ok()?;
                ground.witness.borrow_mut().told(written.index(), &ground.disk.borrow());
                return None;
            }
        };
        let grounds = ground.grounds();
        let session =
            Self { node, passage, actor, connection, last_record: 0, flight: None, settling: None, staged: 0, grounds };
        Some(session)
    }

    /// One action from its presentation to its end.
    async fn act(&mut self, wish: Wish) -> Result<(), Refusal> {
        let mut presented = wish.presented(&self.connection);
        let node = Rc::clone(&self.node);
        node.ground.tell(|| format!("{} presents {wish:?}", self.passage.journal().session()));
        if node.ground.has(Flaw::OtherBytes) && node.ground.happens(200) {
            presented.payload.0.push(b'!');
        }
        let mut known = self.connection.clone();
        self.passage.present(presented, node.epoch(), node.now());
        loop {
            match self.drive().await {
                Settlement::Forward(clearance) => return self.run(wish, clearance).await,
                Settlement::Refused(refusal) => {
                    node.ground
                        .tell(|| format!("{} is refused: {}", self.passage.journal().session(), refusal.message));
                    return self.hear(&refusal);
                }
                Settlement::Held(review) => {
                    if !self.wait(review).await {
                        while let Some(departed) = self.passage.handle_gone() {
                            crate::settle::detach(&node, departed).await;
                        }
                        return Ok(());
                    }
                    if !node.ground.has(Flaw::BlindDoor) {
                        known = self.connection.clone();
                    }
                    self.passage.handle_wake(known.state(), Some(known.bound(wish)));
                }
            }
        }
    }

    /// A refusal that is a decision is told when its record is written.
    fn hear(&mut self, refusal: &Refusal) -> Result<(), Refusal> {
        let ground = &self.node.ground;
        let mut witness = ground.witness.borrow_mut();
        witness.refused(refusal.kind);
        if matches!(refusal.kind, RefusalKind::Denied | RefusalKind::Drifted | RefusalKind::TooManyReviews) {
            witness.told(self.staged, &ground.disk.borrow());
        }
        Ok(())
    }

    /// Waits for people; whether the caller is still there. Meanwhile things change upstream.
    async fn wait(&mut self, review: ReviewId) -> bool {
        loop {
            turn().await;
            let ground = Rc::clone(&self.node.ground);
            if ground.happens(1) {
                self.connection.search_path = if ground.happens(500) { "public" } else { "other" };
            }
            if ground.happens(1) {
                self.connection.oid = u32::try_from(ground.below(2)).unwrap();
            }
            if ground.happens(2) {
                return false;
            }
            let moved = |review: &gate::Review| !matches!(review.state.phase, Phase::Pending);
            let is_settled = ground.store.borrow().reviews.get(&review).is_none_or(moved);
            if is_settled || ground.happens(2) {
                return true;
            }
        }
    }

    /// Spends the clearance upstream, and records how it ended.
    async fn run(&mut self, wish: Wish, clearance: Clearance) -> Result<(), Refusal> {
        let node = Rc::clone(&self.node);
        let (run, digest) = (clearance.run(), *clearance.digest());
        let (payload, forwarded) = clearance.spend();
        turn().await;
        node.ground.tell(|| format!("{} runs {wish:?} as {run:?}", self.passage.journal().session()));
        let effect = Effect {
            actor: self.actor,
            wish,
            digest,
            run,
            payload,
            state: self.connection.state(),
            bound: self.connection.bound(wish),
            record: self.staged,
            grounds: self.grounds.clone(),
            node: node.id,
        };
        node.ground.witness.borrow_mut().effect(effect);
        let mut sealed = forwarded.seal(());
        turn().await;
        loop {
            let waits_for = sealed.waits_for();
            match sealed.open() {
                Ok(()) => {
                    if let Some(index) = waits_for {
                        node.ground.witness.borrow_mut().told(index, &node.ground.disk.borrow());
                    }
                    break;
                }
                Err(again) => sealed = again,
            }
            node.next().await.map_err(|error| Refusal::unavailable(&error.to_string()))?;
        }
        let end = if node.ground.happens(200) { Run::Failed } else { Run::Succeeded };
        self.ended(run, end).await.map_err(|why| Refusal::unavailable(&why))
    }

    async fn ended(&mut self, run: Option<RunId>, end: Run) -> Result<(), String> {
        let node = Rc::clone(&self.node);
        let end = RunEnd { run: end, rows: 1, masked: Default::default(), detail: "done".to_owned() };
        let (entry, change) =
            self.passage.handle_run_ended(run, &end, node.now()).map_err(|error| error.to_string())?;
        match change {
            Some(change) => node.change(entry, &change).await.map(drop),
            None => node.inlet.stage(&entry).map(drop).map_err(|error| error.to_string()),
        }
    }

    async fn drive(&mut self) -> Settlement {
        let settlement = self.drive_on().await;
        self.settling = None;
        if let Some(flight) = self.flight.take() {
            self.node.land(flight);
        }
        while let Some(departed) = self.passage.poll_departed() {
            crate::settle::detach(&self.node, departed).await;
        }
        settlement
    }

    async fn drive_on(&mut self) -> Settlement {
        while let Some(step) = self.passage.poll_step() {
            match step {
                Step::Record(entry, need) => {
                    if let Err(why) = self.record(&entry, need).await {
                        self.flight = None;
                        self.passage.handle_unwritable(&why);
                    }
                }
                Step::Persist(change) => self.persist(&change).await,
                Step::Refresh(what) => match self.node.fresh(self.actor, &what).await {
                    Ok((fresh, grounds)) => {
                        self.grounds = grounds;
                        self.passage.handle_fresh(fresh, self.node.now());
                    }
                    Err(why) => self.passage.handle_unwritable(&why),
                },
                Step::Ask { review, .. } => return Settlement::Held(review),
                Step::Refuse(refusal) => return Settlement::Refused(refusal),
                Step::Forward(clearance) => return Settlement::Forward(clearance),
            }
        }
        Settlement::Refused(Refusal::unavailable("the gate has no next step"))
    }

    async fn record(&mut self, entry: &audit::Entry, need: Need) -> Result<(), String> {
        let node = Rc::clone(&self.node);
        let staged = self.stage(entry, need).await.inspect_err(|_| self.passage.journal().take_back(entry.name))?;
        self.staged = staged.index();
        match need {
            Need::Place => {}
            Need::Staged => {
                self.look_again();
                self.passage.handle_staged(staged, node.epoch());
            }
            Need::Written => {
                let written = node.written(staged).await.map_err(|error| error.to_string())?;
                self.passage.handle_refusal_written(&written);
            }
            Need::Recorded => {
                let recorded = node.recorded(staged).await.map_err(|error| error.to_string())?;
                self.last_record = recorded.index();
                self.look_again();
                self.passage.handle_recorded(&recorded, node.epoch());
            }
        }
        Ok(())
    }

    async fn stage(&mut self, entry: &audit::Entry, need: Need) -> Result<audit::Staged, String> {
        self.settle_alone().await?;
        if need == Need::Recorded && self.flight.is_none() {
            self.flight = Some(self.node.take_off());
        }
        self.node.inlet.stage(entry).map_err(|error| error.to_string())
    }

    /// The grounds as of now, if they are those that the passage knows.
    fn look_again(&mut self) {
        if self.node.epoch() == self.passage.epoch() {
            self.grounds = self.node.ground.grounds();
        }
    }

    /// Takes the lock of the review at stake, if there is one and it is not held yet.
    async fn settle_alone(&mut self) -> Result<(), String> {
        let Some(review) = self.passage.at_stake() else { return Ok(()) };
        if !self.settling.as_ref().is_some_and(|lock| lock.is_of(review)) {
            // One at a time: whoever holds a lock waits for no other.
            self.settling = None;
            self.settling = Some(self.node.lock(review).await?);
        }
        Ok(())
    }

    async fn persist(&mut self, change: &Change) {
        let node = Rc::clone(&self.node);
        let applied = match self.settle_alone().await {
            Ok(()) => node.apply(change, self.last_record).await,
            Err(why) => Err(why),
        };
        match applied {
            Ok(applied) => self.passage.handle_applied(applied, node.now()),
            Err(why) => {
                node.ground.tell(|| format!("{why}: {}", brief(change)));
                // Whether the change is in force is not known: the cursor stays below it, and the next start replays it.
                self.flight = None;
                if !change.is_claim() {
                    node.owe(change, self.last_record);
                }
                self.passage.handle_unwritable(&why);
            }
        }
    }
}
