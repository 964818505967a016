//! The matrix product, of matrices or of equally many matrices stacked along leading axes.

use super::{Derivative, Domain, Edge, IndexFault, Io, Op, Rule, Specimen};
use crate::error::ShapeFault;
use crate::shape::{MAX_RANK, Shape};
use chainrule_kernels::{MatRef, Real, gemm, gemm_scratch};

/// `y = A · B`, where `A` and `B` are the inputs or their transposes in the last two axes.
///
/// Reading a matrix transposed costs nothing, so the adjoint of a product needs no transposed copies.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Matmul {
    /// Read the left input transposed.
    pub left_transposed: bool,
    /// Read the right input transposed.
    pub right_transposed: bool,
}

/// The sizes of one product: how many, and `[m, k] · [k, n]`.
struct Sizes {
    stack: usize,
    m: usize,
    k: usize,
    n: usize,
}

fn rows_and_cols(shape: Shape, transposed: bool) -> (usize, usize) {
    let (rows, cols) = (shape.size(shape.rank() - 2), shape.size(shape.rank() - 1));
    if transposed { (cols, rows) } else { (rows, cols) }
}

impl Matmul {
    fn sizes(self, inputs: &[Shape]) -> Sizes {
        let (m, k) = rows_and_cols(inputs[0], self.left_transposed);
        let (_, n) = rows_and_cols(inputs[1], self.right_transposed);
        Sizes { stack: inputs[0].sizes().take(inputs[0].rank() - 2).product(), m, k, n }
    }

    /// The two matrices of a product that is not stacked, as they are multiplied.
    pub(crate) fn matrices<'a, T: Real>(
        self,
        shapes: &[Shape],
        a: &'a [T],
        b: &'a [T],
    ) -> (MatRef<'a, T>, MatRef<'a, T>) {
        let Sizes { m, k, n, .. } = self.sizes(shapes);
        (matrix(a, m, k, self.left_transposed), matrix(b, k, n, self.right_transposed))
    }
}

impl Rule for Matmul {
    fn name(self) -> &'static str {
        "matmul"
    }

    fn about(self) -> &'static str {
        "A · B over the last two axes, either one read transposed if wanted; the adjoints are P · Bᵀ and Aᵀ · P"
    }

    fn shape(self, inputs: &[Shape]) -> Result<Shape, ShapeFault> {
        let (a, b) = (inputs[0], inputs[1]);
        for shape in [a, b] {
            if shape.rank() < 2 {
                return Err(ShapeFault::Rank { expected: "two axes or more on each side", found: shape.rank() });
            }
        }
        if a.rank() != b.rank() {
            return Err(ShapeFault::Rank { expected: "as many axes on the right as on the left", found: b.rank() });
        }
        let (m, left) = rows_and_cols(a, self.left_transposed);
        let (right, n) = rows_and_cols(b, self.right_transposed);
        if left != right {
            return Err(ShapeFault::Inner { left, right });
        }
        let leading = a.rank() - 2;
        for axis in 0..leading {
            if a.size(axis) != b.size(axis) {
                return Err(ShapeFault::Axis { from_end: a.rank() - axis, left: a.size(axis), right: b.size(axis) });
            }
        }
        let sizes: Vec<usize> = a.sizes().take(leading).chain([m, n]).collect();
        debug_assert!(sizes.len() <= MAX_RANK);
        Shape::new(&sizes).ok_or(ShapeFault::TooLarge { wanted: sizes })
    }

    fn forward<T: Real>(&self, io: Io<'_, T>) -> Result<(), IndexFault> {
        let Sizes { stack, m, k, n } = self.sizes(io.shapes);
        let (left, right) = ((io.inputs)(0), (io.inputs)(1));
        for s in 0..stack {
            let a = matrix(&left[s * m * k..(s + 1) * m * k], m, k, self.left_transposed);
            let b = matrix(&right[s * k * n..(s + 1) * k * n], k, n, self.right_transposed);
            gemm(T::ONE, a, b, T::ZERO, &mut io.out[s * m * n..(s + 1) * m * n], io.scratch);
        }
        Ok(())
    }

    /// With `P` the pile on `y = A · B`: `A` receives `P · Bᵀ` and `B` receives `Aᵀ · P`; where an input is read
    /// transposed, it receives the transpose of that.
    fn derivative<'g>(self, edge: &Edge<'g, '_>) -> Derivative<'g> {
        let (a, b, pile) = (edge.inputs[0], edge.inputs[1], edge.pile);
        let Self { left_transposed: ta, right_transposed: tb } = self;
        Derivative::Adjoint(match (edge.slot, ta, tb) {
            (0, false, _) => pile.product(b, false, !tb),
            (0, true, _) => b.product(pile, tb, true),
            (_, _, false) => a.product(pile, !ta, false),
            (_, _, true) => pile.product(a, true, ta),
        })
    }

    fn cost(self, inputs: &[Shape], _: Shape) -> u64 {
        let Sizes { stack, m, k, n } = self.sizes(inputs);
        2 * (stack * m * k) as u64 * n as u64
    }

    fn scratch<T: Real>(self, inputs: &[Shape], _: usize) -> usize {
        let Sizes { m, k, n, .. } = self.sizes(inputs);
        gemm_scratch::<T>(m, k, n)
    }

    fn formula(self, inputs: &[String]) -> String {
        let mark = |name: &str, transposed| if transposed { format!("{name}ᵀ") } else { name.to_owned() };
        format!("{} · {}", mark(&inputs[0], self.left_transposed), mark(&inputs[1], self.right_transposed))
    }
}

fn matrix<T: Real>(data: &[T], rows: usize, cols: usize, transposed: bool) -> MatRef<'_, T> {
    if transposed { MatRef::new(data, cols, rows).transposed() } else { MatRef::new(data, rows, cols) }
}

pub(super) fn specimens(dice: &mut dyn FnMut(usize) -> usize) -> Vec<Specimen> {
    let mut all = Vec::new();
    for (left_transposed, right_transposed) in [(false, false), (true, false), (false, true), (true, true)] {
        let [m, k, n] = [1 + dice(4), 1 + dice(4), 1 + dice(4)];
        let leading: Vec<usize> = (0..dice(2)).map(|_| 1 + dice(2)).collect();
        let shape = |rows: usize, cols: usize, transposed: bool| {
            let (rows, cols) = if transposed { (cols, rows) } else { (rows, cols) };
            Shape::new(&[&leading[..], &[rows, cols]].concat()).expect("small")
        };
        all.push(Specimen {
            op: Op::Matmul(Matmul { left_transposed, right_transposed }),
            inputs: vec![
                (shape(m, k, left_transposed), Domain::Between(-2.0, 2.0)),
                (shape(k, n, right_transposed), Domain::Between(-2.0, 2.0)),
            ],
        });
    }
    all
}
