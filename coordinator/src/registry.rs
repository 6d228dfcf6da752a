//! The registry: small versioned values in the metadata group, each operation linearizable.

use bytes::Bytes;

use crate::{
    Error, Handle,
    metadata::{
        Answer, Command, MAX_NAMESPACE_BYTES, MAX_REGISTRY_KEY_BYTES, MAX_REGISTRY_VALUE_BYTES,
        MAX_REQUEST_ID_BYTES, REGISTRY_ENTRIES_PER_NAMESPACE, Registration, RegistryEntry,
        read_entry, read_namespace,
    },
};

impl Handle {
    /// Returns the entry `key` of `namespace`.
    ///
    /// # Errors
    /// As [`Handle::read`].
    pub async fn registry_get(
        &self,
        namespace: &str,
        key: &[u8],
    ) -> Result<Option<RegistryEntry>, Error> {
        let (namespace, key) = (namespace.to_owned(), key.to_vec());
        Ok(self
            .metadata()?
            .read(move |state| read_entry(state, &namespace, &key))
            .await?)
    }

    /// Returns all entries of `namespace` in key order.
    ///
    /// # Errors
    /// As [`Handle::read`].
    pub async fn registry_list(&self, namespace: &str) -> Result<Vec<RegistryEntry>, Error> {
        let namespace = namespace.to_owned();
        Ok(self
            .metadata()?
            .read(move |state| read_namespace(state, &namespace))
            .await?)
    }

    /// Sets an entry and returns its new version. `expected_version`: `None` takes any, `Some(0)` wants it absent.
    ///
    /// Repeating a request with the same `request_id` gives the first answer and changes nothing.
    ///
    /// # Errors
    /// [`Error::VersionMismatch`], [`Error::IdempotencyConflict`], [`Error::RegistryFull`], [`Error::TooLarge`], and
    /// those of [`Handle::propose`].
    pub async fn registry_put(
        &self,
        namespace: &str,
        key: &[u8],
        expected_version: Option<u64>,
        value: &[u8],
        request_id: &str,
    ) -> Result<u64, Error> {
        self.register(namespace, key, expected_version, Some(value), request_id)
            .await
    }

    /// Removes an entry and returns the version of the removal; otherwise as [`Handle::registry_put`].
    ///
    /// # Errors
    /// As [`Handle::registry_put`].
    pub async fn registry_delete(
        &self,
        namespace: &str,
        key: &[u8],
        expected_version: Option<u64>,
        request_id: &str,
    ) -> Result<u64, Error> {
        self.register(namespace, key, expected_version, None, request_id)
            .await
    }

    async fn register(
        &self,
        namespace: &str,
        key: &[u8],
        expected: Option<u64>,
        value: Option<&[u8]>,
        request_id: &str,
    ) -> Result<u64, Error> {
        within("a registry namespace", namespace.len(), MAX_NAMESPACE_BYTES)?;
        within("a registry key", key.len(), MAX_REGISTRY_KEY_BYTES)?;
        within(
            "a registry value",
            value.map_or(0, <[u8]>::len),
            MAX_REGISTRY_VALUE_BYTES,
        )?;
        within("a request id", request_id.len(), MAX_REQUEST_ID_BYTES)?;
        let command = Command::Register(Registration {
            namespace: namespace.to_owned(),
            key: key.to_vec(),
            expected,
            value: value.map(<[u8]>::to_vec),
            request_id: request_id.to_owned(),
        });
        let bytes = postcard::to_stdvec(&command).map_err(|e| Error::Storage {
            reason: e.to_string(),
        })?;
        let answer = self.metadata()?.propose(Bytes::from(bytes)).await?;
        match postcard::from_bytes(&answer) {
            Ok(Answer::Version(version)) => Ok(version),
            Ok(Answer::Mismatch(current)) => Err(Error::VersionMismatch { current }),
            Ok(Answer::Conflict) => Err(Error::IdempotencyConflict {
                request_id: request_id.to_owned(),
            }),
            Ok(Answer::Full) => {
                let limit = REGISTRY_ENTRIES_PER_NAMESPACE;
                Err(Error::RegistryFull {
                    namespace: namespace.to_owned(),
                    limit,
                })
            }
            Ok(Answer::Unknown) | Err(_) => Err(Error::Unavailable {
                reason: "the metadata group does not know this command".to_owned(),
            }),
        }
    }
}

fn within(what: &'static str, size: usize, limit: usize) -> Result<(), Error> {
    if size > limit {
        Err(Error::TooLarge { what, size, limit })
    } else {
        Ok(())
    }
}
