//! Making API keys. The key is shown once; only its hash is ever stored.

use lethe_common::config::{Config, KeyHash};
use serde_json::json;

use crate::data_dir::random_hex;
use crate::{options, output};

/// Returns a new key: a prefix that secret scanners can find, and 256 random bits.
pub(crate) fn fresh() -> String {
    format!("lethe_{}", random_hex())
}

/// Prints a new key, and the lines of the configuration that allow it.
pub(crate) fn make(options: &options::Key) -> anyhow::Result<()> {
    let key = fresh();
    let lines = format!(
        "[[auth.key]]\nname = {}\nsha256 = \"{}\"\nscopes = {}",
        json!(options.name),
        KeyHash::of(&key),
        json!(options.scopes)
    );
    // Whatever the configuration would refuse is refused here, before somebody pastes it.
    Config::from_toml(&lines)?;
    output::line(&format!("# the key itself, shown this once: {key}"));
    output::line(&lines);
    Ok(())
}
