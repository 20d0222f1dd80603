//! The question before something is removed.

use std::io::{self, BufRead as _};

use crate::cli::context::Context;
use crate::cli::error::Failure;

/// Asks, unless `force`. Without a terminal nobody answers, and nothing is removed.
pub(super) fn confirm(context: &Context, force: bool, warning: &str) -> Result<(), Failure> {
    if force {
        return Ok(());
    }
    let warning = warning.trim_end();
    context.print(&format!(
        "WARNING! {warning}\n\nAre you sure you want to continue? [y/N] "
    ))?;
    let mut answer = String::new();
    // An answer that cannot be read is none.
    let _ = io::stdin().lock().read_line(&mut answer);
    if answer.trim().eq_ignore_ascii_case("y") {
        return Ok(());
    }
    Err(Failure::plain(format!(
        "{}: prune has been cancelled",
        context.program
    )))
}
