//! What commands print: tables and `--format`, sizes, times.

pub(crate) mod build;
pub(crate) mod escape;
pub(crate) mod format;
pub(crate) mod go;
mod layers;
pub(crate) mod natural;
pub(crate) mod paired;
mod ports;
pub(crate) mod progress;
pub(crate) mod size;
pub(crate) mod table;
pub(crate) mod time;

pub(crate) use ports::{join_host_port, network, ports};

/// Docker's `formatter.Ellipsis`: at most `width` characters, the last one an ellipsis where some were cut.
pub(crate) fn ellipsis(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}
