//! The log's keys, in a folder outside the data: `log.key` is secret (mode 0600), `log.pub` is what auditors verify with.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use audit::SigningKey;

/// Makes fresh keys in `folder`; never overwrites one.
pub(crate) fn create(folder: &Path) -> anyhow::Result<SigningKey> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (name, seed) = (identity::random::<8>()?, identity::random::<32>()?);
    let origin = format!("countersign.log/{}", hex(&name));
    let key = SigningKey::from_seed(&origin, &seed);
    let path = folder.join("log.key");
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let file = file.as_mut().map_err(|error| anyhow::anyhow!("cannot make `{}`: {error}", path.display()))?;
    writeln!(file, "{origin}\n{}", hex(&seed))?;
    file.sync_all()?;
    fs::write(folder.join("log.pub"), format!("{}\n", key.verifying_key()))?;
    Ok(key)
}

/// Reads the secret key.
pub(crate) fn read(folder: &Path) -> anyhow::Result<SigningKey> {
    let path = folder.join("log.key");
    let readable = || format!("cannot read the log's key `{}`: `countersign init` makes one", path.display());
    let mode = fs::metadata(&path).with_context(readable)?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!("`{}` is readable by others (mode {:o}): run `chmod 600` on it", path.display(), mode & 0o777);
    }
    let text = fs::read_to_string(&path).with_context(readable)?;
    let malformed = || format!("`{}` is not a log key: two lines, the origin and 64 hex digits", path.display());
    let (origin, seed) = text.trim().split_once('\n').with_context(malformed)?;
    let seed = seed.trim().parse::<model::Digest>().ok().with_context(malformed)?;
    Ok(SigningKey::from_seed(origin.trim(), seed.as_bytes()))
}
