//! What the two halves say to each other, over a sequenced-packet socket pair.
//!
//! ```text
//! child                           parent
//!   Spawned(pid)            →            only from the helper that joins namespaces and clones the real child
//!                           ←    Go      the id maps are written
//!   Ready [terminal]        →            everything is set up; the network may be attached
//!                           ←    Go      execute
//!   Listener [fd]         →            only with emulation: its calls will wait there
//!   Failed(step, errno)     →            at any time, instead of what was next
//! ```
//!
//! The child's end is close-on-exec: its end of file says that the stub was executed. From then on a second pipe speaks,
//! see [`crate::sys::stub`].

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};

/// Kind, step or pid, errno: three native 32-bit numbers.
const MESSAGE_BYTES: usize = 12;

const FAILED: u32 = 1;
const READY: u32 = 2;
const SPAWNED: u32 = 3;
const LISTENER: u32 = 4;

/// What the child says.
#[derive(Debug)]
pub(super) enum Message {
    /// It waits to be told to execute; its terminal, if it has one.
    Ready(Option<OwnedFd>),
    /// The helper's child, in the helper's pid namespace, which is ours.
    Spawned(u32),
    /// Its calls that a supervisor decides come out of this.
    Listener(OwnedFd),
    /// A step has failed.
    Failed(Failure),
    /// The child's end is closed: a program has been executed, or the child is dead.
    Closed,
}

/// Which step failed, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure {
    /// Index into the plan.
    pub(super) step: usize,
    /// The errno.
    pub(super) errno: i32,
}

/// The parent's end.
#[derive(Debug)]
pub(super) struct ParentEnd(OwnedFd);

/// The child's end.
#[derive(Debug)]
pub(super) struct ChildEnd(OwnedFd);

/// Makes both ends, close-on-exec.
pub(super) fn pair() -> io::Result<(ParentEnd, ChildEnd)> {
    let (parent, child) = rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?;
    Ok((ParentEnd(parent), ChildEnd(child)))
}

impl ParentEnd {
    /// Lets the child go on. A child that is gone is noticed by the next [`ParentEnd::receive`].
    pub(super) fn go(&self) {
        let _ = rustix::net::send(&self.0, &[1], SendFlags::NOSIGNAL);
    }

    /// Waits for what the child has to say.
    pub(super) fn receive(&self) -> io::Result<Message> {
        let mut bytes = [0; MESSAGE_BYTES];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = loop {
            let result = rustix::net::recvmsg(
                &self.0,
                &mut [IoSliceMut::new(&mut bytes)],
                &mut control,
                RecvFlags::CMSG_CLOEXEC,
            );
            match result {
                Err(rustix::io::Errno::INTR) => {}
                // The child died with something of ours unread.
                Err(rustix::io::Errno::CONNRESET) => return Ok(Message::Closed),
                other => break other?,
            }
        };
        if received.bytes != MESSAGE_BYTES {
            return Ok(Message::Closed);
        }
        let fd = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
            _ => None,
        });
        let number = |at: usize| {
            let mut word = [0; 4];
            word.copy_from_slice(&bytes[at..at + 4]);
            u32::from_ne_bytes(word)
        };
        Ok(match number(0) {
            READY => Message::Ready(fd),
            SPAWNED => Message::Spawned(number(4)),
            LISTENER => match fd {
                Some(fd) => Message::Listener(fd),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            },
            _ => Message::Failed(Failure {
                step: number(4) as usize,
                errno: number(8) as i32,
            }),
        })
    }
}

impl ChildEnd {
    /// Waits for the parent; fails if it is gone.
    pub(super) fn wait(&self) -> io::Result<()> {
        let mut byte = [0];
        loop {
            match rustix::net::recv(&self.0, &mut byte, RecvFlags::empty()) {
                Ok((1, _)) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Err(io::Error::from_raw_os_error(libc::EPIPE)),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether the parent still holds its end.
    pub(super) fn parent_lives(&self) -> bool {
        let peeked = rustix::net::recv(&self.0, &mut [0], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        !matches!(peeked, Ok((0, _)))
    }

    pub(super) fn report_ready(&self, terminal: Option<BorrowedFd<'_>>) -> io::Result<()> {
        self.send([READY, 0, 0], terminal)
    }

    pub(super) fn report_spawned(&self, pid: u32) -> io::Result<()> {
        self.send([SPAWNED, pid, 0], None)
    }

    pub(super) fn report_listener(&self, listener: BorrowedFd<'_>) -> io::Result<()> {
        self.send([LISTENER, 0, 0], Some(listener))
    }

    pub(super) fn report_failure(&self, step: usize, error: &io::Error) -> io::Result<()> {
        let errno = error.raw_os_error().unwrap_or(libc::EIO);
        self.send([FAILED, step as u32, errno as u32], None)
    }

    fn send(&self, words: [u32; 3], fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let mut bytes = [0; MESSAGE_BYTES];
        for (slot, word) in bytes.chunks_exact_mut(4).zip(words) {
            slot.copy_from_slice(&word.to_ne_bytes());
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let fds = fd.map(|fd| [fd]);
        if let Some(fds) = &fds {
            control.push(SendAncillaryMessage::ScmRights(fds));
        }
        rustix::net::sendmsg(
            &self.0,
            &[IoSlice::new(&bytes)],
            &mut control,
            SendFlags::NOSIGNAL,
        )?;
        Ok(())
    }

    /// The descriptor itself, to keep it from being closed or overwritten.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
