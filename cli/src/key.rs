//! Making API keys. The key is shown once; only its hash is ever stored.

use anyhow::bail;
use lethe_common::config::{KeyHash, Scope};

use crate::data_dir::random_hex;
use crate::{options, output};

/// Returns a new key: a prefix that secret scanners can find, and 256 random bits.
pub(crate) fn fresh() -> String {
    format!("lethe_{}", random_hex())
}

/// Prints a new key, and the lines of the configuration that allow it.
pub(crate) fn make(options: &options::Key) -> anyhow::Result<()> {
    for scope in &options.scopes {
        if !Scope::ALL.iter().any(|(name, _)| name == scope) {
            let known: Vec<&str> = Scope::ALL.iter().map(|(name, _)| *name).collect();
            bail!("there is no scope `{scope}`; there are: {}", known.join(", "));
        }
    }
    let key = fresh();
    output::line(&format!("# the key itself, shown this once: {key}"));
    output::line("[[auth.key]]");
    output::line(&format!("name = {:?}", options.name));
    output::line(&format!("sha256 = \"{}\"", KeyHash::of(&key)));
    output::line(&format!("scopes = {:?}", options.scopes));
    Ok(())
}
