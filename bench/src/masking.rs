//! The detectors of sensitive values: their speed on text of every kind and on buffers built to be slow, what they find
//! of what is there, what they take clean cells for, and the disguises they see through.

mod peer;
mod speed;

use std::collections::BTreeMap;
use std::ops::Range;

use corpora::{Score, Tally};
use masking::Detectors;

/// What is printed beside the figures, or measured beside the detectors.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside {
    /// Some of what was missed or found wrongly.
    pub examples: bool,
    /// Presidio on the same rows.
    pub presidio: bool,
}

pub fn measure(beside: Beside) -> anyhow::Result<()> {
    let detectors = Detectors::built_in();
    speed::measure(detectors);
    labelled(detectors, beside);
    clean(detectors, beside);
    disguised(detectors, beside);
    if beside.presidio {
        peer::measure(detectors)?;
    }
    Ok(())
}

/// What the detectors find in a value under the name of a column.
fn find(detectors: &Detectors, value: &[u8], column: Option<&str>) -> Vec<(Range<usize>, String)> {
    let context = column.map(|name| detectors.context(name)).unwrap_or_default();
    let mut found = Vec::new();
    detectors.find(value, context, detectors.watch_all(), &mut found);
    let class = |found| detectors.class(found).map_or("", |class| class.as_str()).to_owned();
    found.iter().map(|found| (found.span.clone(), class(found))).collect()
}

fn labelled(detectors: &Detectors, beside: Beside) {
    let items = corpora::labelled(SEED, LABELLED_EACH);
    let score = corpora::score(&items, &mut |value, column| find(detectors, value, column));
    println!("\n{:<48} {:>8} {:>9} {:>9}   bar", "found in labelled text", "recall", "precision", "of");
    let classes: std::collections::BTreeSet<&str> = score.shapes.keys().map(|(class, _)| *class).collect();
    for class in classes {
        line(class, &score, Some(class));
        for ((_, shape), tally) in score.shapes.iter().filter(|((of, _), _)| *of == class) {
            let confused = if tally.confused > 0 { format!("   {} as another", tally.confused) } else { String::new() };
            println!("  {shape:<46} {:>8.4} {:>9} {:>9}{confused}", tally.share(), "", tally.all);
            tell_examples(tally, beside);
        }
    }
    line("all classes", &score, None);
    for (class, tally) in score.classes.iter().filter(|(_, tally)| tally.found + tally.confused < tally.all) {
        println!(
            "  {:<46} {:>8}",
            format!("found as {class} where nothing is"),
            tally.all - tally.found - tally.confused
        );
        tell_examples(tally, beside);
    }
}

fn line(name: &str, score: &Score, class: Option<&str>) {
    let (recall, precision) = (score.recall(class), score.precision(class));
    println!("{name:<48} {:>8.4} {:>9.4} {:>9}   .99 / .99", recall.share(), precision.share(), recall.all);
}

fn clean(detectors: &Detectors, beside: Beside) {
    let cells = corpora::negatives(SEED, CLEAN_EACH);
    let families = corpora::false_alarms(&cells, &mut |value, column| find(detectors, value, column));
    println!("\n{:<48} {:>8} {:>9}", "false alarms in clean cells", "million", "of");
    let mut sum = Tally::default();
    for (family, tally) in &families {
        sum.all += tally.all;
        sum.found += tally.found;
        println!("  {family:<46} {:>8.0} {:>9}", tally.share() * 1e6, tally.all);
        tell_examples(tally, beside);
    }
    println!("{:<48} {:>8.0} {:>9}", "all families", sum.share() * 1e6, sum.all);
}

fn disguised(detectors: &Detectors, beside: Beside) {
    let evasions = corpora::evasions(SEED, DISGUISED_EACH);
    let seen = corpora::seen_through(&evasions, &mut |value, column| find(detectors, value, column));
    println!("\n{:<48} {:>8} {:>9}", "disguises seen through", "found", "of");
    let mut families: BTreeMap<&str, (usize, usize, String)> = BTreeMap::new();
    for ((family, class), tally) in &seen {
        let (found, all, each) = families.entry(family).or_default();
        *found += tally.found;
        *all += tally.all;
        *each += &format!("  {class} {}", tally.found);
    }
    for (family, (found, all, each)) in &families {
        println!("  {family:<46} {found:>8} {all:>9} {each}");
        seen.iter().filter(|((of, _), _)| of == family).for_each(|(_, tally)| tell_examples(tally, beside));
    }
    let sum = families.values().fold((0, 0), |sum, (found, all, _)| (sum.0 + found, sum.1 + all));
    println!("{:<48} {:>8} {:>9}", "all disguises", sum.0, sum.1);
    let innocents = corpora::innocents(SEED, INNOCENTS);
    let alarms = corpora::false_alarms(&innocents, &mut |value, _| find(detectors, value, None));
    let wrong: usize = alarms.values().map(|tally| tally.found).sum();
    println!("{:<48} {wrong:>8} {:>9}   0", "texts with the same signs, taken for disguises", innocents.len());
    alarms.values().for_each(|tally| tell_examples(tally, beside));
}

fn tell_examples(tally: &Tally, beside: Beside) {
    if beside.examples {
        tally.examples.iter().for_each(|example| println!("      {example}"));
    }
}

const SEED: u64 = 20_261_201;
const LABELLED_EACH: usize = 40;
const CLEAN_EACH: usize = 2_000;
const DISGUISED_EACH: usize = 10;
const INNOCENTS: usize = 200;
