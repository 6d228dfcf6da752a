//! The main job through real binaries: every verb on a real project, and every bad input.

mod ask;
mod bad_input;
mod bad_node;
mod bad_tool_calls;
mod local;
mod main_job;
mod operations;
mod sessions;
mod world;
