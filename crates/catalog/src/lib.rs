//! What is known about each kind of AWS resource, as data.
