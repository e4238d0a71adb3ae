//! The little that must outlive a restart, in an embedded database.
