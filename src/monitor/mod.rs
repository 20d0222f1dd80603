//! The process beside each running container.
