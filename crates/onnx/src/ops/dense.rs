//! Matrix products.

use super::elementwise::round;
use super::{Entry, expand, places, position, rearrange, together};
use crate::call::{Call, Results, sizes};
use crate::error::{Fault, unsupported, wrong};
use crate::kind::Kind;
use chainrule::engine::{Arith, Expr};

pub(super) const ENTRIES: &[Entry] = &[
    ("Einsum", einsum),
    ("Gemm", gemm),
    ("MatMul", |c| c.same(matmul(c.expr(0)?, c.expr(1)?)?)),
    ("MatMulInteger", |c| c.one(matmul(centred(c, 0, 2, 1)?, centred(c, 1, 3, 0)?)?, Kind::Int32)),
    ("QLinearMatMul", quantized),
];

/// The product over the last axis of a and the last but one of b; axes in front meet as in arithmetic.
pub(super) fn matmul<'g>(a: Expr<'g>, b: Expr<'g>) -> Result<Expr<'g>, Fault> {
    let (left, right) = (sizes(a), sizes(b));
    if left.is_empty() || right.is_empty() {
        return wrong!("a product of matrices {} and {}", a.shape(), b.shape());
    }
    let wide = |sizes: &[usize], front: bool| match sizes {
        [one] if front => vec![1, *one],
        [one] => vec![*one, 1],
        many => many.to_vec(),
    };
    let (a_sizes, b_sizes) = (wide(&left, true), wide(&right, false));
    let (a, b) = (a.reshape(&a_sizes), b.reshape(&b_sizes));
    let (a_front, a_matrix) = a_sizes.split_at(a_sizes.len() - 2);
    let (b_front, b_matrix) = b_sizes.split_at(b_sizes.len() - 2);
    let mut result = together(a_front, b_front)?;
    let y = if b_front.is_empty() {
        // All rows are multiplied with the same matrix.
        let rows: usize = a_sizes[..a_sizes.len() - 1].iter().product();
        a.reshape(&[rows, a_matrix[1]]).matmul(b)
    } else {
        expand(a, &[&result, a_matrix].concat()).matmul(expand(b, &[&result, b_matrix].concat()))
    };
    if left.len() > 1 {
        result.push(a_matrix[0]);
    }
    if right.len() > 1 {
        result.push(b_matrix[1]);
    }
    Ok(y.reshape(&result))
}

fn gemm<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let turned = |at: usize, name: &str| -> Result<Expr<'g>, Fault> {
        let x = c.expr(at)?;
        if x.shape().rank() != 2 {
            return wrong!("a matrix is wanted, not {}", x.shape());
        }
        Ok(if c.is(name, false) { x.transpose(&[1, 0]) } else { x })
    };
    let mut y = turned(0, "transA")?.matmul(turned(1, "transB")?);
    let (alpha, beta) = (c.float("alpha", 1.0), c.float("beta", 1.0));
    if alpha != 1.0 {
        y = y * alpha;
    }
    if c.has(2) {
        let bias = c.expr(2)?;
        y = y + if beta == 1.0 { bias } else { bias * beta };
    }
    c.same(y)
}

/// Whole numbers less their zero point: one for all, or one for each row (axis 1 from the end is its own size).
fn centred<'g>(c: &Call<'_, 'g>, at: usize, zero: usize, rows: usize) -> Result<Expr<'g>, Fault> {
    let x = c.expr(at)?;
    if !c.has(zero) {
        return Ok(x);
    }
    let zero = c.expr(zero)?;
    let zero = match zero.shape().rank() {
        1 if rows == 1 && zero.size(0) > 1 => zero.reshape(&[zero.size(0), 1]),
        _ => zero,
    };
    Ok(x - zero)
}

/// Round, move to the zero point, cut to the kind of it.
pub(super) fn requantized<'g>(y: Expr<'g>, zero: Expr<'g>, kind: Kind) -> Result<Expr<'g>, Fault> {
    let Some((low, high, _)) = kind.range() else { return unsupported!("quantizing to {kind:?}") };
    let y = round(y) + zero;
    Ok(Arith::min(Arith::max(y, y.lit(low as f64)), y.lit(high as f64)))
}

fn quantized<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let [a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero] =
        <[Expr<'g>; 8]>::try_from(c.exprs()?).map_err(|_| Fault::Wrong("eight inputs are wanted".to_owned()))?;
    let exact = matmul(a - a_zero, b - b_zero)? * (a_scale * b_scale / y_scale);
    let kind = c.kind(7)?;
    c.one(requantized(exact, y_zero, kind)?, kind)
}

/// The letters of a term, the ellipsis as capitals that no term has: the last axes first.
fn letters(term: &str, rank: usize) -> Result<Vec<char>, Fault> {
    let Some((front, back)) = term.split_once("...") else { return Ok(term.chars().collect()) };
    let named = front.chars().count() + back.chars().count();
    let Some(free) = rank.checked_sub(named) else { return wrong!("`{term}` for {rank} axes") };
    let free = (0..free).rev().map(|at| char::from_digit(at as u32, 10).unwrap_or('?'));
    Ok(front.chars().chain(free).chain(back.chars()).collect())
}

/// Products of elements with the same letters, summed over the letters that the result does not have.
fn einsum<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let equation: String = c.text("equation", "").split_whitespace().collect();
    let (inputs, output) = match equation.split_once("->") {
        Some((inputs, output)) => (inputs, Some(output)),
        None => (equation.as_str(), None),
    };
    let parts = c.exprs()?;
    let terms: Vec<&str> = inputs.split(',').collect();
    if terms.len() != parts.len() {
        return wrong!("`{equation}` for {} inputs", parts.len());
    }
    let terms: Vec<Vec<char>> =
        terms.iter().zip(&parts).map(|(term, part)| letters(term, part.shape().rank())).collect::<Result<_, _>>()?;
    let mut all: Vec<char> = terms.concat();
    all.sort_unstable();
    let once: Vec<char> = all.iter().copied().filter(|l| all.iter().filter(|other| *other == l).count() == 1).collect();
    all.dedup();
    let free = all.iter().filter(|letter| letter.is_ascii_digit()).count();
    let named_output = |text: &str| letters(text, free + text.chars().filter(|l| *l != '.').count());
    let result = match output {
        Some(output) => named_output(output)?,
        None => {
            let free = all.iter().copied().filter(char::is_ascii_digit).rev();
            free.chain(once.into_iter().filter(|letter| !letter.is_ascii_digit())).collect()
        }
    };
    let order: Vec<char> =
        result.iter().copied().chain(all.iter().copied().filter(|letter| !result.contains(letter))).collect();
    let mut product: Option<Expr<'g>> = None;
    for (part, term) in parts.iter().zip(&terms) {
        let part = spread(c, *part, term, &order)?;
        product = Some(product.map_or(part, |product| product * part));
    }
    let summed: Vec<usize> = (result.len()..order.len()).collect();
    c.same(product.ok_or_else(|| Fault::Wrong("it has no inputs".to_owned()))?.sum(&summed))
}

/// The axes of x in the order of the letters, with size 1 where it has none; of a letter twice, the diagonal.
fn spread<'g>(c: &Call<'_, 'g>, x: Expr<'g>, term: &[char], order: &[char]) -> Result<Expr<'g>, Fault> {
    let shape = sizes(x);
    if term.len() != shape.len() {
        return wrong!("{} letters for {} axes", term.len(), shape.len());
    }
    let new: Vec<usize> =
        order.iter().map(|letter| term.iter().position(|l| l == letter).map_or(1, |axis| shape[axis])).collect();
    let from = |place: Vec<usize>| {
        let at = |letter: &char| order.iter().position(|l| l == letter).map_or(0, |axis| place[axis]);
        position(&shape, &term.iter().map(at).collect::<Vec<_>>())
    };
    let distinct = term.iter().all(|letter| term.iter().filter(|l| *l == letter).count() == 1);
    if distinct {
        let axes: Vec<usize> = order.iter().filter_map(|letter| term.iter().position(|l| l == letter)).collect();
        return Ok(x.transpose(&axes).reshape(&new));
    }
    let positions: Vec<Option<usize>> = places(&new)?.map(|place| Some(from(place))).collect();
    Ok(rearrange(c, x, &new, positions, 0.0))
}
