//! The targets, as the log last made them active.

use std::collections::BTreeMap;

use gate::Applied;
use model::{Name, Target, Timestamp};
use sqlx::{Row as _, Sqlite, Transaction};

use crate::{Store, StoreError, json, number, read_json};

/// A target as the log last had it.
#[derive(Debug, Clone)]
pub struct TargetRow {
    /// The target.
    pub target: Target,
    /// When it became as it is.
    pub since: Timestamp,
    /// When it was found to be configured no more.
    pub removed_at: Option<Timestamp>,
}

/// Makes these the targets. Lost if they were already.
pub(crate) async fn change(
    tx: &mut Transaction<'_, Sqlite>,
    (targets, at): (&[Target], Timestamp),
    record: i64,
) -> Result<Applied, StoreError> {
    let mut moved = 0;
    for target in targets {
        let upserted = sqlx::query(
            "INSERT INTO targets (name, version, target_json, since, record) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (name) DO UPDATE SET version = excluded.version, target_json = excluded.target_json,
                    since = excluded.since, removed_at = NULL, record = excluded.record
             WHERE record < excluded.record AND (version <> excluded.version OR removed_at IS NOT NULL)",
        )
        .bind(target.name.as_str())
        .bind(target.version.0.to_string())
        .bind(json(target)?)
        .bind(number(at.as_millis()))
        .bind(record)
        .execute(&mut **tx)
        .await?;
        moved += upserted.rows_affected();
    }
    let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    let removed = sqlx::query(
        "UPDATE targets SET removed_at = $2, record = $3
         WHERE removed_at IS NULL AND record < $3 AND name NOT IN (SELECT value FROM json_each($1))",
    )
    .bind(json(&names)?)
    .bind(number(at.as_millis()))
    .bind(record)
    .execute(&mut **tx)
    .await?;
    moved += removed.rows_affected();
    Ok(if moved > 0 { Applied::Applied } else { Applied::Lost })
}

impl Store {
    /// Every target that was ever configured, by name.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn targets(&self) -> Result<BTreeMap<Name, TargetRow>, StoreError> {
        let rows = sqlx::query("SELECT target_json, since, removed_at FROM targets").fetch_all(&self.read).await?;
        let rows = rows.iter().map(|row| {
            let at = |millis: i64| Timestamp::from_millis(u64::try_from(millis).unwrap_or(0));
            let target: Target = read_json(row.try_get("target_json")?)?;
            let removed_at: Option<i64> = row.try_get("removed_at")?;
            let row = TargetRow { since: at(row.try_get("since")?), removed_at: removed_at.map(at), target };
            Ok((row.target.name.clone(), row))
        });
        rows.collect()
    }
}
