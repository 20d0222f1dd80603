//! Machine code that runs between us and the user's program.
//!
//! The program is not executed by this binary but by a tiny ELF file in a sealed memfd. What runs inside the container
//! as `/proc/self/exe` before the user's program does is that file, never the engine's own binary, which could otherwise
//! be overwritten through it (CVE-2019-5736).
//!
//! The file has two entries, chosen when it is made:
//!
//! - **exec** marks descriptor [`REPORT_FD`] close-on-exec, ends with 127 if there is none (a script of `#!/proc/self/exe`
//!   would otherwise go round for ever), and executes `argv[0]` with `argv[1]…` as its arguments. If
//!   that fails it writes the errno to the descriptor as a native 32-bit number and exits with 127.
//! - **init** expects all signals to be blocked. It forks; the child becomes a process group of its own, in the
//!   foreground if descriptor 0 is a terminal, and goes on as **exec**. The parent takes the name of Docker's init, closes
//!   everything, reaps whatever is reparented to it, passes every signal on to the child, and ends with the child's exit
//!   code, 128+n for signal n.
//!
//! Both live on the stack they are given: there is no data segment, and nothing can be relocated wrongly.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd, RawFd};

use rustix::fs::{MemfdFlags, SealFlags};

/// Where the stub expects the pipe on which it reports a failed `execve`.
pub const REPORT_FD: RawFd = 3;

/// Which entry of the stub a file starts at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Executes the program in its own place.
    Exec,
    /// Stays as the process's parent, reaping and forwarding.
    Init,
}

#[cfg(target_arch = "x86_64")]
std::arch::global_asm!(
    ".pushsection .rodata.ctr_stub, \"a\", @progbits",
    ".globl ctr_stub_start, ctr_stub_init, ctr_stub_end",
    ".hidden ctr_stub_start, ctr_stub_init, ctr_stub_end",
    "ctr_stub_start:",
    // fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC)
    "mov eax, 72",
    "mov edi, 3",
    "mov esi, 2",
    "mov edx, 1",
    "syscall",
    // EBADF: it was executed by a program, not by us
    "cmp eax, -9",
    "je 8f",
    // execve(argv[0], argv + 1, envp); the stack holds argc, argv…, NULL, envp…, NULL
    "mov rcx, [rsp]",
    "mov rdi, [rsp + 8]",
    "lea rsi, [rsp + 16]",
    "lea rdx, [rsp + rcx * 8 + 16]",
    "mov eax, 59",
    "syscall",
    // write(REPORT_FD, &errno, 4)
    "neg eax",
    "push rax",
    "mov eax, 1",
    "mov edi, 3",
    "mov rsi, rsp",
    "mov edx, 4",
    "syscall",
    // exit_group(127)
    "8:",
    "mov eax, 231",
    "mov edi, 127",
    "syscall",
    "ud2",
    "ctr_stub_init:",
    // clone(SIGCHLD, 0, 0, 0, 0)
    "mov eax, 56",
    "mov edi, 17",
    "xor esi, esi",
    "xor edx, edx",
    "xor r10d, r10d",
    "xor r8d, r8d",
    "syscall",
    "test eax, eax",
    "js 9f",
    "jz 5f",
    "mov r12d, eax",
    // prctl(PR_SET_NAME, "docker-init")
    "mov eax, 157",
    "mov edi, 15",
    "lea rsi, [rip + .Lctr_stub_name]",
    "syscall",
    // close_range(0, ~0, 0)
    "mov eax, 436",
    "xor edi, edi",
    "mov esi, -1",
    "xor edx, edx",
    "syscall",
    // [rsp] is the set of all signals, [rsp + 8] the status
    "push 0",
    "push -1",
    // rt_sigtimedwait(&all, NULL, NULL, 8)
    "2:",
    "mov eax, 128",
    "mov rdi, rsp",
    "xor esi, esi",
    "xor edx, edx",
    "mov r10d, 8",
    "syscall",
    "cmp eax, 17",
    "je 3f",
    "test eax, eax",
    "js 2b",
    // kill(child, signal)
    "mov esi, eax",
    "mov edi, r12d",
    "mov eax, 62",
    "syscall",
    "jmp 2b",
    // wait4(-1, &status, WNOHANG, NULL), until nothing is left
    "3:",
    "mov eax, 61",
    "mov rdi, -1",
    "lea rsi, [rsp + 8]",
    "mov edx, 1",
    "xor r10d, r10d",
    "syscall",
    "test eax, eax",
    "jle 2b",
    "cmp eax, r12d",
    "jne 3b",
    // exit_group(signalled ? 128 + signal : code)
    "mov edi, [rsp + 8]",
    "mov eax, edi",
    "shr edi, 8",
    "and edi, 255",
    "and eax, 127",
    "jz 4f",
    "lea edi, [rax + 128]",
    "4:",
    "mov eax, 231",
    "syscall",
    "ud2",
    // The child: setpgid(0, 0)
    "5:",
    "mov eax, 109",
    "xor edi, edi",
    "xor esi, esi",
    "syscall",
    // ioctl(0, TIOCSPGRP, &pid): fails where 0 is no terminal; SIGTTOU is still blocked
    "mov eax, 39",
    "syscall",
    "push rax",
    "mov eax, 16",
    "xor edi, edi",
    "mov esi, 0x5410",
    "mov rdx, rsp",
    "syscall",
    // rt_sigprocmask(SIG_SETMASK, &none, NULL, 8)
    "mov qword ptr [rsp], 0",
    "mov eax, 14",
    "mov edi, 2",
    "mov rsi, rsp",
    "xor edx, edx",
    "mov r10d, 8",
    "syscall",
    "pop rax",
    "jmp ctr_stub_start",
    // The fork failed: report and end as for a failed execve
    "9:",
    "neg eax",
    "push rax",
    "mov eax, 1",
    "mov edi, 3",
    "mov rsi, rsp",
    "mov edx, 4",
    "syscall",
    "mov eax, 231",
    "mov edi, 127",
    "syscall",
    "ud2",
    ".Lctr_stub_name:",
    ".asciz \"docker-init\"",
    "ctr_stub_end:",
    ".popsection",
);

#[cfg(target_arch = "aarch64")]
std::arch::global_asm!(
    ".pushsection .rodata.ctr_stub, \"a\", @progbits",
    ".globl ctr_stub_start, ctr_stub_init, ctr_stub_end",
    ".hidden ctr_stub_start, ctr_stub_init, ctr_stub_end",
    ".balign 4",
    "ctr_stub_start:",
    // fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC)
    "mov x8, #25",
    "mov x0, #3",
    "mov x1, #2",
    "mov x2, #1",
    "svc #0",
    // EBADF: it was executed by a program, not by us
    "cmn x0, #9",
    "b.eq 8f",
    // execve(argv[0], argv + 1, envp); the stack holds argc, argv…, NULL, envp…, NULL
    "ldr x3, [sp]",
    "ldr x0, [sp, #8]",
    "add x1, sp, #16",
    "add x2, x1, x3, lsl #3",
    "mov x8, #221",
    "svc #0",
    // write(REPORT_FD, &errno, 4), exit_group(127)
    "9:",
    "neg x0, x0",
    "str x0, [sp, #-16]!",
    "mov x8, #64",
    "mov x0, #3",
    "mov x1, sp",
    "mov x2, #4",
    "svc #0",
    "8:",
    "mov x8, #94",
    "mov x0, #127",
    "svc #0",
    "brk #1",
    "ctr_stub_init:",
    // clone(SIGCHLD, 0, 0, 0, 0)
    "mov x8, #220",
    "mov x0, #17",
    "mov x1, #0",
    "mov x2, #0",
    "mov x3, #0",
    "mov x4, #0",
    "svc #0",
    "cmp x0, #0",
    "b.lt 9b",
    "b.eq 5f",
    "mov x19, x0",
    // prctl(PR_SET_NAME, "docker-init")
    "mov x8, #167",
    "mov x0, #15",
    "adr x1, .Lctr_stub_name",
    "svc #0",
    // close_range(0, ~0, 0)
    "mov x8, #436",
    "mov x0, #0",
    "mov w1, #-1",
    "mov x2, #0",
    "svc #0",
    // [sp] is the set of all signals, [sp + 8] the status
    "mov x0, #-1",
    "stp x0, xzr, [sp, #-16]!",
    // rt_sigtimedwait(&all, NULL, NULL, 8)
    "2:",
    "mov x8, #137",
    "mov x0, sp",
    "mov x1, #0",
    "mov x2, #0",
    "mov x3, #8",
    "svc #0",
    "cmp x0, #17",
    "b.eq 3f",
    "cmp x0, #0",
    "b.lt 2b",
    // kill(child, signal)
    "mov x1, x0",
    "mov x0, x19",
    "mov x8, #129",
    "svc #0",
    "b 2b",
    // wait4(-1, &status, WNOHANG, NULL), until nothing is left
    "3:",
    "mov x8, #260",
    "mov x0, #-1",
    "add x1, sp, #8",
    "mov x2, #1",
    "mov x3, #0",
    "svc #0",
    "cmp x0, #0",
    "b.le 2b",
    "cmp x0, x19",
    "b.ne 3b",
    // exit_group(signalled ? 128 + signal : code)
    "ldr w1, [sp, #8]",
    "ubfx w0, w1, #8, #8",
    "ands w1, w1, #127",
    "b.eq 4f",
    "add w0, w1, #128",
    "4:",
    "mov x8, #94",
    "svc #0",
    "brk #1",
    // The child: setpgid(0, 0)
    "5:",
    "mov x8, #154",
    "mov x0, #0",
    "mov x1, #0",
    "svc #0",
    // ioctl(0, TIOCSPGRP, &pid): fails where 0 is no terminal; SIGTTOU is still blocked
    "mov x8, #172",
    "svc #0",
    "str x0, [sp, #-16]!",
    "mov x8, #29",
    "mov x0, #0",
    "mov x1, #0x5410",
    "mov x2, sp",
    "svc #0",
    // rt_sigprocmask(SIG_SETMASK, &none, NULL, 8)
    "str xzr, [sp]",
    "mov x8, #135",
    "mov x0, #2",
    "mov x1, sp",
    "mov x2, #0",
    "mov x3, #8",
    "svc #0",
    "add sp, sp, #16",
    "b ctr_stub_start",
    ".Lctr_stub_name:",
    ".asciz \"docker-init\"",
    "ctr_stub_end:",
    ".popsection",
);

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("the stub has to be written for this architecture");

unsafe extern "C" {
    static ctr_stub_start: u8;
    static ctr_stub_init: u8;
    static ctr_stub_end: u8;
}

/// Where the file is mapped. Any page will do: nothing else is in the address space.
const LOAD_ADDRESS: u64 = 0x40_0000;
const ELF_HEADER_BYTES: u16 = 64;
const PROGRAM_HEADER_BYTES: u16 = 56;
/// One to load, and one that says that the stack is not executable.
const PROGRAM_HEADERS: u16 = 2;

/// Makes the stub as a sealed, close-on-exec memfd. Allocates.
///
/// # Errors
///
/// The errno of `memfd_create(2)`, `write(2)` or `fcntl(2)`; `EACCES` where `vm.memfd_noexec` forbids it.
pub fn create(entry: Entry) -> io::Result<OwnedFd> {
    let (name, base) = match entry {
        Entry::Exec => (c"ctr-exec", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING),
        Entry::Init => (c"ctr-init", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING),
    };
    let file = match rustix::fs::memfd_create(name, base | MemfdFlags::EXEC) {
        // Before Linux 6.3 every memfd is executable and the flag is unknown.
        Err(rustix::io::Errno::INVAL) => rustix::fs::memfd_create(name, base)?,
        other => other?,
    };
    let image = image(entry);
    if rustix::io::write(&file, &image)? != image.len() {
        return Err(io::ErrorKind::WriteZero.into());
    }
    rustix::fs::fcntl_add_seals(
        file.as_fd(),
        SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE,
    )?;
    Ok(file)
}

/// The bytes between the two symbols.
fn code() -> &'static [u8] {
    let start = &raw const ctr_stub_start;
    let end = &raw const ctr_stub_end;
    // SAFETY: both symbols bound one contiguous, read-only section of this binary.
    unsafe { std::slice::from_raw_parts(start, end.addr() - start.addr()) }
}

/// The stub's bytes: an ELF file of two program headers and the code. See `elf(5)`.
pub fn image(entry: Entry) -> Vec<u8> {
    let code = code();
    let headers = ELF_HEADER_BYTES + PROGRAM_HEADERS * PROGRAM_HEADER_BYTES;
    let offset = match entry {
        Entry::Exec => 0,
        Entry::Init => (&raw const ctr_stub_init).addr() - (&raw const ctr_stub_start).addr(),
    };
    let start = LOAD_ADDRESS + u64::from(headers) + offset as u64;
    let size = u64::from(headers) + code.len() as u64;

    let mut file = Vec::with_capacity(size as usize);
    // e_ident: 64 bits, little-endian, current version.
    file.extend_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    file.extend_from_slice(&libc::ET_EXEC.to_le_bytes());
    let machine = if cfg!(target_arch = "aarch64") {
        libc::EM_AARCH64
    } else {
        libc::EM_X86_64
    };
    file.extend_from_slice(&machine.to_le_bytes());
    file.extend_from_slice(&libc::EV_CURRENT.to_le_bytes());
    file.extend_from_slice(&start.to_le_bytes());
    file.extend_from_slice(&u64::from(ELF_HEADER_BYTES).to_le_bytes());
    // No section headers, no flags.
    file.extend_from_slice(&0_u64.to_le_bytes());
    file.extend_from_slice(&0_u32.to_le_bytes());
    for field in [
        ELF_HEADER_BYTES,
        PROGRAM_HEADER_BYTES,
        PROGRAM_HEADERS,
        0,
        0,
        0,
    ] {
        file.extend_from_slice(&field.to_le_bytes());
    }
    program_header(
        &mut file,
        libc::PT_LOAD,
        libc::PF_R | libc::PF_X,
        [0, LOAD_ADDRESS, LOAD_ADDRESS, size, size, 0x1000],
    );
    program_header(
        &mut file,
        libc::PT_GNU_STACK,
        libc::PF_R | libc::PF_W,
        [0, 0, 0, 0, 0, 16],
    );
    file.extend_from_slice(code);
    file
}

/// Type, flags, then offset, virtual and physical address, size in the file and in memory, alignment.
fn program_header(file: &mut Vec<u8>, kind: u32, flags: u32, fields: [u64; 6]) {
    file.extend_from_slice(&kind.to_le_bytes());
    file.extend_from_slice(&flags.to_le_bytes());
    for field in fields {
        file.extend_from_slice(&field.to_le_bytes());
    }
}
