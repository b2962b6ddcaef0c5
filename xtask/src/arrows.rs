//! Who may depend on whom: the table of the house, compared with what `cargo metadata` says.
//!
//! Arrows point down only. Dev-dependencies may leave the table but never point up; the pure crates have no
//! runtime, socket or TLS. A crate without a row is found, too.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::tidy::Finding;
use crate::workspace::{self, cargo};

/// A crate and all that it may depend on.
type Row = (&'static str, &'static [&'static str]);

const TABLE: &[Row] = &[
    ("model", &[]),
    ("policy", &["model"]),
    ("protocol", &["model"]),
    ("masking", &["model"]),
    ("audit", &["model"]),
    ("gate", &["model", "policy", "audit"]),
    ("identity", &["model"]),
    ("store", &["model", "policy", "gate", "audit", "identity"]),
    ("enforcement", &["model", "policy", "gate", "audit", "identity", "store"]),
    ("proxy", &["model", "protocol", "masking", "gate", "enforcement"]),
    ("channels", &["model"]),
    ("console", &["model", "policy", "gate", "audit", "identity", "enforcement"]),
    (
        "countersign",
        &[
            "model",
            "policy",
            "protocol",
            "masking",
            "audit",
            "gate",
            "identity",
            "store",
            "enforcement",
            "proxy",
            "channels",
            "console",
        ],
    ),
    ("corpora", &[]),
    ("fuzz", &["model", "policy", "protocol", "masking", "audit", "gate", "identity"]),
    ("simulation", PURE),
    ("xtask", &[]),
];

const PURE: &[&str] = &["model", "policy", "protocol", "masking", "audit", "gate"];

/// What brings a runtime, a socket or TLS.
const IMPURE: [&str; 10] =
    ["tokio", "sqlx", "reqwest", "hyper", "axum", "rustls", "tokio-rustls", "socket2", "mio", "async-std"];

/// One crate of the workspace as cargo describes it.
struct Package {
    name: String,
    manifest: String,
    manifest_text: String,
    dependencies: Vec<Dependency>,
}

struct Dependency {
    name: String,
    kind: Kind,
    ours: bool,
}

#[derive(PartialEq)]
enum Kind {
    Normal,
    Dev,
}

/// Compares the workspace with the table.
pub(crate) fn check() -> Result<Vec<Finding>> {
    let mut command = cargo(["metadata", "--no-deps", "--format-version", "1"]);
    let text = workspace::answer(&mut command).context("`cargo metadata` failed; run it to see why")?;
    let metadata: Value = serde_json::from_str(&text).context("`cargo metadata` is not JSON")?;
    Ok(judge(&packages(&metadata)))
}

fn packages(metadata: &Value) -> Vec<Package> {
    let root = metadata["workspace_root"].as_str().unwrap_or_default();
    entries(&metadata["packages"])
        .map(|package| {
            let manifest = package["manifest_path"].as_str().unwrap_or_default();
            Package {
                name: text(&package["name"]),
                manifest: relative(manifest, root),
                manifest_text: std::fs::read_to_string(manifest).unwrap_or_default(),
                dependencies: entries(&package["dependencies"]).map(dependency).collect(),
            }
        })
        .collect()
}

fn dependency(value: &Value) -> Dependency {
    Dependency {
        name: text(&value["name"]),
        kind: if value["kind"] == "dev" { Kind::Dev } else { Kind::Normal },
        ours: value["path"].is_string(),
    }
}

fn entries(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn relative(path: &str, root: &str) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    path.trim_start_matches('/').to_owned()
}

fn judge(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        findings.extend(package.without_row());
        for dependency in &package.dependencies {
            let message = judge_dependency(package, dependency, packages);
            findings.extend(message.map(|message| package.finding(&dependency.name, message)));
        }
    }
    findings
}

fn judge_dependency(package: &Package, dependency: &Dependency, packages: &[Package]) -> Option<String> {
    let (from, to) = (package.name.as_str(), dependency.name.as_str());
    if dependency.kind == Kind::Dev {
        let upward = dependency.ours && reaches(to, from, packages);
        return upward.then(|| format!("dev-dependency `{to}` points up: `{to}` depends, or may depend, on `{from}`"));
    }
    if PURE.contains(&from) && IMPURE.contains(&to) {
        return Some(format!("`{from}` is pure: it may not depend on `{to}`"));
    }
    let allowed = allowed(from)?;
    (dependency.ours && !allowed.contains(&to))
        .then(|| format!("`{from}` may not depend on `{to}` (table in xtask/src/arrows.rs)"))
}

fn allowed(name: &str) -> Option<&'static [&'static str]> {
    TABLE.iter().find(|(row, _)| *row == name).map(|(_, allowed)| *allowed)
}

/// Can `from` come to depend on `to`, by the table or by what the manifests say?
fn reaches(from: &str, to: &str, packages: &[Package]) -> bool {
    let mut open = vec![from];
    let mut seen = Vec::new();
    while let Some(name) = open.pop() {
        if name == to {
            return true;
        }
        if seen.contains(&name) {
            continue;
        }
        seen.push(name);
        open.extend(allowed(name).unwrap_or_default());
        let found = packages.iter().find(|package| package.name == name);
        let named = found.map_or(&[][..], |package| package.dependencies.as_slice());
        open.extend(named.iter().filter(|next| next.ours).map(|next| next.name.as_str()));
    }
    false
}

impl Package {
    fn without_row(&self) -> Option<Finding> {
        let known = allowed(&self.name).is_some() || !self.manifest.starts_with("crates/");
        let message = format!("crate `{}` has no row in xtask/src/arrows.rs", self.name);
        (!known).then(|| Finding::new(&self.manifest, 1, message))
    }

    /// A finding at the line of the manifest that names the dependency.
    fn finding(&self, dependency: &str, message: String) -> Finding {
        let line = self
            .manifest_text
            .lines()
            .position(|line| line.strip_prefix(dependency).is_some_and(|rest| rest.starts_with(['.', ' ', '='])));
        Finding::new(&self.manifest, line.map_or(1, |index| index + 1), message)
    }
}

#[cfg(test)]
mod tests;
