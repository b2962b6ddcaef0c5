//! A start of the node over what its last life left: recover the log, replay what the store has not applied, settle
//! claims without a run and runs without an end, in the order of `Enforcement::open`. It may be cut short anywhere.

use std::rc::Rc;

use audit::{Committed, Kind, open_payload};
use gate::{Change, Phase, RunEnd};
use model::{Run, RunId, Timestamp};

use crate::cast::Wish;
use crate::flaw::Flaw;
use crate::ground::{Shared, turn};
use crate::node::Node;
use crate::witness::{Effect, Law};

/// Starts the node; `begun` is told of it as soon as its log runs.
pub(crate) async fn start(ground: Shared, begun: impl FnOnce(Rc<Node>)) {
    if let Err(why) = begin(&ground, begun).await {
        ground.tell(|| format!("the start failed: {why}"));
        ground.witness.borrow_mut().count("start failed");
    }
}

async fn begin(ground: &Shared, begun: impl FnOnce(Rc<Node>)) -> Result<(), String> {
    let (size, last) = open_log(ground)?;
    if ground.store.borrow().named > size {
        ground.witness.borrow_mut().accuse(Law::Starts, "the store names a record that the log lacks");
        return Err("the store is ahead".to_owned());
    }
    replay(ground, size).await?;
    let node = Node::new(ground, size, last);
    begun(Rc::clone(&node));
    let started = node.journal.borrow_mut().note(Kind::Started, &[], &[("cut-bytes", 0.into())], node.now());
    node.record(started.map_err(|error| error.to_string())?).await.map_err(|error| error.to_string())?;
    settle_what_a_crash_left(&node).await?;
    ground.witness.borrow_mut().started(&ground.store.borrow(), &ground.disk.borrow());
    ground.tell(|| format!("up as {}", node.id));
    node.is_up.set(true);
    Ok(())
}

/// Recovers the log: how many records it holds, and when the last was written.
fn open_log(ground: &Shared) -> Result<(u64, Timestamp), String> {
    let mut disk = ground.disk.borrow_mut();
    let torn = disk.bytes.clone();
    let size = disk.recover().inspect_err(|why| ground.witness.borrow_mut().accuse(Law::Starts, why.clone()))?;
    let last = disk.frames().last().and_then(|frame| Committed::parse(frame.leaf).ok());
    let last = Timestamp::from_millis(last.map_or(0, |leaf| leaf.number("t")));
    if ground.has(Flaw::KeepTornEnd) {
        disk.bytes = torn;
    }
    if !ground.has(Flaw::TrustUnsynced) {
        // What a killed process had written is only durable from here on.
        let length = disk.bytes.len();
        disk.sync(length);
        ground.witness.borrow_mut().see(&disk);
    }
    Ok((size, last))
}

/// Applies what the log holds and the store has not applied.
async fn replay(ground: &Shared, size: u64) -> Result<(), String> {
    let first = ground.store.borrow().applied;
    let changes: Vec<(u64, Change)> = {
        let disk = ground.disk.borrow();
        (0..)
            .zip(disk.frames())
            .skip_while(|(index, _)| *index < first)
            .filter_map(|(index, frame)| {
                let leaf = Committed::parse(frame.leaf).ok()?;
                let change = open_payload(&leaf, frame.payload).ok()?.remove("change")?;
                Some((index, serde_json::from_value(change).ok()?))
            })
            .collect()
    };
    for (index, change) in changes {
        if ground.happens(100) {
            turn().await;
        }
        if ground.happens(ground.store_faults.get() / 4) {
            return Err("the store failed".to_owned());
        }
        ground.store.borrow_mut().apply(&change, index, ground.flaw);
    }
    ground.store.borrow_mut().applied = size;
    turn().await;
    Ok(())
}

/// A claim without a record failed and never ran; a release without an end is uncertain and never runs again by itself.
async fn settle_what_a_crash_left(node: &Rc<Node>) -> Result<(), String> {
    for review in node.read(crate::store::Store::claims_without_run).await? {
        if let Phase::Claimed { run, at } = review.state.phase {
            let digest = review.case.digest;
            let state = Box::new(review.state.clone());
            let release = Change::ReleaseRun { run, review: review.case.id, state, digest, at };
            node.apply(&release, node.inlet.synced().saturating_sub(1)).await?;
            node.ground.witness.borrow_mut().count("claim without run");
            end_run(node, run, Run::Failed).await?;
        }
    }
    let unended = |store: &crate::store::Store| {
        let unended = store.runs.iter().filter(|(_, run)| !run.ended);
        unended.map(|(run, stored)| (*run, store.reviews[&stored.review].clone())).collect::<Vec<_>>()
    };
    for (run, review) in node.read(unended).await? {
        if node.ground.has(Flaw::RunAgain) {
            run_again(node, run, &review);
        }
        end_run(node, run, Run::Uncertain).await?;
    }
    Ok(())
}

async fn end_run(node: &Rc<Node>, run: RunId, end: Run) -> Result<(), String> {
    let (at, detail) = (node.now(), "the node stopped in between".to_owned());
    let change = Change::EndRun { run, end, at, detail: detail.clone() };
    let ended = RunEnd { run: end, rows: 0, masked: Default::default(), detail };
    let entry = node.journal.borrow_mut().run_ended(Some(run), &ended, Some(&change), at);
    let entry = entry.map_err(|error| error.to_string())?;
    let recorded = node.record(entry).await.map_err(|error| error.to_string())?;
    node.apply(&change, recorded.index()).await?;
    Ok(())
}

/// What no start may ever do.
fn run_again(node: &Rc<Node>, run: RunId, review: &gate::Review) {
    let action = &review.case.action;
    let effect = Effect {
        node: node.id,
        actor: action.actor.principal.id,
        wish: Wish::of(action).unwrap(),
        digest: review.case.digest,
        run: Some(run),
        payload: crate::cast::payload_of(&action.statement, &action.parameters),
        state: std::sync::Arc::new(action.state.clone()),
        bound: action.statement.bound.clone(),
        record: 0,
        grounds: node.ground.grounds(),
    };
    node.ground.witness.borrow_mut().effect(effect);
}
