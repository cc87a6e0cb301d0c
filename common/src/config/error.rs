//! The errors of a configuration.
//!
//! No text here may hold a value: any value can be a secret that was written to the wrong key.

use std::fmt;

/// One error, and the change that corrects it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigError {
    /// The key as it is written in the file, `worker.batch` or `target[0].name`, or the file's name.
    pub key: String,
    /// The change that corrects it.
    pub change: String,
}

impl ConfigError {
    pub(super) fn new(key: impl fmt::Display, change: impl Into<String>) -> Self {
        Self {
            key: key.to_string(),
            change: change.into(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.change)
    }
}

/// All errors of a configuration, one line each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl ConfigErrors {
    pub(super) fn push(&mut self, key: impl fmt::Display, change: impl Into<String>) {
        self.0.push(ConfigError::new(key, change));
    }

    /// Records `change` unless `fine`.
    pub(super) fn require(&mut self, fine: bool, key: impl fmt::Display, change: &str) {
        if !fine {
            self.push(key, change);
        }
    }

    pub(super) fn into_result<T>(mut self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            return Ok(value);
        }
        // Tables are read in no particular order; readers of the errors need a stable one.
        self.0.sort();
        self.0.dedup();
        Err(self)
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, error) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
