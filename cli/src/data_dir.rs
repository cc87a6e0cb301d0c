//! The data directory of the embedded mode: one process at a time, and secrets of its own.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use secrecy::SecretString;

/// A data directory. It is locked as long as this value exists.
pub(crate) struct DataDir {
    path: PathBuf,
    // The operating system releases it when the process ends in any way.
    _lock: File,
}

impl DataDir {
    /// Opens a directory, and refuses it if it is in use. Creates it if it does not exist.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        make(path)?;
        let path = path.canonicalize().context("find the data directory")?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lethe.lock"))
            .context("open the data directory's lock file")?;
        match lock.try_lock() {
            Ok(()) => {
                tighten(&path)?;
                Ok(Self { path, _lock: lock })
            }
            Err(TryLockError::WouldBlock) => {
                bail!(
                    "the data directory {} is used by another process; stop it, or name another with --data",
                    path.display()
                )
            }
            Err(TryLockError::Error(error)) => Err(error).context("lock the data directory"),
        }
    }

    /// Returns its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of a file in it.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Returns the URL of a SQLite file in it, which is created when it is first opened.
    pub(crate) fn sqlite(&self, name: &str) -> SecretString {
        let path = self.join(name).display().to_string();
        // These two characters have a meaning in such a URL.
        let path = path.replace('%', "%25").replace('?', "%3F");
        format!("sqlite://{path}?mode=rwc").into()
    }

    /// Returns a secret from a file of its own. Creates it if it does not exist.
    pub(crate) fn secret(&self, name: &str) -> anyhow::Result<String> {
        let path = self.join(name);
        if let Ok(secret) = fs::read_to_string(&path)
            && !secret.trim().is_empty()
        {
            return Ok(secret.trim().to_owned());
        }
        let secret = random_hex();
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options
            .open(&path)
            .with_context(|| format!("write {}", path.display()))?;
        file.write_all(secret.as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| sync(&self.path))
            .context("keep a secret")?;
        Ok(secret)
    }
}

/// Creates a directory, unless it exists, that other users cannot read: ids and memories are in it. It is there after a
/// crash of the machine.
pub(crate) fn make(path: &Path) -> anyhow::Result<()> {
    // Before they exist.
    let missing: Vec<&Path> = path
        .ancestors()
        .take_while(|path| !path.as_os_str().is_empty() && !path.exists())
        .collect();
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let mut parents = missing.into_iter().filter_map(Path::parent);
    builder
        .create(path)
        .and_then(|()| parents.try_for_each(sync))
        .with_context(|| format!("create the data directory {}", path.display()))
}

/// Makes the entries of a directory durable.
#[cfg(unix)]
fn sync(directory: &Path) -> std::io::Result<()> {
    let is_here = directory.as_os_str().is_empty();
    File::open(if is_here { Path::new(".") } else { directory })?.sync_all()
}

#[cfg(not(unix))]
fn sync(_directory: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Removes other users' rights to a directory and its content: an operator may have created it by hand.
///
/// A volume of another owner is used as it is, with a warning: only its owner can change the rights.
#[cfg(unix)]
fn tighten(path: &Path) -> anyhow::Result<()> {
    let what = || format!("look into the data directory {}", path.display());
    own(path).with_context(what)?;
    for entry in fs::read_dir(path).with_context(what)? {
        let entry = entry.with_context(what)?;
        let kind = entry.file_type().with_context(what)?;
        if kind.is_file() || kind.is_dir() {
            own(&entry.path()).with_context(what)?;
        }
    }
    Ok(())
}

/// Removes other users' rights to one file or directory.
#[cfg(unix)]
fn own(path: &Path) -> std::io::Result<()> {
    use std::io::ErrorKind;
    use std::os::unix::fs::PermissionsExt;
    let mode = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.permissions().mode(),
        // A temporary file was removed meanwhile.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let of_others = mode & 0o077;
    if of_others == 0 {
        return Ok(());
    }
    match fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o700)) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            tracing::warn!(path = %path.display(), "other users may read the data directory, which holds ids and memories: it belongs to another user");
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(not(unix))]
fn tighten(_path: &Path) -> anyhow::Result<()> {
    Ok(())
}

/// Returns 256 random bits as hexadecimal digits.
pub(crate) fn random_hex() -> String {
    use std::fmt::Write as _;
    let bytes: [u8; 32] = rand::random();
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all text");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use secrecy::ExposeSecret;
    use sqlx::sqlite::SqliteConnectOptions;

    use super::DataDir;

    #[test]
    fn a_file_is_found_again_whatever_the_directory_is_called() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["plain", "100%25", "what?mode=ro", "a b#ü\""] {
            let path = parent.path().join(name);
            let data = DataDir::open(&path).unwrap();
            let options = SqliteConnectOptions::from_str(data.sqlite("l").expose_secret()).unwrap();
            assert_eq!(options.get_filename(), data.join("l"), "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_directory_that_was_there_and_what_is_in_it_are_for_its_owner_alone() {
        use std::fs::{self, Permissions};
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("old");
        fs::create_dir_all(path.join("vectors")).unwrap();
        for file in ["ledger.sqlite", "tool"] {
            fs::write(path.join(file), "").unwrap();
        }
        for (name, mode) in [
            ("", 0o755),
            ("vectors", 0o777),
            ("ledger.sqlite", 0o644),
            ("tool", 0o755),
        ] {
            fs::set_permissions(path.join(name), Permissions::from_mode(mode)).unwrap();
        }
        let _data = DataDir::open(&path).unwrap();
        let mode = |name: &str| fs::metadata(path.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(""), mode("vectors"), mode("ledger.sqlite")),
            (0o700, 0o700, 0o600)
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_new_directory_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("new/inside");
        let _data = DataDir::open(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
