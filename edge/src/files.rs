//! Names and directories: the names that collections may have, their directories, and the syncs that
//! keep these after a crash.
//!
//! `collections/<name>/shard-<n>` is an engine's directory. A higher number replaces the lower
//! ones. Files under `tmp`, and a directory called `building`, are unfinished or being deleted: they
//! are removed when the store opens.

#[cfg(test)]
mod fuzz;

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::error::Failure;

/// The directory of collections, inside the store's directory.
pub(crate) const COLLECTIONS: &str = "collections";
/// The directory of collections in creation or deletion, beside it and so on the same file system.
pub(crate) const TEMPORARY: &str = "tmp";
/// The engine directory that is being written by a compaction.
pub(crate) const BUILDING: &str = "building";
/// The file inside an engine's directory that marks it: its files still hold deleted data.
pub(crate) const ERASED: &str = "erased";

const SHARD: &str = "shard-";

/// The longest name, in bytes: the limit of file systems for one directory, and Qdrant's own limit.
const NAME_LIMIT: usize = 255;

/// Characters that Qdrant refuses in a collection's name.
const FORBIDDEN: &[char] = &['<', '>', ':', '"', '/', '\\', '|', '?', '*'];

/// Checks a collection's name, which becomes a directory's name.
pub(crate) fn check_name(name: &str) -> Result<(), Failure> {
    let refused = name.is_empty()
        || name.len() > NAME_LIMIT
        || name == "."
        || name == ".."
        || name.contains(FORBIDDEN)
        || name.contains(char::is_control);
    if refused {
        return Err(Failure::Invalid(format!(
            "collection name must be 1 to {NAME_LIMIT} bytes, not `.` or `..`, without control characters or any of < > : \" / \\ | ? *"
        )));
    }
    Ok(())
}

/// Returns the path of an engine's directory.
pub(crate) fn shard(collection: &Path, generation: u64) -> PathBuf {
    collection.join(format!("{SHARD}{generation}"))
}

/// Finds the newest finished engine directory and removes all others.
pub(crate) fn newest_shard(collection: &Path) -> io::Result<Option<u64>> {
    let mut newest = None;
    for entry in fs::read_dir(collection)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(SHARD));
        newest = newest.max(number.and_then(|number| number.parse::<u64>().ok()));
    }
    let Some(newest) = newest else {
        return Ok(None);
    };
    for entry in fs::read_dir(collection)? {
        let path = entry?.path();
        if path != shard(collection, newest) {
            remove(&path)?;
        }
    }
    Ok(Some(newest))
}

/// Removes a file or a directory; absent is success.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Creates a directory and its parents, if they do not exist. Their names survive a power cut.
pub(crate) fn make(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let parent = match directory.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    make(parent)?;
    // Another process may have made it.
    if let Err(error) = fs::create_dir(directory)
        && !directory.is_dir()
    {
        return Err(error);
    }
    sync(parent)
}

/// Makes a directory empty. Creates it if it does not exist.
pub(crate) fn make_empty(directory: &Path) -> io::Result<()> {
    remove(directory)?;
    fs::create_dir_all(directory)
}

/// Syncs every file and directory below `path`, and `path` itself.
///
/// The engine syncs the contents that it flushes, but not the directories in which it creates files.
pub(crate) fn sync_tree(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        } else {
            sync(&entry.path())?;
        }
    }
    sync(path)
}

/// Syncs one file or directory.
pub(crate) fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Returns the sum of the lengths of the files below `path`; 0 if it is absent.
pub(crate) fn bytes(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else {
        return 0;
    };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_leave_the_directory_are_refused() {
        for name in ["", ".", "..", "a/b", "../x", "a\0b", "a\\b", "a\nb", &"x".repeat(256)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        for name in ["memories", "a.b", "..x", "émoi", &"x".repeat(255)] {
            assert!(check_name(name).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn a_directory_is_made_with_its_parents_unless_it_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let deep = directory.path().join("a").join("b");
        for _ in 0..2 {
            make(&deep).unwrap();
            assert!(deep.is_dir());
        }
        fs::write(directory.path().join("file"), "").unwrap();
        assert!(make(&directory.path().join("file")).is_err());
        assert!(make(&directory.path().join("file").join("below")).is_err());
    }

    #[test]
    fn the_newest_shard_wins_and_the_rest_is_swept() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["shard-9", "shard-10", BUILDING] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        assert_eq!(newest_shard(directory.path()).unwrap(), Some(10));
        let left = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(left, 1);
    }
}
