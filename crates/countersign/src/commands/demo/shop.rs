//! The demo's sample database: customers with e-mail, card and SSN-like columns, and their orders. All made up.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

/// Customers who have not ordered since 2025: what the agent deletes.
pub(super) const INACTIVE: u64 = 40;
const CUSTOMERS: u64 = 200;

/// Makes the shop.
pub(super) async fn create(path: &Path) -> anyhow::Result<()> {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    for statement in SCHEMA {
        sqlx::query(statement).execute(&pool).await?;
    }
    let mut tx = pool.begin().await?;
    for number in 1..=CUSTOMERS {
        let id = i64::try_from(number)?;
        let name = format!("Customer {number}");
        let last_order = if number > CUSTOMERS - INACTIVE { "2024-06-30" } else { "2026-10-01" };
        sqlx::query("INSERT INTO customers (id, name, email, card, ssn, last_order) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(id)
            .bind(name)
            .bind(format!("customer{number}@example.com"))
            .bind(format!("4111 1111 1111 {:04}", number))
            .bind(format!("900-{:02}-{:04}", number % 90, number))
            .bind(last_order)
            .execute(&mut *tx)
            .await?;
        sqlx::query("INSERT INTO orders (customer, total) VALUES ($1, $2)")
            .bind(id)
            .bind(f64::from(u32::try_from(number)?) * 1.5)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await?;
    pool.close().await;
    Ok(())
}

const SCHEMA: [&str; 2] = [
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, card TEXT NOT NULL,
     ssn TEXT NOT NULL, last_order TEXT NOT NULL) STRICT",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, total REAL NOT NULL) STRICT",
];
