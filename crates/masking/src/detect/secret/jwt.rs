//! JSON web tokens, signed or encrypted: parts in base64url with full stops between them, the first of which is a JSON
//! object that names an algorithm. The object is read as it is decoded, so a run that is none costs only the bytes up
//! to where it stops being JSON.

use super::family::Alphabet;
use crate::detect::view::runs::sextet;

/// How many bytes a token takes at the start of `rest`.
pub(super) fn length(rest: &[u8]) -> Option<usize> {
    let header = Alphabet::Base64Url.run_of_object(rest)?;
    let mut length = header;
    let mut parts = 1;
    // A signed token has three parts, an encrypted one five, and the second and third may be empty.
    while parts < 5 {
        let Some((b'.', part)) = rest.get(length..).and_then(<[u8]>::split_first) else { break };
        let run = Alphabet::Base64Url.run(part, LONGEST);
        if run == 0 && parts > 2 {
            break;
        }
        length += 1 + run;
        parts += 1;
    }
    let payload = length.saturating_sub(header);
    (parts >= 2 && payload > SHORTEST).then_some(length)
}

impl Alphabet {
    /// How long the run is, up to a full stop, if it decodes to a JSON object with the key `alg`.
    fn run_of_object(self, rest: &[u8]) -> Option<usize> {
        let mut object = Object::default();
        let mut bits = 0_u32;
        let mut held = 0_u32;
        for (place, byte) in rest.iter().take(LONGEST).enumerate() {
            let Some(value) = sextet(*byte) else {
                return (*byte == b'.' && object.is_signed()).then_some(place);
            };
            bits = (bits << 6 | u32::from(value)) & 0xffff;
            held += 6;
            if held >= 8 {
                held -= 8;
                let [.., decoded] = (bits >> held).to_be_bytes();
                object.read(decoded)?;
            }
        }
        None
    }
}

/// As much of JSON as tells an object from anything else.
#[derive(Debug, Default)]
struct Object {
    depth: usize,
    within: Within,
    /// The characters of the string that is being read, up to four.
    string: [u8; 4],
    length: usize,
    algorithm: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Within {
    /// Before a value, or before what closes an array.
    #[default]
    Start,
    /// Before a key, or before what closes an object.
    Key,
    /// In a string.
    String,
    /// Behind a backslash in a string.
    Escape,
    /// Behind a string: `:`, `,` or what closes.
    Behind,
    /// Behind the object.
    Over,
}

impl Object {
    /// Reads the next byte; `None` once it cannot be such an object.
    fn read(&mut self, byte: u8) -> Option<()> {
        self.within = match (self.within, byte) {
            (Within::String, b'"') => {
                self.algorithm |= self.depth == 1 && self.length == 3 && self.string.starts_with(b"alg");
                Within::Behind
            }
            (Within::String, b'\\') => Within::Escape,
            (Within::String, b' '..) => {
                self.remember(byte);
                Within::String
            }
            (Within::Escape, b' '..=b'~') => {
                self.remember(byte);
                Within::String
            }
            (Within::Start | Within::Key | Within::Behind | Within::Over, b' ' | b'\t' | b'\r' | b'\n') => self.within,
            (Within::Start, b'{') => self.open(Within::Key)?,
            (Within::Start, b'[') if self.depth > 0 => self.open(Within::Start)?,
            (Within::Start | Within::Key, b'"') if self.depth > 0 => {
                self.length = 0;
                Within::String
            }
            (Within::Start, b'0'..=b'9' | b'a'..=b'z' | b'-') if self.depth > 0 => Within::Behind,
            (Within::Behind, b'0'..=b'9' | b'a'..=b'z' | b'.' | b'+' | b'-' | b'E') if self.length == 0 => self.within,
            (Within::Behind, b':' | b',') => {
                self.length = 0;
                Within::Start
            }
            (Within::Start | Within::Key | Within::Behind, b'}' | b']') if self.depth > 0 => {
                self.depth -= 1;
                if self.depth == 0 { Within::Over } else { Within::Behind }
            }
            _ => return None,
        };
        Some(())
    }

    fn open(&mut self, next: Within) -> Option<Within> {
        self.depth += 1;
        self.length = 0;
        (self.depth <= DEEPEST).then_some(next)
    }

    fn remember(&mut self, byte: u8) {
        if let Some(place) = self.string.get_mut(self.length) {
            *place = byte;
        }
        self.length = self.length.saturating_add(1);
    }

    fn is_signed(&self) -> bool {
        self.within == Within::Over && self.algorithm
    }
}

/// The fewest characters behind the header: full stops and `{}` are no token.
const SHORTEST: usize = 6;

/// How many objects and arrays may stand in each other: a key with its parts in a header takes two.
const DEEPEST: usize = 4;

/// The longest part that is read.
const LONGEST: usize = 16_384;
