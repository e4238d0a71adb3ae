//! The OpenAPI document: derived from handlers and types, and completed with what holds for every operation.

use axum::Json;
use axum::extract::State;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder};
use utoipa::{OpenApi as _, ToSchema};

use crate::auth::Role;
use crate::error::ErrorBody;
use crate::router;
use crate::state::ApiState;

/// The frame into which routes put themselves.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "AWS Event Cache",
        description = "Refresh, watch and steer. Every answer is JSON, except the metrics. Every error is an ErrorBody; docs/api.md says what each status means.",
    ),
    components(schemas(ErrorBody)),
    tags(
        (name = "refresh", description = "Have Clouddriver read something again, and watch it"),
        (name = "overrides", description = "Change something at run time, with an end"),
        (name = "status", description = "How everything stands"),
        (name = "answer", description = "The proxy that answers AWS reads from a cache"),
        (name = "service", description = "The service itself"),
        (name = "health", description = "For probes and Prometheus"),
    )
)]
struct Frame;

/// The document's frame, without paths.
pub(crate) fn frame() -> OpenApi {
    Frame::openapi()
}

/// The name of the bearer token in the document.
const TOKEN: &str = "token";

/// What each operation that needs a token may answer beside its own statuses.
const REFUSALS: [(&str, &str); 3] = [
    ("401", "No token, or an unknown one"),
    ("403", "The token's role does not reach"),
    ("503", "Not now; try again after the seconds in Retry-After"),
];

/// Puts what holds for every operation of a role into its operations.
pub(crate) fn needs(mut document: OpenApi, role: Role) -> OpenApi {
    for item in document.paths.paths.values_mut() {
        for operation in
            [&mut item.get, &mut item.put, &mut item.post, &mut item.delete].into_iter().filter_map(Option::as_mut)
        {
            complete(operation, role);
        }
    }
    document
}

fn complete(operation: &mut Operation, role: Role) {
    operation.security = Some(vec![SecurityRequirement::new(TOKEN, Vec::<String>::new())]);
    let about = operation.description.take().map(|text| format!("{text}\n\n")).unwrap_or_default();
    operation.description = Some(format!("{about}Role: {role}."));
    let takes_body = operation.request_body.is_some();
    let takes_words = takes_body || operation.parameters.is_some();
    let body =
        [("400", "It cannot be read"), ("413", "The body is longer than 64 KiB"), ("415", "The body is not JSON")];
    let extra = body.into_iter().filter(|_| takes_body);
    let wrong = [("400", "It cannot be read"), ("422", "A value is wrong, or nothing follows from it")];
    let missing = operation
        .parameters
        .iter()
        .flatten()
        .any(|parameter| matches!(parameter, RefOr::T(parameter) if parameter.name == "id"));
    let not_found = missing.then_some(("404", "There is no such thing"));
    let all = REFUSALS.into_iter().chain(extra).chain(wrong.into_iter().filter(|_| takes_words)).chain(not_found);
    for (status, text) in all {
        let json = ContentBuilder::new().schema(Some(RefOr::Ref(Ref::from_schema_name(ErrorBody::name())))).build();
        let response = ResponseBuilder::new().description(text).content("application/json", json).build();
        operation.responses.responses.entry(status.to_owned()).or_insert(RefOr::T(response));
    }
}

/// Adds the token to a finished document.
pub(crate) fn finish(mut document: OpenApi) -> OpenApi {
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "A token of the configuration. From the same machine none is needed while none is configured.",
        ))
        .build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(TOKEN, SecurityScheme::Http(scheme));
    document
}

/// The document as it is committed in `docs/openapi.json`.
pub fn document() -> String {
    let mut text = router::document().to_pretty_json().expect("invariant: the document has text keys only");
    text.push('\n');
    text
}

/// This document
#[utoipa::path(get, path = "/v1/openapi.json", operation_id = "getOpenApi", tag = "service", responses((status = 200, description = "OpenAPI", content_type = "application/json")))]
pub(crate) async fn show(State(_): State<ApiState>) -> Json<OpenApi> {
    Json(router::document())
}
