//! Text as a reviewer must see it: whole and unambiguous (invariant 6).
//! Controls, bidirectional marks, zero-width and other invisible characters appear as `\u{…}`; look-alike letters are named.

use std::fmt::{self, Write as _};

/// Displays actor's text with nothing hidden. Line feeds and tabs stay; everything else invisible is escaped.
#[derive(Clone, Copy, Debug)]
pub struct Visible<'a>(pub &'a str);

impl fmt::Display for Visible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '\n' | '\t' => f.write_char(letter)?,
                // A backslash that could pass for one of our escapes is escaped itself.
                '\\' => f.write_str("\\\\")?,
                hidden if is_hidden(hidden) || looks_like_ascii(hidden) => write!(f, "\\u{{{:x}}}", u32::from(hidden))?,
                plain => f.write_char(plain)?,
            }
        }
        Ok(())
    }
}

/// Displays text on one line with nothing hidden, line feeds and tabs neither: it cannot pass for lines of ours, nor reach
/// a terminal as commands. Backslashes and letters stay as they are, so text that was made [`Visible`] before stays that.
#[derive(Clone, Copy, Debug)]
pub struct OneLine<'a>(pub &'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                hidden if is_hidden(hidden) => write!(f, "\\u{{{:x}}}", u32::from(hidden))?,
                plain => f.write_char(plain)?,
            }
        }
        Ok(())
    }
}

/// Whether `text` holds a character that a screen would hide, reorder or show as another letter.
#[must_use]
pub fn contains_hidden(text: &str) -> bool {
    text.chars().any(|letter| !matches!(letter, '\n' | '\t') && (is_hidden(letter) || looks_like_ascii(letter)))
}

/// Controls, format characters, separators other than the space, variation selectors, tags, private use.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{a0}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{1680}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}'
            | '\u{2800}' | '\u{3000}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{10ffff}')
}

/// Letters and signs of other scripts that common fonts draw like ASCII: Cyrillic, Greek, full-width, mathematical.
const fn looks_like_ascii(letter: char) -> bool {
    matches!(letter,
        'а' | 'е' | 'о' | 'р' | 'с' | 'у' | 'х' | 'і' | 'ј' | 'ѕ' | 'һ' | 'ԁ' | 'ԛ' | 'ԝ' | 'ɡ' | 'ı'
        | 'А' | 'В' | 'Е' | 'К' | 'М' | 'Н' | 'О' | 'Р' | 'С' | 'Т' | 'У' | 'Х' | 'І' | 'Ј' | 'Ѕ'
        | 'Α' | 'Β' | 'Ε' | 'Ζ' | 'Η' | 'Ι' | 'Κ' | 'Μ' | 'Ν' | 'Ο' | 'Ρ' | 'Τ' | 'Υ' | 'Χ' | 'ο' | 'ν' | 'α' | 'ι'
        | '\u{37e}' | '\u{2010}'..='\u{2015}' | '\u{2018}'..='\u{201f}' | '\u{2024}' | '\u{2032}' | '\u{2044}' | '\u{2212}'
        | '\u{2215}' | '\u{2217}' | '\u{2236}' | '\u{ff01}'..='\u{ff5e}' | '\u{1d400}'..='\u{1d7ff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_stays_hidden() {
        let shown = Visible("DROP\u{202e} TABLE\u{200b} \u{1b}[2Ka\rb").to_string();
        assert_eq!(shown, "DROP\\u{202e} TABLE\\u{200b} \\u{1b}[2Ka\\u{d}b");
    }

    #[test]
    fn a_look_alike_letter_is_told_apart() {
        assert_eq!(Visible("p\u{430}y").to_string(), "p\\u{430}y");
        assert!(contains_hidden("p\u{430}y") && !contains_hidden("pay\n\tnow"));
    }

    #[test]
    fn one_line_is_one_line_whatever_it_holds() {
        let shown = OneLine("fine\n  verdict\tapprove\r\u{1b}[2J\u{9b}2J\u{2028}\u{85}").to_string();
        assert_eq!(shown, "fine\\u{a}  verdict\\u{9}approve\\u{d}\\u{1b}[2J\\u{9b}2J\\u{2028}\\u{85}");
        let visible = Visible("p\u{430}y \\").to_string();
        assert_eq!(OneLine(&visible).to_string(), visible);
    }

    #[test]
    fn actor_text_cannot_imitate_an_escape() {
        assert_ne!(Visible("\\u{202e}").to_string(), Visible("\u{202e}").to_string());
    }

    #[test]
    fn ordinary_text_of_any_language_stays_readable() {
        assert_eq!(Visible("select 'Zoë 東京'").to_string(), "select 'Zoë 東京'");
    }
}
