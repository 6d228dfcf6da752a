//! The directory of tokens: records in the cluster's register, believed ones in a short memory.
//!
//! A revocation on this node is seen at once; one made elsewhere within [`BELIEVED_FOR`].

use crate::convert::error::Refusal;
use aiex_agent::Clock;
use aiex_coordinator::Handle;
use aiex_proto::code::ErrorCode;
use aiex_security::{NewToken, PresentedToken, Principal, TokenRecord, mint, verify};
use secrecy::ExposeSecret;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Name space of token records in the cluster's register.
const NAMESPACE: &str = "tokens";
/// How long a record is believed without asking the register again.
const BELIEVED_FOR: Duration = Duration::from_millis(900);
/// Most records remembered at once.
const BELIEVED_MAX: usize = 4096;

/// Finds, makes and ends tokens.
pub struct TokenDirectory {
    coordinator: Handle,
    clock: Arc<dyn Clock>,
    believed: Mutex<HashMap<String, (i64, TokenRecord)>>,
}

impl TokenDirectory {
    /// A directory over the cluster's register.
    pub fn new(coordinator: Handle, clock: Arc<dyn Clock>) -> Self {
        Self {
            coordinator,
            clock,
            believed: Mutex::new(HashMap::new()),
        }
    }

    /// Tells who presents a token.
    pub(crate) async fn authenticate(&self, text: &str) -> Result<Principal, Refusal> {
        let presented = PresentedToken::parse(text).map_err(unbelieved)?;
        let now = self.clock.now_unix_ms();
        let record = match self.remembered(presented.id(), now) {
            Some(record) => record,
            None => {
                let (record, _) = self
                    .find(presented.id())
                    .await?
                    .ok_or_else(|| unbelieved(aiex_security::Error::TokenUnknown))?;
                self.remember(record.clone(), now);
                record
            }
        };
        verify(&record, &presented, now).map_err(unbelieved)
    }

    /// Checks that a token that was believed before has not ended since.
    pub(crate) async fn still_valid(&self, token_id: &str) -> Result<(), Refusal> {
        let now = self.clock.now_unix_ms();
        let found = self.find(token_id).await?;
        let (record, _) = found.ok_or_else(|| unbelieved(aiex_security::Error::TokenUnknown))?;
        if record.revoked {
            return Err(unbelieved(aiex_security::Error::TokenRevoked));
        }
        if record.expires_unix_ms != 0 && now >= record.expires_unix_ms {
            return Err(unbelieved(aiex_security::Error::TokenExpired));
        }
        Ok(())
    }

    /// Makes the first token of a new cluster.
    ///
    /// # Errors
    /// Unacceptable fields, or the register's; the text is for the log.
    pub async fn create_first(&self, request: NewToken) -> Result<String, crate::Error> {
        let made = self.create(request).await;
        made.map(|(text, _)| text)
            .map_err(|refusal| crate::Error::FirstToken(refusal.message))
    }

    /// Makes a token and stores its record. Gives the secret text, the only copy.
    pub(crate) async fn create(&self, request: NewToken) -> Result<(String, TokenRecord), Refusal> {
        let minted = mint(request, self.clock.now_unix_ms()).map_err(|error| {
            Refusal::invalid(error.to_string(), "see: aiex create token --help")
        })?;
        self.store(&minted.record, Some(0)).await?;
        Ok((minted.text.expose_secret().to_owned(), minted.record))
    }

    /// True when no token was ever made: the cluster is new.
    ///
    /// # Errors
    /// The register's.
    pub async fn is_empty(&self) -> Result<bool, aiex_coordinator::Error> {
        Ok(self.coordinator.registry_list(NAMESPACE).await?.is_empty())
    }

    pub(crate) async fn list(&self) -> Result<Vec<TokenRecord>, Refusal> {
        let entries = self
            .coordinator
            .registry_list(NAMESPACE)
            .await
            .map_err(Refusal::from)?;
        entries.iter().map(|entry| decode(&entry.value)).collect()
    }

    pub(crate) async fn find(&self, token_id: &str) -> Result<Option<(TokenRecord, u64)>, Refusal> {
        let entry = self
            .coordinator
            .registry_get(NAMESPACE, token_id.as_bytes())
            .await
            .map_err(Refusal::from)?;
        match entry {
            None => Ok(None),
            Some(entry) => Ok(Some((decode(&entry.value)?, entry.version))),
        }
    }

    pub(crate) async fn revoke(&self, token_id: &str) -> Result<(), Refusal> {
        let (mut record, version) = self.find(token_id).await?.ok_or_else(|| {
            Refusal::new(
                ErrorCode::NotFound,
                format!("there is no token {token_id}"),
                "ask an administrator for the list of tokens",
            )
        })?;
        record.revoked = true;
        self.store(&record, Some(version)).await?;
        self.remember(record, self.clock.now_unix_ms());
        Ok(())
    }

    async fn store(
        &self,
        record: &TokenRecord,
        expected_version: Option<u64>,
    ) -> Result<(), Refusal> {
        let value = serde_json::to_vec(record).map_err(unencodable)?;
        let request_id = uuid::Uuid::now_v7().to_string();
        self.coordinator
            .registry_put(
                NAMESPACE,
                record.token_id.as_bytes(),
                expected_version,
                &value,
                &request_id,
            )
            .await
            .map_err(Refusal::from)?;
        Ok(())
    }

    fn remembered(&self, token_id: &str, now: i64) -> Option<TokenRecord> {
        let believed = self.believed.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, record) = believed.get(token_id)?;
        let age = u128::try_from(now.saturating_sub(*since)).ok()?;
        (age < BELIEVED_FOR.as_millis()).then(|| record.clone())
    }

    fn remember(&self, record: TokenRecord, now: i64) {
        let mut believed = self.believed.lock().unwrap_or_else(PoisonError::into_inner);
        if believed.len() >= BELIEVED_MAX {
            believed.clear();
        }
        // an older look at the register must not bring a revoked token back
        let revoked = believed.get(&record.token_id);
        if revoked.is_some_and(|(_, known)| known.revoked) {
            return;
        }
        believed.insert(record.token_id.clone(), (now, record));
    }
}

fn decode(value: &[u8]) -> Result<TokenRecord, Refusal> {
    serde_json::from_slice(value).map_err(|error| {
        tracing::error!(%error, "a token record is damaged");
        Refusal::new(
            ErrorCode::Internal,
            "a token record is damaged",
            "see the log of the node",
        )
    })
}

fn unencodable(error: serde_json::Error) -> Refusal {
    tracing::error!(%error, "a token record cannot be encoded");
    Refusal::new(
        ErrorCode::Internal,
        "the token cannot be stored",
        "see the log of the node",
    )
}

fn unbelieved(error: aiex_security::Error) -> Refusal {
    Refusal::new(
        ErrorCode::Unauthenticated,
        error.to_string(),
        "set AIEX_TOKEN to a valid token; an administrator makes one with: aiex create token",
    )
}
