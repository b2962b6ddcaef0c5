//! People, agents, pipelines and groups, with their credentials as hashes.

use std::collections::{BTreeMap, BTreeSet};

use gate::{Applied, DirectoryChange};
use model::{Actor, GroupName, Lineage, Name, Owner, Principal, PrincipalId, PrincipalKind, Standing};
use sqlx::{Row as _, Sqlite, Transaction, sqlite::SqliteRow};

use crate::{Store, StoreError, json, number, read_json, read_text};

/// What a principal proves itself with, as stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// Who.
    pub principal: Principal,
    /// The hash of its token or passphrase.
    pub hash: String,
    /// Whether it is neither revoked nor owned by somebody who is.
    pub active: bool,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credential({}, …)", self.principal.name)
    }
}

pub(crate) async fn change(
    tx: &mut Transaction<'_, Sqlite>,
    change: &DirectoryChange,
    record: i64,
) -> Result<Applied, StoreError> {
    match change {
        DirectoryChange::Add { principal: new, at } => {
            let added = sqlx::query(
                "INSERT INTO principals (id, kind, name, owner, credential, added_at, record, added_by)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
            )
            .bind(new.principal.id.to_string())
            .bind(new.principal.kind.as_str())
            .bind(new.principal.name.as_str())
            .bind(new.owner.map(|owner| owner.to_string()))
            .bind(&new.credential)
            .bind(number(at.as_millis()))
            .bind(record)
            .bind(new.added_by.map(|by| by.to_string()))
            .execute(&mut **tx)
            .await?;
            if added.rows_affected() == 0 {
                return Ok(Applied::Lost);
            }
            for group in &new.groups {
                sqlx::query("INSERT INTO memberships (grp, principal) VALUES ($1, $2)")
                    .bind(group.as_str())
                    .bind(new.principal.id.to_string())
                    .execute(&mut **tx)
                    .await?;
            }
            Ok(Applied::Applied)
        }
        DirectoryChange::Revoke { id, at } => {
            let revoked =
                sqlx::query("UPDATE principals SET revoked_at = $2, record = $3 WHERE id = $1 AND revoked_at IS NULL")
                    .bind(id.to_string())
                    .bind(number(at.as_millis()))
                    .bind(record)
                    .execute(&mut **tx)
                    .await?;
            Ok(if revoked.rows_affected() == 1 { Applied::Applied } else { Applied::Lost })
        }
    }
}

impl Store {
    /// The standing of a principal as of now, if there is one.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn standing(&self, id: PrincipalId) -> Result<Option<Standing>, StoreError> {
        Ok(self.standings([id]).await?.remove(&id))
    }

    /// The standing of each of these principals; those that do not exist are left out.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn standings(
        &self,
        ids: impl IntoIterator<Item = PrincipalId>,
    ) -> Result<BTreeMap<PrincipalId, Standing>, StoreError> {
        let ids: BTreeSet<PrincipalId> = ids.into_iter().collect();
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let rows = sqlx::query(STANDINGS).bind(json(&ids)?).fetch_all(&self.read).await?;
        rows.iter().map(|row| standing_of(row).map(|standing| (standing.actor.principal.id, standing))).collect()
    }

    /// People of these groups, with their standing; at most 1,000 of each group.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn people_of(&self, groups: &BTreeSet<GroupName>) -> Result<BTreeMap<PrincipalId, Standing>, StoreError> {
        let mut ids = BTreeSet::new();
        for group in groups {
            let rows: Vec<String> = sqlx::query_scalar(
                "SELECT p.id FROM memberships m JOIN principals p ON p.id = m.principal
                 WHERE m.grp = $1 AND p.kind = 'person' AND p.revoked_at IS NULL ORDER BY p.id LIMIT 1000",
            )
            .bind(group.as_str())
            .fetch_all(&self.read)
            .await?;
            for id in rows {
                ids.insert(read_text::<PrincipalId>(&id)?);
            }
        }
        self.standings(ids).await
    }

    /// The agents and pipelines that this person owns.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn owned_by(&self, owner: PrincipalId) -> Result<Vec<PrincipalId>, StoreError> {
        let rows: Vec<String> = sqlx::query_scalar("SELECT id FROM principals WHERE owner = $1")
            .bind(owner.to_string())
            .fetch_all(&self.read)
            .await?;
        rows.iter().map(|id| read_text(id)).collect()
    }

    /// The credential of the principal with this id.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn credential(&self, id: PrincipalId) -> Result<Option<Credential>, StoreError> {
        let row = sqlx::query(CREDENTIAL_BY_ID).bind(id.to_string()).fetch_optional(&self.read).await?;
        row.as_ref().map(credential_of).transpose()
    }

    /// The credential of the principal with this name.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn credential_by_name(&self, name: &Name) -> Result<Option<Credential>, StoreError> {
        let row = sqlx::query(CREDENTIAL_BY_NAME).bind(name.as_str()).fetch_optional(&self.read).await?;
        row.as_ref().map(credential_of).transpose()
    }

    /// All principals of a kind, by name.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn principals(&self, kind: PrincipalKind) -> Result<Vec<Standing>, StoreError> {
        let ids: Vec<String> =
            sqlx::query_scalar("SELECT id FROM principals WHERE kind = $1 ORDER BY name LIMIT 10000")
                .bind(kind.as_str())
                .fetch_all(&self.read)
                .await?;
        let ids = ids.iter().map(|id| read_text(id)).collect::<Result<Vec<PrincipalId>, _>>()?;
        let mut found: Vec<Standing> = self.standings(ids).await?.into_values().collect();
        found.sort_by(|a, b| a.actor.principal.name.cmp(&b.actor.principal.name));
        Ok(found)
    }
}

fn standing_of(row: &SqliteRow) -> Result<Standing, StoreError> {
    let (principal, owner_id, own_active) = principal_of(row)?;
    let groups = |column: &str| -> Result<BTreeSet<GroupName>, StoreError> { read_json(row.try_get(column)?) };
    let lineage = match (principal.kind, owner_id) {
        (PrincipalKind::Person, _) => Lineage::of([principal.id]),
        // Whoever added it saw its token, and may act with it.
        (PrincipalKind::Agent | PrincipalKind::Pipeline, Some(owner)) => {
            let added_by: Option<&str> = row.try_get("added_by")?;
            Lineage::of(std::iter::once(owner).chain(added_by.map(read_text).transpose()?))
        }
        (PrincipalKind::Agent | PrincipalKind::Pipeline, None) => {
            return Err(StoreError::Corrupt(format!("{} `{}` has no owner", principal.kind, principal.name)));
        }
    };
    let owner = match owner_id {
        None => None,
        Some(_) => {
            let revoked_at: Option<i64> = row.try_get("owner_revoked_at")?;
            let name = read_text(row.try_get("owner_name")?)?;
            Some(Owner { name, groups: groups("owner_groups")?, active: revoked_at.is_none() })
        }
    };
    let active = own_active && owner.as_ref().is_none_or(|owner| owner.active);
    Ok(Standing { actor: Actor { principal, lineage }, owner, groups: groups("groups")?, active })
}

fn principal_of(row: &SqliteRow) -> Result<(Principal, Option<PrincipalId>, bool), StoreError> {
    let kind: &str = row.try_get("kind")?;
    let kinds = [PrincipalKind::Person, PrincipalKind::Agent, PrincipalKind::Pipeline];
    let known = kinds.into_iter().find(|known| known.as_str() == kind);
    let owner: Option<&str> = row.try_get("owner")?;
    let principal = Principal {
        id: read_text(row.try_get("id")?)?,
        kind: known.ok_or_else(|| StoreError::Corrupt(format!("`{kind}` is not a kind of principal")))?,
        name: read_text(row.try_get("name")?)?,
    };
    let revoked_at: Option<i64> = row.try_get("revoked_at")?;
    Ok((principal, owner.map(read_text).transpose()?, revoked_at.is_none()))
}

fn credential_of(row: &SqliteRow) -> Result<Credential, StoreError> {
    let (principal, _, own_active) = principal_of(row)?;
    let owner_revoked: Option<i64> = row.try_get("owner_revoked_at")?;
    Ok(Credential { principal, hash: row.try_get("credential")?, active: own_active && owner_revoked.is_none() })
}

/// One round trip, for releases wait on it.
const STANDINGS: &str = "SELECT p.id, p.kind, p.name, p.owner, p.revoked_at, p.added_by,
        (SELECT json_group_array(grp) FROM memberships WHERE principal = p.id) AS groups,
        o.name AS owner_name, o.revoked_at AS owner_revoked_at,
        (SELECT json_group_array(grp) FROM memberships WHERE principal = o.id) AS owner_groups
    FROM principals p LEFT JOIN principals o ON o.id = p.owner
    WHERE p.id IN (SELECT value FROM json_each($1))";
const CREDENTIAL_BY_ID: &str = "SELECT p.id, p.kind, p.name, p.owner, p.revoked_at, p.credential,
    o.revoked_at AS owner_revoked_at FROM principals p LEFT JOIN principals o ON o.id = p.owner WHERE p.id = $1";
const CREDENTIAL_BY_NAME: &str = "SELECT p.id, p.kind, p.name, p.owner, p.revoked_at, p.credential,
    o.revoked_at AS owner_revoked_at FROM principals p LEFT JOIN principals o ON o.id = p.owner WHERE p.name = $1";
