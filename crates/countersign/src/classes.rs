//! Data classes that stand on nothing: the column that was meant would come back in the clear. Targets that can be read
//! now are looked at, and each mistake is told at its line; a target that has one runs nothing until it is mended.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use proxy::upstream::sqlite::SqliteUpstream;
use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;

use crate::config::{Config, Place, place_of};

/// Where each class stands in the configuration file.
#[derive(Deserialize)]
struct Places {
    #[serde(default)]
    target: Vec<PlacesOfTarget>,
}

#[derive(Deserialize)]
struct PlacesOfTarget {
    name: String,
    #[serde(default)]
    classify: BTreeMap<Spanned<String>, IgnoredAny>,
}

/// The classes of `config`, read from `file`, that no column of a target has which can be read now.
pub(crate) async fn misplaced(config: &Config, file: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let places: Places = toml::from_str(&text).context("the configuration changed while it was read")?;
    let mut told = Vec::new();
    for (at, places) in config.targets.iter().filter_map(|at| {
        let named = |places: &&PlacesOfTarget| places.name == at.target.name.as_str();
        Some((at, places.target.iter().find(named)?))
    }) {
        // The door of a server looks by itself, for each session.
        let Place::File { path, longest_run } = &at.place else { continue };
        let longest_run = std::time::Duration::from_millis(longest_run.as_millis());
        let Ok(catalog) = SqliteUpstream::new(path, longest_run).catalog(&at.target).await else { continue };
        for wrong in catalog.misplaced(&at.target) {
            let key = places.classify.keys().find(|key| key.get_ref().to_lowercase() == wrong);
            let (line, column) = key.map_or((1, 1), |key| place_of(&text, key.span().start));
            told.push(format!(
                "{}:{line}:{column}: `{wrong}` has a class, and target `{}` has no such column: nothing runs there",
                file.display(),
                at.target.name
            ));
        }
    }
    Ok(told)
}
