//! `upstream`: an address in the form of `libpq`, with those of its parameters that say how the way to the server is
//! protected, and nothing that would change what statements mean.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use proxy::tls::{self, Verification};
use proxy::upstream::postgres::{Binding, Host, Proof, Protection, Wanted};
use reqwest::Url;
use rustls::pki_types::ServerName;

/// What `upstream` says.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) hosts: Vec<Host>,
    pub(super) role: String,
    pub(super) database: String,
    pub(super) wanted: Wanted,
    /// How the connection is protected. `None`: it is not.
    verification: Option<Verification>,
    at_once: bool,
    pub(super) binding: Binding,
    /// What the server may ask for, if it is said.
    asked: Option<Vec<String>>,
}

impl Address {
    pub(super) fn read(upstream: &str) -> anyhow::Result<Self> {
        let (hosts, url) = apart(upstream)?;
        let database = url.path().trim_start_matches('/').to_owned();
        let role = url.username().to_owned();
        let odd = |text: &str| text.is_empty() || text.contains(['/', '%']);
        if odd(&role) || odd(&database) {
            bail!(
                "`upstream` names no role or no database, or one with signs other than letters, digits, `_` and `-`: {FORM}"
            );
        }
        let mut said = said(&url)?;
        let mut take = |name: &str| said.remove(name);
        let verification = verification(take("sslmode").as_deref(), &hosts)?;
        let at_once = one_of("sslnegotiation", take("sslnegotiation"), &[("postgres", false), ("direct", true)])?;
        let bindings = [("prefer", Binding::Preferred), ("disable", Binding::Disabled), ("require", Binding::Required)];
        let binding = one_of("channel_binding", take("channel_binding"), &bindings)?;
        let wanted = [
            ("any", Wanted::Any),
            ("read-write", Wanted::ReadWrite),
            ("read-only", Wanted::ReadOnly),
            ("primary", Wanted::Primary),
            ("standby", Wanted::Standby),
        ];
        let wanted = one_of("target_session_attrs", take("target_session_attrs"), &wanted)?;
        let asked = take("require_auth").map(|all| all.split(',').map(str::to_owned).collect());
        if let Some(other) = said.keys().next() {
            bail!(
                "`{other}` in `upstream` is not known: `sslmode`, `sslnegotiation`, `channel_binding`, `require_auth` and `target_session_attrs` may stand there"
            );
        }
        let address = Self { hosts, role, database, wanted, verification, at_once, binding, asked };
        address.check()?;
        Ok(address)
    }

    /// What does not go together.
    fn check(&self) -> anyhow::Result<()> {
        let (has_tls, is_bound) = (self.verification.is_some(), self.binding == Binding::Required);
        for (key, is_set) in [("channel_binding=require", is_bound), ("sslnegotiation=direct", self.at_once)] {
            if is_set && !has_tls {
                bail!("`{key}` needs TLS, and `sslmode=disable` has none");
            }
        }
        let here = self.hosts.iter().all(|host| is_loopback(&host.name));
        match self.verification {
            Some(Verification::Nobody) if !is_bound && !here => bail!(
                "`sslmode=require` verifies nobody: use `verify-full`, or `channel_binding=require`, by which the server proves itself"
            ),
            Some(Verification::Authority) if !is_bound && !here => bail!(
                "`sslmode=verify-ca` verifies no name: use `verify-full`, or `channel_binding=require`, by which the server proves itself"
            ),
            _ => Ok(()),
        }
    }

    /// How the connection is protected, with the authorities to trust and the gateway's own certificate.
    pub(super) fn protection(
        &self,
        authorities: Option<&Path>,
        own: Option<&(PathBuf, PathBuf)>,
    ) -> anyhow::Result<Protection> {
        let Some(verification) = self.verification else {
            if authorities.is_some() || own.is_some() {
                bail!("`upstream-ca` and `upstream-certificate` need TLS, and `sslmode=disable` has none");
            }
            return Ok(Protection::Plain);
        };
        if verification == Verification::Nobody && authorities.is_some() {
            bail!("`sslmode=require` asks no authority: use `verify-full` or `verify-ca`, or leave `upstream-ca` out");
        }
        let own = own.map(|(certificate, key)| tls::Identity { certificate, key });
        let config = tls::client(verification, authorities, own);
        let config = config.map_err(|why| anyhow::anyhow!("TLS to the upstream cannot be used: {why}"))?;
        Ok(Protection::Tls { config, at_once: self.at_once })
    }

    /// How the server may ask the gateway to prove itself: by SCRAM where a password is set, unless it says otherwise.
    pub(super) fn proofs(&self, has_password: bool) -> anyhow::Result<Vec<Proof>> {
        let default = vec![if has_password { "scram-sha-256" } else { "none" }];
        let asked = self.asked.as_ref().map_or(default, |all| all.iter().map(String::as_str).collect());
        let known = [
            ("none", Proof::None),
            ("scram-sha-256", Proof::Scram),
            ("md5", Proof::Md5),
            ("password", Proof::Password),
        ];
        let proof = |name: &str| {
            let found = known.iter().find(|(known, _)| *known == name);
            let unknown = || format!("`{name}` in `require_auth` is not known: use {PROOFS}");
            found.map(|(_, proof)| *proof).with_context(unknown)
        };
        let proofs = asked.into_iter().map(proof).collect::<anyhow::Result<Vec<_>>>()?;
        if self.binding == Binding::Required && proofs != [Proof::Scram] {
            bail!("`channel_binding=require` is for SCRAM alone: set `password`, and leave `require_auth` out");
        }
        if proofs.contains(&Proof::Password) && self.verification != Some(Verification::Full) {
            bail!(
                "`require_auth=password` shows the password to whoever answers: it goes with `sslmode=verify-full` alone"
            );
        }
        if !has_password && proofs != [Proof::None] {
            bail!("`require_auth` asks for a password, and `password` is missing");
        }
        Ok(proofs)
    }

    /// Hosts and database, as records have them.
    pub(super) fn told(&self) -> String {
        let hosts: Vec<String> = self.hosts.iter().map(Host::to_string).collect();
        format!("{}/{}", hosts.join(","), self.database)
    }
}

/// The hosts, and the rest of the address, which has the first of them.
fn apart(upstream: &str) -> anyhow::Result<(Vec<Host>, Url)> {
    let Some((scheme, rest)) = upstream.split_once("://") else { bail!("`upstream` is not an address: {FORM}") };
    if !["postgres", "postgresql"].contains(&scheme) {
        bail!("`upstream` is not an address of PostgreSQL: {FORM}");
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    if login.contains(':') {
        bail!("a password stands in `upstream`: put it into `password = {{ file = \"…\" }}` or `{{ env = \"…\" }}`");
    }
    let hosts = hosts.split(',').map(host).collect::<anyhow::Result<Vec<_>>>()?;
    if hosts.len() > MOST_HOSTS {
        bail!("`upstream` names more than {MOST_HOSTS} hosts");
    }
    let url = Url::parse(&format!("postgres://{login}@host{path}"));
    Ok((hosts, url.with_context(|| format!("`upstream` is not an address: {FORM}"))?))
}

fn host(text: &str) -> anyhow::Result<Host> {
    let wrong = || format!("`{text}` is not a host of `upstream`: {FORM}");
    let url = Url::parse(&format!("postgres://{text}")).with_context(wrong)?;
    let name = url.host_str().with_context(wrong)?.trim_matches(['[', ']']).to_owned();
    let certified = ServerName::try_from(name.clone());
    let certified = certified.with_context(|| format!("`{name}` is not a name that a certificate can have"))?;
    Ok(Host { name, port: url.port().unwrap_or(5432), certified })
}

/// The parameters, each once.
fn said(url: &Url) -> anyhow::Result<BTreeMap<String, String>> {
    let mut said = BTreeMap::new();
    for (name, value) in url.query_pairs() {
        if said.insert(name.clone().into_owned(), value.into_owned()).is_some() {
            bail!("`{name}` stands twice in `upstream`");
        }
    }
    Ok(said)
}

fn verification(mode: Option<&str>, hosts: &[Host]) -> anyhow::Result<Option<Verification>> {
    let elsewhere = hosts.iter().find(|host| !is_loopback(&host.name));
    match (mode.unwrap_or("verify-full"), elsewhere) {
        ("verify-full", _) => Ok(Some(Verification::Full)),
        ("verify-ca", _) => Ok(Some(Verification::Authority)),
        ("require", _) => Ok(Some(Verification::Nobody)),
        ("disable", None) => Ok(None),
        ("disable", Some(host)) => bail!("`sslmode=disable` is for loopback alone, and `{}` is not", host.name),
        (mode @ ("allow" | "prefer"), _) => {
            bail!("`sslmode={mode}` lets whoever stands in between choose: use `verify-full`")
        }
        (other, _) => bail!("`sslmode={other}` is not known: use `verify-full`, `verify-ca`, `require` or `disable`"),
    }
}

/// What a parameter means; the first of these where it is not said.
fn one_of<T: Copy, const N: usize>(key: &str, value: Option<String>, known: &[(&str, T); N]) -> anyhow::Result<T> {
    let value = value.as_deref().unwrap_or(known[0].0);
    let unknown = || {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        format!("`{key}={value}` is not known: use one of {}", names.join(", "))
    };
    let found = known.iter().find(|(name, _)| *name == value);
    found.map(|(_, meaning)| *meaning).with_context(unknown)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

const FORM: &str = "write `postgres://ROLE@HOST:PORT/DATABASE`, or several `HOST:PORT` with commas in between";
const PROOFS: &str = "`scram-sha-256`, `md5`, `password` or `none`, with commas in between";
/// Hosts of one upstream.
const MOST_HOSTS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_libpq_does() {
        let read = Address::read("postgres://gateway@db1.example,db2.example:6000,[::1]:7000/shop").unwrap();
        assert_eq!(read.told(), "db1.example:5432,db2.example:6000,[::1]:7000/shop");
        assert_eq!((read.role.as_str(), read.wanted, read.at_once), ("gateway", Wanted::Any, false));
        assert_eq!((read.verification, read.binding), (Some(Verification::Full), Binding::Preferred));
        let more = "postgresql://gateway@db/shop?sslmode=require&channel_binding=require&target_session_attrs=read-write&sslnegotiation=direct";
        let read = Address::read(more).unwrap();
        assert_eq!((read.verification, read.binding), (Some(Verification::Nobody), Binding::Required));
        assert_eq!((read.wanted, read.at_once), (Wanted::ReadWrite, true));
    }

    #[test]
    fn a_password_is_proved_by_scram_unless_it_says_otherwise() {
        let proofs = |address: &str, has_password| Address::read(address).unwrap().proofs(has_password);
        assert_eq!(proofs("postgres://gateway@db/shop", true).unwrap(), [Proof::Scram]);
        assert_eq!(proofs("postgres://gateway@db/shop", false).unwrap(), [Proof::None]);
        let several = proofs("postgres://gateway@db/shop?require_auth=md5,scram-sha-256", true).unwrap();
        assert_eq!(several, [Proof::Md5, Proof::Scram]);
        assert_eq!(proofs("postgres://gateway@db/shop?require_auth=password", true).unwrap(), [Proof::Password]);
    }
}
