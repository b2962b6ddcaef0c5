//! The world of one seed: picks, step by step, who has their turn: a task that goes on, the log's writer or syncer, an
//! agent, a person, the clock, a change of the facts, a copy of the store, or the end of the node in the midst of it all.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Waker};

use audit::{Appender, Checkpoint, SigningKey, leaf_hash};
use gate::{Presenter, Review};
use model::{Channel, PrincipalId, PrincipalKind, ReviewId, VerdictKind};

use crate::cast::{Connection, RULE_SETS, Wish, newcomer};
use crate::disk::End;
use crate::flaw::Flaw;
use crate::ground::{Ground, Shared};
use crate::node::Node;
use crate::random::Random;
use crate::session::session;
use crate::settle::{self, Said};
use crate::start::start;
use crate::store::Store;
use crate::witness::{Broken, Law};

/// How the world of a seed ended.
#[derive(Debug)]
pub struct Ending {
    /// The first law that did not hold, and at which step.
    pub broken: Option<(usize, Broken)>,
    /// How often what happened.
    pub tally: BTreeMap<String, u64>,
}

/// Plays the seed for so many steps, and tells the story if `tells`.
#[must_use]
pub fn simulate(seed: u64, steps: usize, flaw: Option<Flaw>, tells: bool) -> Ending {
    let mut world = World::new(seed, flaw, tells);
    let mut broken = None;
    for step in 0..steps {
        world.step();
        let first = world.ground.witness.borrow_mut().broken.pop();
        if let Some(first) = first {
            broken = Some((step, first));
            break;
        }
    }
    if broken.is_none() {
        world.close();
        broken = world.ground.witness.borrow_mut().broken.pop().map(|last| (steps, last));
    }
    let tally = world.ground.witness.borrow().tally.clone();
    Ending { broken, tally }
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

struct World {
    ground: Shared,
    /// This life of the node, from the moment that its log runs.
    node: Rc<RefCell<Option<Rc<Node>>>>,
    tasks: Vec<(&'static str, Task)>,
    key: SigningKey,
    joined: usize,
    /// Some seeds know few faults, so that long stories are told, too.
    faults: usize,
}

impl World {
    fn new(seed: u64, flaw: Option<Flaw>, tells: bool) -> Self {
        let mut random = Random::new(seed);
        let faults = random.below(4);
        let ground = Rc::new(Ground {
            random: RefCell::new(random),
            flaw,
            disk: RefCell::default(),
            store: RefCell::default(),
            copies: RefCell::new([Store::default()].into()),
            witness: RefCell::default(),
            wall: Cell::new(1_000_000_000),
            rules: Cell::new(0),
            target: Cell::new(0),
            store_faults: Cell::new(0),
            tells,
        });
        let key = SigningKey::from_seed("simulated", &[7; 32]);
        let mut world = Self { ground, node: Rc::default(), tasks: Vec::new(), key, joined: 0, faults };
        world.boot();
        world.settle_down();
        world.people();
        world.ground.store_faults.set(faults * faults * 8);
        world
    }

    /// The first people and agents: everything in the directory is on the record.
    fn people(&mut self) {
        let groups: [&[&str]; 6] =
            [&["dba", "security"], &["dba"], &["dba", "security"], &["security"], &["dba"], &["dba"]];
        for groups in groups {
            self.join_person(groups);
        }
        self.settle_down();
        for _ in 0..3 {
            self.join_agent();
        }
        self.settle_down();
    }

    /// Goes on, without faults, until every task is done.
    fn settle_down(&mut self) {
        for _ in 0..20_000 {
            if self.tasks.is_empty() {
                return;
            }
            self.go_on();
            self.with_node(|node| {
                node.write(false);
                node.sync(false);
            });
        }
        let stuck: Vec<&str> = self.tasks.iter().map(|(name, _)| *name).collect();
        self.ground.witness.borrow_mut().accuse(Law::Starts, format!("no end: {stuck:?}"));
    }

    /// The end of the story: one more crash, a start without faults, and everything is looked at once more.
    fn close(&mut self) {
        self.ground.store_faults.set(0);
        self.crash(End::Killed);
        self.settle_down();
    }

    fn with_node(&self, act: impl FnOnce(&Rc<Node>)) {
        let node = self.node.borrow().clone();
        if let Some(node) = node {
            act(&node);
        }
    }

    fn up(&self) -> Option<Rc<Node>> {
        self.node.borrow().clone().filter(|node| node.is_up.get())
    }

    fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + 'static) {
        self.tasks.push((name, Box::pin(task)));
    }

    fn boot(&mut self) {
        let begun = Rc::clone(&self.node);
        let task = start(Rc::clone(&self.ground), move |node| *begun.borrow_mut() = Some(node));
        self.spawn("start", task);
    }

    fn step(&mut self) {
        let ground = Rc::clone(&self.ground);
        ground.wall.set(ground.wall.get() + ground.below(20) as u64);
        let faults = self.faults;
        match ground.below(1000) {
            0..680 => (0..TURNS).for_each(|_| self.go_on()),
            680..760 => self.with_node(|node| node.write(node.ground.happens(faults))),
            760..860 => self.with_node(|node| node.sync(node.ground.happens(faults))),
            860..885 => self.act(),
            885..945 => self.speak(),
            945..952 => self.pass_time(),
            952..960 => self.change_facts(),
            960..970 => self.with_node(|node| node.keep_cursor()),
            970..975 => self.sign(),
            975..985 => ground.copy_store(),
            985..996 => self.see_to_it(),
            _ if ground.happens(100 * (faults + 1)) => self.end(),
            _ => {}
        }
        if self.up().is_none() && ground.happens(8 * faults) {
            self.end();
        }
        // A node that cannot go on is started again.
        let is_dead = self.tasks.is_empty() && self.up().is_none();
        let is_stopped = self.node.borrow().as_ref().is_some_and(|node| node.inlet.is_stopped());
        if is_dead || is_stopped && ground.happens(50) {
            self.end();
        }
    }

    /// One task has its turn.
    fn go_on(&mut self) {
        if self.tasks.is_empty() {
            return;
        }
        let chosen = self.ground.below(self.tasks.len());
        let polled = self.tasks[chosen].1.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if polled.is_ready() {
            drop(self.tasks.swap_remove(chosen));
        }
    }

    /// An agent connects, with a few wishes; often one that somebody had before.
    fn act(&mut self) {
        let Some(node) = self.up() else { return };
        let sessions = self.tasks.iter().filter(|(name, _)| *name == "session").count();
        if sessions >= SESSIONS {
            return;
        }
        let (random, come_back) = (&self.ground.random, self.ground.happens(500));
        let mut wishes: Vec<Wish> = (0..=self.ground.below(5)).map(|_| Wish::any(&mut random.borrow_mut())).collect();
        let mut actor = self.somebody(PrincipalKind::Agent);
        if let Some((held, wish)) = self.left_behind().filter(|_| come_back) {
            actor = Some(held);
            wishes.insert(0, wish);
        }
        let Some(actor) = actor else { return };
        let connection = Connection { search_path: "public", oid: 0 };
        self.spawn("session", session(node, actor, wishes, connection));
    }

    /// An action whose caller left, or went down with the node: who had it, and what it was.
    fn left_behind(&self) -> Option<(PrincipalId, Wish)> {
        let (store, node) = (self.ground.store.borrow(), self.node.borrow().as_ref()?.id);
        let is_left = |review: &&Review| {
            let waits = matches!(review.state.presenter, Presenter::Live { node: living, .. } if living == node);
            review.due_at().is_some() && !waits
        };
        let left: Vec<&Review> = store.reviews.values().filter(is_left).collect();
        let review = *self.ground.random.borrow_mut().pick(&left)?;
        Some((review.case.action.actor.principal.id, Wish::of(&review.case.action)?))
    }

    fn somebody(&self, kind: PrincipalKind) -> Option<PrincipalId> {
        let store = self.ground.store.borrow();
        let all = store.principals.values().map(|known| &known.new.principal).filter(|known| known.kind == kind);
        let all: Vec<PrincipalId> = all.map(|known| known.id).collect();
        self.ground.random.borrow_mut().pick(&all).copied()
    }

    /// Somebody gives a verdict, in time or late, entitled or not; or an actor takes its action back.
    fn speak(&mut self) {
        let Some(node) = self.up() else { return };
        let Some((review, reviewer)) = self.asked() else { return };
        if self.ground.happens(30) {
            return self.spawn("withdraw", settle::withdraw(node, review));
        }
        let kind = if self.ground.happens(80) { VerdictKind::Reject } else { VerdictKind::Approve };
        let channel = if self.ground.happens(300) { Channel::Api } else { Channel::Cli };
        self.spawn("verdict", settle::say(node, Said { review, reviewer, kind, channel }));
    }

    /// Some review, and somebody whom it asks or somebody else.
    fn asked(&self) -> Option<(ReviewId, PrincipalId)> {
        let (ground, store) = (&self.ground, self.ground.store.borrow());
        let open: Vec<&Review> = store.reviews.values().filter(|review| review.due_at().is_some()).collect();
        let all: Vec<&Review> = store.reviews.values().collect();
        let from = if ground.happens(950) { open } else { all };
        let review = *ground.random.borrow_mut().pick(&from)?;
        let groups = review.case.requirements.iter().map(|asked| asked.group.clone()).collect();
        let asked: Vec<PrincipalId> = store.people_of(&groups).into_keys().collect();
        let asked = ground.random.borrow_mut().pick(&asked).copied();
        let reviewer = if ground.happens(800) { asked } else { self.somebody(PrincipalKind::Person) };
        Some((review.case.id, reviewer?))
    }

    fn pass_time(&self) {
        let ground = &self.ground;
        let wall = ground.wall.get();
        ground.wall.set(match ground.below(10) {
            0..5 => wall + 1000 * ground.below(60) as u64,
            5..8 => wall + 60_000 * ground.below(6) as u64,
            8 => wall + 60_000 * ground.below(25) as u64,
            _ => wall - 60_000 * ground.below(10) as u64,
        });
    }

    /// Rules, targets or people change in mid-flight.
    fn change_facts(&mut self) {
        let Some(node) = self.up() else { return };
        match self.ground.below(10) {
            0..2 => {
                self.ground.rules.set(self.ground.below(RULE_SETS.len()));
                node.bump();
            }
            2..6 => {
                self.ground.rules.set(0);
                node.bump();
            }
            6 if self.ground.happens(300) => {
                self.ground.target.set(self.ground.target.get() + 1);
                node.bump();
            }
            7 => self.join_person(&["dba", "security"]),
            8 => self.join_agent(),
            _ => {
                let kind = if self.ground.happens(700) { PrincipalKind::Person } else { PrincipalKind::Agent };
                let Some(whom) = self.somebody(kind) else { return };
                self.ground.tell(|| format!("{whom} is to be revoked"));
                self.spawn("revoke", settle::revoke(node, whom));
            }
        }
    }

    fn join_person(&mut self, groups: &[&str]) {
        let Some(node) = self.up() else { return };
        self.joined += 1;
        let new = newcomer(self.ground.id(), &format!("p{}", self.joined), groups, None);
        self.spawn("join", settle::join(node, new));
    }

    /// An agent of some person, added by another.
    fn join_agent(&mut self) {
        let people = (self.somebody(PrincipalKind::Person), self.somebody(PrincipalKind::Person));
        let (Some(node), (Some(owner), Some(by))) = (self.up(), people) else { return };
        self.joined += 1;
        let new = newcomer(self.ground.id(), &format!("a{}", self.joined), &[], Some((owner, by)));
        self.spawn("join", settle::join(node, new));
    }

    /// Presenters that left are seen off, and reviews whose time is up are ended.
    fn see_to_it(&mut self) {
        let Some(node) = self.up() else { return };
        if !self.tasks.iter().any(|(name, _)| *name == "expire") {
            self.spawn("expire", settle::expire(node));
        }
    }

    /// Signs what is durable.
    fn sign(&self) {
        self.with_node(|node| {
            let ground = &self.ground;
            let mut disk = ground.disk.borrow_mut();
            let size = node.inlet.synced();
            if size <= node.signed.get() {
                return;
            }
            let mut tree = Appender::default();
            for frame in disk.frames().iter().take(usize::try_from(size).unwrap()) {
                tree.append(leaf_hash(frame.leaf));
            }
            let checkpoint = Checkpoint { size: tree.size(), root: tree.root() };
            disk.notes.push(self.key.sign(&checkpoint));
            node.signed.set(size);
            ground.witness.borrow_mut().signed(checkpoint);
        });
    }

    /// The node ends, in the midst of what it does; with it, perhaps, what its store had.
    fn end(&mut self) {
        let end = if self.ground.happens(500) { End::PowerLost } else { End::Killed };
        self.crash(end);
    }

    fn crash(&mut self, end: End) {
        let ground = Rc::clone(&self.ground);
        ground.tell(|| format!("{end:?}"));
        ground.witness.borrow_mut().count(if end == End::Killed { "killed" } else { "power lost" });
        self.tasks.clear();
        match self.node.take() {
            Some(node) => node.end(end),
            None => ground.disk.borrow_mut().end(end, &[], &mut ground.random.borrow_mut()),
        }
        let is_older = ground.happens(if end == End::PowerLost { 400 } else { 150 });
        if is_older {
            // What the disk had of the store, or a backup of any age.
            let mut copies = ground.copies.borrow_mut();
            let chosen = ground.below(copies.len());
            copies.truncate(chosen + 1);
            *ground.store.borrow_mut() = copies[chosen].clone();
            ground.tell(|| format!("the store is an older copy, applied through {}", copies[chosen].applied));
            ground.witness.borrow_mut().count("older store");
        }
        self.boot();
    }
}

/// Tasks that have their turn in one step.
const TURNS: usize = 4;
/// Sessions at a time.
const SESSIONS: usize = 7;
