//! People, agents and pipelines: adding, revoking, proving who one is. Every change is recorded; failures are recorded
//! under a limit, and slow down whoever fails.

use std::collections::{BTreeSet, HashMap};

use audit::Kind;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use gate::{Applied, Change, DirectoryChange, Journal, NewPrincipal};
use identity::{Bearer, Exchange, Mechanism, Token, TokenCredential, Unproven, verify_passphrase};
use model::{GroupName, Name, Principal, PrincipalId, PrincipalKind, Standing, Timestamp};
use secrecy::SecretString;

use crate::Enforcement;

/// A person to add.
#[derive(Debug)]
pub struct NewPerson {
    /// Unique and never used before.
    pub name: Name,
    /// Groups they belong to.
    pub groups: BTreeSet<GroupName>,
    /// Their passphrase as [`identity::hash_passphrase`] gives it: hashed where it was typed.
    pub credential: String,
}

/// An agent or pipeline to add.
#[derive(Debug)]
pub struct NewAgent {
    /// `Agent` or `Pipeline`.
    pub kind: PrincipalKind,
    /// Unique and never used before.
    pub name: Name,
    /// The person who owns it.
    pub owner: Name,
    /// Groups it belongs to.
    pub groups: BTreeSet<GroupName>,
}

/// A new agent's token, to be shown once.
#[derive(Debug)]
pub struct Minted {
    /// The agent.
    pub principal: Principal,
    /// Its token.
    pub token: Token,
}

/// Whoever it is did not prove it. The words are the same whether the name or the secret is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationFailed {
    /// Wrong.
    #[error("the name or its secret is wrong, or it was revoked")]
    Wrong,
    /// Too many failures before.
    #[error("too many failures: wait {0} seconds")]
    TooMany(u64),
    /// The store or the log failed.
    #[error("nobody can be authenticated now: {0}")]
    Unavailable(String),
}

/// Why a login by SCRAM came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScramFailed {
    /// What the client said is not SCRAM, or not what was asked for.
    #[error("{0}")]
    ClientMisbehaved(&'static str),
    /// It did not prove itself.
    #[error(transparent)]
    Failed(#[from] AuthenticationFailed),
}

/// Failures of the last minutes, by name.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    by_name: HashMap<Name, (u32, Timestamp)>,
    recorded: Window,
}

#[derive(Debug, Default)]
struct Window {
    minute: u64,
    count: u32,
}

impl Enforcement {
    /// Who an `Authorization` header proves: `Bearer` with a token, or `Basic` with a person's name and passphrase.
    ///
    /// # Errors
    /// If it proves nobody.
    pub async fn authenticate_header(&self, header: Option<&str>) -> Result<Standing, AuthenticationFailed> {
        let (scheme, value) = header.and_then(|header| header.split_once(' ')).ok_or(AuthenticationFailed::Wrong)?;
        if scheme.eq_ignore_ascii_case("bearer") {
            return self.authenticate_token(value.trim()).await;
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err(AuthenticationFailed::Wrong);
        }
        let pair = BASE64_STANDARD.decode(value.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let pair = pair.ok_or(AuthenticationFailed::Wrong)?;
        let (name, passphrase) = pair.split_once(':').ok_or(AuthenticationFailed::Wrong)?;
        let name = name.parse().map_err(|_| AuthenticationFailed::Wrong)?;
        self.authenticate_person(&name, SecretString::from(passphrase)).await
    }

    /// Who bears this token.
    ///
    /// # Errors
    /// If nobody active does.
    pub async fn authenticate_token(&self, text: &str) -> Result<Standing, AuthenticationFailed> {
        let Some(token) = Token::parse(text) else { return Err(self.login_failed("token", None).await) };
        let credential = self.0.store.credential(token.principal()).await.map_err(unavailable)?;
        let known = credential.filter(|found| {
            found.active
                && found.principal.kind != PrincipalKind::Person
                && token.matches(&TokenCredential(found.hash.clone()))
        });
        if known.is_none() {
            return Err(self.login_failed("token", Some(token.principal())).await);
        }
        let standing = self.0.store.standing(token.principal()).await.map_err(unavailable)?;
        standing.filter(|standing| standing.active).ok_or(AuthenticationFailed::Wrong)
    }

    /// Somebody who calls themself `name` begins, by `message`, to prove by SCRAM that they bear that agent's or pipeline's
    /// token. Whether there is one shows at the end only.
    ///
    /// # Errors
    /// If they do not begin as they must, or the store fails.
    pub async fn begin_scram(
        &self,
        name: &str,
        (mechanism, end_point): (Mechanism, Option<&[u8]>),
        message: &[u8],
    ) -> Result<Exchange, ScramFailed> {
        let found = match name.parse() {
            Ok(name) => self.0.store.credential_by_name(&name).await.map_err(unavailable)?,
            Err(_) => None,
        };
        let bearer = found.filter(|found| found.active && found.principal.kind != PrincipalKind::Person);
        let whom = bearer.and_then(|found| Some((found.principal.id, TokenCredential(found.hash).verifier()?)));
        self.unless_wrong(Exchange::begin((name, whom), (mechanism, end_point), message)).await
    }

    /// Who ended, by `message`, an exchange that was begun.
    ///
    /// # Errors
    /// If they did not prove themself.
    pub async fn finish_scram(&self, exchange: Exchange, message: &[u8]) -> Result<(Standing, Bearer), ScramFailed> {
        let proven = self.unless_wrong(exchange.finish(message)).await?;
        let standing = self.0.store.standing(proven.principal()).await.map_err(unavailable)?;
        match standing.filter(|standing| standing.active) {
            Some(standing) => Ok((standing, proven)),
            None => Err(self.login_failed("scram", Some(proven.principal())).await.into()),
        }
    }

    async fn unless_wrong<T>(&self, step: Result<T, Unproven>) -> Result<T, ScramFailed> {
        match step {
            Ok(done) => Ok(done),
            Err(Unproven::Wrong) => Err(self.login_failed("scram", None).await.into()),
            Err(Unproven::ClientMisbehaved(why)) => Err(ScramFailed::ClientMisbehaved(why)),
            Err(Unproven::StandsBetween(why)) => {
                tracing::warn!(why, "a login by SCRAM was refused");
                match self.login_failed("scram-binding", None).await {
                    AuthenticationFailed::Wrong => Err(ScramFailed::ClientMisbehaved(why)),
                    failed @ (AuthenticationFailed::TooMany(_) | AuthenticationFailed::Unavailable(_)) => {
                        Err(failed.into())
                    }
                }
            }
            Err(error @ Unproven::NoRandomness) => Err(unavailable(error).into()),
        }
    }

    /// Whether this is the person, by passphrase. Some 20 ms of CPU.
    ///
    /// # Errors
    /// If it is not, or too many failures came before.
    pub async fn authenticate_person(
        &self,
        name: &Name,
        passphrase: SecretString,
    ) -> Result<Standing, AuthenticationFailed> {
        self.check_failures(name)?;
        let credential = self.0.store.credential_by_name(name).await.map_err(unavailable)?;
        let credential = credential.filter(|found| found.active && found.principal.kind == PrincipalKind::Person);
        let hash = credential.as_ref().map(|found| found.hash.clone());
        let one_of_few = self.0.passphrases.acquire().await.map_err(unavailable)?;
        let verified = tokio::task::spawn_blocking(move || verify_passphrase(&passphrase, hash.as_deref()));
        let verified = verified.await.map_err(unavailable)?;
        drop(one_of_few);
        let Some(found) = credential.filter(|_| verified) else {
            self.count_failure(name);
            return Err(self.login_failed("passphrase", None).await);
        };
        self.failures().by_name.remove(name);
        let standing = self.0.store.standing(found.principal.id).await.map_err(unavailable)?;
        standing.filter(|standing| standing.active).ok_or(AuthenticationFailed::Wrong)
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, Failures> {
        self.0.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn check_failures(&self, name: &Name) -> Result<(), AuthenticationFailed> {
        let now = self.now();
        match self.failures().by_name.get(name) {
            Some((_, until)) if *until > now => {
                Err(AuthenticationFailed::TooMany(until.since(now).as_millis().div_ceil(1000)))
            }
            _ => Ok(()),
        }
    }

    /// From the fifth failure on, each doubles the wait, up to a minute.
    fn count_failure(&self, name: &Name) {
        let now = self.now();
        let mut failures = self.failures();
        if failures.by_name.len() >= NAMES {
            failures.by_name.retain(|_, (_, until)| *until > now);
        }
        let (count, until) = failures.by_name.entry(name.clone()).or_insert((0, now));
        *count += 1;
        let wait = if *count < 5 { 0 } else { 1 << (*count - 5).min(6) };
        *until = now.after(model::Duration::from_secs(wait.min(60)));
    }

    /// Records a failure, at most a few a minute: a flood of them must not fill the disk.
    async fn login_failed(&self, how: &'static str, claimed: Option<PrincipalId>) -> AuthenticationFailed {
        let minute = self.now().as_millis() / 60_000;
        let count = {
            let mut failures = self.failures();
            if failures.recorded.minute != minute {
                failures.recorded = Window { minute, count: 0 };
            }
            failures.recorded.count += 1;
            failures.recorded.count
        };
        if count <= RECORDED_A_MINUTE {
            let mut tokens = vec![("how", how.to_owned())];
            tokens.extend(claimed.map(|claimed| ("whom", claimed.to_string())));
            if count == RECORDED_A_MINUTE {
                tokens.push(("limit", "further failures of this minute are not recorded".to_owned()));
            }
            if let Err(error) = self.note(Kind::LoginFailed, &tokens, &[]).await {
                return unavailable(error);
            }
        }
        AuthenticationFailed::Wrong
    }

    /// Adds a person.
    ///
    /// # Errors
    /// With what to do, for people.
    pub async fn add_person(&self, new: NewPerson, by: Option<PrincipalId>) -> Result<Principal, String> {
        let NewPerson { name, groups, credential } = new;
        if !identity::is_passphrase_hash(&credential) {
            return Err("the credential is not an argon2id string of the strength this build asks".to_owned());
        }
        let id = PrincipalId::from_random(identity::random().map_err(|error| error.to_string())?);
        let principal = Principal { id, kind: PrincipalKind::Person, name };
        self.add(NewPrincipal { principal, owner: None, added_by: by, groups, credential }, by).await
    }

    /// Adds an agent or pipeline and mints its token.
    ///
    /// # Errors
    /// With what to do, for people.
    pub async fn add_agent(&self, new: NewAgent, by: Option<PrincipalId>) -> Result<Minted, String> {
        let owner = self.0.store.credential_by_name(&new.owner).await.map_err(|error| error.to_string())?;
        let owner = owner.filter(|owner| owner.active && owner.principal.kind == PrincipalKind::Person);
        let owner = owner.ok_or_else(|| format!("there is no active person `{}` to own it", new.owner))?;
        let id = PrincipalId::from_random(identity::random().map_err(|error| error.to_string())?);
        let token = Token::mint(id).map_err(|error| error.to_string())?;
        let credential = token.credential(new.name.as_str()).0;
        let principal = Principal { id, kind: new.kind, name: new.name };
        let owner = Some(owner.principal.id);
        let added = NewPrincipal { principal, owner, added_by: by, groups: new.groups, credential };
        Ok(Minted { principal: self.add(added, by).await?, token })
    }

    async fn add(&self, principal: NewPrincipal, by: Option<PrincipalId>) -> Result<Principal, String> {
        if !principal.is_owned_rightly() {
            return Err("agents and pipelines need an owner, people have none".to_owned());
        }
        let added = principal.principal.clone();
        let change = DirectoryChange::Add { principal, at: self.now() };
        match self.change_directory(change, added.id, by).await? {
            Applied::Applied => Ok(added),
            Applied::Lost => Err(format!("the name `{}` is or was in use: names are never used again", added.name)),
        }
    }

    /// Revokes a principal for good. Its open sessions see it with their next action.
    ///
    /// # Errors
    /// With what to do, for people.
    pub async fn revoke(&self, name: &Name, by: Option<PrincipalId>) -> Result<(), String> {
        let found = self.0.store.credential_by_name(name).await.map_err(|error| error.to_string())?;
        let id = found.ok_or_else(|| format!("there is no principal `{name}`"))?.principal.id;
        // Two administrators who revoke each other at once: one comes first, and the other stays.
        let one_at_a_time = self.0.revoking.lock().await;
        let admins = self.0.store.people_of(&[Name::admins()].into()).await.map_err(|error| error.to_string())?;
        if admins.len() == 1 && admins.contains_key(&id) {
            let why = "is the last active person in group `admins`: nobody could run the gateway; add another first";
            return Err(format!("`{name}` {why}"));
        }
        let applied = self.change_directory(DirectoryChange::Revoke { id, at: self.now() }, id, by).await?;
        drop(one_at_a_time);
        // Whoever was revoked before may have left some: a gateway or a store that stopped in between.
        let owned = self.0.store.owned_by(id).await.map_err(|error| error.to_string())?;
        let mut withdrawn = Ok(());
        for actor in owned.into_iter().chain([id]) {
            withdrawn = self.withdraw_all(actor).await.and(withdrawn);
        }
        withdrawn
            .map_err(|error| format!("`{name}` is revoked, but not all that it had open is withdrawn: {error}"))?;
        match applied {
            Applied::Applied => Ok(()),
            Applied::Lost => Err(format!("`{name}` was revoked before")),
        }
    }

    async fn change_directory(
        &self,
        directory: DirectoryChange,
        whom: PrincipalId,
        by: Option<PrincipalId>,
    ) -> Result<Applied, String> {
        let change = Change::Directory { directory };
        let mut alone = self.change_alone().await.map_err(|error| error.to_string())?;
        let write = |journal: &mut Journal, change: &Change| journal.directory(by, whom, change, self.now());
        let applied = self.change(&mut alone, change, write).await;
        // Whatever the store answered, the change may be in force.
        self.bump();
        applied.map_err(|error| error.to_string())
    }
}

fn unavailable(error: impl std::fmt::Display) -> AuthenticationFailed {
    AuthenticationFailed::Unavailable(error.to_string())
}

/// Names whose failures are remembered.
const NAMES: usize = 10_000;
/// Failures recorded a minute.
const RECORDED_A_MINUTE: u32 = 60;
