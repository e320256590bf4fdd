//! Where a table lies: a local folder, or an object store that speaks Amazon's S3.
//!
//! An object store promises that what is written is durable and that of two writers of one name only the first
//! succeeds. A local folder needs help for that: [`durable`].

use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use deltalake::logstore::{
    LogStore, LogStoreFactory, ObjectStoreFactory, ObjectStoreRef, StorageConfig, default_logstore,
    logstore_factories, object_store_factories,
};
use deltalake::{DeltaResult, DeltaTableBuilder, DeltaTableError};
use object_store::ObjectStoreScheme;
use object_store::aws::AmazonS3Builder;
use url::Url;

use super::durable;
use crate::error::StoreError;

#[derive(Clone, Debug)]
pub(crate) struct TablePlace {
    url: Url,
    /// None in an object store.
    folder: Option<PathBuf>,
}

impl TablePlace {
    pub(crate) fn folder(folder: &Path) -> Result<TablePlace, StoreError> {
        let folder = std::path::absolute(folder).map_err(|e| StoreError::io(folder, e))?;
        let url = Url::from_directory_path(&folder);
        let url = url.map_err(|()| StoreError::Place {
            place: folder.display().to_string(),
            detail: "it cannot be written as a URL".into(),
        })?;
        Ok(TablePlace { url, folder: Some(folder) })
    }

    /// `<tables>/<name>` of an object store. Credentials, region and endpoint come from the variables that Amazon's
    /// own tools read: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`, …
    pub(crate) fn object_store(tables: &str, name: &str) -> Result<TablePlace, StoreError> {
        let refused = |detail: &str| StoreError::Place { place: tables.into(), detail: detail.into() };
        let url = Url::parse(&format!("{}/{name}/", tables.trim_end_matches('/')));
        let url = url.map_err(|error| refused(&error.to_string()))?;
        match url.scheme() {
            "s3" | "s3a" if url.host().is_some() => Ok(TablePlace { url, folder: None }),
            _ => Err(refused("write s3://BUCKET/PREFIX")),
        }
    }

    /// Makes the folder, if it is one.
    pub(super) fn make(&self) -> Result<(), StoreError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        std::fs::create_dir_all(folder).map_err(|e| StoreError::io(folder, e))
    }

    pub(super) fn builder(&self) -> DeltaResult<DeltaTableBuilder> {
        know_s3();
        DeltaTableBuilder::from_url(self.url.clone())
    }

    /// Makes a file of the table durable.
    pub(super) fn sync(&self, name: &str) -> Result<(), StoreError> {
        self.folder.as_deref().map_or(Ok(()), |folder| durable::sync(folder, name))
    }

    pub(super) fn sync_commit(&self, version: u64) -> Result<(), StoreError> {
        self.folder.as_deref().map_or(Ok(()), |folder| durable::sync_commit(folder, version))
    }

    /// Deletes the newest commit if a power cut left it half written.
    pub(super) fn drop_torn_commit(&self) -> Result<(), StoreError> {
        self.folder.as_deref().map_or(Ok(()), durable::drop_torn_commit)
    }

    /// See [`durable::torn_commit`].
    pub(super) fn torn_commit(&self) -> Result<Option<(u64, PathBuf)>, StoreError> {
        self.folder.as_deref().map_or(Ok(None), durable::torn_commit)
    }

    /// A file of the table as people are told of it.
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        match &self.folder {
            Some(folder) => folder.join(name),
            None => PathBuf::from(format!("{self}/{name}")),
        }
    }
}

impl std::fmt::Display for TablePlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.folder {
            Some(folder) => folder.display().fmt(f),
            None => f.write_str(self.url.as_str().trim_end_matches('/')),
        }
    }
}

/// Tells the Delta library, which by itself knows local folders alone, how to reach S3.
fn know_s3() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for scheme in ["s3://", "s3a://"].into_iter().filter_map(|scheme| Url::parse(scheme).ok()) {
            object_store_factories().insert(scheme.clone(), Arc::new(S3));
            logstore_factories().insert(scheme, Arc::new(S3));
        }
    });
}

struct S3;

impl ObjectStoreFactory for S3 {
    fn parse_url_opts(
        &self,
        url: &Url,
        _: &StorageConfig,
    ) -> DeltaResult<(ObjectStoreRef, object_store::path::Path)> {
        let unknown = |error: object_store::Error| DeltaTableError::ObjectStore { source: error };
        let (_, path) = ObjectStoreScheme::parse(url)
            .map_err(|_| DeltaTableError::InvalidTableLocation(url.to_string()))?;
        let mut builder = AmazonS3Builder::from_env().with_url(url.as_str());
        // A store on this machine, as in a test, has no certificate.
        if std::env::var("AWS_ENDPOINT_URL").is_ok_and(|endpoint| endpoint.starts_with("http://")) {
            builder = builder.with_allow_http(true);
        }
        Ok((Arc::new(builder.build().map_err(unknown)?), path))
    }
}

impl LogStoreFactory for S3 {
    fn with_options(
        &self,
        prefixed_store: ObjectStoreRef,
        root_store: ObjectStoreRef,
        location: &Url,
        options: &StorageConfig,
    ) -> DeltaResult<Arc<dyn LogStore>> {
        Ok(default_logstore(prefixed_store, root_store, location, options))
    }
}
