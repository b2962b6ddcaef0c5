//! The watermarks: what is proven when, what stays unproven after a failure, and order under concurrency.

use super::*;
use crate::{Kind, Leaf};
use model::{SessionId, Timestamp};

fn entry(number: u64) -> Entry {
    Leaf::new(Kind::Execute, SessionId::from_random([1; 16]), number, Timestamp::from_millis(0)).finish().unwrap()
}

#[test]
fn nothing_is_written_or_recorded_before_the_writer_says_so() {
    let (inlet, mut log, syncs) = open(0);
    let staged = inlet.stage(&entry(0)).unwrap().written().unwrap_err();
    let batch = log.poll_batch().unwrap();
    let staged = staged.written().unwrap_err();
    log.handle_written(&batch);
    let staged = staged.recorded().unwrap_err();
    syncs.handle_synced(batch.end);
    assert_eq!(staged.recorded().unwrap().index(), 0);
}

#[test]
fn a_sync_proves_only_what_was_written_when_it_started() {
    let (inlet, mut log, syncs) = open(0);
    let first = inlet.stage(&entry(0)).unwrap();
    let batch = log.poll_batch().unwrap();
    log.handle_written(&batch);
    let started = syncs.written();
    let second = inlet.stage(&entry(1)).unwrap();
    let batch = log.poll_batch().unwrap();
    log.handle_written(&batch);
    syncs.handle_synced(started);
    assert!(first.recorded().is_ok());
    assert!(second.recorded().is_err());
}

#[test]
fn after_a_failure_nothing_more_is_staged_and_nothing_staged_is_proven() {
    let (inlet, mut log, _syncs) = open(0);
    let staged = inlet.stage(&entry(0)).unwrap();
    let _lost = log.poll_batch().unwrap();
    log.handle_failed();
    assert_eq!(inlet.stage(&entry(1)).unwrap_err(), Unwritable::Stopped);
    assert!(staged.written().is_err());
}

#[test]
fn a_backlog_over_the_limit_is_refused_and_drains() {
    let (inlet, mut log, _syncs) = open(0);
    let large = Entry { name: entry(0).name, leaf: vec![b'x'; 1000], payload: vec![b'y'; crate::PAYLOAD_BYTES] };
    let mut staged = 0;
    while inlet.stage(&large).is_ok() {
        staged += 1;
    }
    assert_eq!(staged, BACKLOG_BYTES / large.payload.len() - 1);
    assert_eq!(inlet.stage(&large).unwrap_err(), Unwritable::Behind);
    let batch = log.poll_batch().unwrap();
    log.handle_written(&batch);
    assert!(inlet.stage(&large).is_ok());
}

#[test]
fn many_sessions_at_once_get_every_place_once_and_in_order() {
    let (inlet, mut log, _syncs) = open(10);
    let sessions: Vec<_> = (0..8)
        .map(|_| {
            let inlet = inlet.clone();
            std::thread::spawn(move || (0..500).map(|n| inlet.stage(&entry(n)).unwrap().index()).collect::<Vec<_>>())
        })
        .collect();
    let mut frames = 0;
    while frames < 4000 {
        std::thread::yield_now();
        if let Some(batch) = log.poll_batch() {
            crate::scan(&batch.bytes, |_, _| frames += 1);
            assert_eq!(batch.end, 10 + frames);
            log.handle_written(&batch);
        }
    }
    let mut places: Vec<u64> = sessions.into_iter().flat_map(|session| session.join().unwrap()).collect();
    places.sort_unstable();
    assert_eq!(places, (10..4010).collect::<Vec<_>>());
}
