//! The log: durable records a second with many sessions waiting for each of theirs, through the node's own writer.

use std::time::{Duration, Instant};

use enforcement::Settlement;
use gate::{Payload, RunEnd};
use model::{Operation, Resource, ResourceKind, Run, TargetKind, Verb};
use tokio::task::JoinSet;

use crate::approvals::Stage;
use crate::decisions::{presented, target};
use crate::tell;

pub async fn measure() -> anyhow::Result<()> {
    let stage = Stage::set(target(TargetKind::Sqlite)).await?;
    for sessions in [1_usize, 32, 256] {
        let mut tasks = JoinSet::new();
        let started = Instant::now();
        for _ in 0..sessions {
            let mut session = stage.session().await?;
            tasks.spawn(async move {
                let mut samples = Vec::new();
                while started.elapsed() < Duration::from_secs(3) {
                    let begun = Instant::now();
                    let table = Resource::new(ResourceKind::Table, "", "orders");
                    // Allowed by policy, and a write: cleared only when its record is durable.
                    match session.present(presented(vec![Operation::new(Verb::SqlInsert, table)])).await {
                        Settlement::Forward(clearance) => {
                            samples.push(begun.elapsed());
                            let (Payload(_), _forwarded) = clearance.spend();
                        }
                        other => panic!("an insert is allowed here: {other:?}"),
                    }
                    let end =
                        RunEnd { run: Run::Succeeded, rows: 1, masked: Default::default(), detail: String::new() };
                    session.ended(None, true, &end).await.unwrap();
                }
                samples
            });
        }
        let mut samples: Vec<Duration> = tasks.join_all().await.into_iter().flatten().collect();
        let a_second = samples.len() as f64 / 3.0;
        tell(&format!("durable record before a write, {sessions} sessions"), &mut samples, "");
        println!(
            "{:<48} {a_second:>10.0}                >= 20,000 in all",
            format!("  durable records a second, {sessions} sessions")
        );
    }
    Ok(())
}
