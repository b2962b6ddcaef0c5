//! Screens: values on their way to one actor, looked at one by one. What is found in one is replaced by the name of its
//! class; a value whose type cannot carry that becomes NULL. It keeps count, never values.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use model::DataClass;

use crate::detect::{Context, Detectors, Found, Watch};
use crate::plan::{Carries, Masked};

/// What values on their way to one actor go through.
#[derive(Debug)]
pub struct Screen {
    detectors: &'static Detectors,
    watch: Watch,
    found: Vec<Found>,
    output: Vec<u8>,
    masked: BTreeMap<DataClass, u64>,
}

impl Screen {
    /// Looks for those of `classes` that there are detectors for.
    #[must_use]
    pub fn new(classes: &BTreeSet<DataClass>) -> Self {
        let detectors = Detectors::built_in();
        let watch = detectors.watch(classes);
        Self { detectors, watch, found: Vec::new(), output: Vec::new(), masked: BTreeMap::new() }
    }

    /// Whether it looks for nothing, so that every value passes.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.watch.is_empty()
    }

    /// Whether `value`, under a name that says `context`, holds anything that is looked for.
    pub fn finds(&mut self, value: &[u8], context: Context) -> bool {
        self.found.clear();
        self.detectors.find(value, context, self.watch, &mut self.found);
        !self.found.is_empty()
    }

    /// What was found last: where, of which class, and the detector that told it.
    pub fn found(&self) -> impl Iterator<Item = (Range<usize>, &DataClass, &'static str)> {
        self.found.iter().filter_map(|found| Some((found.span.clone(), self.detectors.class(found)?, found.detector)))
    }

    /// What takes the place of `value`; what is masked is counted.
    pub fn mask(&mut self, value: &[u8], context: Context, carries: Carries) -> Masked<'_> {
        if !self.finds(value, context) {
            return Masked::Keep;
        }
        let classes: BTreeSet<&DataClass> = self.found.iter().filter_map(|found| self.detectors.class(found)).collect();
        for class in classes {
            match self.masked.get_mut(class) {
                Some(cells) => *cells += 1,
                None => drop(self.masked.insert(class.clone(), 1)),
            }
        }
        if carries == Carries::OwnForm {
            return Masked::Null;
        }
        self.output.clear();
        let (mut done, mut is_in_string) = (0, false);
        for found in &self.found {
            let before = value.get(done..found.span.start).unwrap_or_default();
            is_in_string = is_in_string_behind(before, is_in_string);
            self.output.extend_from_slice(before);
            let class = self.detectors.class(found).map_or("masked", DataClass::as_str);
            let quote = if carries == Carries::Json && !is_in_string { "\"" } else { "" };
            for part in [quote, "[", class, "]", quote] {
                self.output.extend_from_slice(part.as_bytes());
            }
            done = found.span.end;
        }
        self.output.extend_from_slice(value.get(done..).unwrap_or_default());
        Masked::Text(&self.output)
    }

    /// How many values were masked since the last time, by class.
    pub fn take_masked(&mut self) -> BTreeMap<DataClass, u64> {
        std::mem::take(&mut self.masked)
    }
}

/// Whether a JSON text goes on within a string behind `part`, if it did or did not before it.
fn is_in_string_behind(part: &[u8], mut is_in_string: bool) -> bool {
    let mut bytes = part.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => is_in_string = !is_in_string,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
    is_in_string
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen() -> Screen {
        Screen::new(&Detectors::built_in().classes().iter().cloned().collect())
    }

    fn masked(value: &str, carries: Carries) -> Option<String> {
        match screen().mask(value.as_bytes(), Context::default(), carries) {
            Masked::Keep => Some(value.to_owned()),
            Masked::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
            Masked::Null => None,
        }
    }

    #[test]
    fn what_is_found_is_replaced_by_its_class_and_the_rest_stays() {
        let value = "bob@example.com paid with 4111 1111 1111 1111.";
        assert_eq!(masked(value, Carries::Text).unwrap(), "[email] paid with [card].");
        assert_eq!(masked("nothing of interest", Carries::Text).unwrap(), "nothing of interest");
    }

    #[test]
    fn what_cannot_carry_text_becomes_null() {
        assert_eq!(masked("4111111111111111", Carries::OwnForm), None);
        assert_eq!(masked("42", Carries::OwnForm).unwrap(), "42");
    }

    #[test]
    fn json_stays_json() {
        let value = r#"{"to":"bob@example.com \" ","card":4111111111111111}"#;
        let masked = masked(value, Carries::Json).unwrap();
        assert_eq!(masked, r#"{"to":"[email] \" ","card":"[card]"}"#);
    }

    #[test]
    fn values_are_counted_by_class_once_each() {
        let mut screen = screen();
        for value in ["a@example.com b@example.com", "c@example.com", "4111111111111111"] {
            let _seen = screen.mask(value.as_bytes(), Context::default(), Carries::Text);
        }
        let counted = screen.take_masked();
        assert_eq!(counted, [("card".parse().unwrap(), 1), ("email".parse().unwrap(), 2)].into());
        assert!(screen.take_masked().is_empty());
    }

    #[test]
    fn a_class_that_is_not_looked_for_passes() {
        let mut screen = Screen::new(&["card".parse().unwrap()].into());
        assert_eq!(screen.mask(b"bob@example.com", Context::default(), Carries::Text), Masked::Keep);
        assert!(Screen::new(&["name".parse().unwrap()].into()).is_open());
    }
}
