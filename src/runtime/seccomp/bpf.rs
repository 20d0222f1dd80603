//! An assembler for classic BPF that works from the last instruction to the first.
//!
//! All jumps of classic BPF lead forward, and conditional ones by at most 255 instructions. Backwards, every target is known
//! when the jump to it is written, so nothing has to be patched, and a target out of reach is replaced on the spot: a `ret` by
//! another one, anything else by a long jump. Spec: Linux, Documentation/networking/filter.rst.

use libc::sock_filter;

/// Longest distance that a target may have while the instructions of one jump are written: 255, less the few that may
/// still come between.
const REACH: usize = 250;

/// `BPF_LD | BPF_W | BPF_ABS`
const LOAD: u16 = 0x20;
/// `BPF_ALU | BPF_AND | BPF_K`
const AND: u16 = 0x54;
/// `BPF_JMP | BPF_JA`
const JUMP: u16 = 0x05;
/// `BPF_RET | BPF_K`
const RETURN: u16 = 0x06;

/// A comparison of the accumulator with a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Test {
    /// `BPF_JMP | BPF_JEQ | BPF_K`
    Equal = 0x15,
    /// `BPF_JMP | BPF_JGT | BPF_K`
    Greater = 0x25,
    /// `BPF_JMP | BPF_JGE | BPF_K`
    GreaterOrEqual = 0x35,
}

/// Where a program goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// At an instruction, counted from the program's end.
    At(usize),
    /// Nowhere: it returns this value.
    Return(u32),
}

/// A program, last instruction first.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    reversed: Vec<sock_filter>,
}

impl Assembler {
    /// Puts `A = seccomp_data[offset]` before the instruction at `next`, which must have been written last.
    pub(super) fn load(&mut self, offset: u32, next: Target) -> Target {
        self.fall_through(next);
        self.push(LOAD, 0, 0, offset)
    }

    /// Puts `A &= mask` before the instruction at `next`, which must have been written last.
    pub(super) fn and(&mut self, mask: u32, next: Target) -> Target {
        self.fall_through(next);
        self.push(AND, 0, 0, mask)
    }

    /// Puts a conditional jump before everything written so far.
    pub(super) fn branch(&mut self, test: Test, value: u32, yes: Target, no: Target) -> Target {
        if yes == no {
            return yes;
        }
        let no = self.in_reach(no);
        let yes = self.in_reach(yes);
        let here = self.reversed.len();
        let distance = |label: usize| {
            u8::try_from(here - 1 - label).expect("REACH leaves room for two instructions")
        };
        self.push(test as u16, distance(yes), distance(no), value)
    }

    /// Returns the program that starts at `entry`.
    pub(super) fn finish(mut self, entry: Target) -> Vec<sock_filter> {
        self.fall_through(entry);
        self.reversed.reverse();
        self.reversed
    }

    /// Makes sure that what is written next runs on into `target`.
    fn fall_through(&mut self, target: Target) {
        let label = self.in_reach(target);
        if label + 1 != self.reversed.len() {
            let distance = self.reversed.len() - 1 - label;
            self.push(JUMP, 0, 0, u32::try_from(distance).unwrap_or(u32::MAX));
        }
    }

    /// Returns an instruction that does what `target` does and that a conditional jump written next reaches.
    fn in_reach(&mut self, target: Target) -> usize {
        let len = self.reversed.len();
        match target {
            Target::At(label) if len - label <= REACH => label,
            Target::At(label) => {
                let distance = u32::try_from(len - 1 - label).unwrap_or(u32::MAX);
                self.push(JUMP, 0, 0, distance);
                len
            }
            Target::Return(value) => {
                let near = &self.reversed[len.saturating_sub(REACH)..];
                match near.iter().rposition(|i| i.code == RETURN && i.k == value) {
                    Some(position) => len - near.len() + position,
                    None => {
                        self.push(RETURN, 0, 0, value);
                        len
                    }
                }
            }
        }
    }

    fn push(&mut self, code: u16, jt: u8, jf: u8, k: u32) -> Target {
        self.reversed.push(sock_filter { code, jt, jf, k });
        Target::At(self.reversed.len() - 1)
    }
}
