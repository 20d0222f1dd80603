//! Values as D-Bus writes them, in the byte order of the machine: each aligned to its size, counted from the beginning.
//!
//! Spec: D-Bus Specification, "Marshaling (Wire Format)".

/// Values, written one after the other, in the byte order of the machine.
#[derive(Debug, Default, Clone)]
pub(super) struct Body(pub(super) Vec<u8>);

impl Body {
    pub(super) fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    pub(super) fn u32(&mut self, value: u32) -> &mut Body {
        self.align(4);
        self.0.extend(value.to_ne_bytes());
        self
    }

    pub(super) fn u64(&mut self, value: u64) -> &mut Body {
        self.align(8);
        self.0.extend(value.to_ne_bytes());
        self
    }

    /// A string or an object path.
    pub(super) fn string(&mut self, text: &str) -> &mut Body {
        self.u32(text.len() as u32);
        self.0.extend(text.as_bytes());
        self.0.push(0);
        self
    }

    pub(super) fn signature(&mut self, text: &str) -> &mut Body {
        self.0.push(text.len() as u8);
        self.0.extend(text.as_bytes());
        self.0.push(0);
        self
    }

    /// An array whose items, aligned to `align`, `write` appends.
    pub(super) fn array(&mut self, align: usize, write: impl FnOnce(&mut Body)) -> &mut Body {
        self.u32(0);
        let length = self.0.len() - 4;
        self.align(align);
        let start = self.0.len();
        write(self);
        let bytes = (self.0.len() - start) as u32;
        self.0[length..length + 4].copy_from_slice(&bytes.to_ne_bytes());
        self
    }

    /// A structure of a name and a variant, `(sv)`.
    pub(super) fn property(&mut self, name: &str, value: Value<'_>) -> &mut Body {
        self.align(8);
        self.string(name);
        match value {
            Value::Text(text) => self.signature("s").string(text),
            Value::Flag(flag) => self.signature("b").u32(flag.into()),
            Value::Number(number) => self.signature("t").u64(number),
            Value::Numbers(list) => self.signature("au").array(4, |body| {
                for number in list {
                    body.u32(*number);
                }
            }),
        }
    }
}

/// The value of a property.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'v> {
    Text(&'v str),
    Flag(bool),
    Number(u64),
    Numbers(&'v [u32]),
}

/// Values, read one after the other; `None` behind the end.
#[derive(Debug)]
pub(super) struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Reader<'b> {
        Reader { bytes, at: 0 }
    }

    /// Whether there is nothing more.
    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    pub(super) fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.align(4);
        Some(u32::from_ne_bytes(self.take(4)?.try_into().ok()?))
    }

    pub(super) fn string(&mut self) -> Option<String> {
        let length = self.u32()? as usize;
        let text = self.take(length.checked_add(1)?)?;
        Some(String::from_utf8_lossy(&text[..length]).into_owned())
    }

    pub(super) fn signature(&mut self) -> Option<&'b str> {
        let length = usize::from(*self.take(1)?.first()?);
        let text = self.take(length + 1)?;
        std::str::from_utf8(&text[..length]).ok()
    }
}
