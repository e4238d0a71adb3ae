//! The control API: refresh, status, overrides, audit, health and metrics.
