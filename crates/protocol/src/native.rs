//! The native protocol: actions proposed as JSON, results as JSON. For pipelines, scripts and targets without a wire of
//! their own.

pub mod action;
pub mod message;
pub mod result;
