//! `countersign init`: a folder from which `serve` runs: configuration, starter policies, keys, the first person.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use enforcement::NewPerson;
use model::Name;
use secrecy::SecretString;
use serde_json::json;
use tokio::task::JoinSet;

use super::tell;
use crate::{config, gateway, keys, terminal};

/// Make a commented configuration, starter policies, fresh keys and the first person.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// Where; made if it is not there.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// The first person, who administers the gateway.
    #[arg(long, value_name = "NAME")]
    person: Name,
    /// Groups of the first person, beside `admins`.
    #[arg(long = "group", value_name = "GROUP", default_values = ["owners"])]
    groups: Vec<Name>,
    /// Take the passphrase from standard input instead of the terminal.
    #[arg(long)]
    passphrase_stdin: bool,
}

impl Init {
    pub(super) async fn run(self, json: bool) -> anyhow::Result<()> {
        let file = self.folder.join("countersign.toml");
        if file.exists() {
            bail!("`{}` is there already: nothing was changed", file.display());
        }
        let prompt = format!("choose a passphrase for {} (12 characters or more): ", self.person);
        let passphrase = terminal::passphrase(&prompt, self.passphrase_stdin)?;
        let credential = hash(passphrase)?;
        lay_out(&self.folder)?;
        let mut tasks = JoinSet::new();
        let enforcement = gateway::open(&config::read(&file)?, &mut tasks).await?;
        let groups = self.groups.into_iter().chain([Name::admins()]).collect::<BTreeSet<_>>();
        let new = NewPerson { name: self.person, groups, credential };
        let person = enforcement.add_person(new, None).await.map_err(anyhow::Error::msg)?;
        let made =
            json!({"folder": self.folder, "person": person.name, "key": enforcement.verifying_key().to_string()});
        tell(json, &made, |_| {
            format!(
                "made `{}`\n  countersign.toml   configuration, commented\n  policies/          starter rules\n  \
                 keys/log.pub       what auditors verify the log with; keep log.key secret\n\
                 next: countersign serve --config {}",
                self.folder.display(),
                file.display()
            )
        });
        Ok(())
    }
}

/// Hashes a passphrase where it was typed.
pub(super) fn hash(passphrase: SecretString) -> anyhow::Result<String> {
    Ok(identity::hash_passphrase(&passphrase)?)
}

/// Writes configuration, policies and keys.
pub(super) fn lay_out(folder: &Path) -> anyhow::Result<()> {
    let policies = folder.join("policies");
    std::fs::create_dir_all(&policies).with_context(|| format!("cannot make `{}`", policies.display()))?;
    keys::create(&folder.join("keys"))?;
    std::fs::write(policies.join("starter.cedar"), include_str!("../starter/starter.cedar"))?;
    std::fs::write(folder.join("countersign.toml"), include_str!("../starter/countersign.toml"))?;
    Ok(())
}
