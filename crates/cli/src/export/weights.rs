//! Weights by name, laid out as PyTorch has them: those of a dense layer `[outputs, inputs]`.

use anyhow::Result;
use chainrule::{Activation, Model, SampleShape};
use safetensors::tensor::{Dtype, TensorView};
use std::io::{Cursor, Write};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A piece of the weights.
struct Piece {
    name: String,
    sizes: Vec<usize>,
    values: Vec<f32>,
}

/// The pieces under the names that they have in a `torch.nn.Sequential` of convolutions, norms, activations, pools,
/// dropouts, Flatten and Linear: the position of the module, and `weight`, `bias`, `running_mean` or `running_var`. Below a
/// norm there is no bias; what ours adds after it is that of the norm.
fn pieces(model: &Model) -> Vec<Piece> {
    let (mut pieces, mut position, mut below) = (Vec::new(), 0, model.network.input());
    let mut segments = model.network.segments().into_iter();
    for stage in model.network.stages() {
        if let (SampleShape::Planes(_), SampleShape::Flat(_)) = (below, stage.input) {
            position += 1;
        }
        below = stage.output;
        let is_normal = usize::from(stage.layer.norm.is_some());
        for _ in 0..stage.kinds().len() {
            let segment = segments.next().expect("each layer has its pieces");
            let (module, kind) = match segment.name.as_bytes()[0] {
                b'w' => (position, "weight"),
                b'b' => (position + is_normal, "bias"),
                b'g' => (position + 1, "weight"),
                b'm' => (position + 1, "running_mean"),
                _ => (position + 1, "running_var"),
            };
            let mut sizes: Vec<usize> = segment.shape.sizes().collect();
            let mut values = model.parameters[segment.range].to_vec();
            if let [inputs, outputs] = sizes[..] {
                values = (0..inputs * outputs).map(|at| values[at % inputs * outputs + at / inputs]).collect();
                sizes = vec![outputs, inputs];
            }
            pieces.push(Piece { name: format!("{module}.{kind}"), sizes, values });
        }
        let layer = stage.layer;
        let others = [layer.activation != Activation::Identity, layer.pool.is_some(), layer.dropout.is_some()];
        position += 1 + is_normal + others.into_iter().filter(|there| *there).count();
    }
    pieces
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

pub(super) fn safetensors(model: &Model) -> Result<Vec<u8>> {
    let stored: Vec<(Piece, Vec<u8>)> = pieces(model)
        .into_iter()
        .map(|piece| {
            let bytes = bytes(&piece.values);
            (piece, bytes)
        })
        .collect();
    let views = stored
        .iter()
        .map(|(piece, bytes)| Ok((&piece.name, TensorView::new(Dtype::F32, piece.sizes.clone(), bytes)?)))
        .collect::<Result<Vec<_>>>()?;
    Ok(safetensors::serialize(views, None)?)
}

/// An archive as `numpy.load` reads it: one NPY file a piece.
pub(super) fn npz(model: &Model) -> Result<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    // Stored as they are, and with the least date that there is, so that the same weights give the same bytes.
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default());
    for piece in pieces(model) {
        archive.start_file(format!("{}.npy", piece.name), options)?;
        archive.write_all(&npy_head(&piece.sizes))?;
        archive.write_all(&bytes(&piece.values))?;
    }
    Ok(archive.finish()?.into_inner())
}

/// The head of an NPY file, version 1.0: its length is a multiple of 64.
fn npy_head(sizes: &[usize]) -> Vec<u8> {
    let sizes: String = sizes.iter().map(|size| format!("{size}, ")).collect();
    let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({sizes}), }}");
    let length = (10 + text.len() + 1).next_multiple_of(64) - 10;
    let mut head = b"\x93NUMPY\x01\x00".to_vec();
    head.extend((length as u16).to_le_bytes());
    head.extend(format!("{text:<width$}\n", width = length - 1).into_bytes());
    head
}
