//! The terminal: a pair from the container's own devpts, the slave as `/dev/console` and controlling terminal, the master
//! sent to the parent.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{FileType, OFlags, Uid, makedev};
use rustix::io::Errno;
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use super::Error;
use super::inside::{self, InsidePath, attach, clone_mount};
use super::step::{State, Step, present};

/// `DEVPTS_SUPER_MAGIC` of `linux/magic.h`.
const DEVPTS_SUPER_MAGIC: u64 = 0x1cd1;

/// Allocates the terminal inside the container.
#[derive(Debug)]
pub(super) struct Terminal {
    size: Option<(u16, u16)>,
    /// Its owner: the process's user.
    uid: u32,
    /// `/dev/console`, for a container's first process.
    console: Option<InsidePath>,
}

impl Terminal {
    /// `size` is rows and columns.
    pub(super) fn new(
        size: Option<(u16, u16)>,
        uid: u32,
        with_console: bool,
    ) -> Result<Terminal, Error> {
        let console = match with_console {
            true => Some(InsidePath::new(Path::new("/dev/console"))?),
            false => None,
        };
        Ok(Terminal { size, uid, console })
    }
}

impl Step for Terminal {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        let master = open_master(state.root()?)?;
        rustix::pty::unlockpt(&master)?;
        // By ioctl, not by a path that somebody could have mounted over (CVE-2025-52565).
        let slave = rustix::pty::ioctl_tiocgptpeer(
            &master,
            OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC,
        )?;
        if let Some((rows, columns)) = self.size {
            let size = Winsize {
                ws_row: rows,
                ws_col: columns,
                ws_xpixel: 0,
                ws_ypixel: 0,
            };
            rustix::termios::tcsetwinsize(&slave, size)?;
        }
        match rustix::fs::fchown(&slave, Some(Uid::from_raw(self.uid)), None) {
            // The user does not exist in this namespace, or not as somebody we may give things to.
            Ok(()) | Err(Errno::INVAL | Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(console) = &self.console {
            let target = console.ensure_file(state.root()?)?;
            attach(clone_mount(slave.as_fd(), false)?.as_fd(), &target)?;
        }
        state.terminal = Some(slave);
        state.master = Some(master);
        Ok(())
    }

    fn words(&self) -> String {
        "error setting up the container's terminal".to_owned()
    }
}

/// Opens `/dev/pts/ptmx` and checks that it is what a devpts has there.
fn open_master(root: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let master = inside::open(root, c"/dev/pts/ptmx", OFlags::RDWR | OFlags::NOCTTY)?;
    let stat = rustix::fs::fstat(&master)?;
    let filesystem = rustix::fs::fstatfs(&master)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::CharacterDevice
        || stat.st_rdev != makedev(5, 2)
        || filesystem.f_type as u64 != DEVPTS_SUPER_MAGIC
    {
        return Err(Errno::NOTTY.into());
    }
    Ok(master)
}

/// Starts a session, with the terminal as its controlling one if there is one.
#[derive(Debug)]
pub(super) struct Session;

impl Step for Session {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        rustix::process::setsid()?;
        if let Some(terminal) = &state.terminal {
            rustix::process::ioctl_tiocsctty(terminal)?;
        }
        Ok(())
    }

    fn words(&self) -> String {
        "error starting a session".to_owned()
    }
}

/// Puts the streams or the terminal in their places.
#[derive(Debug)]
pub(super) struct Streams {
    /// The process's user.
    pub(super) uid: u32,
}

impl Step for Streams {
    fn run(&self, state: &mut State<'_>) -> io::Result<()> {
        match &state.inherited.streams {
            Some(streams) => {
                for (number, stream) in (0..).zip(streams) {
                    self.hand_over(stream.as_fd())?;
                    crate::sys::file::place(stream.as_fd(), number, false)?;
                }
            }
            None => {
                let terminal = present(&state.terminal)?;
                for number in 0..=2 {
                    crate::sys::file::place(terminal, number, false)?;
                }
            }
        }
        Ok(())
    }

    fn words(&self) -> String {
        "error setting up the standard streams".to_owned()
    }
}

impl Streams {
    /// Gives a pipe to the process's user, who could not open `/dev/stdout` otherwise. As runc's fixStdioPermissions.
    fn hand_over(&self, stream: BorrowedFd<'_>) -> io::Result<()> {
        if self.uid == 0 {
            return Ok(());
        }
        let stat = rustix::fs::fstat(stream)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Fifo {
            return Ok(());
        }
        match rustix::fs::fchown(stream, Some(Uid::from_raw(self.uid)), None) {
            Ok(()) | Err(Errno::INVAL | Errno::PERM | Errno::ROFS) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
