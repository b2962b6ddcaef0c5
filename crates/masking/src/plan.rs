//! Plans: which columns of a result an actor may not see, and what stands there instead. It sees where a cell comes
//! from, never messages. Cells of declared columns are redacted; what is not proven clean is refused.

use std::collections::{BTreeMap, BTreeSet};

use model::{DataClass, Provenance};

/// What happens to each column of one result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    columns: Vec<Column>,
    masked: BTreeMap<DataClass, u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Column {
    Keep,
    Redact { class: DataClass, text: Box<str> },
}

/// What takes the place of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Masked<'a> {
    /// The cell itself.
    Keep,
    /// These bytes of text.
    Text(&'a [u8]),
    /// NULL: the column's type cannot carry the text.
    Null,
}

/// Adds counts by class to others.
pub fn add_counts(counts: &mut BTreeMap<DataClass, u64>, more: BTreeMap<DataClass, u64>) {
    for (class, count) in more {
        *counts.entry(class).or_default() += count;
    }
}

/// Whether a column's type can carry any text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carries {
    /// Any text of the redaction's length.
    Text,
    /// Any JSON.
    Json,
    /// Only values of its own form: a number, a date, bytes.
    OwnForm,
}

/// The result cannot be masked, so it is not shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmaskable {
    /// A column is not a plain one, and the statement reads a table with classes that the actor may not see.
    #[error(
        "column {0} is computed, and the statement reads a table with classified columns: select plain columns, \
         or leave that table out"
    )]
    Unproven(usize),
    /// The result has a column that was not announced.
    #[error("the result has more columns than were announced")]
    Ragged,
}

impl Plan {
    /// Plans a result of `columns`. `hidden` are the classes that the actor may not see, among those of the target;
    /// `touched` tells whether the statement touches a table that has any of them.
    ///
    /// # Errors
    /// If a column may hold a hidden class and nothing proves which.
    pub fn new(columns: &[Provenance], hidden: &BTreeSet<DataClass>, touched: bool) -> Result<Self, Unmaskable> {
        let column = |(number, provenance): (usize, &Provenance)| match provenance {
            Provenance::Clean => Ok(Column::Keep),
            Provenance::Classified(class) if !hidden.contains(class) => Ok(Column::Keep),
            Provenance::Classified(class) => {
                Ok(Column::Redact { class: class.clone(), text: format!("[{class}]").into() })
            }
            Provenance::Unproven if touched && !hidden.is_empty() => Err(Unmaskable::Unproven(number + 1)),
            Provenance::Unproven => Ok(Column::Keep),
        };
        let columns = columns.iter().enumerate().map(column).collect::<Result<_, _>>()?;
        Ok(Self { columns, masked: BTreeMap::new() })
    }

    /// What takes the place of the cell in column `number`, from 0. NULL stays NULL: its absence is not a value.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn mask(&mut self, number: usize, carries: Carries) -> Result<Masked<'_>, Unmaskable> {
        match self.columns.get(number) {
            None => Err(Unmaskable::Ragged),
            Some(Column::Keep) => Ok(Masked::Keep),
            Some(Column::Redact { class, text }) => {
                match self.masked.get_mut(class) {
                    Some(cells) => *cells += 1,
                    None => drop(self.masked.insert(class.clone(), 1)),
                }
                Ok(match carries {
                    Carries::Text => Masked::Text(text.as_bytes()),
                    Carries::Json | Carries::OwnForm => Masked::Null,
                })
            }
        }
    }

    /// Whether every cell is shown.
    #[must_use]
    pub fn keeps_all(&self) -> bool {
        self.columns.iter().all(|column| *column == Column::Keep)
    }

    /// How many cells were masked, by class.
    #[must_use]
    pub fn into_masked(self) -> BTreeMap<DataClass, u64> {
        self.masked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(name: &str) -> DataClass {
        name.parse().unwrap()
    }

    #[test]
    fn a_classified_column_is_redacted_and_counted_and_others_stay() {
        let columns =
            [Provenance::Clean, Provenance::Classified(class("email")), Provenance::Classified(class("name"))];
        let mut plan = Plan::new(&columns, &[class("email")].into(), true).unwrap();
        assert!(!plan.keeps_all());
        assert_eq!(plan.mask(0, Carries::Text), Ok(Masked::Keep));
        assert_eq!(plan.mask(1, Carries::Text), Ok(Masked::Text(b"[email]")));
        assert_eq!(plan.mask(1, Carries::OwnForm), Ok(Masked::Null));
        assert_eq!(plan.mask(2, Carries::Text), Ok(Masked::Keep));
        assert_eq!(plan.mask(3, Carries::Text), Err(Unmaskable::Ragged));
        assert_eq!(plan.into_masked(), [(class("email"), 2)].into());
    }

    #[test]
    fn an_unproven_column_beside_classified_ones_is_refused() {
        let hidden = BTreeSet::from([class("email")]);
        let columns = [Provenance::Clean, Provenance::Unproven];
        assert_eq!(Plan::new(&columns, &hidden, true), Err(Unmaskable::Unproven(2)));
        for (hidden, touched) in [(&hidden, false), (&BTreeSet::new(), true)] {
            let mut plan = Plan::new(&columns, hidden, touched).unwrap();
            assert_eq!(plan.mask(0, Carries::Text), Ok(Masked::Keep));
            assert_eq!(plan.mask(1, Carries::Text), Ok(Masked::Keep));
        }
    }
}
