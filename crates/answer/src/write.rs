//! A write on its way to AWS.

use std::sync::Arc;

use crate::meter::Meter;
use crate::ruling::Toll;

/// A write on its way to AWS, with what it may change.
#[derive(Debug, Clone)]
pub struct Write {
    /// What it draws on; `None` when its account is not known.
    pub toll: Option<Toll>,
    /// Its line in the books.
    pub meter: Option<Arc<Meter>>,
}
