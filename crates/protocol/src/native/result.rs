//! A result as JSON: columns, rows, how many cells were masked, whether rows were left out.

use std::collections::BTreeMap;

use model::DataClass;
use serde::Serialize;
use serde_json::Value;

/// What a run gave.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Rows {
    /// Column labels, in order.
    pub columns: Vec<String>,
    /// Rows of values; bytes are base64.
    pub rows: Vec<Vec<Value>>,
    /// Rows inserted, changed or removed.
    pub rows_affected: u64,
    /// Cells masked, by class.
    pub masked: BTreeMap<DataClass, u64>,
    /// Whether rows beyond the limit were left out.
    pub truncated: bool,
}

impl Rows {
    /// About how many bytes it takes in memory.
    #[must_use]
    pub fn size(&self) -> usize {
        let cell = |value: &Value| size_of::<Value>() + value.as_str().map_or(0, str::len);
        let row = |row: &Vec<Value>| size_of::<Vec<Value>>() + row.iter().map(cell).sum::<usize>();
        self.columns.iter().map(String::len).sum::<usize>() + self.rows.iter().map(row).sum::<usize>()
    }
}

/// Rows that one answer holds at most.
pub const ROWS: usize = 10_000;
/// Bytes of values that one answer holds at most.
pub const BYTES: usize = 16 << 20;
