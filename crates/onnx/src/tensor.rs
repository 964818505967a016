//! Tensors whose values are known before a graph runs: initialisers, constants, shapes.

use crate::error::{OnnxError, wrong};
use crate::kind::{Kind, from_short};
use crate::load::Folder;
use crate::schema::TensorProto;
use crate::schema::tensor_proto::DataLocation;
use chainrule::engine::Shape;
use prost::Message;
use std::borrow::Cow;

/// Known numbers of one kind. They are kept as `f64`, which holds every kind exactly but whole numbers beyond 2⁵³.
#[derive(Clone, PartialEq, Debug)]
pub struct Tensor {
    kind: Kind,
    sizes: Vec<usize>,
    values: Vec<f64>,
}

type Checked<T> = Result<T, crate::error::Fault>;

impl Tensor {
    /// The tensor of these values, each cast to the kind.
    ///
    /// # Panics
    /// If there are other than as many values as the sizes say.
    pub fn new(kind: Kind, sizes: &[usize], mut values: Vec<f64>) -> Self {
        assert_eq!(values.len(), sizes.iter().product::<usize>(), "sizes {sizes:?}");
        if kind != Kind::Double {
            values.iter_mut().for_each(|value| *value = kind.cast(*value));
        }
        Self { kind, sizes: sizes.to_vec(), values }
    }

    /// The tensor of these values, which are of the kind.
    pub(crate) fn rounded(kind: Kind, sizes: &[usize], values: Vec<f64>) -> Self {
        Self { kind, sizes: sizes.to_vec(), values }
    }

    /// Whole numbers `[count]`.
    pub(crate) fn whole(values: impl IntoIterator<Item = usize>) -> Self {
        let values: Vec<f64> = values.into_iter().map(|value| value as f64).collect();
        Self { kind: Kind::Int64, sizes: vec![values.len()], values }
    }

    /// What its elements are.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its sizes, outermost first.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// Its values, row by row.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Its values as whole numbers; those beyond the range of 64 bits are its limits.
    pub(crate) fn ints(&self) -> Vec<i64> {
        self.values.iter().map(|&value| value as i64).collect()
    }

    /// The only value.
    pub(crate) fn one(&self) -> Checked<f64> {
        match self.values.as_slice() {
            [one] => Ok(*one),
            many => wrong!("a single number is wanted, and there are {}", many.len()),
        }
    }

    /// The same values under other sizes.
    pub(crate) fn reshaped(&self, sizes: &[usize]) -> Self {
        Self::new(self.kind, sizes, self.values.clone())
    }

    /// The values as another kind.
    pub(crate) fn cast(&self, kind: Kind) -> Self {
        Self::new(kind, &self.sizes, self.values.clone())
    }

    /// Reads the bytes of a tensor as ONNX stores it in a file of its own.
    ///
    /// # Errors
    /// Bytes that are none, a kind that cannot be computed with, or sizes that do not fit the data.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, OnnxError> {
        let proto = TensorProto::decode(bytes).map_err(|e| OnnxError::Damaged(e.to_string()))?;
        Self::read(&proto, &Folder::none()).map_err(OnnxError::Damaged)
    }

    /// Reads a tensor; `folder` is where external data may lie.
    pub(crate) fn read(proto: &TensorProto, folder: &Folder) -> Result<Self, String> {
        let name = &proto.name;
        let at = |problem: String| format!("tensor `{name}`: {problem}");
        let kind = Kind::of(proto.data_type).map_err(|what| at(format!("{what} are not supported")))?;
        let (sizes, count) = sizes(&proto.dims).map_err(at)?;
        if proto.segment.is_some() {
            return Err(at("it is stored in segments, which are not supported".to_owned()));
        }
        let raw = if proto.data_location == DataLocation::External as i32 {
            Cow::Owned(folder.read(&proto.external_data, kind.bytes(count)).map_err(at)?)
        } else {
            Cow::Borrowed(proto.raw_data.as_slice())
        };
        let values: Vec<f64> = if raw.is_empty() {
            typed(proto, kind, count)
        } else {
            if raw.len() != kind.bytes(count) {
                return Err(at(format!("{} bytes for {count} elements of {kind:?}", raw.len())));
            }
            kind.read_all(&raw, count)
        };
        if values.len() != count {
            return Err(at(format!("{} values for the sizes {sizes:?}", values.len())));
        }
        Ok(Self { kind, sizes, values })
    }

    /// The tensor as ONNX stores it.
    pub(crate) fn to_proto(&self, name: &str) -> TensorProto {
        let mut proto = TensorProto {
            name: name.to_owned(),
            dims: self.sizes.iter().map(|&size| size as i64).collect(),
            data_type: self.kind.data_type() as i32,
            ..TensorProto::default()
        };
        proto.raw_data = match self.kind {
            Kind::Float => self.values.iter().flat_map(|&v| (v as f32).to_le_bytes()).collect(),
            Kind::Double => self.values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Kind::Int64 => self.values.iter().flat_map(|&v| (v as i64).to_le_bytes()).collect(),
            Kind::Bool => self.values.iter().map(|&v| v as u8).collect(),
            other => unreachable!("{other:?} is not written"),
        };
        proto
    }
}

/// The sizes and the count of elements, if a shape can have them.
pub(crate) fn sizes(dims: &[i64]) -> Result<(Vec<usize>, usize), String> {
    let sizes: Option<Vec<usize>> = dims.iter().map(|&dim| usize::try_from(dim).ok()).collect();
    let sizes = sizes.ok_or_else(|| format!("the sizes {dims:?} are not all from 0"))?;
    let whole = sizes.iter().try_fold(1_usize, |count, &size| count.checked_mul(size.max(1)));
    let fits = whole.is_some_and(|count| count <= u32::MAX as usize);
    // Tensors of more axes than a value of the engine has may still be known ones.
    if !fits || (sizes.len() <= chainrule::engine::MAX_RANK && Shape::new(&sizes).is_none()) {
        return Err(format!("the sizes {dims:?} are too large"));
    }
    let count = sizes.iter().product();
    Ok((sizes, count))
}

/// The values in the field for their kind.
fn typed(proto: &TensorProto, kind: Kind, count: usize) -> Vec<f64> {
    match kind {
        Kind::Int2 | Kind::Int4 | Kind::Uint2 | Kind::Uint4 | Kind::Tiny(_) => {
            let bytes: Vec<u8> = proto.int32_data.iter().map(|&bits| bits as u8).collect();
            if bytes.len() == kind.bytes(count) { kind.read_all(&bytes, count) } else { Vec::new() }
        }
        Kind::Float => proto.float_data.iter().map(|&v| f64::from(v)).collect(),
        Kind::Double => proto.double_data.clone(),
        Kind::Int64 => proto.int64_data.iter().map(|&v| v as f64).collect(),
        Kind::Uint32 | Kind::Uint64 => proto.uint64_data.iter().map(|&v| v as f64).collect(),
        kind => proto.int32_data.iter().map(|&bits| from_short(kind, bits)).collect(),
    }
}
