//! All collections of one directory.
//!
//! One rename makes a collection appear, after the slow work, or disappear, before it. So a process
//! that dies here leaves it whole or not at all. All functions block.

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use qdrant_edge::{EdgeConfig, EdgeShard};
use uuid::Uuid;

use crate::{
    collection::{Collection, Limits},
    engine::guarded,
    error::{EdgeError, Failure},
    files,
    writer::Ending,
};

/// The most collections of one store: each has a thread and open files of its own.
const COLLECTIONS: usize = 256;

/// The collections, and their directory.
pub(crate) struct Store {
    root: PathBuf,
    collections: RwLock<BTreeMap<String, Arc<Collection>>>,
    // Held while collections are created and deleted, never while they are read.
    changing: Mutex<()>,
    limits: Limits,
    // The lock lasts as long as the file is open.
    _lock: File,
}

impl Store {
    /// Opens a directory and all collections in it. Creates the directory if it does not exist.
    pub(crate) fn open(root: &Path) -> Result<Self, EdgeError> {
        let unusable = |source| EdgeError::Directory {
            directory: root.to_owned(),
            source,
        };
        let lock = lock(root).map_err(unusable)?;
        let lock = lock.ok_or_else(|| EdgeError::InUse {
            directory: root.to_owned(),
        })?;
        let store = Self {
            root: root.to_owned(),
            collections: RwLock::default(),
            changing: Mutex::default(),
            limits: Limits::new(),
            _lock: lock,
        };
        files::make_empty(&store.temporary()).map_err(unusable)?;
        fs::create_dir_all(store.directory()).map_err(unusable)?;
        for entry in fs::read_dir(store.directory()).map_err(unusable)? {
            let entry = entry.map_err(unusable)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let opened = Collection::open(&name, &entry.path(), store.limits.clone());
            let collection = opened.map_err(|failure| EdgeError::Collection {
                name: name.clone(),
                reason: failure.to_string(),
            })?;
            store.insert(name, collection);
        }
        Ok(store)
    }

    /// Returns a collection by name.
    pub(crate) fn get(&self, name: &str) -> Result<Arc<Collection>, Failure> {
        let collections = self.collections.read().unwrap_or_else(PoisonError::into_inner);
        let found = collections.get(name).cloned();
        found.ok_or_else(|| Failure::NoCollection(name.to_owned()))
    }

    /// Returns all names, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let collections = self.collections.read().unwrap_or_else(PoisonError::into_inner);
        collections.keys().cloned().collect()
    }

    /// Creates a collection. It is on disk and synced when this returns.
    pub(crate) fn create(&self, name: &str, config: EdgeConfig) -> Result<(), Failure> {
        files::check_name(name)?;
        let _changing = self.changing();
        if self.get(name).is_ok() {
            return Err(Failure::Exists(name.to_owned()));
        }
        if self.names().len() >= COLLECTIONS {
            return Err(Failure::Exhausted(format!(
                "there are {COLLECTIONS} collections already"
            )));
        }
        let building = self.temporary().join(Uuid::new_v4().to_string());
        let shard = files::shard(&building, 1);
        fs::create_dir_all(&shard)?;
        // Dropping the engine flushes it, and may panic like any flush.
        guarded(|| EdgeShard::new(&shard, config).map(drop))?;
        files::sync_tree(&building)?;
        let directory = self.directory().join(name);
        fs::rename(&building, &directory)?;
        files::sync(&self.directory())?;
        let collection = Collection::open(name, &directory, self.limits.clone())?;
        self.insert(name.to_owned(), collection);
        Ok(())
    }

    /// Deletes a collection; returns whether it existed.
    pub(crate) fn delete(&self, name: &str) -> Result<bool, Failure> {
        let _changing = self.changing();
        let Ok(collection) = self.get(name) else {
            return Ok(false);
        };
        collection.close(Ending::Deleted);
        let leaving = self.temporary().join(Uuid::new_v4().to_string());
        // The name stays known until the rename: a second try after a failure must not answer "absent".
        fs::rename(self.directory().join(name), &leaving)?;
        files::sync(&self.directory())?;
        self.collections
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
        files::remove(&leaving)?;
        Ok(true)
    }

    /// Applies and flushes the queued writes of all collections, and closes these.
    pub(crate) fn close(&self) {
        let _changing = self.changing();
        let collections = self.collections.read().unwrap_or_else(PoisonError::into_inner);
        for collection in collections.values() {
            collection.close(Ending::Closed);
        }
    }

    fn insert(&self, name: String, collection: Collection) {
        let mut collections = self.collections.write().unwrap_or_else(PoisonError::into_inner);
        collections.insert(name, Arc::new(collection));
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn directory(&self) -> PathBuf {
        self.root.join(files::COLLECTIONS)
    }

    fn temporary(&self) -> PathBuf {
        self.root.join(files::TEMPORARY)
    }
}

/// Locks a directory against other processes; `None` if one holds the lock.
fn lock(root: &Path) -> io::Result<Option<File>> {
    fs::create_dir_all(root)?;
    let file = File::create(root.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
