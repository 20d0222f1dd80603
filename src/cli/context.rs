//! What every command is handed: settings, the program's name, and where to print.

use std::io::{self, Write as _};

use super::error::{Failure, Outcome};
use super::output::escape;
use super::output::format::Cut;
use crate::container::Engine;
use crate::errno::told;
use crate::settings::Settings;
use crate::store::Store;
use crate::sys;
use crate::userns::{self, IdMap};

/// The state of one invocation.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// Where things are.
    pub(crate) settings: Settings,
    /// `ctr`, or `docker` when called by that name.
    pub(crate) program: &'static str,
    /// Whether warnings are printed (`--log-level` below `error`).
    pub(crate) warnings: bool,
    /// Whether errors are printed in full (`--debug`).
    pub(crate) debug: bool,
}

impl Context {
    /// Writes `text` to stdout, at once.
    ///
    /// # Errors
    ///
    /// A failed write; a closed pipe ends the program quietly.
    pub(crate) fn print(&self, text: &str) -> Result<(), Failure> {
        self.print_bytes(text.as_bytes())
    }

    /// Writes `text` and a newline to stdout, at once.
    ///
    /// # Errors
    ///
    /// As for [`Context::print`].
    pub(crate) fn println(&self, text: &str) -> Result<(), Failure> {
        self.print(&format!("{text}\n"))
    }

    /// Writes bytes to stdout, at once.
    ///
    /// # Errors
    ///
    /// As for [`Context::print`].
    pub(crate) fn print_bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        write_stdout(bytes)
    }

    /// Opens the store.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub(crate) fn store(&self) -> Result<Store, Failure> {
        Ok(Store::open(&self.settings.data_dir)?)
    }

    /// Opens the containers.
    ///
    /// # Errors
    ///
    /// Those of the store and of the user's id map.
    pub(crate) fn engine(&self) -> Result<Engine, Failure> {
        Ok(Engine::open(self.settings.clone())?)
    }

    /// Opens the store from inside the user's id map, where the content of layers can be written and deleted. There is no
    /// way back; the process must have one thread.
    ///
    /// # Errors
    ///
    /// Those of the id map and of the store.
    pub(crate) fn store_for_content(&self) -> Result<(Store, IdMap), Failure> {
        let map = IdMap::detect(&self.settings)?;
        userns::enter(&map, &self.settings)?;
        Ok((self.store()?, map))
    }

    /// Gets this process, which has one thread, ready to talk to others over the network.
    pub(crate) fn prepare_network(&self) {
        sys::names::use_files_and_dns();
        sys::signal::ignore_broken_pipes();
    }

    /// Does `work` for each of `names`, goes on after a failure, and returns 1 if there was one.
    ///
    /// # Errors
    ///
    /// None of `work`'s, which are printed; only what ends everything: a reader that has gone.
    pub(crate) fn for_each<T>(
        &self,
        names: &[String],
        work: impl Fn(&String) -> Result<T, Failure>,
    ) -> Outcome {
        let mut code = 0;
        for name in names {
            match work(name) {
                Ok(_) => {}
                Err(failure @ Failure::Quiet(_)) => return Err(failure),
                Err(failure) => {
                    self.report(&failure);
                    code = 1;
                }
            }
        }
        Ok(code)
    }

    /// Prints a failure that does not end the program.
    pub(crate) fn report(&self, failure: &Failure) {
        eprint(&failure.render(self.program, self.debug));
    }

    /// Prints rows, or as many as there were before a template failed.
    ///
    /// # Errors
    ///
    /// The template's; a failed write.
    pub(crate) fn print_rows(&self, rows: Result<String, Box<Cut>>) -> Outcome {
        match rows {
            Ok(text) => {
                self.print(&text)?;
                Ok(0)
            }
            Err(cut) => {
                self.print(&cut.text)?;
                Err(cut.failure)
            }
        }
    }

    /// Writes a line to stderr. That it cannot be written is nobody's to know.
    pub(crate) fn eprintln(&self, text: &str) {
        eprint(&format!("{}\n", escape::line(&told(text))));
    }

    /// Writes a warning to stderr, in Docker's form.
    pub(crate) fn warn(&self, text: &str) {
        if self.warnings {
            self.eprintln(&format!("WARNING: {text}"));
        }
    }
}

/// Writes `text` to stdout, where there is no [`Context`] yet.
///
/// # Errors
///
/// As for [`Context::print`].
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    write_stdout(text.as_bytes())
}

/// The flush matters: nothing empties Rust's buffer when a C `main` returns.
fn write_stdout(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(bytes)
        .and_then(|()| stdout.flush())
        .map_err(Failure::stdout)
}

/// Writes `text` to stderr in one piece.
pub(crate) fn eprint(text: &str) {
    eprint_bytes(text.as_bytes());
}

/// Writes `bytes` to stderr in one piece.
pub(crate) fn eprint_bytes(bytes: &[u8]) {
    let _ = io::stderr().lock().write_all(bytes);
}
