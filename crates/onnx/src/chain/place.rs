//! How the numbers of a sample lie: their sizes, and the channels that are first here and last in TensorFlow.

use super::layers::Chain;
use super::step::Step;
use crate::error::{Fault, wrong};
use crate::tensor::Tensor;
use chainrule::SampleShape;

/// From channels last to channels first, and back.
const FIRST: [i64; 4] = [0, 3, 1, 2];
const LAST: [i64; 4] = [0, 2, 3, 1];

/// The most inputs that are scaled.
const MOST_INPUTS: usize = 1 << 22;

impl Chain {
    /// Takes samples of these sizes, before the first layer.
    pub(super) fn begin(&mut self, sizes: Option<Vec<usize>>) {
        self.form = match sizes.as_deref() {
            Some(&[count]) => Some(SampleShape::Flat(count)),
            Some(&[c, h, w]) => Some(SampleShape::Planes([c, h, w])),
            _ => None,
        };
        (self.input, self.begins) = (self.form, sizes);
    }

    /// The sizes of a sample of the head, as it lies in the graph.
    pub(super) fn sizes(&self) -> Option<Vec<usize>> {
        if self.layers.is_empty() {
            return self.begins.clone();
        }
        Some(match (self.form?, self.cut) {
            (form, Some(groups)) => vec![groups, form.len() / groups],
            (SampleShape::Flat(count), None) => vec![count],
            (SampleShape::Planes([c, h, w]), None) if self.channels_last => vec![h, w, c],
            (SampleShape::Planes(planes), None) => planes.to_vec(),
        })
    }

    /// How many channels the head has: numbers, if it is flat.
    pub(super) fn channels(&self) -> usize {
        match self.form {
            Some(SampleShape::Planes([channels, ..])) => channels,
            Some(SampleShape::Flat(count)) => count,
            None => 0,
        }
    }

    pub(super) fn flatten(&mut self) {
        if self.layers.is_empty() {
            return self.begin(self.begins.as_ref().map(|sizes| vec![product(sizes)]));
        }
        if let (true, Some(SampleShape::Planes([c, h, w]))) = (self.channels_last, self.form)
            && c > 1
            && h * w > 1
        {
            self.by_place = Some([c, h, w]);
        }
        self.channels_last = false;
        self.form = self.form.map(|form| SampleShape::Flat(form.len()));
    }

    /// Other sizes: of what comes before the layers any, behind one a row of all numbers, or groups for a norm.
    pub(super) fn reshape(&mut self, wanted: &[i64]) -> Result<bool, Fault> {
        let [rows, wanted @ ..] = wanted else { return wrong!("it gives a single number") };
        // Where the number of samples is computed, it is that of one.
        if ![-1, 0, 1].contains(rows) && self.rows != Some(*rows) {
            return wrong!("it makes {rows} rows of what there is");
        }
        let Some(now) = self.sizes() else { return self.reshape_unknown(wanted).map(|()| false) };
        let Some(sizes) = resolved(&now, wanted) else {
            return wrong!("sizes {wanted:?} of a sample whose sizes are {now:?}");
        };
        if sizes == now {
            return Ok(true);
        }
        let is_first = !self.channels_last && self.by_place.is_none();
        if self.layers.is_empty() {
            self.begin(Some(sizes));
            return Ok(false);
        }
        if self.cut.take().is_some() {
            return if self.sizes().as_ref() == Some(&sizes) {
                Ok(false)
            } else {
                wrong!("it does not put groups of a norm back to what they were")
            };
        }
        match sizes[..] {
            [_] => self.flatten(),
            [groups, _] if is_first && self.channels().is_multiple_of(groups) => self.cut = Some(groups),
            _ => {
                return wrong!(
                    "sizes {wanted:?} are neither [rows, numbers] nor groups of channels nor those of an image at the \
                     beginning"
                );
            }
        }
        Ok(false)
    }

    /// Sizes of inputs that the file does not say.
    fn reshape_unknown(&mut self, wanted: &[i64]) -> Result<(), Fault> {
        let sizes: Option<Vec<usize>> = wanted.iter().map(|&size| usize::try_from(size).ok()).collect();
        match sizes.filter(|sizes| !sizes.contains(&0)) {
            Some(sizes) if matches!(sizes.len(), 1 | 3) => self.begin(Some(sizes)),
            _ if wanted == [-1] => {}
            _ => return wrong!("sizes {wanted:?} are neither [rows, numbers] nor those of an image at the beginning"),
        }
        Ok(())
    }

    /// Without axes of size 1.
    pub(super) fn squeeze(&mut self, step: &Step<'_>) -> Result<bool, Fault> {
        let Some(now) = self.sizes() else { return wrong!("it is not known what the model takes") };
        let named = step.axes(now.len() + 1)?;
        if let Some(axis) = named.iter().flatten().find(|axis| now[**axis - 1] != 1) {
            return wrong!("it takes axis {axis} from a sample whose sizes are {now:?}");
        }
        let is_out = |at: usize| named.as_ref().map_or(now[at] == 1, |axes| axes.contains(&(at + 1)));
        let kept = now.iter().enumerate().filter(|(at, _)| !is_out(*at)).map(|(_, &size)| size as i64);
        self.reshape(&std::iter::once(1).chain(kept).collect::<Vec<i64>>())
    }

    /// Between channels first and channels last; says whether the layers stay as they are.
    pub(super) fn transpose(&mut self, step: &Step<'_>) -> Result<bool, Fault> {
        let order = step.attribute("perm").map(|attribute| attribute.ints.as_slice()).unwrap_or_default();
        let is_planes = matches!(self.form, Some(SampleShape::Planes(_)));
        if (0..).zip(order).all(|(at, &axis)| at == axis) && !order.is_empty() {
            return Ok(true);
        }
        if self.layers.is_empty() && is_planes && order == FIRST {
            self.channels_first();
            return Ok(false);
        }
        let turned = if self.channels_last { FIRST } else { LAST };
        if self.layers.is_empty() || !is_planes || order != turned {
            return wrong!(
                "it puts axes in the order {order:?}: only between channels last and channels first is understood"
            );
        }
        self.channels_last = !self.channels_last;
        Ok(true)
    }

    /// Inputs with channels last are ours with channels first, and so is what is done to them.
    fn channels_first(&mut self) {
        let Some(&[h, w, c]) = self.begins.as_deref() else { return };
        for part in [&mut self.shift, &mut self.scale] {
            *part = (0..part.len()).map(|at| part[at % (h * w) * c + at / (h * w)]).collect();
        }
        self.begin(Some(vec![c, h, w]));
    }

    /// The numbers of a known tensor beside the head: one for all, or one a channel.
    pub(super) fn by_channel(&self, part: &Tensor) -> Result<Vec<f64>, Fault> {
        let Some(sizes) = self.sizes() else { return wrong!("it is not known what comes from below") };
        let aligned = aligned(part, &sizes)?;
        let axis = if self.channels_last { sizes.len() - 1 } else { 0 };
        let (count, inner) = (aligned[axis], product(&aligned[axis + 1..]));
        let of = |at: usize| at / inner % count;
        let mut numbers = vec![f64::NAN; count];
        (0..).zip(part.values()).for_each(|(at, &value)| numbers[of(at)] = value);
        if (0..).zip(part.values()).any(|(at, value)| numbers[of(at)].to_bits() != value.to_bits()) {
            return wrong!("its numbers differ within a channel, and layers of ours have one number a channel");
        }
        Ok(numbers)
    }

    /// The numbers of a known tensor beside the inputs: one for each.
    pub(super) fn by_input(&self, part: &Tensor) -> Result<Vec<f64>, Fault> {
        let Some(sizes) = &self.begins else { return wrong!("it is not known how many inputs there are") };
        let aligned = aligned(part, sizes)?;
        if product(sizes) > MOST_INPUTS {
            return wrong!("arithmetic on {} inputs", product(sizes));
        }
        let mut numbers = part.values().to_vec();
        // From the last axis on, so that what is repeated lies side by side.
        for (axis, (&size, &own)) in sizes.iter().zip(&aligned).enumerate().rev() {
            if own != size {
                let inner = product(&sizes[axis + 1..]);
                numbers = numbers.chunks(inner).flat_map(|chunk| chunk.repeat(size)).collect();
            }
        }
        Ok(numbers)
    }
}

/// The sizes of a tensor beside a sample of these sizes, with those of 1 that are not written out; each is 1 or the same.
fn aligned(part: &Tensor, sizes: &[usize]) -> Result<Vec<usize>, Fault> {
    let found = part.sizes();
    let more = found.len().saturating_sub(sizes.len());
    let aligned: Vec<usize> =
        std::iter::repeat_n(1, sizes.len().saturating_sub(found.len())).chain(found[more..].iter().copied()).collect();
    let fits = aligned.iter().zip(sizes).all(|(own, size)| *own == 1 || own == size);
    if fits && more <= 1 && found[..more].iter().all(|&size| size == 1) {
        return Ok(aligned);
    }
    let text: Vec<String> = sizes.iter().map(ToString::to_string).collect();
    wrong!("numbers {found:?} beside a sample of {}: one number, or one a channel, is understood", text.join("x"))
}

fn product(sizes: &[usize]) -> usize {
    sizes.iter().fold(1, |count, &size| count.saturating_mul(size))
}

/// The sizes that a Reshape wants of a sample that has others: 0 keeps a size, -1 is what is left.
fn resolved(now: &[usize], wanted: &[i64]) -> Option<Vec<usize>> {
    let size = |(at, &size): (usize, &i64)| match size {
        -1 => Some(1),
        0 => now.get(at).copied(),
        size => usize::try_from(size).ok(),
    };
    let mut sizes: Vec<usize> = wanted.iter().enumerate().map(size).collect::<Option<_>>()?;
    let (whole, given) = (product(now), product(&sizes));
    if let Some(open) = wanted.iter().position(|&size| size == -1) {
        sizes[open] = whole.checked_div(given)?;
    }
    (product(&sizes) == whole && !sizes.is_empty()).then_some(sizes)
}
