//! Targets of kind `postgres`: the listener of the door, the server behind it, and how both connections are protected.
//! What is not protected must not leave the machine.

mod address;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use ipnet::IpNet;
use model::Name;
use proxy::door::postgres::{Authentication, Entrance, HoldInTransaction, Limits};
use proxy::tls;
use proxy::upstream::postgres::PostgresUpstream;
use secrecy::SecretString;
use serde::Deserialize;

use address::Address;

/// A PostgreSQL server, and the listener of its door.
#[derive(Debug)]
pub(crate) struct PostgresPlace {
    pub(crate) listen: SocketAddr,
    pub(crate) entrance: Entrance,
    pub(crate) limits: Limits,
    pub(crate) upstream: Arc<PostgresUpstream>,
    /// The upstream's addresses and database, without any secret.
    pub(crate) address: String,
}

/// Where a secret stands; never the secret itself.
#[derive(Debug, Deserialize)]
#[serde(try_from = "toml::Value")]
pub(super) enum Secret {
    /// In an environment variable.
    Env(String),
    /// In a file, whose last line end is not part of it.
    File(PathBuf),
}

/// A certificate chain and its key, PEM files both.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Certificate {
    certificate: PathBuf,
    key: PathBuf,
}

/// The certificate of a door, and who may come in there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct DoorCertificate {
    certificate: PathBuf,
    key: PathBuf,
    /// The authorities of which clients must show a certificate.
    client_ca: Option<PathBuf>,
}

/// The keys that only targets with a wire have.
#[derive(Debug, Default)]
pub(super) struct Wire {
    pub(super) listen: Option<SocketAddr>,
    pub(super) password: Option<Secret>,
    pub(super) upstream_ca: Option<PathBuf>,
    pub(super) upstream_certificate: Option<Certificate>,
    pub(super) tls: Option<DoorCertificate>,
    pub(super) proxies: Vec<IpNet>,
    pub(super) authentication: Option<Method>,
    pub(super) allowed: Allowed,
}

/// How clients of a door prove who they are, by PostgreSQL's own words for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Method {
    Password,
    #[serde(rename = "scram-sha-256")]
    Scram,
}

/// What a door allows its sessions, as it is written.
#[derive(Debug, Default)]
pub(super) struct Allowed {
    pub(super) sessions: Option<usize>,
    pub(super) sessions_per_actor: Option<usize>,
    pub(super) hold_in_transaction: Option<InTransaction>,
    pub(super) longest_hold_in_transaction: Option<String>,
    pub(super) longest_idle: Option<String>,
    pub(super) dry_run: Option<String>,
}

/// Whether what needs people may wait for them inside a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum InTransaction {
    Refuse,
    Hold,
}

impl Wire {
    /// Whether any of them is set.
    pub(super) fn is_set(&self) -> bool {
        self.listen.is_some()
            || self.password.is_some()
            || self.upstream_ca.is_some()
            || self.upstream_certificate.is_some()
            || self.tls.is_some()
            || !self.proxies.is_empty()
            || self.authentication.is_some()
            || self.allowed.is_set()
    }
}

impl Allowed {
    const fn is_set(&self) -> bool {
        let Self {
            sessions,
            sessions_per_actor,
            hold_in_transaction,
            longest_hold_in_transaction,
            longest_idle,
            dry_run,
        } = self;
        sessions.is_some()
            || sessions_per_actor.is_some()
            || hold_in_transaction.is_some()
            || longest_hold_in_transaction.is_some()
            || longest_idle.is_some()
            || dry_run.is_some()
    }

    fn limits(&self, longest_run: Option<&str>) -> anyhow::Result<Limits> {
        let sessions = self.sessions.unwrap_or(Limits::default().sessions);
        let of_actor = self.sessions_per_actor.unwrap_or(sessions.div_ceil(2));
        if !(1..=MOST_SESSIONS).contains(&sessions) || !(1..=sessions).contains(&of_actor) {
            bail!("`sessions` is from 1 to {MOST_SESSIONS}, and `sessions-per-actor` no more than that");
        }
        let within = |key: &str, text: &str, most: u64| {
            let time = model::Duration::parse(text).map(|time| Duration::from_millis(time.as_millis()));
            let time = time.filter(|time| (Duration::from_secs(1)..=Duration::from_secs(most)).contains(time));
            time.with_context(|| format!("`{key}` is a time from `1s` to `{}h`, such as `90s`", most / 3_600))
        };
        let held = self.longest_hold_in_transaction.as_deref();
        let in_transaction = match (self.hold_in_transaction, held) {
            (Some(InTransaction::Hold), None) => HoldInTransaction::Hold(HELD_IN_TRANSACTION),
            (Some(InTransaction::Hold), Some(text)) => {
                HoldInTransaction::Hold(within("longest-hold-in-transaction", text, 3_600)?)
            }
            (None | Some(InTransaction::Refuse), None) => HoldInTransaction::Refuse,
            (None | Some(InTransaction::Refuse), Some(_)) => {
                bail!("`longest-hold-in-transaction` goes with `hold-in-transaction = \"hold\"`")
            }
        };
        let dry_run = self.dry_run.as_deref().map(|text| {
            let time = model::Duration::parse(text).map(|time| Duration::from_millis(time.as_millis()));
            let time = time.filter(|time| (Duration::from_secs(1)..=LONGEST_DRY_RUN).contains(time));
            time.context("`dry-run` is how long one may take, from `1s` to `60s`")
        });
        Ok(Limits {
            dry_run: dry_run.transpose()?,
            sessions,
            sessions_of_actor: of_actor,
            in_transaction,
            longest_run: longest_run.map(|text| within("longest-run", text, 24 * 3_600)).transpose()?,
            longest_idle: self
                .longest_idle
                .as_deref()
                .map(|text| within("longest-idle", text, 24 * 3_600))
                .transpose()?,
        })
    }
}

/// The longest that a dry run may take: it keeps locks.
const LONGEST_DRY_RUN: Duration = Duration::from_secs(60);
/// Sessions that a door can be made to have.
const MOST_SESSIONS: usize = 20_000;
/// How long a statement waits inside a transaction where that is allowed and no time is named.
const HELD_IN_TRANSACTION: Duration = Duration::from_secs(120);

/// Reads where a target is.
pub(super) fn read(
    name: &Name,
    upstream: &str,
    (wire, longest_run): (Wire, Option<&str>),
    folder: &Path,
) -> anyhow::Result<PostgresPlace> {
    let Wire { listen, password, upstream_ca, upstream_certificate, tls, proxies, authentication, allowed } = wire;
    let address = Address::read(upstream)?;
    let password = password.map(|secret| secret.read(folder)).transpose()?;
    let authorities = upstream_ca.map(|path| folder.join(path));
    let own = upstream_certificate.map(|own| (folder.join(own.certificate), folder.join(own.key)));
    let proofs = address.proofs(password.is_some())?;
    let protection = address.protection(authorities.as_deref(), own.as_ref())?;
    let listen = listen.context("`listen` is missing: the address of the door, such as \"127.0.0.1:7432\"")?;
    let asks_for_certificates = tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
    let authentication = match authentication {
        None | Some(Method::Password) => Authentication::Password,
        Some(Method::Scram) => {
            let certificate = tls.as_ref().map(|tls| folder.join(&tls.certificate));
            let binding = certificate.map(|path| tls::binding(&path)).transpose();
            let binding = binding.map_err(|why| anyhow::anyhow!("`tls` cannot be used: {why}"))?;
            Authentication::Scram { end_point: binding.flatten() }
        }
    };
    let tls = match tls {
        Some(DoorCertificate { certificate, key, client_ca }) => {
            let (certificate, key) = (folder.join(certificate), folder.join(key));
            let clients = client_ca.map(|path| folder.join(path));
            let config = tls::server(tls::Identity { certificate: &certificate, key: &key }, clients.as_deref());
            Some(config.map_err(|why| anyhow::anyhow!("`tls` cannot be used: {why}"))?)
        }
        None if listen.ip().is_loopback() => None,
        None => bail!("`listen = \"{listen}\"` is not loopback: tokens go there over TLS only; set `tls`"),
    };
    let limits = allowed.limits(longest_run)?;
    let told = address.told();
    let Address { hosts, role, database, wanted, binding, .. } = address;
    let target = name.clone();
    let upstream = PostgresUpstream { target, hosts, role, database, password, protection, proofs, binding, wanted };
    let entrance = Entrance { tls, asks_for_certificates, proxies, authentication };
    Ok(PostgresPlace { listen, entrance, limits, upstream: Arc::new(upstream), address: told })
}

impl TryFrom<toml::Value> for Secret {
    type Error = &'static str;

    /// The words of a mistake never hold what was written: it may be the secret itself.
    fn try_from(value: toml::Value) -> Result<Self, Self::Error> {
        let refused = "a secret is never written here: use `password = { file = \"PATH\" }` or `{ env = \"NAME\" }`";
        let toml::Value::Table(table) = value else { return Err(refused) };
        let mut entries = table.into_iter();
        match (entries.next(), entries.next()) {
            (Some((key, toml::Value::String(name))), None) if key == "env" => Ok(Self::Env(name)),
            (Some((key, toml::Value::String(path))), None) if key == "file" => Ok(Self::File(path.into())),
            _ => Err(refused),
        }
    }
}

impl Secret {
    #[expect(clippy::disallowed_methods, reason = "the binary reads the environment")]
    fn read(&self, folder: &Path) -> anyhow::Result<SecretString> {
        let text = match self {
            Self::Env(name) => std::env::var(name).with_context(|| format!("the variable `{name}` is not set"))?,
            Self::File(path) => {
                let path = folder.join(path);
                std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?
            }
        };
        let text = text.strip_suffix('\n').unwrap_or(&text);
        if text.is_empty() {
            bail!("the secret is empty");
        }
        Ok(SecretString::from(text.to_owned()))
    }
}
