//! Compiles Docker's default seccomp profile for the default capabilities, so that starting a container costs nothing for it.
//! The compiler is the program's own: its files are part of this script as well.

use std::fmt::Write;
use std::path::Path;

/// The parts of `src/runtime/seccomp` that need nothing but the standard library.
#[path = "src/runtime/seccomp"]
#[allow(dead_code, unreachable_pub, reason = "the library uses the rest")]
mod seccomp {
    pub(super) mod arch;
    mod bpf;
    pub(super) mod compile;
    pub(super) mod default;
    mod policy;
    mod syscall_numbers;
}

use seccomp::default::DEFAULT_CAPABILITIES;

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/runtime/seccomp");
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let target = variable("CARGO_CFG_TARGET_ARCH");
    let host = seccomp::arch::Arch::of_target(&target).ok_or_else(|| {
        std::io::Error::other(format!(
            "no system call numbers for architecture {target:?}"
        ))
    })?;
    let has_capability = |name: &str| DEFAULT_CAPABILITIES.contains(&name);
    let program = seccomp::compile::compile(&seccomp::default::policy(host, &has_capability));
    let mut text = String::from("&[\n");
    for libc::sock_filter { code, jt, jf, k } in program {
        let instruction = format!("code: {code}, jt: {jt}, jf: {jf}, k: {k}");
        let _ = writeln!(text, "    libc::sock_filter {{ {instruction} }},");
    }
    text += "]";
    std::fs::write(
        Path::new(&variable("OUT_DIR")).join("default_filter.rs"),
        text,
    )
}
