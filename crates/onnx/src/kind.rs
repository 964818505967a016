//! The kinds of numbers that ONNX has, and what each can hold.

use crate::schema::tensor_proto::DataType;
use crate::tiny::Tiny;
use half::{bf16, f16};

/// What the elements of a tensor are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Kind {
    Float,
    Double,
    Float16,
    Bfloat16,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Bool,
    Int2,
    Int4,
    Uint2,
    Uint4,
    Tiny(Tiny),
}

impl Kind {
    /// The kind with this number in the schema, if it is one that can be computed with.
    pub(crate) fn of(number: i32) -> Result<Self, String> {
        Ok(match DataType::try_from(number) {
            Ok(DataType::Float) => Self::Float,
            Ok(DataType::Double) => Self::Double,
            Ok(DataType::Float16) => Self::Float16,
            Ok(DataType::Bfloat16) => Self::Bfloat16,
            Ok(DataType::Int8) => Self::Int8,
            Ok(DataType::Int16) => Self::Int16,
            Ok(DataType::Int32) => Self::Int32,
            Ok(DataType::Int64) => Self::Int64,
            Ok(DataType::Uint8) => Self::Uint8,
            Ok(DataType::Uint16) => Self::Uint16,
            Ok(DataType::Uint32) => Self::Uint32,
            Ok(DataType::Uint64) => Self::Uint64,
            Ok(DataType::Bool) => Self::Bool,
            Ok(DataType::Int2) => Self::Int2,
            Ok(DataType::Int4) => Self::Int4,
            Ok(DataType::Uint2) => Self::Uint2,
            Ok(DataType::Uint4) => Self::Uint4,
            Ok(DataType::Float8e4m3fn) => Self::Tiny(Tiny::Float8E4m3fn),
            Ok(DataType::Float8e4m3fnuz) => Self::Tiny(Tiny::Float8E4m3fnuz),
            Ok(DataType::Float8e5m2) => Self::Tiny(Tiny::Float8E5m2),
            Ok(DataType::Float8e5m2fnuz) => Self::Tiny(Tiny::Float8E5m2fnuz),
            Ok(DataType::Float4e2m1) => Self::Tiny(Tiny::Float4E2m1),
            Ok(other) => return Err(format!("elements of kind {}", other.as_str_name())),
            Err(_) => return Err(format!("elements of the unknown kind {number}")),
        })
    }

    /// Its number in the schema.
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Self::Float => DataType::Float,
            Self::Double => DataType::Double,
            Self::Float16 => DataType::Float16,
            Self::Bfloat16 => DataType::Bfloat16,
            Self::Int8 => DataType::Int8,
            Self::Int16 => DataType::Int16,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::Uint8 => DataType::Uint8,
            Self::Uint16 => DataType::Uint16,
            Self::Uint32 => DataType::Uint32,
            Self::Uint64 => DataType::Uint64,
            Self::Bool => DataType::Bool,
            Self::Int2 => DataType::Int2,
            Self::Int4 => DataType::Int4,
            Self::Uint2 => DataType::Uint2,
            Self::Uint4 => DataType::Uint4,
            Self::Tiny(Tiny::Float8E4m3fn) => DataType::Float8e4m3fn,
            Self::Tiny(Tiny::Float8E4m3fnuz) => DataType::Float8e4m3fnuz,
            Self::Tiny(Tiny::Float8E5m2) => DataType::Float8e5m2,
            Self::Tiny(Tiny::Float8E5m2fnuz) => DataType::Float8e5m2fnuz,
            Self::Tiny(Tiny::Float4E2m1) => DataType::Float4e2m1,
        }
    }

    /// Bits of an element.
    fn bits(self) -> usize {
        match self {
            Self::Double | Self::Int64 | Self::Uint64 => 64,
            Self::Float | Self::Int32 | Self::Uint32 => 32,
            Self::Float16 | Self::Bfloat16 | Self::Int16 | Self::Uint16 => 16,
            Self::Int8 | Self::Uint8 | Self::Bool => 8,
            Self::Int4 | Self::Uint4 => 4,
            Self::Int2 | Self::Uint2 => 2,
            Self::Tiny(tiny) => tiny.bits() as usize,
        }
    }

    /// Bytes of so many elements: those of less than a byte share one, the first in its lowest bits.
    pub(crate) fn bytes(self, count: usize) -> usize {
        count.saturating_mul(self.bits()).div_ceil(8)
    }

    /// So many elements from these bytes.
    pub(crate) fn read_all(self, bytes: &[u8], count: usize) -> Vec<f64> {
        let bits = self.bits();
        if bits >= 8 {
            return bytes.chunks_exact(bits / 8).map(|bytes| self.read(bytes)).collect();
        }
        let mask = (1_u8 << bits) - 1;
        let part = |at: usize| bytes[at * bits / 8] >> (at * bits % 8) & mask;
        (0..count).map(|at| self.read(&[part(at)])).collect()
    }

    /// Whether it has fractions.
    pub fn is_float(self) -> bool {
        matches!(self, Self::Float | Self::Double | Self::Float16 | Self::Bfloat16 | Self::Tiny(_))
    }

    /// The least and the largest whole number of the kind, and its width in bits; `None` for fractions.
    pub(crate) fn range(self) -> Option<(i128, i128, u32)> {
        let signed = |bits: u32| (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1, bits);
        let unsigned = |bits: u32| (0, (1_i128 << bits) - 1, bits);
        Some(match self {
            Self::Int8 => signed(8),
            Self::Int16 => signed(16),
            Self::Int32 => signed(32),
            Self::Int64 => signed(64),
            Self::Uint8 => unsigned(8),
            Self::Uint16 => unsigned(16),
            Self::Uint32 => unsigned(32),
            Self::Uint64 => unsigned(64),
            Self::Bool => (0, 1, 1),
            Self::Int2 => signed(2),
            Self::Int4 => signed(4),
            Self::Uint2 => unsigned(2),
            Self::Uint4 => unsigned(4),
            Self::Float | Self::Double | Self::Float16 | Self::Bfloat16 | Self::Tiny(_) => return None,
        })
    }

    /// The number of this kind that a cast of `value` gives: the nearest fraction, or what is before the point, modulo
    /// the width, as in C.
    pub(crate) fn cast(self, value: f64) -> f64 {
        match self {
            Self::Double => value,
            Self::Float => f64::from(value as f32),
            Self::Float16 => f16::from_f64(value).to_f64(),
            Self::Bfloat16 => bf16::from_f64(value).to_f64(),
            Self::Bool => f64::from(u8::from(value != 0.0)),
            Self::Tiny(tiny) => tiny.nearest(value, true),
            _ => {
                let (low, high, bits) = self.range().expect("a whole kind");
                // The limits of 64 bits have no f64 of their own; the nearest stands for them.
                if value.abs() >= 9.0e18 {
                    return value.clamp(low as f64, high as f64);
                }
                let whole = value.trunc() as i128;
                if (low..=high).contains(&whole) {
                    return whole as f64;
                }
                let wrapped = whole.rem_euclid(1 << bits);
                (if wrapped > high { wrapped - (1 << bits) } else { wrapped }) as f64
            }
        }
    }

    /// The element that begins with these bytes.
    pub(crate) fn read(self, bytes: &[u8]) -> f64 {
        macro_rules! le {
            ($type:ty) => {
                <$type>::from_le_bytes(bytes.try_into().expect("as many bytes as the kind has"))
            };
        }
        match self {
            Self::Float => f64::from(le!(f32)),
            Self::Double => le!(f64),
            Self::Float16 => f16::from_bits(le!(u16)).to_f64(),
            Self::Bfloat16 => bf16::from_bits(le!(u16)).to_f64(),
            Self::Int8 => f64::from(le!(i8)),
            Self::Int16 => f64::from(le!(i16)),
            Self::Int32 => f64::from(le!(i32)),
            Self::Int64 => le!(i64) as f64,
            Self::Uint8 => f64::from(le!(u8)),
            Self::Uint16 => f64::from(le!(u16)),
            Self::Uint32 => f64::from(le!(u32)),
            Self::Uint64 => le!(u64) as f64,
            Self::Bool => f64::from(u8::from(bytes[0] != 0)),
            Self::Int2 | Self::Int4 | Self::Uint2 | Self::Uint4 => self.cast(f64::from(bytes[0])),
            Self::Tiny(tiny) => tiny.decode(bytes[0]),
        }
    }
}

/// The number whose bits stand in a field of 32 bits, where ONNX keeps the short kinds.
pub(crate) fn from_short(kind: Kind, bits: i32) -> f64 {
    match kind {
        Kind::Float16 => f16::from_bits(bits as u16).to_f64(),
        Kind::Bfloat16 => bf16::from_bits(bits as u16).to_f64(),
        kind => kind.cast(f64::from(bits)),
    }
}
