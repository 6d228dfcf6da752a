//! Single files.
