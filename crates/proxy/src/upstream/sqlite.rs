//! A SQLite file as an upstream. Plain reads run on connections that cannot write; everything else on one that can.
//! Masking follows SQLite's own account of where a column comes from, not labels.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::StreamExt as _;
use gate::{Clearance, Sealed};
use masking::{Carries, Masked, Plan};
use model::{DataClass, Parameter, Provenance, Run, Target, sha256};
use protocol::native::result::{BYTES, ROWS, Rows};
use protocol::sql::{Catalog, Meaning, Table};
use serde_json::Value;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions, SqliteRow};
use sqlx::{
    AssertSqlSafe, Column as _, ColumnOrigin, ConnectOptions as _, Either, Executor as _, Row as _, SqlSafeStr as _,
    Statement as _, TypeInfo as _, ValueRef as _,
};

use super::{Answer, Hidden, UpstreamFailed};

/// A SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteUpstream {
    path: PathBuf,
    /// Cannot write, whatever the statement.
    reads: SqlitePool,
    writes: SqlitePool,
}

/// The gateway's own questions: constant text, into which nothing of an actor enters.
#[derive(Debug, Clone, Copy)]
enum Courtesy {
    Objects,
    Columns,
    Statistics,
    HasStatistics,
}

impl Courtesy {
    const fn text(self) -> &'static str {
        match self {
            Self::Objects => "SELECT type, name, tbl_name, coalesce(sql, '') AS sql, rootpage FROM main.sqlite_master",
            Self::Columns => {
                "SELECT m.name AS tbl, c.name AS col, c.hidden AS hidden FROM main.sqlite_master m, pragma_table_xinfo(m.name) c
                 WHERE m.type IN ('table', 'view') ORDER BY m.name, c.cid"
            }
            Self::HasStatistics => "SELECT count(*) AS n FROM main.sqlite_master WHERE name = 'sqlite_stat1'",
            Self::Statistics => "SELECT tbl, max(CAST(stat AS INTEGER)) AS n FROM main.sqlite_stat1 GROUP BY tbl",
        }
    }
}

impl SqliteUpstream {
    /// Opens the file, which must exist.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5))
            .disable_statement_logging();
        let pool = |connections, options| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(Duration::from_secs(10))
                .idle_timeout(Duration::from_secs(60))
                .connect_lazy_with(options)
        };
        let reads = pool(4, options.clone().read_only(true).pragma("query_only", "1"));
        Self { path: path.to_owned(), reads, writes: pool(1, options) }
    }

    /// The tables as they are now, with the classes that the target's configuration declares.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn catalog(&self, target: &Target) -> Result<Catalog, UpstreamFailed> {
        let objects = self.ask(Courtesy::Objects).await?;
        let columns = self.ask(Courtesy::Columns).await?;
        let has_statistics = self.ask(Courtesy::HasStatistics).await?;
        let counted = has_statistics.first().is_some_and(|row| row.try_get::<i64, _>("n").is_ok_and(|n| n > 0));
        let statistics = if counted { self.ask(Courtesy::Statistics).await? } else { Vec::new() };
        let mut catalog = Catalog::default();
        for row in &objects {
            let kind: String = text(row, "type")?;
            let name: String = text(row, "name")?;
            if kind == "table" || kind == "view" {
                let root: i64 = row.try_get("rootpage").map_err(refused)?;
                let identity = format!("root {root} sql {}", sha256(&[text(row, "sql")?.as_bytes()]));
                let table = Table {
                    schema: String::new(),
                    name: name.clone(),
                    columns: Vec::new(),
                    classes: BTreeMap::new(),
                    identity,
                    triggers: Vec::new(),
                    // What a virtual table shows may be another table's.
                    is_view: kind == "view" || text(row, "sql")?.to_uppercase().starts_with("CREATE VIRTUAL"),
                    estimated_rows: None,
                };
                catalog.tables.insert(name.to_lowercase(), table);
            }
        }
        for row in objects.iter().filter(|row| text(row, "type").is_ok_and(|kind| kind == "trigger")) {
            let (trigger, on) = (text(row, "name")?, text(row, "tbl_name")?);
            if let Some(table) = catalog.tables.get_mut(&on.to_lowercase()) {
                table.identity.push_str(&format!(" trigger {}", sha256(&[text(row, "sql")?.as_bytes()])));
                table.triggers.push(trigger);
            }
        }
        for row in &columns {
            let (table, column) = (text(row, "tbl")?, text(row, "col")?);
            if let Some(table) = catalog.tables.get_mut(&table.to_lowercase()) {
                if let Some(class) = class_of(target, &table.name, &column) {
                    table.classes.insert(column.to_lowercase(), class.clone());
                }
                // A generated column holds what another one does.
                table.is_view |= row.try_get::<i64, _>("hidden").map_err(refused)? > 0;
                table.columns.push(column);
            }
        }
        for row in &statistics {
            if let Some(table) = catalog.tables.get_mut(&text(row, "tbl")?.to_lowercase()) {
                table.estimated_rows = row.try_get("n").ok();
            }
        }
        Ok(catalog)
    }

    async fn ask(&self, courtesy: Courtesy) -> Result<Vec<SqliteRow>, UpstreamFailed> {
        if !self.path.is_file() {
            return Err(UpstreamFailed::Unreachable("the file does not exist".to_owned()));
        }
        sqlx::query(courtesy.text()).fetch_all(&self.reads).await.map_err(refused)
    }

    /// Runs what was cleared. `meaning` tells what it touches, `hidden` which classes the actor may not see.
    pub async fn send(&self, clearance: Clearance, request: Request<'_>) -> Sealed<Answer> {
        let (payload, forwarded) = clearance.spend();
        let outcome = match String::from_utf8(payload.0) {
            Ok(text) => self.run(text, request).await,
            Err(_) => Err(UpstreamFailed::Refused("the statement is not UTF-8".to_owned())),
        };
        let run = if outcome.is_ok() { Run::Succeeded } else { Run::Failed };
        forwarded.seal(Answer { outcome, run })
    }

    async fn run(&self, text: String, request: Request<'_>) -> Result<Rows, UpstreamFailed> {
        let pool = if request.plain_read { &self.reads } else { &self.writes };
        let mut connection = pool.begin().await.map_err(refused)?;
        let deadline = tokio::time::Instant::now() + LONGEST_RUN;
        let mut handle = connection.lock_handle().await.map_err(refused)?;
        handle.set_progress_handler(STEPS, move || tokio::time::Instant::now() < deadline);
        drop(handle);
        let ran = self.run_in(&mut connection, text, request).await;
        connection.lock_handle().await.map_err(refused)?.remove_progress_handler();
        // What is told as failed is undone: a caller may try again.
        if ran.is_ok() {
            connection.commit().await.map_err(refused)?;
        } else {
            connection.rollback().await.map_err(refused)?;
        }
        ran
    }

    async fn run_in(
        &self,
        connection: &mut SqliteConnection,
        text: String,
        request: Request<'_>,
    ) -> Result<Rows, UpstreamFailed> {
        let statement = (&mut *connection).prepare(AssertSqlSafe(text).into_sql_str()).await.map_err(refused)?;
        let taken = statement.parameters().map_or(0, |parameters| match parameters {
            Either::Left(kinds) => kinds.len(),
            Either::Right(count) => count,
        });
        if taken != request.parameters.len() {
            return Err(UpstreamFailed::Refused("it takes another number of values than were given".to_owned()));
        }
        let origins: Vec<Provenance> = statement
            .columns()
            .iter()
            .map(|column| match request.meaning.compound {
                true => Provenance::Unproven,
                false => provenance(column.origin(), request.target),
            })
            .collect();
        let touched = !request.meaning.classified.is_empty();
        let mut plan = Plan::new(&origins, request.hidden, touched)?;
        let mut rows = Rows {
            columns: statement.columns().iter().map(|column| column.name().to_owned()).collect(),
            ..Rows::default()
        };
        let mut bytes = 0;
        let query = statement.query_with(arguments(request.parameters)?);
        if statement.columns().is_empty() {
            rows.rows_affected = query.execute(connection).await.map_err(refused)?.rows_affected();
            return Ok(rows);
        }
        let mut results = query.fetch(connection);
        while let Some(row) = results.next().await {
            let row = row.map_err(refused)?;
            rows.rows_affected += u64::from(!request.plain_read);
            // A writing statement runs to its end, whatever is shown of it.
            if rows.truncated {
                continue;
            }
            let row = masked_row(&row, &mut plan, &mut bytes)?;
            if rows.rows.len() >= ROWS || bytes > BYTES {
                rows.truncated = true;
                if request.plain_read {
                    break;
                }
            } else {
                rows.rows.push(row);
            }
        }
        drop(results);
        rows.masked = plan.into_masked();
        Ok(rows)
    }
}

/// What goes with a clearance: how its bytes are bound, and how its answer is masked.
#[derive(Debug)]
pub struct Request<'a> {
    /// The target, for its classes.
    pub target: &'a Target,
    /// What the statement means.
    pub meaning: &'a Meaning,
    /// Values to bind.
    pub parameters: &'a [Parameter],
    /// Classes that the actor may not see.
    pub hidden: &'a Hidden,
    /// Whether it is a proven plain read.
    pub plain_read: bool,
}

fn masked_row(row: &SqliteRow, plan: &mut Plan, bytes: &mut usize) -> Result<Vec<Value>, UpstreamFailed> {
    let mut values = Vec::with_capacity(row.len());
    for number in 0..row.len() {
        let raw = row.try_get_raw(number).map_err(refused)?;
        if raw.is_null() {
            values.push(Value::Null);
            continue;
        }
        let kind = raw.type_info();
        let carries = if kind.name() == "TEXT" { Carries::Text } else { Carries::OwnForm };
        let value = match plan.mask(number, carries)? {
            Masked::Null => Value::Null,
            Masked::Text(text) => Value::from(text),
            Masked::Keep => match kind.name() {
                "INTEGER" => Value::from(row.try_get_unchecked::<i64, _>(number).map_err(refused)?),
                "REAL" => Value::from(row.try_get_unchecked::<f64, _>(number).map_err(refused)?),
                "TEXT" => Value::from(row.try_get_unchecked::<String, _>(number).map_err(refused)?),
                _ => Value::from(BASE64_STANDARD.encode(row.try_get_unchecked::<Vec<u8>, _>(number).map_err(refused)?)),
            },
        };
        *bytes += 32 + value.as_str().map_or(0, str::len);
        if *bytes > BYTES {
            break;
        }
        values.push(value);
    }
    Ok(values)
}

fn provenance(origin: ColumnOrigin, target: &Target) -> Provenance {
    match origin {
        ColumnOrigin::Table(column) => match class_of(target, &column.table, &column.name) {
            Some(class) => Provenance::Classified(class.clone()),
            None => Provenance::Clean,
        },
        ColumnOrigin::Expression | ColumnOrigin::Unknown => Provenance::Unproven,
    }
}

fn class_of<'a>(target: &'a Target, table: &str, column: &str) -> Option<&'a DataClass> {
    target.classify.get(&format!("{}.{}", table.to_lowercase(), column.to_lowercase()))
}

fn arguments(parameters: &[Parameter]) -> Result<SqliteArguments, UpstreamFailed> {
    use sqlx::Arguments as _;
    let mut arguments = SqliteArguments::default();
    for parameter in parameters {
        let text = match &parameter.value {
            None => None,
            Some(bytes) => Some(std::str::from_utf8(bytes).map_err(refused)?.to_owned()),
        };
        let added = match (parameter.kind.as_str(), text) {
            (_, None) => arguments.add(None::<i64>),
            ("integer", Some(text)) => arguments.add(text.parse::<i64>().map_err(refused)?),
            ("real", Some(text)) => arguments.add(text.parse::<f64>().map_err(refused)?),
            ("boolean", Some(text)) => arguments.add(text == "true"),
            (_, Some(text)) => arguments.add(text),
        };
        added.map_err(refused)?;
    }
    Ok(arguments)
}

fn text(row: &SqliteRow, column: &str) -> Result<String, UpstreamFailed> {
    row.try_get(column).map_err(refused)
}

/// The longest that one statement runs.
const LONGEST_RUN: Duration = Duration::from_secs(60);
/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 10_000;

/// SQLite's message names tables and columns, and values only in `CHECK` and `RAISE` texts; those are cut.
fn refused(error: impl std::fmt::Display) -> UpstreamFailed {
    let words = error.to_string();
    let known = [
        "syntax error",
        "no such",
        "UNIQUE constraint",
        "NOT NULL constraint",
        "FOREIGN KEY",
        "read-only",
        "readonly",
        "locked",
        "ambiguous",
    ];
    let told = known.into_iter().find(|part| words.contains(part));
    UpstreamFailed::Refused(match told {
        Some("UNIQUE constraint") => "a UNIQUE constraint failed".to_owned(),
        Some("NOT NULL constraint") => "a NOT NULL constraint failed".to_owned(),
        Some("FOREIGN KEY") => "a FOREIGN KEY constraint failed".to_owned(),
        Some(part) => format!("SQLite says: {part}"),
        None => "SQLite returned an error whose text may hold data and is withheld".to_owned(),
    })
}
