//! From hint to refresh: plan, ledger, queue, limit, cadence and one runner.
