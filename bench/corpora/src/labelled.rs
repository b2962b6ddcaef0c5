//! Labelled text: values in cells, in JSON rows and in sentences, with the bytes that are sensitive. An item holds no
//! other sensitive thing, so that what is found beside its spans is a false alarm.

use std::ops::Range;

use crate::encode::hex;
use crate::random::Random;
use crate::template::{Quoting, TEMPLATES};
use crate::value::{Kind, Need, Value, kinds};

/// A text with what is sensitive in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// What is scanned.
    pub text: String,
    /// The name of the column or key that it stands under.
    pub context: Option<String>,
    /// How it was made: `cell`, `json`, or a kind of sentence.
    pub form: &'static str,
    /// What is sensitive, in order.
    pub spans: Vec<Label>,
}

/// A sensitive stretch of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The bytes of the text.
    pub span: Range<usize>,
    /// The class as the gateway names it.
    pub class: &'static str,
    /// The shape within the class.
    pub shape: &'static str,
}

/// Items of every shape: so many cells, as many JSON rows and as many sentences of each kind of text.
pub fn labelled(seed: u64, each: usize) -> Vec<Labelled> {
    let mut random = Random::new(seed);
    let mut items = Vec::new();
    for kind in kinds() {
        for _ in 0..each {
            items.push(cell(kind, &mut random));
            items.push(json_row(kind, &mut random));
            for at in 0..TEMPLATES.len() {
                items.push(sentence(kind, at, &mut random));
            }
        }
    }
    items
}

/// A value as a cell; one whose form tells it stands under a name that says nothing now and then.
fn cell(kind: &'static Kind, random: &mut Random) -> Labelled {
    let value = kind.value(random);
    let mute = kind.need == Need::Nothing && random.chance(30);
    let name = if mute { random.pick(&["value", "c1", "note", "field_3", "text"]) } else { random.pick(kind.columns) };
    let mut writer = Writer::new(Quoting::None);
    writer.value(kind, &value);
    writer.finish("cell", Some(name.to_owned()))
}

/// A value under a key among clean ones.
fn json_row(kind: &'static Kind, random: &mut Random) -> Labelled {
    let value = kind.value(random);
    let (before, after) = (random.below(3), random.below(3));
    let mut writer = Writer::new(Quoting::Json);
    writer.plain("{");
    for _ in 0..before {
        writer.plain(&format!("{}, ", clean_pair(random)));
    }
    writer.plain(&format!("\"{}\":{}\"", random.pick(kind.columns), random.pick(&["", " "])));
    writer.value(kind, &value);
    writer.plain("\"");
    for _ in 0..after {
        writer.plain(&format!(", {}", clean_pair(random)));
    }
    writer.plain("}");
    writer.finish("json", None)
}

/// A key and a clean value, as JSON.
fn clean_pair(random: &mut Random) -> String {
    match random.below(6) {
        0 => format!("\"id\":{}", random.within(1..=99_999)),
        1 => format!("\"status\":\"{}\"", random.pick(&["open", "paid", "shipped", "closed"])),
        2 => format!("\"amount\":{}.{:02}", random.below(500), random.below(100)),
        3 => format!("\"updated_at\":\"2026-0{}-1{}T09:26:53Z\"", random.within(1..=9), random.below(10)),
        4 => format!("\"etag\":\"{}\"", hex(&random.bytes(4))),
        _ => format!("\"active\":{}", random.pick(&["true", "false", "null"])),
    }
}

/// A value in a template; one that needs it comes with what announces it before it.
fn sentence(kind: &'static Kind, at: usize, random: &mut Random) -> Labelled {
    let Some(templates) = TEMPLATES.get(at) else {
        return cell(kind, random);
    };
    let mut template = random.pick(templates.all);
    while kind.need == Need::Context && !announces(template) {
        template = random.pick(templates.all);
    }
    let (word, name, value) = (random.pick(kind.says), random.pick(kind.columns), kind.value(random));
    let mut writer = Writer::new(templates.quoting);
    for (at, piece) in template.split("{v}").enumerate() {
        if at > 0 {
            writer.value(kind, &value);
        }
        writer.plain(&piece.replace("{w}", word).replace("{k}", name));
    }
    writer.finish(templates.name, None)
}

/// Does a word or name stand before the value?
fn announces(template: &str) -> bool {
    let before = template.split("{v}").next().unwrap_or_default();
    before.contains("{w}") || before.contains("{k}")
}

/// Puts a text together and keeps where the values came to stand.
pub(crate) struct Writer {
    quoting: Quoting,
    text: String,
    spans: Vec<Label>,
}

impl Writer {
    pub(crate) fn new(quoting: Quoting) -> Self {
        Self { quoting, text: String::new(), spans: Vec::new() }
    }

    pub(crate) fn plain(&mut self, text: &str) {
        self.text += text;
    }

    pub(crate) fn value(&mut self, kind: &Kind, value: &Value) {
        let field = self.quoting == Quoting::Csv && value.text.contains([',', '"', '\n', ';', '\t', '|']);
        if field {
            self.text.push('"');
        }
        let piece = |range: Range<usize>| quoted(self.quoting, value.text.get(range).unwrap_or_default());
        let (before, part) = (piece(0..value.part.start), piece(value.part.clone()));
        let after = piece(value.part.end..value.text.len());
        self.text += &before;
        let start = self.text.len();
        self.text += &part;
        self.spans.push(Label { span: start..self.text.len(), class: kind.class, shape: kind.shape });
        self.text += &after;
        if field {
            self.text.push('"');
        }
    }

    pub(crate) fn finish(self, form: &'static str, context: Option<String>) -> Labelled {
        Labelled { text: self.text, context, form, spans: self.spans }
    }
}

fn quoted(quoting: Quoting, text: &str) -> String {
    match quoting {
        Quoting::None => text.to_owned(),
        Quoting::Csv => text.replace('"', "\"\""),
        Quoting::Json => text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_items_and_another_gives_others() {
        assert_eq!(labelled(1, 2), labelled(1, 2));
        assert_ne!(labelled(1, 2), labelled(2, 2));
    }

    #[test]
    fn a_span_cuts_a_value_of_its_kind() {
        for item in labelled(3, 3) {
            assert!(!item.spans.is_empty());
            for label in &item.spans {
                let cut = item.text.get(label.span.clone()).unwrap_or_default();
                assert!(!cut.is_empty() && cut.trim() == cut, "{} {cut:?}", label.shape);
                let digits = cut.chars().filter(char::is_ascii_digit).count();
                match (label.class, label.shape) {
                    ("ssn", _) => assert_eq!(digits, 9, "{cut}"),
                    ("card", "visa-16") => assert_eq!(digits, 16, "{cut}"),
                    ("email", _) => assert!(cut.contains('@'), "{cut}"),
                    ("secret", "pem" | "openssh") => assert!(cut.starts_with("-----") && cut.ends_with("-----")),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn what_needs_to_be_announced_is() {
        for item in labelled(4, 3).iter().filter(|item| !["cell", "json"].contains(&item.form)) {
            for label in &item.spans {
                let kind = kinds().find(|kind| (kind.class, kind.shape) == (label.class, label.shape)).unwrap();
                let before = &item.text[..label.span.start];
                let said = kind.says.iter().chain(kind.columns).any(|word| before.contains(word));
                assert!(said || kind.need == Need::Nothing, "{}", item.text);
            }
        }
    }
}
