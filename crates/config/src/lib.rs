//! The configuration file: parsing, checking and profiles.
