//! Several rounds of one figure: the middle of them, and how far apart they are.

/// The middle of some figures, the lowest and the highest.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    pub lowest: f64,
    pub median: f64,
    pub highest: f64,
}

impl Spread {
    /// Nothing but `NAN` where there are no figures.
    pub fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.collect();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
        Self { lowest: at(0), median: at(sorted.len() / 2), highest: at(sorted.len().saturating_sub(1)) }
    }
}
