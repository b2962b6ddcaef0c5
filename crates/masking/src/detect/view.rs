//! Views: what a value says once its disguise is taken off. Signs of other widths and scripts become ASCII, what cannot be
//! seen is dropped, escapes are undone, and long encoded runs are decoded, in at most two layers. What is found in a view
//! is told where it stands in the value.

mod fold;
pub(super) mod runs;

use std::ops::Range;

use super::scan::Scan;
use super::{Context, Detectors, Found, Watch};

use fold::fold;

/// Finds what `value` shows, and what it shows in a view.
pub(super) fn find(
    detectors: &Detectors,
    value: &[u8],
    context: Context,
    (watch, layers): (Watch, usize),
    found: &mut Vec<Found>,
) {
    let mut scan = Scan::new(detectors, value, context, (watch, layers), found);
    scan.run();
    if scan.is_odd()
        && let Some(below) = layers.checked_sub(1)
        && let Some(view) = fold(value)
    {
        let mut shown = Vec::new();
        find(detectors, &view.bytes, context, (watch, below), &mut shown);
        found.extend(shown.into_iter().map(|one| Found { span: view.raw(one.span), ..one }));
    }
}

impl Scan<'_> {
    /// The run of an encoding that a token stands in. Returns where it ends, if it hides something.
    pub(super) fn encoded(&mut self, start: usize, end: usize) -> Option<usize> {
        let below = self.layers.checked_sub(1).filter(|_| end > self.no_run_before)?;
        let run = runs::around(self.value, start, end, self.no_run_before);
        self.no_run_before = run.end;
        let text = runs::decode(self.slice(run.start, run.end))?;
        let mut shown = Vec::new();
        find(self.detectors, &text, Context::default(), (self.watch, below), &mut shown);
        // Of a run nothing stays: what is left of it could not be read.
        let first = shown.into_iter().next()?;
        self.push(run.clone(), first.class, first.detector);
        Some(run.end)
    }
}

/// A value without its disguise, and where its parts come from.
#[derive(Debug, Default)]
struct View {
    bytes: Vec<u8>,
    /// In order of where they stand in `bytes`; each goes on to the next.
    parts: Vec<Part>,
}

/// A part of a view.
#[derive(Debug, Clone, Copy)]
struct Part {
    /// Where it starts in the view.
    start: usize,
    /// Where it comes from.
    raw: usize,
    /// How many bytes it stands for, if they are others than its own.
    replaces: Option<usize>,
}

impl View {
    /// Bytes that stay as they are.
    fn keep(&mut self, raw: usize, bytes: &[u8]) {
        let goes_on = self
            .parts
            .last()
            .is_some_and(|part| part.replaces.is_none() && part.raw + (self.bytes.len() - part.start) == raw);
        if !goes_on {
            self.parts.push(Part { start: self.bytes.len(), raw, replaces: None });
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Bytes that stand for `count` others.
    fn replace(&mut self, raw: usize, count: usize, bytes: &[u8]) {
        self.parts.push(Part { start: self.bytes.len(), raw, replaces: Some(count) });
        self.bytes.extend_from_slice(bytes);
    }

    fn part_at(&self, at: usize) -> Option<Part> {
        let behind = self.parts.partition_point(|part| part.start <= at);
        self.parts.get(behind.checked_sub(1)?).copied()
    }

    /// Where bytes of the view stand in the value.
    fn raw(&self, span: Range<usize>) -> Range<usize> {
        let start = self.part_at(span.start).map_or(0, |part| match part.replaces {
            None => part.raw + (span.start - part.start),
            Some(_) => part.raw,
        });
        let last = span.end.saturating_sub(1);
        let end = self.part_at(last).map_or(start, |part| match part.replaces {
            None => part.raw + (last - part.start) + 1,
            Some(count) => part.raw + count,
        });
        start..end.max(start)
    }
}

/// Disguises under one another.
pub(super) const LAYERS: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let detectors = Detectors::built_in();
        let mut found = Vec::new();
        detectors.find(text.as_bytes(), Context::default(), detectors.watch_all(), &mut found);
        found.iter().map(|one| text.get(one.span.clone()).unwrap().to_owned()).collect()
    }

    #[test]
    fn what_is_disguised_is_found_where_it_stands() {
        for (text, told) in [
            ("a 4111\u{200b}1111\u{200b}1111\u{200b}1111 b", "4111\u{200b}1111\u{200b}1111\u{200b}1111"),
            ("a ４１１１１１１１１１１１１１１１ b", "４１１１１１１１１１１１１１１１"),
            ("٤١١١١١١١١١١١١١١١", "٤١١١١١١١١١١١١١١١"),
            ("𝟒𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏", "𝟒𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏"),
            ("4111\u{2011}1111\u{2011}1111\u{2011}1111", "4111\u{2011}1111\u{2011}1111\u{2011}1111"),
            ("4111\u{a0}1111\u{a0}1111\u{a0}1111", "4111\u{a0}1111\u{a0}1111\u{a0}1111"),
            ("bob\u{ad}@example\u{200d}.com", "bob\u{ad}@example\u{200d}.com"),
            ("bob＠example．com", "bob＠example．com"),
            (r"to bob\u0040example.com now", r"bob\u0040example.com"),
            ("q=bob%40example.com&x", "bob%40example.com"),
            ("<bob&#64;example.com>", "bob&#64;example.com"),
            ("<bob&#x40;example&period;com>", "bob&#x40;example&period;com"),
            ("41\u{1b}[31m11111111111111\u{1b}[0m x", "41\u{1b}[31m11111111111111"),
            ("x Ym9iQGV4YW1wbGUuY29t y", "Ym9iQGV4YW1wbGUuY29t"),
            ("x 626f62406578616d706c652e636f6d y", "626f62406578616d706c652e636f6d"),
            (r"\x626f62406578616d706c652e636f6d", r"x626f62406578616d706c652e636f6d"),
            // Twice.
            ("WW05aVFHVjRZVzF3YkdVdVkyOXQ=", "WW05aVFHVjRZVzF3YkdVdVkyOXQ="),
            (r"bob%5cu0040example.com", r"bob%5cu0040example.com"),
        ] {
            assert_eq!(found(text), [told], "{text}");
        }
    }

    #[test]
    fn clean_text_with_such_signs_stays_clean() {
        for text in [
            "Grüße aus Köln, naïve café – “quoted” … 100 %",
            "Съешь же ещё этих мягких французских булок",
            "C:\\Users\\new\\table 100%25 &amp; more &lt;b&gt;",
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
            "d41d8cd98f00b204e9800998ecf8427e",
            "550e8400-e29b-41d4-a716-446655440000",
            "customer_account_identifier_of_the_year",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }
}
