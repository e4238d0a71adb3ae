//! Looking up what a request to AWS is: a read of some kind, another read, or a write. Every lookup is by hash, and none allocates.

use std::collections::{HashMap, HashSet};

use aws_event_cache_model::{BucketId, KindId, ServiceName};
use smol_str::SmolStr;

use crate::catalog::Catalog;
use crate::kind::Kind;
use crate::operation::Read;
use crate::service::Service;

/// What requests are told by: every service's operations.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    services: HashMap<ServiceName, Operations>,
    /// Where a service stands in the catalogue's list, by the name that requests are signed for.
    signed: HashMap<SmolStr, usize>,
}

/// The operations of one service.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    /// Where the service stands in the catalogue's list.
    pub(crate) service: usize,
    reads: HashMap<SmolStr, Vec<Interface>>,
    /// The kinds that each operation changes, by the kinds' own lists of writes, with the interface that it must be of.
    pub(crate) writes: HashMap<SmolStr, Vec<(Option<SmolStr>, KindId)>>,
    /// Every kind that is read of this service, with the interface.
    pub(crate) kinds: Vec<(Option<SmolStr>, KindId)>,
    passed: HashSet<SmolStr>,
}

/// The reads by one operation of one interface.
#[derive(Debug)]
struct Interface {
    /// The interface's version; `None` where the service has only one, or the read does not say.
    version: Option<SmolStr>,
    reads: Vec<Read>,
}

impl Requests {
    pub(crate) fn build(kinds: &[Kind], services: &[Service]) -> Self {
        let mut requests = Self::default();
        for (n, service) in services.iter().enumerate() {
            requests.signed.insert(service.signing_name.clone(), n);
            let passed = service.reads_passed.iter().cloned().collect();
            let mut operations = Operations { service: n, passed, ..Operations::default() };
            for kind in kinds {
                operations.add_kind(kind, service);
            }
            requests.services.insert(service.name.clone(), operations);
        }
        requests
    }

    pub(crate) fn of(&self, service: &ServiceName) -> Option<&Operations> {
        self.services.get(service)
    }
}

impl Operations {
    fn add_kind(&mut self, kind: &Kind, service: &Service) {
        for read in kind.reads.iter().filter(|read| read.service == service.name) {
            let version = read.api.as_ref().and_then(|api| service.apis.iter().find(|of| of.name == *api));
            let version = version.map(|api| api.version.clone());
            let interfaces = self.reads.entry(read.operation.clone()).or_default();
            match interfaces.iter_mut().find(|interface| interface.version == version) {
                Some(interface) => interface.reads.push(read.clone()),
                None => interfaces.push(Interface { version, reads: vec![read.clone()] }),
            }
            let of_kind = (read.api.clone(), kind.id.clone());
            if !self.kinds.contains(&of_kind) {
                self.kinds.push(of_kind);
            }
        }
        for write in kind.writes.iter().filter(|write| write.service == service.name) {
            for operation in &write.operations {
                self.writes.entry(operation.clone()).or_default().push((write.api.clone(), kind.id.clone()));
            }
        }
    }
}

impl Catalog {
    /// The reads by an operation, in the order of their kinds: a request is of the first that it [fits](Read::fits). Empty for an operation that no kind is read
    /// by, and for one of a service with several interfaces if the version is none of theirs.
    ///
    /// The rows live as long as the catalogue and stay where they are.
    pub fn reads_of(&self, service: &ServiceName, api_version: Option<&str>, operation: &str) -> &[Read] {
        let interfaces = self.requests.of(service).and_then(|operations| operations.reads.get(operation));
        let fits = |of: &&Interface| of.version.is_none() || of.version.as_deref() == api_version;
        interfaces.into_iter().flatten().find(fits).map(|of| of.reads.as_slice()).unwrap_or_default()
    }

    /// Whether an operation changes nothing, by its name: a kind is read by it, or its service's file says so. Everything else is to be taken for a write.
    pub fn is_read_only(&self, service: &ServiceName, operation: &str) -> bool {
        let Some(operations) = self.requests.of(service) else { return false };
        let begins = |verb: &SmolStr| {
            operation.strip_prefix(verb.as_str()).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
        };
        operations.reads.contains_key(operation)
            || operations.passed.contains(operation)
            || self.services.get(operations.service).is_some_and(|service| service.read_verbs.iter().any(begins))
    }

    /// The service that a request is signed for.
    pub fn service_signed(&self, signing_name: &str) -> Option<&Service> {
        self.requests.signed.get(signing_name).and_then(|n| self.services.get(*n))
    }

    /// What a call of an operation draws on, whatever it names: the bucket of the first read by it, else that of the service's other operations, if they share
    /// one.
    pub fn bucket_of(&self, service: &ServiceName, operation: &str) -> Option<&BucketId> {
        let operations = self.requests.of(service)?;
        let of_read = operations.reads.get(operation).and_then(|interfaces| interfaces.first()?.reads.first());
        of_read.map(|read| &read.bucket).or_else(|| self.services.get(operations.service)?.others.as_ref())
    }
}
