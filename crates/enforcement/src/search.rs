//! Searching the log: the index says in which blocks to look, the log's own records say what is there.

use store::{BLOCK, RecordFilter, StoreError};

use crate::enforcement::blocking;
use crate::log::LogError;
use crate::{Enforcement, ReadRecord};

/// What a search found.
#[derive(Debug, Default)]
pub struct Found {
    /// Newest first.
    pub records: Vec<ReadRecord>,
    /// Where to go on: only what lies below was not looked at. Absent at the end.
    pub next: Option<u64>,
}

/// A search failed.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The index.
    #[error(transparent)]
    Index(#[from] StoreError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl Enforcement {
    /// Finds records that are indexed, newest first. It looks at a bounded part of the log at a time and says where it
    /// stopped, so that fewer than asked, or none, may be found before the end.
    ///
    /// # Errors
    /// If index or log cannot be read.
    pub async fn search(&self, filter: &RecordFilter) -> Result<Found, SearchError> {
        let index = &self.0.search;
        let indexed = index.cursor().await?;
        let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
        let mut below = filter.before.unwrap_or(indexed).min(indexed);
        let mut found = Found::default();
        let mut looked_at = 0;
        while below > 0 {
            let blocks = index.blocks(filter, below).await?;
            if blocks.is_empty() {
                break;
            }
            for first in blocks {
                let (files, filter) = (self.0.files.clone(), filter.clone());
                let of_block = blocking(move || {
                    let mut of_block = Vec::new();
                    files.read_each(first..below.min(first + BLOCK), |record| {
                        if filter.matches(&record.leaf) {
                            of_block.push(record);
                        }
                    })?;
                    Ok(of_block)
                });
                found.records.extend(of_block.await?.into_iter().rev());
                (below, looked_at) = (first, looked_at + 1);
                if found.records.len() >= limit {
                    found.records.truncate(limit);
                    found.next = found.records.last().map(|last| last.index);
                    return Ok(found);
                }
                if looked_at >= LOOKED_AT {
                    found.next = Some(below);
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }
}

/// Blocks looked at in one search.
const LOOKED_AT: usize = 2_000;
