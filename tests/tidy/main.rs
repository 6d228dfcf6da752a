//! The habits of the house, as tests: floors and doors, file sizes, names, documents.

mod docs;
mod files;
mod floors;
mod repository;
