//! Objects in an object store: S3 and what speaks like it, or a folder in the way of that crate.
//!
//! The crate is asynchronous. Its runtime is in here and nobody else sees it: one thread drives it, whoever asks waits.

use super::blobs::{Blobs, Created};
use futures_util::TryStreamExt as _;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Name;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode, PutPayload};
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

/// A bucket, or a part of one.
#[derive(Debug)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    /// Before every name; empty, or with a slash at its end.
    prefix: String,
    /// How people call it.
    shown: String,
    runtime: Runtime,
}

impl Objects {
    /// `s3://bucket` or `s3://bucket/prefix`. Region, endpoint and credentials come from the environment, as other tools
    /// for S3 have them (`AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, ...); an endpoint of plain `http` is taken
    /// at its word.
    ///
    /// # Errors
    /// In words, if the address or the environment makes no sense, or the bucket can't be listed.
    pub fn s3(address: &str) -> Result<Self, String> {
        let (bucket, prefix) = split(address)?;
        let plain = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"]
            .iter()
            .any(|name| std::env::var(name).is_ok_and(|url| url.starts_with("http://")));
        let builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_allow_http(plain);
        let store = builder.build().map_err(|error| format!("{address}: {error}"))?;
        Self::new(Arc::new(store), prefix, address.trim_end_matches('/'))
    }

    /// A folder, with the crate's own way of writing files.
    ///
    /// # Errors
    /// In words, if the folder can't be used.
    pub fn local(folder: &Path) -> Result<Self, String> {
        super::files::make_folder(folder)?;
        let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| error.to_string())?;
        // Without it nothing is durable when the crate says that it is written.
        Self::new(Arc::new(store.with_fsync(true)), "", &folder.display().to_string())
    }

    fn new(store: Arc<dyn ObjectStore>, prefix: &str, shown: &str) -> Result<Self, String> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| format!("cannot start a thread for {shown}: {error}"))?;
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let objects = Objects { store, prefix, shown: shown.to_string(), runtime };
        objects.list("store/")?; // a bucket that isn't there is told at once
        Ok(objects)
    }

    fn name(&self, name: &str) -> Name {
        Name::from(format!("{}{name}", self.prefix))
    }

    fn wait<T>(&self, name: &str, what: impl Future<Output = Result<T, Error>>) -> Result<Result<T, Error>, String> {
        match self.runtime.block_on(what) {
            Err(error @ (Error::NotFound { .. } | Error::AlreadyExists { .. } | Error::Precondition { .. })) => {
                Ok(Err(error))
            }
            Err(error) => Err(format!("{}: {error}", self.show(name))),
            Ok(done) => Ok(Ok(done)),
        }
    }
}

/// The bucket and what comes after it.
fn split(address: &str) -> Result<(&str, &str), String> {
    let rest = address.strip_prefix("s3://").unwrap_or(address).trim_end_matches('/');
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(format!("{address}: an address in S3 is s3://bucket or s3://bucket/prefix"));
    }
    Ok((bucket, prefix))
}

impl Blobs for Objects {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let at = self.name(name);
        let put = self.store.put(&at, PutPayload::from(bytes.to_vec()));
        self.wait(name, put)?.map(|_| ()).map_err(|error| format!("{}: {error}", self.show(name)))
    }

    fn create(&self, name: &str, bytes: &[u8]) -> Result<Created, String> {
        let at = self.name(name);
        let put = self.store.put_opts(&at, PutPayload::from(bytes.to_vec()), PutMode::Create.into());
        match self.wait(name, put)? {
            Ok(_) => Ok(Created::New),
            Err(Error::NotFound { .. }) => Err(format!("{}: there is no such place", self.show(name))),
            // A first attempt may have been done and its answer lost, and the crate asked again. Then it is ours.
            Err(_) if self.get(name)?.is_some_and(|found| found == bytes) => Ok(Created::New),
            Err(_) => Ok(Created::Exists),
        }
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        let at = self.name(name);
        let get = async { self.store.get(&at).await?.bytes().await };
        Ok(self.wait(name, get)?.ok().map(|bytes| bytes.to_vec()))
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, String> {
        let (folder, _) = prefix.rsplit_once('/').unwrap_or(("", prefix));
        let at = self.name(folder);
        let list = self.store.list(Some(&at)).map_ok(|found| found.location.to_string()).try_collect::<Vec<String>>();
        let all = self.wait(prefix, list)?.map_err(|error| format!("{}: {error}", self.show(prefix)))?;
        let own = all.iter().filter_map(|name| name.strip_prefix(&self.prefix));
        let mut names: Vec<String> = own.filter(|name| name.starts_with(prefix)).map(str::to_string).collect();
        names.sort();
        Ok(names)
    }

    fn delete(&self, names: &[String]) -> Result<(), String> {
        for name in names {
            let at = self.name(name);
            match self.wait(name, self.store.delete(&at))? {
                Ok(()) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(format!("{}: {error}", self.show(name))),
            }
        }
        Ok(())
    }

    fn show(&self, name: &str) -> String {
        format!("{}/{name}", self.shown)
    }
}
