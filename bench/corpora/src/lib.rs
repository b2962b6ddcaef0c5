//! Corpora for the detectors of sensitive values, and what is made of them: labelled texts, clean cells, disguises and
//! buffers to run over, all from a seed; and the marks of a detector on them. Knows nothing of any detector.

mod adversarial;
mod check;
mod dense;
mod digest;
mod encode;
mod evasion;
mod labelled;
mod negative;
mod prose;
mod random;
mod score;
mod speed;
mod template;
mod value;

pub use adversarial::adversarial;
pub use dense::dense_rows;
pub use evasion::{Evasion, evasions, innocents};
pub use labelled::{Label, Labelled, labelled};
pub use negative::{Negative, negatives};
pub use random::Random;
pub use score::{Finds, Score, Tally, false_alarms, score, seen_through};
pub use speed::{Corpus, speed};
pub use value::{Kind, Need, Value, kind, kinds};
