//! Values of any bytes, on their way to an actor who may see no class.

use masking::{Carries, Context, Detectors, Masked, Screen};

/// What is found lies in the value, in order and without overlaps; what is masked keeps everything else; the same value is
/// masked alike whatever came before it.
pub fn detectors(value: &[u8]) {
    let all = Detectors::built_in().classes().iter().cloned().collect();
    let (mut screen, mut again) = (Screen::new(&all), Screen::new(&all));
    let context = Context::default();
    screen.finds(b"bob@example.com 4111111111111111", context);
    screen.finds(value, context);
    let mut rest = Vec::new();
    let mut end = 0;
    for (span, _, _) in screen.found() {
        assert!(span.start >= end && span.start < span.end && span.end <= value.len(), "{span:?} behind {end}");
        rest.push(value[end..span.start].to_vec());
        end = span.end;
    }
    rest.push(value[end..].to_vec());
    let masked = match screen.mask(value, context, Carries::Text) {
        Masked::Keep => value.to_vec(),
        Masked::Text(text) => text.to_vec(),
        Masked::Null => panic!("text carries text"),
    };
    let mut at = 0;
    for part in &rest {
        let found = masked[at..].windows(part.len().max(1)).position(|window| window.starts_with(part));
        at += found.unwrap_or_else(|| if part.is_empty() { 0 } else { panic!("what was clean is gone") }) + part.len();
    }
    let twice = match again.mask(value, context, Carries::Text) {
        Masked::Keep => value.to_vec(),
        Masked::Text(text) => text.to_vec(),
        Masked::Null => panic!("text carries text"),
    };
    assert_eq!(masked, twice);
}
