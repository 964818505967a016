//! Attention (Vaswani et al. 2017) and rotary positions (Su et al. 2021).

use super::dense::matmul;
use super::norm::kept;
use super::shape::padded;
use super::{Entry, expand, gather, places};
use crate::call::{Call, Results, sizes};
use crate::error::{Fault, unsupported, wrong};
use crate::kind::Kind;
use crate::tensor::Tensor;
use crate::value::Value;
use chainrule::engine::{Arith, Expr};

pub(super) const ENTRIES: &[Entry] = &[("Attention", attention), ("RotaryEmbedding", rotate)];

/// `[batch, heads, length, size]`, also of `[batch, length, heads · size]`.
fn heads<'g>(c: &Call<'_, 'g>, at: usize, count: &str) -> Result<Expr<'g>, Fault> {
    let x = c.expr(at)?;
    match sizes(x)[..] {
        [_, _, _, _] => Ok(x),
        [batch, length, width] => {
            let heads = usize::try_from(c.int(count, 0)).unwrap_or(0);
            if heads == 0 || width % heads != 0 {
                return wrong!("{width} numbers for {heads} heads ({count})");
            }
            Ok(x.reshape(&[batch, length, heads, width / heads]).transpose(&[0, 2, 1, 3]))
        }
        _ => wrong!("three or four axes are wanted, not {}", x.shape()),
    }
}

/// Each head of keys or values for as many heads of queries as share it.
fn shared<'g>(x: Expr<'g>, heads: usize) -> Result<Expr<'g>, Fault> {
    let (batch, own, length, size) = (x.size(0), x.size(1), x.size(2), x.size(3));
    if own == heads {
        return Ok(x);
    }
    if own == 0 || !heads.is_multiple_of(own) {
        return wrong!("{heads} heads of queries for {own} of keys");
    }
    let each = expand(x.reshape(&[batch, own, 1, length, size]), &[batch, own, heads / own, length, size]);
    Ok(each.reshape(&[batch, heads, length, size]))
}

/// 0 where a query may see a key by its position, −∞ where not: `[batch or 1, 1, queries, keys]`.
fn positions<'g>(c: &Call<'_, 'g>, queries: usize, keys: usize, past: usize) -> Result<Option<Expr<'g>>, Fault> {
    let causal = c.is("is_causal", false);
    let (left, right) = (c.int("left_window_size", -1), c.int("right_window_size", -1));
    let lengths = if c.has(6) { Some(c.known(6)?.ints()) } else { None };
    if !causal && left < 0 && right < 0 && lengths.is_none() {
        return Ok(None);
    }
    let batch = lengths.as_ref().map_or(1, Vec::len);
    let sees = |place: Vec<usize>| {
        let length = lengths.as_ref().map(|lengths| lengths[place[0]]);
        let offset = length.map_or(past as i64, |length| length - queries as i64);
        let (query, key) = (place[2] as i64 + offset, place[3] as i64);
        let hidden = (causal && key > query)
            || (left >= 0 && key < query - left)
            || (right >= 0 && key > query + right)
            || length.is_some_and(|length| key >= length);
        if hidden { f64::NEG_INFINITY } else { 0.0 }
    };
    let shape = [batch, 1, queries, keys];
    Ok(Some(c.constant(Tensor::new(Kind::Double, &shape, places(&shape)?.map(sees).collect()))))
}

/// What is added to the scores of keys.
fn mask<'g>(c: &Call<'_, 'g>, keys: usize) -> Result<Option<Expr<'g>>, Fault> {
    if !c.has(3) {
        return Ok(None);
    }
    let given = c.expr(3)?;
    let Some(last) = given.shape().rank().checked_sub(1) else { return wrong!("a mask without axes") };
    let zero = given.lit(0.0);
    let bias = match c.kind(3)? {
        Kind::Bool => given.select(zero, given.lit(f64::NEG_INFINITY)),
        _ => given,
    };
    let missing = if bias.size(last) == 1 { 0 } else { keys as i64 - bias.size(last) as i64 };
    padded(c, bias, last, [0, missing.max(0)], "constant", f64::NEG_INFINITY).map(Some)
}

/// softmax(cap(q·kᵀ · scale) + mask) · v.
fn attention<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    if !c.kind(0)?.is_float() || c.kind(0)? == Kind::Bfloat16 {
        return unsupported!("attention in {:?}", c.kind(0)?);
    }
    let q = heads(c, 0, "q_num_heads")?;
    let (mut k, mut v) = (heads(c, 1, "kv_num_heads")?, heads(c, 2, "kv_num_heads")?);
    let past = if c.has(4) { c.sizes(4)?.get(2).copied().unwrap_or(0) } else { 0 };
    if c.has(4) && c.has(5) {
        (k, v) = (Expr::concat(&[c.expr(4)?, k], 2), Expr::concat(&[c.expr(5)?, v], 2));
    }
    let (queries, keys) = (q.size(2), k.size(2));
    let scale = match c.attribute("scale") {
        Some(attribute) => f64::from(attribute.f),
        None => 1.0 / (q.size(3) as f64).sqrt(),
    };
    let all_keys = shared(k, q.size(1))?.transpose(&[0, 1, 3, 2]);
    let raw = matmul(q * scale.sqrt(), all_keys * scale.sqrt())?;
    let cap = c.float("softcap", 0.0);
    let capped = if cap == 0.0 { raw } else { (raw / cap).tanh() * cap };
    let biases = [mask(c, keys)?, positions(c, queries, keys, past)?];
    let biased = biases.into_iter().flatten().fold(capped, |scores, bias| scores + bias);
    // A query that may see no key at all gets nothing.
    let most = kept(biased.max_over(&[3]), biased, &[3]);
    let blind = Arith::eq(most, most.lit(f64::NEG_INFINITY));
    let shares = blind.select(biased.lit(0.0), biased.softmax(3));
    let mut y = matmul(shares, shared(v, q.size(1))?)?;
    if c.sizes(0)?.len() == 3 {
        y = y.transpose(&[0, 2, 1, 3]).reshape(&[q.size(0), queries, q.size(1) * v.size(3)]);
    }
    let shown = match c.int("qk_matmul_output_mode", 0) {
        0 => raw,
        1 => capped,
        2 => biased,
        3 => shares,
        mode => return unsupported!("qk_matmul_output_mode {mode}"),
    };
    let kind = c.kind(0)?;
    Ok(vec![Value::Node(y, kind), Value::Node(k, c.kind(1)?), Value::Node(v, c.kind(2)?), Value::Node(shown, kind)])
}

/// Pairs of numbers turned by angles whose sine and cosine are given for each position.
fn rotate<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let x = c.expr(0)?;
    let whole = sizes(x);
    let by_head = match whole[..] {
        [_, _, _, _] => x.transpose(&[0, 2, 1, 3]),
        [batch, length, width] => {
            let heads = usize::try_from(c.int("num_heads", 0)).unwrap_or(0);
            if heads == 0 || width % heads != 0 {
                return wrong!("{width} numbers for {heads} heads");
            }
            x.reshape(&[batch, length, heads, width / heads])
        }
        _ => return wrong!("three or four axes are wanted, not {}", x.shape()),
    };
    let size = by_head.size(3);
    let turned = match usize::try_from(c.int("rotary_embedding_dim", 0)).unwrap_or(0) {
        0 => size,
        turned => turned.min(size),
    };
    let half = turned / 2;
    let cache = |at: usize| -> Result<Expr<'g>, Fault> {
        let cache = c.expr(at)?;
        let cache = if c.has(3) { cache.take(c.expr(3)?) } else { cache };
        let [batch, length, width] = sizes(cache)[..] else { return wrong!("a cache of {}", cache.shape()) };
        Ok(cache.reshape(&[batch, length, 1, width]))
    };
    let (cos, sin) = (cache(1)?, cache(2)?);
    let interleaved = c.is("interleaved", false);
    let part = |first: usize| -> Result<Expr<'g>, Fault> {
        let at = |i: usize| if interleaved { 2 * i + first } else { first * half + i };
        gather(c, by_head, 3, &(0..half).map(at).collect::<Vec<_>>())
    };
    let (a, b) = (part(0)?, part(1)?);
    let (real, imaginary) = (cos * a - sin * b, sin * a + cos * b);
    let mut shape = sizes(by_head);
    shape[3] = turned;
    let joined = if interleaved {
        let mut single = sizes(real);
        single.push(1);
        Expr::concat(&[real.reshape(&single), imaginary.reshape(&single)], 4).reshape(&shape)
    } else {
        Expr::concat(&[real, imaginary], 3)
    };
    let y = Expr::concat(&[joined, by_head.slice(3, turned, size)], 3);
    c.same(if whole.len() == 4 { y.transpose(&[0, 2, 1, 3]) } else { y.reshape(&whole) })
}
