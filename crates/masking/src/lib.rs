//! Masking: what an actor may not see of a result, and what stands there instead. Cells of declared columns are masked by
//! where they come from, everything else by what it holds. It sees values and where they come from, never messages.

#![deny(missing_docs)]

mod detect;
mod plan;
mod screen;

pub use detect::{Context, Detectors, Found, Watch};
pub use plan::{Carries, Masked, Plan, Unmaskable, add_counts};
pub use screen::Screen;
