//! Requests as clients send them, out of the data files.

use aws_event_cache_catalog::Catalog;
use aws_event_cache_model::ServiceName;
use aws_event_cache_wire::{Call, Routes, call};
use http::Request;
use http::request::Parts;
use serde::Deserialize;
use serde_json::{Map, Value};

/// One request, in one of three protocols.
#[derive(Debug, Deserialize)]
pub(crate) struct Sent {
    pub(crate) service: String,
    pub(crate) operation: String,
    /// Query: the API's version and the form's fields.
    version: Option<String>,
    #[serde(default)]
    parameters: Map<String, Value>,
    /// JSON: the first part of `X-Amz-Target`.
    target: Option<String>,
    /// REST: method and target.
    route: Option<String>,
    body: Option<Value>,
    /// What is expected of it.
    #[serde(flatten)]
    pub(crate) expected: Map<String, Value>,
}

impl Sent {
    pub(crate) fn all(text: &str) -> Vec<Self> {
        serde_json::from_str(text).unwrap()
    }

    pub(crate) fn service(&self) -> ServiceName {
        ServiceName::new(&self.service).unwrap()
    }

    /// The call, read from the wire.
    pub(crate) fn call(&self, catalog: &Catalog) -> Call {
        let service = catalog.service(&self.service()).unwrap();
        let routes = service.routes.iter().map(|(operation, route)| (operation.as_str(), route.as_str()));
        let routes = (!service.routes.is_empty()).then(|| Routes::new(routes).unwrap());
        let (head, body) = self.request();
        let read = call(&head, &body, routes.as_ref()).unwrap_or_else(|error| panic!("{self:?}: {error}"));
        assert_eq!(read.operation, self.operation, "{self:?}");
        read
    }

    fn request(&self) -> (Parts, Vec<u8>) {
        let json = self.body.as_ref().map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let (method, path) = self.route.as_ref().map_or(("POST", "/"), |route| route.split_once(' ').unwrap());
        let request = Request::builder().method(method).uri(path);
        let (request, body) = match (&self.version, &self.target) {
            (Some(version), _) => {
                let form = request.header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
                (form, self.form(version))
            }
            (None, Some(target)) => {
                let target = format!("{target}.{}", self.operation);
                (request.header("x-amz-target", target).header("content-type", "application/x-amz-json-1.1"), json)
            }
            (None, None) => (request, json),
        };
        (request.body(()).unwrap().into_parts().0, body)
    }

    fn form(&self, version: &str) -> Vec<u8> {
        let mut form = format!("Action={}&Version={version}", self.operation);
        for (path, value) in &self.parameters {
            form.push_str(&format!("&{path}={}", encoded(value.as_str().unwrap())));
        }
        form.into_bytes()
    }
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}
