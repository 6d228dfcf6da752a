//! One door to all models: finds a target for a route, tries again within one budget, and commits.
//!
//! The commit point is the first output of the model. Before it the gateway may switch targets
//! freely; after it a failure is given to the caller as it is, never hidden by another provider.

mod attempt;
mod target;

use crate::OFFLINE;
use crate::clock::Clock;
use crate::config::{Config, Dialect, split_target};
use crate::error::{Error, ErrorKind};
use crate::http_provider::{self, HttpProvider};
use crate::offline::OfflineProvider;
use crate::provider::{OfflineEngine, Provider};
use crate::request::ModelRequest;
use crate::retry::RetryBudget;
use crate::secret::{self, SecretResolver};
use crate::stream::ReplyStream;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use target::{ProviderPace, Target};

/// A name people can ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRoute {
    pub model: String,
    /// `provider/model`, in order of preference.
    pub targets: Vec<String>,
}

/// Calls models by route. Cheap to clone; clones share breakers, pauses and budgets.
#[derive(Clone)]
pub struct Gateway {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    routes: Vec<ModelRoute>,
    default_model: String,
    targets: HashMap<String, Arc<Target>>,
    retries: Mutex<RetryBudget>,
    clock: Clock,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway")
            .field("routes", &self.inner.routes)
            .finish_non_exhaustive()
    }
}

impl Gateway {
    /// Builds the providers of `config`. Sends nothing; resolves every key once.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with the path of the wrong setting.
    pub fn new(
        config: Config,
        offline: Arc<dyn OfflineEngine>,
        secrets: &dyn SecretResolver,
    ) -> Result<Self, Error> {
        config.check()?;
        let mut clients: [Option<reqwest::Client>; 2] = [None, None];
        let mut providers: Vec<Arc<dyn Provider>> = Vec::with_capacity(config.provider.len() + 1);
        for (index, options) in config.provider.iter().enumerate() {
            if options.dialect == Dialect::Offline {
                providers.push(Arc::new(OfflineProvider::new(
                    &options.name,
                    Arc::clone(&offline),
                )));
                continue;
            }
            let key_path = format!("llm.provider[{index}].key");
            let key = options.key.as_deref();
            let key = key
                .map(|key| secret::resolve(key, &key_path, secrets))
                .transpose()?;
            let loopback = http_provider::is_loopback(&options.base_url);
            let client = match &mut clients[usize::from(loopback)] {
                Some(client) => client.clone(),
                none => none
                    .insert(http_provider::client(&config.timeouts, loopback)?)
                    .clone(),
            };
            let timeouts = config.timeouts.clone();
            let provider = HttpProvider::new(options.clone(), key.as_ref(), timeouts, client)?;
            providers.push(Arc::new(provider));
        }
        if !providers.iter().any(|provider| provider.name() == OFFLINE) {
            providers.push(Arc::new(OfflineProvider::new(OFFLINE, offline)));
        }
        Self::with_providers(config, providers)
    }

    /// Builds a gateway over providers made elsewhere, for tests and embedding. Routes, limits and
    /// the pace of each provider still come from `config`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when a route names a provider that is not there.
    pub fn with_providers(
        config: Config,
        providers: Vec<Arc<dyn Provider>>,
    ) -> Result<Self, Error> {
        let mut routes: Vec<ModelRoute> = config
            .route
            .iter()
            .map(|route| ModelRoute {
                model: route.model.clone(),
                targets: route.targets.clone(),
            })
            .collect();
        let has_offline = providers.iter().any(|provider| provider.name() == OFFLINE);
        if has_offline && !routes.iter().any(|route| route.model == OFFLINE) {
            let targets = vec![format!("{OFFLINE}/{OFFLINE}")];
            routes.push(ModelRoute {
                model: OFFLINE.to_owned(),
                targets,
            });
        }
        let first = routes.first().map(|route| route.model.clone());
        let default_model = config.default_model.clone().or(first).unwrap_or_default();
        let targets = build_targets(&config, &routes, &providers)?;
        let retries = Mutex::new(RetryBudget::new(&config.retry));
        let clock = Clock::start();
        let inner = Inner {
            config,
            routes,
            default_model,
            targets,
            retries,
            clock,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Every route, in the order of the configuration; `offline` last unless configured.
    pub fn models(&self) -> &[ModelRoute] {
        &self.inner.routes
    }

    /// The route of requests that name none.
    pub fn default_model(&self) -> &str {
        &self.inner.default_model
    }

    /// Asks a model. Returns at the commit point, with a stream that begins with its first output.
    /// An empty `request.model` means [`Self::default_model`].
    ///
    /// Dropping the future or the stream cancels the call. The stream ends after
    /// [`crate::StreamEvent::Finished`] or after its first error, never without one of them.
    ///
    /// # Errors
    /// The last failure, once no target and no budget is left; [`ErrorKind::RateLimited`] or
    /// [`ErrorKind::Unavailable`] with the true wait when every target rests longer than
    /// `llm.retry.wait_max_ms`.
    pub async fn call(&self, mut request: ModelRequest) -> Result<ReplyStream, Error> {
        if request.model.is_empty() {
            request.model.clone_from(&self.inner.default_model);
        }
        let route = self
            .inner
            .routes
            .iter()
            .find(|route| route.model == request.model);
        let route = route.ok_or_else(|| {
            let message = format!(
                "there is no model {:?}",
                crate::error::excerpt(&request.model)
            );
            Error::new(ErrorKind::UnknownModel, message)
        })?;
        let targets = route
            .targets
            .iter()
            .filter_map(|name| self.inner.targets.get(name));
        attempt::run(&self.inner, targets.map(Arc::clone).collect(), request).await
    }
}

fn build_targets(
    config: &Config,
    routes: &[ModelRoute],
    providers: &[Arc<dyn Provider>],
) -> Result<HashMap<String, Arc<Target>>, Error> {
    let mut paces: HashMap<&str, Arc<ProviderPace>> = HashMap::new();
    let mut targets = HashMap::new();
    for name in routes.iter().flat_map(|route| &route.targets) {
        let found = split_target(name).and_then(|(provider, model)| {
            Some((
                providers.iter().find(|it| it.name() == provider)?,
                provider,
                model,
            ))
        });
        let Some((provider, provider_name, model)) = found else {
            return Err(Error::config(
                "llm.route",
                format!("target {name:?} names no provider"),
            ));
        };
        if targets.contains_key(name) {
            continue;
        }
        let pace = paces.entry(provider_name).or_insert_with(|| {
            let options = config.provider.iter().find(|it| it.name == provider_name);
            Arc::new(ProviderPace::new(
                options.and_then(|it| it.requests_per_minute),
            ))
        });
        let target = Target::new(
            name.clone(),
            model.to_owned(),
            Arc::clone(provider),
            Arc::clone(pace),
            config.breaker.clone(),
        );
        targets.insert(name.clone(), Arc::new(target));
    }
    Ok(targets)
}

#[cfg(test)]
mod offline_tests;
#[cfg(test)]
mod tests;
