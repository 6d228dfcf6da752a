//! Graphs of small projects.
