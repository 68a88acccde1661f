//! Protocol Buffers as far as tiles need them.

use anlan_kernel::Problem;

/// A value on the wire.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wire<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(Reader<'a>),
    Fixed32([u8; 4]),
}

/// Bytes still to be read, and how many stood before them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    pub rest: &'a [u8],
    pub at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, at: 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn varint(&mut self) -> Result<u64, Problem> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.fixed()?;
            if shift == 63 && byte > 1 {
                return Err(broken(self.at, "变长整数超过 64 位", "a varint is longer than 64 bits"));
            }
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(broken(self.at, "变长整数没有结束", "a varint does not end"))
    }

    pub fn uint32(&mut self) -> Result<u32, Problem> {
        let at = self.at;
        self.varint()?.try_into().map_err(|_| broken(at, "整数超过 32 位", "an integer is larger than 32 bits"))
    }

    /// The next field: its number and value.
    pub fn field(&mut self) -> Result<(u64, Wire<'a>), Problem> {
        let at = self.at;
        let key = self.varint()?;
        let wire = match key & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(self.fixed()?),
            2 => Wire::Bytes(self.bytes()?),
            5 => Wire::Fixed32(self.fixed()?),
            _ => return Err(broken(at, "不认识的字段编码方式", "a field is written in an unknown way")),
        };
        Ok((key >> 3, wire))
    }

    fn bytes(&mut self) -> Result<Self, Problem> {
        let length = self.varint()?;
        let length = usize::try_from(length).ok().filter(|it| *it <= self.rest.len());
        let (own, rest) = self.rest.split_at(length.ok_or_else(|| truncated(self.at))?);
        let own = Self { rest: own, at: self.at };
        *self = Self { rest, at: self.at + own.rest.len() };
        Ok(own)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        let (first, rest) = self.rest.split_first_chunk().ok_or_else(|| truncated(self.at))?;
        *self = Self { rest, at: self.at + N };
        Ok(*first)
    }
}

impl<'a> Wire<'a> {
    pub fn as_varint(self, at: usize) -> Result<u64, Problem> {
        if let Self::Varint(it) = self { Ok(it) } else { Err(wrong_kind(at)) }
    }

    pub fn as_bytes(self, at: usize) -> Result<Reader<'a>, Problem> {
        if let Self::Bytes(it) = self { Ok(it) } else { Err(wrong_kind(at)) }
    }

    pub fn as_text(self, at: usize) -> Result<&'a str, Problem> {
        let bytes = self.as_bytes(at)?;
        str::from_utf8(bytes.rest).map_err(|_| broken(bytes.at, "文字不是 UTF-8", "a text is not UTF-8"))
    }

    /// Appends a packed list, or one number of a list that is not packed.
    pub fn append(self, at: usize, numbers: &mut Vec<u32>) -> Result<(), Problem> {
        match self {
            Self::Bytes(mut list) => {
                while !list.is_empty() {
                    numbers.push(list.uint32()?);
                }
                Ok(())
            }
            other => {
                numbers.push(other.as_varint(at)?.try_into().map_err(|_| wrong_kind(at))?);
                Ok(())
            }
        }
    }
}

pub(super) fn broken(at: usize, zh: &str, en: &str) -> Problem {
    Problem::new("bad_tile", format!("矢量瓦片读不出来：{zh}"), format!("the vector tile cannot be read: {en}"))
        .byte(at)
}

fn truncated(at: usize) -> Problem {
    broken(at, "数据不完整", "it ends too early")
}

pub(super) fn wrong_kind(at: usize) -> Problem {
    broken(at, "字段的类型不对", "a field is of the wrong type")
}

pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn put_uint(out: &mut Vec<u8>, field: u64, value: u64) {
    put_varint(out, field << 3);
    put_varint(out, value);
}

pub(super) fn put_bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_varint(out, field << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(super) fn put_packed(out: &mut Vec<u8>, field: u64, numbers: &[u32], scratch: &mut Vec<u8>) {
    scratch.clear();
    numbers.iter().for_each(|it| put_varint(scratch, u64::from(*it)));
    put_bytes(out, field, scratch);
}

pub(super) fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

pub(super) fn of_zigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}
