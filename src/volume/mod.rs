//! Volumes and mount arguments.
