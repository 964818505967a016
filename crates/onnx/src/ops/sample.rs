//! Planes sampled between their cells: at positions of a grid (Jaderberg et al. 2015), and under a kernel whose cells
//! are moved (Dai et al. 2017).

use super::elementwise::round;
use super::{Entry, fold, places, window};
use crate::call::{Call, Results, sizes};
use crate::error::{Fault, unsupported, wrong};
use crate::kind::Kind;
use crate::tensor::Tensor;
use chainrule::engine::{Arith, Convolution, Expr};

pub(super) const ENTRIES: &[Entry] = &[("DeformConv", deformed), ("GridSample", on_grid)];

/// `[batch, channels, height, width]` as rows of channels, and its sizes.
struct Planes<'g> {
    rows: Expr<'g>,
    height: usize,
    width: usize,
    /// Where the rows of each sample begin, `[batch, 1]`.
    first: Expr<'g>,
}

impl<'g> Planes<'g> {
    fn new(c: &Call<'_, 'g>, x: Expr<'g>) -> Result<Self, Fault> {
        let [batch, channels, height, width] = sizes(x)[..] else { return unsupported!("planes of {}", x.shape()) };
        if x.shape().is_empty() {
            return wrong!("planes without cells: {}", x.shape());
        }
        let cells = height * width;
        let rows = x.transpose(&[0, 2, 3, 1]).reshape(&[batch * cells, channels]);
        super::room(batch)?;
        let first = Tensor::whole((0..batch).map(|at| at * cells)).reshaped(&[batch, 1]);
        Ok(Self { rows, height, width, first: c.constant(first) })
    }

    /// The cells at whole positions `[batch, count]`, 0 outside: `[batch, count, channels]`.
    fn cell(&self, h: Expr<'g>, w: Expr<'g>) -> Expr<'g> {
        let cut = |x: Expr<'g>, size: usize| Arith::min(x.relu(), x.lit(size as f64 - 1.0));
        let (row, column) = (cut(h, self.height), cut(w, self.width));
        let inside = Arith::eq(row, h) * Arith::eq(column, w);
        let found = self.rows.take(self.first + row * self.width as f64 + column);
        found * inside.reshape(&[h.size(0), h.size(1), 1])
    }

    /// Between the cells: each of the four around counts by how near it is.
    fn linear(&self, h: Expr<'g>, w: Expr<'g>) -> Result<Expr<'g>, Fault> {
        let (top, left) = (h.floor(), w.floor());
        let (down, right) = (h - top, w - left);
        let corner = |below: f64, beside: f64| {
            let near = |part: Expr<'g>, far: f64| if far == 0.0 { 1.0 - part } else { part };
            let weight = near(down, below) * near(right, beside);
            self.cell(top + below, left + beside) * weight.reshape(&[h.size(0), h.size(1), 1])
        };
        fold(vec![corner(0.0, 0.0), corner(0.0, 1.0), corner(1.0, 0.0), corner(1.0, 1.0)], |a, b| a + b)
    }
}

fn on_grid<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let (x, grid) = (c.expr(0)?, c.expr(1)?);
    let planes = Planes::new(c, x)?;
    let [batch, height, width, 2] = sizes(grid)[..] else { return unsupported!("a grid of {}", grid.shape()) };
    let corners = c.is("align_corners", false);
    let padding = c.text("padding_mode", "zeros");
    let position = |part: usize, size: usize| -> Result<Expr<'g>, Fault> {
        let size = size as f64;
        let at = grid.slice(3, part, part + 1).reshape(&[batch, height * width]) + 1.0;
        let at = if corners { at * ((size - 1.0) / 2.0) } else { (at * size - 1.0) * 0.5 };
        let cut = |at: Expr<'g>| Arith::min(at.relu(), at.lit(size - 1.0));
        Ok(match padding.as_str() {
            "zeros" => at,
            "border" => cut(at),
            "reflection" => {
                let (low, span) = if corners { (0.0, size - 1.0) } else { (-0.5, size) };
                let way = at - low;
                let rest = way - (way / (2.0 * span)).floor() * (2.0 * span);
                cut(Arith::min(rest, 2.0 * span - rest) + low)
            }
            other => return unsupported!("padding_mode `{other}`"),
        })
    };
    let (w, h) = (position(0, planes.width)?, position(1, planes.height)?);
    let found = match c.text("mode", "linear").as_str() {
        "linear" | "bilinear" => planes.linear(h, w)?,
        "nearest" => planes.cell(round(h), round(w)),
        other => return unsupported!("mode `{other}`"),
    };
    c.same(found.transpose(&[0, 2, 1]).reshape(&[batch, x.size(1), height, width]))
}

fn deformed<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let (x, w, offsets) = (c.expr(0)?, c.expr(1)?, c.expr(2)?);
    let ([batch, channels, height, width], [outputs, part, kh, kw]) = (four(x)?, four(w)?);
    let parts = |name: &str| usize::try_from(c.int(name, 1)).unwrap_or(0);
    let (groups, moved) = (parts("group"), parts("offset_group"));
    let axes = window::axes(c, &[height, width], &[kh, kw])?;
    let over = [axes[0].positions, axes[1].positions];
    let (cells, count) = (kh.saturating_mul(kw), over[0] * over[1]);
    if moved == 0 || groups == 0 || channels % moved != 0 || cells.saturating_mul(moved) > MOST_CELLS {
        return wrong!("{channels} channels in {groups} and {moved} groups under {cells} cells");
    }
    if sizes(offsets) != [batch, moved * cells * 2, over[0], over[1]] {
        return wrong!("offsets {} for {cells} cells at {over:?}", offsets.shape());
    }
    let at = |axis: usize, cell: usize| -> Result<Expr<'g>, Fault> {
        let of = &axes[axis];
        let place = |p: Vec<usize>| (p[axis] * of.stride + cell * of.dilation) as f64 - of.before as f64;
        Ok(c.constant(Tensor::new(Kind::Double, &[1, count], places(&over)?.map(place).collect())))
    };
    let each = channels / moved;
    let plane = |from: Expr<'g>, at: usize| from.slice(1, at, at + 1).reshape(&[batch, count]);
    let mut columns = Vec::new();
    for group in 0..moved {
        let planes = Planes::new(c, x.slice(1, group * each, (group + 1) * each))?;
        let mut under = Vec::new();
        for cell in 0..cells {
            let place = group * cells + cell;
            let (h, w) =
                (at(0, cell / kw)? + plane(offsets, 2 * place), at(1, cell % kw)? + plane(offsets, 2 * place + 1));
            let mut found = planes.linear(h, w)?;
            if c.has(4) {
                found = found * plane(c.expr(4)?, place).reshape(&[batch, count, 1]);
            }
            under.push(found.transpose(&[0, 2, 1]).reshape(&[batch, each, 1, over[0], over[1]]));
        }
        columns.push(Expr::concat(&under, 2).reshape(&[batch, each * cells, over[0], over[1]]));
    }
    // What lies under the kernel is a channel each, and the kernel a single cell.
    let how = Convolution { groups, ..Convolution::default() };
    let mut y = Expr::concat(&columns, 1).conv2d(w.reshape(&[outputs, part * cells, 1, 1]), how);
    if c.has(3) {
        y = c.sound(y)? + c.expr(3)?.reshape(&[outputs, 1, 1]);
    }
    c.same(y)
}

/// More cells of a kernel are not looked at, one by one.
const MOST_CELLS: usize = 4096;

fn four(x: Expr<'_>) -> Result<[usize; 4], Fault> {
    match sizes(x)[..] {
        [a, b, c, d] => Ok([a, b, c, d]),
        _ => unsupported!("four axes are wanted, not {}", x.shape()),
    }
}
