//! Statements that are made by chance, from fixed seeds: each story in a transaction that is undone.

use e2e::postgres::{Server, Wire};

use super::effects::WATCH;
use super::generator::{GROUND, Generator};
use super::judge::{may_do_anything, said};
use super::session::{Outcome, Session, Statement, keeps_names};

#[tokio::test]
async fn the_server_does_no_more_with_made_statements_than_the_classifier_says() {
    let server = Server::start().await;
    let mut postgres = Wire::open(&server.superuser("postgres")).await;
    postgres.query("CREATE DATABASE made").await.ok();
    let mut session = Session::open(server.superuser("made")).await;
    session.execute(WATCH).await;
    session.execute(GROUND).await;
    session.execute("SET statement_timeout = '5s'").await;
    let mut count = Count::default();
    for seed in SEEDS {
        let mut generator = Generator::new(seed);
        for _ in 0..STORIES {
            let story = generator.story();
            session.execute("BEGIN").await;
            let ended = tell(&mut session, seed, &story, &mut count).await;
            session.wire.query("ROLLBACK").await;
            if ended {
                session.renew().await;
            }
            session.execute(AFTER).await;
        }
    }
    let Count { ran, free, refused, unread, more } = count;
    println!(
        "{ran} statements ran and were judged; {free} may do anything, the server refused {refused}, the classifier {unread}"
    );
    assert!(more.is_empty(), "{} times more than was said:\n{}", more.len(), more.join("\n"));
    assert!(ran > 3_000, "only {ran} statements ran");
}

/// What became of the statements.
#[derive(Debug, Default)]
struct Count {
    ran: usize,
    /// Said to do anything at all, or denied.
    free: usize,
    refused: usize,
    unread: usize,
    more: Vec<String>,
}

/// Runs a story up to its first statement that cannot be judged; returns whether one ended the transaction.
async fn tell(session: &mut Session, seed: u64, story: &[String], count: &mut Count) -> bool {
    for text in story {
        let Some(meaning) = session.meaning(text).await else {
            count.unread += 1;
            return false;
        };
        if may_do_anything(&meaning) {
            count.free += 1;
            return false;
        }
        let outcome = session.judged(&meaning, Statement { text, rows: "901\tgiven\n" }).await;
        if !keeps_names(&meaning) {
            session.forget(false);
        }
        let ended = matches!(outcome, Outcome::Ended(_));
        match outcome {
            Outcome::Refused(_) => {
                count.refused += 1;
                return false;
            }
            Outcome::Ran(told) | Outcome::Ended(told) => {
                count.ran += 1;
                if !told.is_empty() {
                    let said = said(&meaning);
                    count.more.push(format!("seed {seed}: {story:?}\n  {text}\n  {}; said: {said:?}", told.join(", ")));
                }
            }
        }
        if ended {
            return true;
        }
    }
    false
}

const SEEDS: [u64; 4] = [1, 2, 3, 4];
/// For each seed.
const STORIES: usize = 1_000;
/// What outlives a transaction that was undone.
const AFTER: &str = "DEALLOCATE ALL; SELECT pg_catalog.pg_advisory_unlock_all(); UNLISTEN *";
