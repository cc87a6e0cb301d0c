//! All collections of one directory.
//!
//! One rename makes a collection appear after the slow work, and disappear before it. So a process
//! that dies leaves it whole or not at all. After a failure, a collection is known as long as a
//! restart may find its points. All functions block.

use std::{
    collections::{BTreeMap, BTreeSet},
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
    /// Held while collections are created and deleted, never while they are read. The names of failed creations whose
    /// directories a start may still find.
    changing: Mutex<BTreeSet<String>>,
    limits: Limits,
    // The lock lasts as long as the file is open.
    _lock: File,
    /// Whether syncs fail, as on a broken disk.
    #[cfg(test)]
    cannot_sync: std::sync::atomic::AtomicBool,
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
            #[cfg(test)]
            cannot_sync: false.into(),
        };
        files::make_empty(&store.temporary()).map_err(unusable)?;
        files::make(&store.directory()).map_err(unusable)?;
        // A process that died may have made the directory, and not synced it.
        files::sync(root).map_err(unusable)?;
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
        let mut left = self.changing();
        if self.get(name).is_ok() {
            return Err(Failure::Exists(name.to_owned()));
        }
        if self.names().len() >= COLLECTIONS {
            return Err(Failure::Exhausted(format!(
                "there are {COLLECTIONS} collections already"
            )));
        }
        if left.contains(name) {
            self.discard(name, &mut left)?;
        }
        let building = self.temporary().join(Uuid::new_v4().to_string());
        let shard = files::shard(&building, 1);
        fs::create_dir_all(&shard)?;
        // Dropping the engine flushes it, and may panic like any flush.
        guarded(|| EdgeShard::new(&shard, config).map(drop))?;
        files::sync_tree(&building)?;
        let directory = self.directory().join(name);
        fs::rename(&building, &directory)?;
        let synced = self.sync().map_err(Failure::from);
        let opened = synced.and_then(|()| Collection::open(name, &directory, self.limits.clone()));
        let collection = opened.inspect_err(|_| {
            // It has no points yet. The next start must not find a collection that is unknown now.
            if let Err(error) = self.discard(name, &mut left) {
                let cause = Failure::from(error).cause();
                tracing::error!(
                    collection = name,
                    cause,
                    "a collection that could not be created may be on disk, without points: delete it, or create it again"
                );
            }
        })?;
        self.insert(name.to_owned(), collection);
        Ok(())
    }

    /// Deletes a collection; returns whether it existed. A call that failed may be repeated.
    pub(crate) fn delete(&self, name: &str) -> Result<bool, Failure> {
        let mut left = self.changing();
        let Ok(collection) = self.get(name) else {
            // A failed call may have left files.
            if left.contains(name) {
                self.discard(name, &mut left)?;
            }
            files::make_empty(&self.temporary())?;
            return Ok(false);
        };
        let was_broken = collection.is_broken();
        collection.close(Ending::Leaving);
        // If the directory is gone, an earlier call renamed it, but could not sync that.
        if let Err(error) = self.rename_away(name) {
            self.serve_again(name, &collection, was_broken);
            return Err(error.into());
        }
        // Until this sync, a power cut may bring the collection back. So its name stays known, and no answer says that
        // its points are gone. Requests that began before get the same answer, and find nothing when repeated.
        self.sync()?;
        self.collections
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
        files::make_empty(&self.temporary())?;
        Ok(true)
    }

    /// Removes the directory of a failed creation. If that fails, the next call about the name repeats it.
    // Only such names: on a file system that ignores case, another name may be the directory of a known collection.
    fn discard(&self, name: &str, left: &mut BTreeSet<String>) -> io::Result<()> {
        left.insert(name.to_owned());
        self.rename_away(name)?;
        self.sync()?;
        left.remove(name);
        Ok(())
    }

    /// Moves a collection's directory to the temporary ones; absent is success.
    fn rename_away(&self, name: &str) -> io::Result<()> {
        let directory = self.directory().join(name);
        let renamed = fs::rename(&directory, self.temporary().join(Uuid::new_v4().to_string()));
        match renamed {
            Err(_) if matches!(directory.try_exists(), Ok(false)) => Ok(()),
            renamed => renamed,
        }
    }

    /// Reopens a closed collection whose deletion failed.
    fn serve_again(&self, name: &str, closed: &Collection, was_broken: bool) {
        let directory = self.directory().join(name);
        let opened = if was_broken {
            Err(Failure::Broken(name.to_owned()))
        } else {
            Collection::open(name, &directory, self.limits.clone())
        };
        match opened {
            Ok(collection) => self.insert(name.to_owned(), collection),
            Err(_) => closed.breaks(),
        }
    }

    /// Syncs the directory of the collections: the renames in it then survive a power cut.
    fn sync(&self) -> io::Result<()> {
        #[cfg(test)]
        if self.cannot_sync.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(io::Error::other("a test breaks the disk"));
        }
        files::sync(&self.directory())
    }

    /// Closes all collections after their queued writes are applied and flushed.
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

    fn changing(&self) -> MutexGuard<'_, BTreeSet<String>> {
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
    files::make(root)?;
    let file = File::create(root.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use qdrant_client::qdrant::{
        self, CreateCollection, VectorParams, VectorsConfig, vectors_config::Config as Vectors,
    };

    use super::*;
    use crate::convert::config;

    type Call = fn(&Store) -> Result<(), Failure>;

    fn create(store: &Store) -> Result<(), Failure> {
        let params = VectorParams {
            size: 4,
            distance: qdrant::Distance::Dot.into(),
            ..VectorParams::default()
        };
        let request = CreateCollection {
            vectors_config: Some(VectorsConfig {
                config: Some(Vectors::Params(params)),
            }),
            ..CreateCollection::default()
        };
        store.create("memories", config::new(&request).unwrap())
    }

    async fn read(collection: &Collection) -> Result<usize, Failure> {
        collection.read(|shard| Ok(shard.info().points_count)).await
    }

    #[tokio::test]
    async fn a_collection_that_cannot_be_deleted_is_served_as_before() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        create(&store).unwrap();
        // Nothing can be renamed into a file.
        fs::remove_dir(store.temporary()).unwrap();
        fs::write(store.temporary(), "").unwrap();
        for _ in 0..2 {
            assert!(store.delete("memories").is_err());
            assert!(read(&store.get("memories").unwrap()).await.is_ok());
        }
        fs::remove_file(store.temporary()).unwrap();
        fs::create_dir(store.temporary()).unwrap();
        assert!(store.delete("memories").unwrap());
        assert!(!store.delete("memories").unwrap());
        assert!(store.names().is_empty());
    }

    #[tokio::test]
    async fn a_deletion_that_is_not_synced_says_so_until_it_is_repeated() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        create(&store).unwrap();
        let held = store.get("memories").unwrap();
        store.cannot_sync.store(true, Ordering::Relaxed);
        for _ in 0..2 {
            assert!(store.delete("memories").is_err());
            assert!(matches!(read(&held).await, Err(Failure::Leaving(_))));
            assert_eq!(store.names(), ["memories"]);
        }
        store.cannot_sync.store(false, Ordering::Relaxed);
        assert!(store.delete("memories").unwrap());
        assert!(store.names().is_empty());
        assert!(matches!(store.get("memories"), Err(Failure::NoCollection(_))));
        assert_eq!(
            fs::read_dir(store.temporary()).unwrap().count(),
            0,
            "its files are gone"
        );
        create(&store).unwrap();
    }

    #[test]
    fn only_a_directory_that_a_failed_creation_left_is_discarded_by_the_next_call() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let shard = store.directory().join("memories").join("shard-1");
        let delete: Call = |store| store.delete("memories").map(drop);
        for call in [delete, create] {
            fs::create_dir_all(&shard).unwrap();
            store.delete("memories").unwrap();
            assert!(shard.is_dir(), "it may be another collection's");
            store.changing().insert("memories".to_owned());
            // A power cut may bring the directory back, so a call that cannot sync says so.
            store.cannot_sync.store(true, Ordering::Relaxed);
            assert!(call(&store).is_err());
            store.cannot_sync.store(false, Ordering::Relaxed);
            call(&store).unwrap();
            assert!(store.changing().is_empty());
        }
        assert_eq!(store.names(), ["memories"]);
        assert!(store.delete("memories").unwrap());
        assert_eq!(fs::read_dir(store.directory()).unwrap().count(), 0);
    }

    #[test]
    fn a_creation_that_is_not_synced_leaves_no_collection() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        store.cannot_sync.store(true, Ordering::Relaxed);
        assert!(create(&store).is_err());
        assert!(store.names().is_empty());
        assert_eq!(
            fs::read_dir(store.directory()).unwrap().count(),
            0,
            "a start finds none"
        );
        store.cannot_sync.store(false, Ordering::Relaxed);
        create(&store).unwrap();
        assert_eq!(store.names(), ["memories"]);
    }
}
