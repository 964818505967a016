//! Small models as bytes of protobuf.

/// A field of protobuf: its number, and bytes with their length.
pub(crate) fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut all = vec![number << 3 | 2];
    all.extend(varint(bytes.len() as u64));
    all.extend(bytes);
    all
}

pub(crate) fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let more = value > 0x7f;
        bytes.push((value & 0x7f) as u8 | if more { 0x80 } else { 0 });
        value >>= 7;
        if !more {
            return bytes;
        }
    }
}

pub(crate) fn number(field: u8, value: u64) -> Vec<u8> {
    [vec![field << 3], varint(value)].concat()
}

pub(crate) fn node(op: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    node_with(op, inputs, output, &[])
}

/// A node with attributes.
pub(crate) fn node_with(op: &str, inputs: &[&str], output: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let inputs = inputs.iter().flat_map(|input| field(1, input.as_bytes()));
    field(
        1,
        &inputs
            .chain(field(2, output.as_bytes()))
            .chain(field(4, op.as_bytes()))
            .chain(attributes.concat())
            .collect::<Vec<u8>>(),
    )
}

pub(crate) fn output(name: &str) -> Vec<u8> {
    field(12, &field(1, name.as_bytes()))
}

/// A model of these parts of a graph.
pub(crate) fn model(parts: &[Vec<u8>]) -> Vec<u8> {
    [number(1, 10), field(8, &number(2, 21)), field(7, &parts.concat())].concat()
}

pub(crate) fn stored(name: &str, dims: &[u64], rest: &[u8]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|&dim| number(1, dim)).collect();
    field(5, &[dims, number(2, 1), field(8, name.as_bytes()), rest.to_vec()].concat())
}

/// Stored floats.
pub(crate) fn floats(name: &str, sizes: &[u64], values: &[f32]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    stored(name, sizes, &field(9, &bytes))
}

/// Stored whole numbers.
pub(crate) fn whole(name: &str, values: &[u64]) -> Vec<u8> {
    let values: Vec<u8> = values.iter().flat_map(|&value| varint(value)).collect();
    field(5, &[number(1, values.len() as u64), number(2, 7), field(8, name.as_bytes()), field(7, &values)].concat())
}

/// The input `x` of floats.
pub(crate) fn sized(sizes: &[u64]) -> Vec<u8> {
    let shape: Vec<u8> = sizes.iter().flat_map(|&size| field(1, &number(1, size))).collect();
    let tensor = field(1, &[number(1, 1), field(2, &shape)].concat());
    field(11, &[field(1, b"x"), field(2, &tensor)].concat())
}

/// An attribute of whole numbers.
pub(crate) fn ints(name: &str, values: &[i64]) -> Vec<u8> {
    let values: Vec<u8> = values.iter().flat_map(|&value| number(8, value as u64)).collect();
    field(5, &[field(1, name.as_bytes()), values].concat())
}

/// An attribute of a whole number.
pub(crate) fn int(name: &str, value: i64) -> Vec<u8> {
    field(5, &[field(1, name.as_bytes()), number(3, value as u64)].concat())
}
