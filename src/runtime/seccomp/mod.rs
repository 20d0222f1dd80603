//! Seccomp: Docker's default profile, profiles from files, and the compiler that makes filters of them.

/// A compiled BPF program.
#[derive(Debug, Clone)]
pub struct Filter {
    /// Instructions as `struct sock_filter` has them: code, jt, jf, k.
    pub program: std::borrow::Cow<'static, [libc::sock_filter]>,
}
