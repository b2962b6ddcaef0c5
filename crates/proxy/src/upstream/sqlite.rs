//! A SQLite file as an upstream. Reads run on connections that cannot write; everything else on one that can; the
//! gateway's own questions on one of their own. Every run is on a leash. Masking follows SQLite's own account of where a
//! column comes from, not labels.

mod leash;
mod shares;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::StreamExt as _;
use gate::{Clearance, Sealed};
use masking::{Carries, Context, Detectors, Masked, Plan, Screen, add_counts};
use model::{DataClass, Parameter, PrincipalId, Provenance, Run, Target, sha256};
use protocol::native::result::{BYTES, ROWS, Rows};
use protocol::sql::{Catalog, Meaning, Table};
use serde_json::Value;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions, SqliteRow};
use sqlx::{
    AssertSqlSafe, Column as _, ColumnOrigin, ConnectOptions as _, Connection as _, Either, Executor as _, Row as _,
    SqlSafeStr as _, Sqlite, Statement as _, TypeInfo as _, ValueRef as _,
};
use tokio::sync::OwnedSemaphorePermit;

use self::leash::{Ended, Leash};
use self::shares::Shares;
use super::{Answer, Hidden, UpstreamFailed};

/// A SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteUpstream {
    path: PathBuf,
    longest_run: Duration,
    /// For the gateway's own questions: they never wait behind an actor.
    asks: SqlitePool,
    /// Cannot write, whatever the statement.
    reads: SqlitePool,
    writes: SqlitePool,
    shares: Shares,
}

/// A connection with the place in its actor's share.
struct Taken {
    connection: PoolConnection<Sqlite>,
    _place: Option<OwnedSemaphorePermit>,
}

/// The gateway's own questions: constant text, into which nothing of an actor enters.
#[derive(Debug, Clone, Copy)]
enum Courtesy {
    Objects,
    Opaque,
    Columns,
    Statistics,
    HasStatistics,
}

impl Courtesy {
    const fn text(self) -> &'static str {
        match self {
            Self::Objects => "SELECT type, name, tbl_name, coalesce(sql, '') AS sql, rootpage FROM main.sqlite_master",
            // What a virtual table shows may be another table's, and what lies behind it is that all the same.
            Self::Opaque => "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('virtual', 'shadow')",
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
    /// Opens the file, which must exist. A statement runs for at most `longest_run`.
    #[must_use]
    pub fn new(path: &Path, longest_run: Duration) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5))
            .pragma("hard_heap_limit", HEAP.to_string())
            .disable_statement_logging();
        let pool = |connections, options| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(LONGEST_WAIT)
                .idle_timeout(Duration::from_secs(60))
                .connect_lazy_with(options)
        };
        let only_reads = options.clone().read_only(true).pragma("query_only", "1");
        let (asks, reads) = (pool(1, only_reads.clone()), pool(4, only_reads));
        Self { path: path.to_owned(), longest_run, asks, reads, writes: pool(1, options), shares: Shares::default() }
    }

    /// The tables as they are now, with the classes that the target's configuration declares.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn catalog(&self, target: &Target) -> Result<Catalog, UpstreamFailed> {
        let objects = self.ask(Courtesy::Objects).await?;
        let opaque = self.ask(Courtesy::Opaque).await?;
        let opaque = opaque.iter().map(|row| text(row, "name")).collect::<Result<BTreeSet<_>, _>>()?;
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
                    is_view: kind == "view" || opaque.contains(&name),
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
                    table.classes.insert(column.to_lowercase(), [class.clone()].into());
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
        sqlx::query(courtesy.text()).fetch_all(&self.asks).await.map_err(not_had)
    }

    /// Runs what was cleared. `request` tells what goes with it; a read is stopped when `gone` comes.
    pub async fn send(
        &self,
        clearance: Clearance,
        request: Request<'_>,
        gone: impl Future<Output = ()>,
    ) -> Sealed<Answer> {
        let (payload, forwarded) = clearance.spend();
        let outcome = match String::from_utf8(payload.0) {
            Ok(text) => self.run(text, request, gone).await,
            Err(_) => Err(UpstreamFailed::Refused("the statement is not UTF-8".to_owned())),
        };
        let run = if outcome.is_ok() { Run::Succeeded } else { Run::Failed };
        forwarded.seal(Answer { outcome, run })
    }

    /// A write is seen through to its end or its limit: whoever asked for it may have gone, and it is not half done.
    async fn run(
        &self,
        text: String,
        request: Request<'_>,
        gone: impl Future<Output = ()>,
    ) -> Result<Rows, UpstreamFailed> {
        let mut gone = pin!(gone);
        let left = || UpstreamFailed::Stopped("its caller left before it began".to_owned());
        let mut taken = tokio::select! {
            taken = self.take(&request) => taken?,
            () = &mut gone, if request.only_reads => return Err(left()),
        };
        let leash = Leash::new(self.longest_run);
        let ran = {
            let mut running = pin!(self.run_leashed(&mut taken.connection, text, &request, &leash));
            tokio::select! {
                ran = &mut running => ran,
                () = &mut gone, if request.only_reads => {
                    leash.end(Ended::CallerLeft);
                    running.await
                }
            }
        };
        if ran.is_err() {
            leash.end(Ended::Enough);
            // SQLite ends the transaction of a write that it interrupts, and sqlx would not know: the connection goes too.
            if let Err(error) = taken.connection.close().await {
                tracing::warn!(%error, path = %self.path.display(), "a connection could not be closed");
            }
        }
        ran.map_err(|failed| leash.failure().unwrap_or(failed))
    }

    async fn take(&self, request: &Request<'_>) -> Result<Taken, UpstreamFailed> {
        let taking = async {
            let (pool, place) = match request.only_reads {
                true => (&self.reads, Some(self.shares.take(request.actor).await?)),
                false => (&self.writes, None),
            };
            Ok(Taken { connection: pool.acquire().await.map_err(not_had)?, _place: place })
        };
        tokio::time::timeout(LONGEST_WAIT, taking).await.unwrap_or(Err(UpstreamFailed::Busy))
    }

    /// What is told as failed is undone: a caller may try again.
    async fn run_leashed(
        &self,
        connection: &mut SqliteConnection,
        text: String,
        request: &Request<'_>,
        leash: &Leash,
    ) -> Result<Rows, UpstreamFailed> {
        let mut transaction = connection.begin().await.map_err(refused)?;
        let mut handle = transaction.lock_handle().await.map_err(refused)?;
        let felt = leash.clone();
        handle.set_progress_handler(STEPS, move || felt.holds());
        drop(handle);
        let rows = self.run_in(&mut transaction, text, request, leash).await?;
        transaction.lock_handle().await.map_err(refused)?.remove_progress_handler();
        transaction.commit().await.map_err(refused)?;
        Ok(rows)
    }

    async fn run_in(
        &self,
        connection: &mut SqliteConnection,
        text: String,
        request: &Request<'_>,
        leash: &Leash,
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
        let mut screen = Screen::new(request.detected);
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
        let named = |name: &String| Detectors::built_in().context(name);
        let contexts: Vec<Context> = rows.columns.iter().map(named).collect();
        let mut results = query.fetch(connection);
        while let Some(row) = results.next().await {
            let row = row.map_err(refused)?;
            rows.rows_affected += u64::from(!request.only_reads);
            // A writing statement runs to its end, whatever is shown of it.
            if rows.truncated {
                continue;
            }
            let row = masked_row(&row, (&mut plan, &mut screen), &contexts, &mut bytes)?;
            if rows.rows.len() >= ROWS || bytes > BYTES {
                rows.truncated = true;
                if request.only_reads {
                    leash.end(Ended::Enough);
                    break;
                }
            } else {
                rows.rows.push(row);
            }
        }
        drop(results);
        rows.masked = plan.into_masked();
        add_counts(&mut rows.masked, screen.take_masked());
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
    /// Classes that it may not see, wherever they are found.
    pub detected: &'a Hidden,
    /// Who asks for it.
    pub actor: PrincipalId,
    /// Whether it is proven to read only.
    pub only_reads: bool,
}

fn masked_row(
    row: &SqliteRow,
    (plan, screen): (&mut Plan, &mut Screen),
    contexts: &[Context],
    bytes: &mut usize,
) -> Result<Vec<Value>, UpstreamFailed> {
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
            Masked::Null => Some(Value::Null),
            Masked::Text(text) => Some(Value::from(String::from_utf8_lossy(text))),
            Masked::Keep => {
                let context = contexts.get(number).copied().unwrap_or_default();
                let room = BYTES.saturating_sub(*bytes);
                screened(cell(row, number, kind.name(), room)?, kind.name(), screen, context)
            }
        };
        *bytes += 32 + value.as_ref().map_or(BYTES, |value| value.as_str().map_or(0, str::len));
        match value {
            Some(value) if *bytes <= BYTES => values.push(value),
            _ => break,
        }
    }
    Ok(values)
}

/// A value without what is found in it. Bytes are searched as they are, and go whole or not at all.
fn screened(value: Option<Value>, kind: &str, screen: &mut Screen, context: Context) -> Option<Value> {
    let value = value?;
    if screen.is_open() {
        return Some(value);
    }
    let masked = match &value {
        Value::Number(number) => screen.mask(number.to_string().as_bytes(), context, Carries::OwnForm),
        Value::String(text) if kind == "TEXT" => screen.mask(text.as_bytes(), context, Carries::Text),
        Value::String(encoded) => match BASE64_STANDARD.decode(encoded) {
            Ok(bytes) => screen.mask(&bytes, context, Carries::OwnForm),
            Err(_) => Masked::Null,
        },
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Masked::Keep,
    };
    Some(match masked {
        Masked::Keep => value,
        Masked::Text(text) => Value::from(String::from_utf8_lossy(text)),
        Masked::Null => Value::Null,
    })
}

/// A value as it is; none if there is no room for it: what is left out of the answer is not copied.
fn cell(row: &SqliteRow, number: usize, kind: &str, room: usize) -> Result<Option<Value>, UpstreamFailed> {
    Ok(Some(match kind {
        "INTEGER" => Value::from(row.try_get_unchecked::<i64, _>(number).map_err(refused)?),
        "REAL" => Value::from(row.try_get_unchecked::<f64, _>(number).map_err(refused)?),
        "TEXT" => match row.try_get_unchecked::<&str, _>(number).map_err(refused)? {
            long if long.len() > room => return Ok(None),
            text => Value::from(text),
        },
        _ => match row.try_get_unchecked::<&[u8], _>(number).map_err(refused)? {
            long if long.len() > room => return Ok(None),
            bytes => Value::from(BASE64_STANDARD.encode(bytes)),
        },
    }))
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

/// The longest that a statement waits for its connection.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Bytes that all of SQLite may hold in this process, the store's pages among them. A statement that asks for more
/// fails; many targets together hold some 10 MiB each.
const HEAP: u64 = 256 << 20;
/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 10_000;

/// A connection that does not come free in time is a busy target.
fn not_had(error: sqlx::Error) -> UpstreamFailed {
    if matches!(error, sqlx::Error::PoolTimedOut) { UpstreamFailed::Busy } else { refused(error) }
}

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
        "out of memory",
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
