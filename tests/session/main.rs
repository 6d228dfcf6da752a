//! The main job through real binaries: every verb on a real project, and every bad input.
