//! A machine for the classic BPF that filters consist of, as the kernel's checker would let it through.

use libc::sock_filter;

/// `struct seccomp_data`, without the instruction pointer, which no filter of ours looks at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Data {
    pub(super) number: u32,
    pub(super) arch: u32,
    pub(super) arguments: [u64; 6],
}

/// Runs `program` on `data`; returns the value it returns and the number of instructions that took.
pub(super) fn run(program: &[sock_filter], data: &Data) -> (u32, usize) {
    let mut accumulator = 0_u32;
    let mut at = 0;
    let mut steps = 0;
    loop {
        let instruction = program[at];
        steps += 1;
        at += 1;
        let branch = |holds: bool| {
            usize::from(if holds {
                instruction.jt
            } else {
                instruction.jf
            })
        };
        match instruction.code {
            0x20 => accumulator = data.word(instruction.k),
            0x54 => accumulator &= instruction.k,
            0x05 => at += instruction.k as usize,
            0x15 => at += branch(accumulator == instruction.k),
            0x25 => at += branch(accumulator > instruction.k),
            0x35 => at += branch(accumulator >= instruction.k),
            0x06 => return (instruction.k, steps),
            code => panic!("instruction {code:#x}"),
        }
    }
}

impl Data {
    fn word(&self, offset: u32) -> u32 {
        match offset {
            0 => self.number,
            4 => self.arch,
            16..64 if offset.is_multiple_of(8) => self.arguments[(offset as usize - 16) / 8] as u32,
            16..64 if offset.is_multiple_of(4) => {
                (self.arguments[(offset as usize - 16) / 8] >> 32) as u32
            }
            _ => panic!("offset {offset}"),
        }
    }
}
