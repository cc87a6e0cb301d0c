//! The routes, one file a resource.

mod health;
mod jobs;
mod keys;
mod metrics;
mod pause;
mod schedules;
mod siblings;
mod targets;
mod workers;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

/// Returns the routes that answer as soon as they can.
pub(crate) fn quick() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(jobs::list::list))
        .routes(routes!(jobs::get::get, jobs::change::change))
        .routes(routes!(jobs::items::items))
        .routes(routes!(jobs::cancel::cancel))
        .routes(routes!(jobs::retry::retry))
        .routes(routes!(pause::pause))
        .routes(routes!(pause::resume))
        .routes(routes!(pause::pause_target))
        .routes(routes!(pause::resume_target))
        .routes(routes!(targets::targets))
        .routes(routes!(workers::workers))
        .routes(routes!(siblings::list))
        .routes(routes!(siblings::retire))
        .routes(routes!(schedules::list::list))
        .routes(routes!(
            schedules::get::get,
            schedules::put::put,
            schedules::remove::remove
        ))
        .routes(routes!(schedules::pause::pause))
        .routes(routes!(schedules::pause::resume))
        .routes(routes!(keys::create, keys::list))
        .routes(routes!(keys::revoke))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::metrics))
}

/// Returns the routes that keep time by themselves: uploads, waits and streams.
pub(crate) fn lasting() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(jobs::create::create))
        .routes(routes!(jobs::events::events))
        .routes(routes!(schedules::preview::preview))
}
