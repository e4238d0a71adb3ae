//! The services of the catalogue, by the names that requests are signed for.

use std::collections::HashSet;

use aws_event_cache_catalog::Catalog;
use aws_event_cache_model::{ErrorShape, Region, ServiceName};
use aws_event_cache_wire::Routes;
use rapidhash::RapidHashMap;
use smol_str::SmolStr;

/// A service, ready for classifying requests.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) name: ServiceName,
    pub(crate) routes: Option<Routes>,
    pub(crate) shape: ErrorShape,
    /// Where its scopes lie, when it has no regions of its own.
    pub(crate) region: Option<Region>,
    /// Its writes may change who may read what.
    pub(crate) access: bool,
}

/// All services.
#[derive(Debug)]
pub(crate) struct Services(RapidHashMap<SmolStr, Served>);

impl Services {
    pub(crate) fn new(catalog: &Catalog) -> Self {
        let rules = catalog.kinds().flat_map(|kind| &kind.calls).filter(|call| call.rule.access);
        let access: HashSet<&ServiceName> = rules.map(|call| &call.service).collect();
        let served = catalog.services().map(|service| {
            let routes = service.routes.iter().map(|(operation, route)| (operation.as_str(), route.as_str()));
            let routes = Routes::new(routes).inspect_err(|error| {
                // Its calls then count as writes that may change anything: nothing of it is answered, and nothing is wrong.
                tracing::error!(service = %service.name, %error, "a service's routes cannot be used; its requests only pass");
            });
            let served = Served {
                name: service.name.clone(),
                routes: routes.ok().filter(|_| !service.routes.is_empty()),
                shape: service.error_shape,
                region: service.global_region.clone(),
                access: access.contains(&service.name),
            };
            (SmolStr::new(&service.signing_name), served)
        });
        Self(served.collect())
    }

    /// The service that a request is signed for.
    pub(crate) fn signed(&self, name: &str) -> Option<&Served> {
        self.0.get(name)
    }
}
