//! Every route, the role that it needs, and the layers around all.

use std::any::Any;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use http::StatusCode;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::{Role, require};
use crate::limits::{BODY_LIMIT, TIME_LIMIT, finish, take_slot};
use crate::state::ApiState;
use crate::{
    answer, audit, error, health, intervals, log_level, openapi, overrides, probes, prometheus, refresh, status,
};

type Routes = OpenApiRouter<ApiState>;

/// The control API. Serve it with `into_make_service_with_connect_info::<SocketAddr>()`, since who may call without a token depends on the peer's address.
pub fn router(state: ApiState) -> Router {
    let settings = state.settings();
    let open = |open: bool, routes: Routes| if open { routes } else { guarded(&state, Role::Read, routes) };
    let calls = guarded(&state, Role::Read, looking())
        .merge(guarded(&state, Role::Refresh, refreshing()))
        .merge(guarded(&state, Role::Operate, operating()))
        .merge(guarded(&state, Role::Admin, administering()))
        .route_layer(from_fn_with_state(state.clone(), take_slot));
    let all = calls.merge(open(settings.open_health, probing())).merge(open(settings.open_metrics, scraping()));
    let (router, _) = all.split_for_parts();
    router
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIME_LIMIT))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(finish))
        .with_state(state)
}

/// The document of all routes.
pub(crate) fn document() -> OpenApi {
    let with_role = |routes: Routes, role| openapi::needs(routes.into_openapi(), role);
    let mut document = openapi::frame();
    document.merge(with_role(looking(), Role::Read));
    document.merge(with_role(refreshing(), Role::Refresh));
    document.merge(with_role(operating(), Role::Operate));
    document.merge(with_role(administering(), Role::Admin));
    document.merge(probing().into_openapi());
    document.merge(scraping().into_openapi());
    openapi::finish(document)
}

fn guarded(state: &ApiState, role: Role, routes: Routes) -> Routes {
    routes.route_layer(from_fn_with_state((state.clone(), role), require))
}

fn looking() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(refresh::list))
        .routes(routes!(refresh::show))
        .routes(routes!(overrides::list))
        .routes(routes!(status::show))
        .routes(routes!(status::scopes))
        .routes(routes!(status::events))
        .routes(routes!(status::kinds))
        .routes(routes!(answer::savings))
        .routes(routes!(answer::report))
        .routes(routes!(intervals::show))
        .routes(routes!(probes::open))
        .routes(routes!(probes::show))
        .routes(routes!(audit::list))
        .routes(routes!(log_level::show))
        .routes(routes!(openapi::show))
}

fn refreshing() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(refresh::create))
        .routes(routes!(refresh::remove))
        .routes(routes!(refresh::cancel))
}

fn operating() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(overrides::create))
        .routes(routes!(overrides::remove))
        .routes(routes!(overrides::kill, overrides::revive))
        .routes(routes!(overrides::release))
}

fn administering() -> Routes {
    OpenApiRouter::new().routes(routes!(log_level::set))
}

fn probing() -> Routes {
    OpenApiRouter::new().routes(routes!(health::live)).routes(routes!(health::ready))
}

fn scraping() -> Routes {
    OpenApiRouter::new().routes(routes!(prometheus::show))
}

/// A panic is a fault of ours; it costs its caller a 500 and nobody else anything.
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a request handler panicked");
    error::plain(StatusCode::INTERNAL_SERVER_ERROR)
}
