//! Planes sampled between their cells: at positions of a grid (Jaderberg et al. 2015), in regions (He et al. 2017), and
//! under a kernel whose cells are moved (Dai et al. 2017).

use super::elementwise::round;
use super::{Entry, fold, places, window};
use crate::call::{Call, Results, sizes};
use crate::error::{Fault, unsupported, wrong};
use crate::kind::Kind;
use crate::tensor::Tensor;
use chainrule::engine::{Arith, Convolution, Expr};

pub(super) const ENTRIES: &[Entry] = &[("DeformConv", deformed), ("GridSample", on_grid), ("RoiAlign", in_regions)];

/// `[batch, channels, height, width]` as rows of channels, and its sizes.
#[derive(Clone, Copy)]
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

    /// Between the cells: what each of the four around counts by how near it is.
    fn corners(&self, h: Expr<'g>, w: Expr<'g>) -> Vec<Expr<'g>> {
        let (top, left) = (h.floor(), w.floor());
        let (down, right) = (h - top, w - left);
        let corner = |(below, beside): (f64, f64)| {
            let near = |part: Expr<'g>, far: f64| if far == 0.0 { 1.0 - part } else { part };
            let weight = near(down, below) * near(right, beside);
            self.cell(top + below, left + beside) * weight.reshape(&[h.size(0), h.size(1), 1])
        };
        [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)].map(corner).to_vec()
    }

    /// Between the cells, the four around taken together.
    fn linear(&self, h: Expr<'g>, w: Expr<'g>) -> Result<Expr<'g>, Fault> {
        fold(self.corners(h, w), |a, b| a + b)
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

/// How regions are cut into cells.
struct Regions {
    /// Cells along height and width.
    over: [usize; 2],
    scale: f64,
    /// Whether the middle of the first cell of a plane is at 0.5, and not at 0.
    is_half: bool,
    is_max: bool,
}

fn in_regions<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let (x, corners, samples) = (c.expr(0)?, c.expr(1)?, c.expr(2)?);
    let planes = Planes::new(c, x)?;
    let count = match sizes(corners)[..] {
        [count, 4] if count > 0 && sizes(samples) == [count] => count,
        _ => return wrong!("regions {} of samples {}", corners.shape(), samples.shape()),
    };
    let usual = if c.opset < 16 { "output_half_pixel" } else { "half_pixel" };
    let side = |name: &str| usize::try_from(c.int(name, 1)).unwrap_or(0);
    let regions = Regions {
        over: [side("output_height"), side("output_width")],
        scale: c.float("spatial_scale", 1.0),
        is_half: c.text("coordinate_transformation_mode", usual) == "half_pixel",
        is_max: c.text("mode", "avg") == "max",
    };
    let first = samples.reshape(&[count, 1]) * (planes.height * planes.width) as f64;
    // Regions with as many places in each cell go together.
    let places = match usize::try_from(c.int("sampling_ratio", 0)) {
        Ok(ratio) if ratio > 0 => vec![(0, count, [ratio; 2])],
        _ => {
            let known = c.known(1)?.values().chunks(4).enumerate();
            known.map(|(at, corners)| (at, at + 1, regions.places(corners))).collect()
        }
    };
    let mut all = Vec::new();
    for (from, to, grid) in places {
        let planes = Planes { first: first.slice(0, from, to), ..planes };
        all.push(regions.pooled(c, planes, corners.slice(0, from, to), grid)?);
    }
    c.same(Expr::concat(&all, 0))
}

impl Regions {
    /// A side of a region, which is at least a cell of the plane where cells begin at whole numbers.
    fn least(&self) -> f64 {
        if self.is_half { f64::NEG_INFINITY } else { 1.0 }
    }

    /// How many places along height and width a cell of a known region `[x1, y1, x2, y2]` has: one a cell of the plane.
    fn places(&self, corners: &[f64]) -> [usize; 2] {
        [0, 1].map(|axis| {
            let side = ((corners[3 - axis] - corners[1 - axis]) * self.scale).max(self.least());
            (side / self.over[axis] as f64).ceil().max(0.0) as usize
        })
    }

    /// Where along an axis of so many cells the places lie, `[regions, places]`, and whether they are on the plane.
    fn along<'g>(&self, c: &Call<'_, 'g>, corners: Expr<'g>, axis: usize, grid: usize, size: usize) -> [Expr<'g>; 2] {
        let edge = |column: usize| corners.slice(1, column, column + 1) * self.scale;
        let (start, end) = (edge(1 - axis), edge(3 - axis));
        let side = if self.is_half { end - start } else { Arith::max(end - start, end.lit(self.least())) };
        let (over, grid) = (self.over[axis], grid as f64);
        let part = |at: usize| (at as f64 + 0.5) / grid / over as f64;
        let parts: Vec<f64> = (0..over * grid as usize).map(part).collect();
        let shift = if self.is_half { 0.5 } else { 0.0 };
        let at = start - shift + side * c.constant(Tensor::new(Kind::Double, &[1, parts.len()], parts));
        // Beyond the middle of a cell at the edge there is still that cell, for the length of one.
        let outside = Arith::max((-1.0 - at).step(), (at - size as f64).step());
        [Arith::min(at.relu(), at.lit(size as f64 - 1.0)), 1.0 - outside]
    }

    /// `[regions, channels, cells, cells]`, of regions `[regions, 4]` with so many places in each cell.
    fn pooled<'g>(
        &self,
        c: &Call<'_, 'g>,
        planes: Planes<'g>,
        corners: Expr<'g>,
        grid: [usize; 2],
    ) -> Result<Expr<'g>, Fault> {
        let (count, [rows, columns]) = (corners.size(0), self.over);
        let [height, width] = [0, 1].map(|axis| self.over[axis].saturating_mul(grid[axis]));
        super::room(height.saturating_mul(width).saturating_mul(count))?;
        if height == 0 || width == 0 {
            return unsupported!("regions of no places");
        }
        let whole = |x: Expr<'g>, sizes: [usize; 3]| {
            super::expand(x.reshape(&sizes), &[count, height, width]).reshape(&[count, height * width])
        };
        let down = self.along(c, corners, 0, grid[0], planes.height).map(|x| whole(x, [count, height, 1]));
        let right = self.along(c, corners, 1, grid[1], planes.width).map(|x| whole(x, [count, 1, width]));
        let inside = (down[1] * right[1]).reshape(&[count, height * width, 1]);
        // The largest is that of what the corners count, as the operation is defined.
        let together = |a: Expr<'g>, b: Expr<'g>| if self.is_max { Arith::max(a, b) } else { a + b };
        let found = fold(planes.corners(down[0], right[0]), together)? * inside;
        let cells = found.reshape(&[count, rows, grid[0], columns, grid[1], found.size(2)]);
        let cells = if self.is_max { cells.max_over(&[2, 4]) } else { cells.mean(&[2, 4]) };
        Ok(cells.transpose(&[0, 3, 1, 2]))
    }
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
