//! What a detector finds, held against what is there: recall by shape, precision, false alarms by family, and disguises
//! seen through. The detector is a closure from a value and its column's name to spans and classes.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::evasion::Evasion;
use crate::labelled::{Label, Labelled};
use crate::negative::Negative;

/// What a detector finds in a value that stands under a name: spans of bytes and their classes.
pub type Finds<'a> = &'a mut dyn FnMut(&[u8], Option<&str>) -> Vec<(Range<usize>, String)>;

/// What was found of some things.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many there are.
    pub all: usize,
    /// How many were found whole, under their class.
    pub found: usize,
    /// How many were found whole under another class only.
    pub confused: usize,
    /// Some that were not found, or that were and should not have been.
    pub examples: Vec<String>,
}

/// A detector's marks on labelled items.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Score {
    /// By class and shape.
    pub shapes: BTreeMap<(&'static str, &'static str), Tally>,
    /// By the class that was found: `all` found, of which `found` touch a label of their class and `confused` one of
    /// another; the rest is where nothing is.
    pub classes: BTreeMap<String, Tally>,
}

/// Marks on labelled items. A label counts as found if one span of its class covers all its letters and digits.
pub fn score(items: &[Labelled], finds: Finds<'_>) -> Score {
    let mut score = Score::default();
    for item in items {
        let found = finds(item.text.as_bytes(), item.context.as_deref());
        for label in &item.spans {
            score.shapes.entry((label.class, label.shape)).or_default().label(item, label, &found);
        }
        for (span, class) in &found {
            let touched = item.spans.iter().filter(|label| touch(&label.span, span));
            let same: Vec<bool> = touched.map(|label| label.class == class.as_str()).collect();
            let tally = score.classes.entry(class.clone()).or_default();
            tally.all += 1;
            match same.iter().any(|same| *same) {
                true => tally.found += 1,
                false if !same.is_empty() => tally.confused += 1,
                false => tally.example(format!("{} in {}", cut(&item.text, span), item.text)),
            }
        }
    }
    score
}

/// False alarms on clean cells by family: `all` cells, of which `found` held something.
pub fn false_alarms(cells: &[Negative], finds: Finds<'_>) -> BTreeMap<&'static str, Tally> {
    let mut families: BTreeMap<&'static str, Tally> = BTreeMap::new();
    for cell in cells {
        let tally = families.entry(cell.family).or_default();
        tally.all += 1;
        let found = finds(cell.text.as_bytes(), Some(cell.column));
        if let Some((span, class)) = found.first() {
            tally.found += 1;
            tally.example(format!("{class} {} in {}={}", cut(&cell.text, span), cell.column, cell.text));
        }
    }
    families
}

/// Disguises seen through, by family and class.
pub fn seen_through(evasions: &[Evasion], finds: Finds<'_>) -> BTreeMap<(&'static str, &'static str), Tally> {
    let mut families: BTreeMap<_, Tally> = BTreeMap::new();
    for evasion in evasions {
        let found = finds(evasion.text.as_bytes(), None);
        let label = Label { span: evasion.span.clone(), class: evasion.class, shape: evasion.family };
        let item = Labelled { text: evasion.text.clone(), context: None, form: "evasion", spans: Vec::new() };
        families.entry((evasion.family, evasion.class)).or_default().label(&item, &label, &found);
    }
    families
}

impl Score {
    /// What was found of all labels, or of those of one class.
    pub fn recall(&self, class: Option<&str>) -> Tally {
        let mut sum = Tally::default();
        for ((_, _), tally) in self.shapes.iter().filter(|((of, _), _)| class.is_none_or(|class| class == *of)) {
            sum.all += tally.all;
            sum.found += tally.found;
            sum.confused += tally.confused;
        }
        sum
    }

    /// What of all that was found, or of what was found as one class, touches a label (of any class).
    pub fn precision(&self, class: Option<&str>) -> Tally {
        let mut sum = Tally::default();
        for (_, tally) in self.classes.iter().filter(|(of, _)| class.is_none_or(|class| class == of.as_str())) {
            sum.all += tally.all;
            sum.found += tally.found + tally.confused;
            sum.confused += tally.confused;
        }
        sum
    }
}

impl Tally {
    /// Found of all; 1 of nothing.
    pub fn share(&self) -> f64 {
        if self.all == 0 { 1.0 } else { self.found as f64 / self.all as f64 }
    }

    fn label(&mut self, item: &Labelled, label: &Label, found: &[(Range<usize>, String)]) {
        self.all += 1;
        let signs = letters(&item.text, &label.span);
        let whole = |span: &Range<usize>| span.start <= signs.start && signs.end <= span.end;
        if found.iter().any(|(span, class)| class == label.class && whole(span)) {
            self.found += 1;
            return;
        }
        self.confused += usize::from(found.iter().any(|(span, _)| whole(span)));
        let seen: Vec<String> =
            found.iter().map(|(span, class)| format!("{class} {}", cut(&item.text, span))).collect();
        let column = item.context.as_deref().map(|name| format!("{name}=")).unwrap_or_default();
        self.example(format!("{} in {column}{} (found: {})", cut(&item.text, &label.span), item.text, seen.join(", ")));
    }

    fn example(&mut self, text: String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(text.chars().take(EXAMPLE_SIGNS).collect::<String>().replace('\n', "\\n"));
        }
    }
}

/// From the first letter or digit of a stretch to the last.
fn letters(text: &str, span: &Range<usize>) -> Range<usize> {
    let inside = text.get(span.clone()).unwrap_or_default();
    let mut signs = inside.char_indices().filter(|(_, sign)| sign.is_alphanumeric());
    let Some((first, sign)) = signs.next() else {
        return span.clone();
    };
    let (last, sign) = signs.next_back().unwrap_or((first, sign));
    span.start + first..span.start + last + sign.len_utf8()
}

fn touch(left: &Range<usize>, right: &Range<usize>) -> bool {
    left.start < right.end && right.start < left.end
}

fn cut(text: &str, span: &Range<usize>) -> String {
    String::from_utf8_lossy(text.as_bytes().get(span.clone()).unwrap_or_default()).into_owned()
}

/// How many examples a tally keeps, and how much of each.
const EXAMPLES: usize = 5;
const EXAMPLE_SIGNS: usize = 240;

#[cfg(test)]
mod tests {
    use super::*;

    fn item() -> Labelled {
        let label = Label { span: 4..13, class: "ssn", shape: "dashes" };
        Labelled { text: "is (12-34-5)?".to_owned(), context: None, form: "cell", spans: vec![label] }
    }

    fn marks(answer: &[(Range<usize>, &str)]) -> (Tally, Tally) {
        let answer: Vec<_> = answer.iter().map(|(span, class)| (span.clone(), (*class).to_owned())).collect();
        let score = score(&[item()], &mut |_, _| answer.clone());
        (score.recall(None), score.precision(None))
    }

    #[test]
    fn a_label_is_found_when_its_letters_and_digits_are_covered() {
        let (recall, precision) = marks(&[(4..11, "ssn")]);
        assert_eq!((recall.found, precision.found, precision.all), (1, 1, 1));
        assert_eq!(marks(&[(4..10, "ssn")]).0.found, 0, "half of it is not enough");
    }

    #[test]
    fn another_class_is_a_confusion_and_elsewhere_is_a_false_alarm() {
        let (recall, precision) = marks(&[(0..13, "card")]);
        assert_eq!((recall.found, recall.confused, precision.confused), (0, 1, 1));
        let (recall, precision) = marks(&[(0..2, "ssn")]);
        assert_eq!((recall.found, precision.found, precision.all), (0, 0, 1));
    }

    #[test]
    fn who_finds_exactly_what_is_labelled_has_full_marks() {
        let items = crate::labelled(11, 1);
        let mut next = items.iter();
        let score = score(&items, &mut |_, _| {
            let labels = next.next().map(|item| item.spans.clone()).unwrap_or_default();
            labels.into_iter().map(|label| (label.span, label.class.to_owned())).collect()
        });
        assert_eq!((score.recall(None).share(), score.precision(None).share()), (1.0, 1.0));
        assert!(score.shapes.values().all(|tally| tally.all >= 7 && tally.examples.is_empty()));
    }

    #[test]
    fn alarms_and_disguises_are_counted_by_family() {
        let cells = crate::negatives(1, 2);
        let alarms = false_alarms(&cells, &mut |value, _| vec![(0..value.len(), "card".to_owned())]);
        assert!(alarms.values().all(|tally| (tally.all, tally.found) == (2, 2)));
        let evasions = crate::evasions(1, 2);
        let seen = seen_through(&evasions, &mut |value, _| vec![(0..value.len(), "card".to_owned())]);
        assert!(seen.iter().all(|((_, class), tally)| (tally.found == 2) == (*class == "card") && tally.all == 2));
    }
}
