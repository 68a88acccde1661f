//! Protocol-buffer wire format, as much of it as .osm.pbf uses.

/// What a message holds under one field number.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// A varint.
    Number(u64),
    /// Text, bytes, an inner message or a packed list.
    Bytes(&'a [u8]),
    /// A fixed 32 or 64 bit value; nothing here needs its content.
    Fixed,
}

/// Why a message cannot be read, and how far from its end that showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// Reads the fields of one message in turn.
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields of `message`.
    pub fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn value(&mut self) -> Result<(u32, Value<'a>), Broken> {
        let key = varint(&mut self.rest)?;
        let field = u32::try_from(key >> 3).map_err(|_| Broken)?;
        let value = match key & 7 {
            0 => Value::Number(varint(&mut self.rest)?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let length = varint(&mut self.rest)?;
                Value::Bytes(self.take(usize::try_from(length).map_err(|_| Broken)?)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            _ => return Err(Broken),
        };
        Ok((field, value))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Broken> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Broken)?;
        self.rest = rest;
        Ok(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let read = self.value();
        if read.is_err() {
            self.rest = &[];
        }
        Some(read)
    }
}

/// Reads a packed list of varints in turn.
pub struct Packed<'a> {
    rest: &'a [u8],
}

impl<'a> Packed<'a> {
    /// The numbers in `list`.
    pub fn of(list: &'a [u8]) -> Self {
        Self { rest: list }
    }

    /// The next number; `None` at the end.
    pub fn number(&mut self) -> Result<Option<u64>, Broken> {
        if self.rest.is_empty() { Ok(None) } else { varint(&mut self.rest).map(Some) }
    }

    /// The next zigzag-coded number; `None` at the end.
    pub fn signed(&mut self) -> Result<Option<i64>, Broken> {
        Ok(self.number()?.map(zigzag))
    }
}

/// A zigzag-coded number.
pub fn zigzag(coded: u64) -> i64 {
    (coded >> 1) as i64 ^ -((coded & 1) as i64)
}

fn varint(rest: &mut &[u8]) -> Result<u64, Broken> {
    let mut number = 0u64;
    for (index, &byte) in rest.iter().take(10).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            *rest = &rest[index + 1..];
            return Ok(number);
        }
    }
    Err(Broken)
}
