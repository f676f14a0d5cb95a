//! Products, reductions, softmax.

use crate::convert::matrix;
use crate::fail;
use crate::levee;
use crate::levee_gpu::*;

/// Inputs: a, b, transpose_a, transpose_b, precision. Output: product.
pub fn multiply() {
    let ((a, ar, ac), (b, br, bc)) = (matrix(0, "a"), matrix(1, "b"));
    let (ta, tb) = (levee::boolean(2), levee::boolean(3));
    let (m, k) = if ta { (ac, ar) } else { (ar, ac) };
    let (k2, n) = if tb { (bc, br) } else { (br, bc) };
    if k != k2 {
        fail!("a is {m} x {k} and b is {k2} x {n}: the columns of a must be as many as the rows of b");
    }
    let out = Tensor::new(F32, &[m, n]);
    let mut g = Graph::new();
    let (pa, pb, to) = (g.tensor(&a), g.tensor(&b), g.tensor(&out));
    let narrow = match levee::string(4).as_str() {
        "bf16" => Some(BF16),
        "f16" => Some(F16),
        _ => None,
    };
    let cast = |g: &mut Graph, from, rows, columns| match narrow {
        None => from,
        Some(t) => {
            let p = g.temporary(t, &[rows, columns]);
            g.op(CAST, &[from], &[p], &[]);
            p
        }
    };
    let (pa, pb) = (cast(&mut g, pa, ar, ac), cast(&mut g, pb, br, bc));
    g.op(GEMM, &[pa, pb], &[to], &[ta as u64, tb as u64, float(1.0), 0]);
    g.run();
    out.output(0);
}

const KINDS: [(&str, u64); 7] =
    [("sum", SUM), ("product", PROD), ("min", MIN), ("max", MAX), ("argmin", ARG_MIN), ("argmax", ARG_MAX), ("mean", MEAN)];

/// Inputs: matrix, kind, over. Output: result.
pub fn reduce() {
    let (a, rows, columns) = matrix(0, "matrix");
    let (kind, over) = (levee::string(1), levee::string(2));
    let kind = KINDS.iter().find(|k| k.0 == kind).map_or(SUM, |k| k.1);
    let index = kind == ARG_MIN || kind == ARG_MAX;
    let mut g = Graph::new();
    let mut from = g.tensor(&a);
    let (rows, columns, axis) = match over.as_str() {
        "rows" => (rows, columns, 1),
        "columns" => (rows, columns, 0),
        _ => (1, rows * columns, 1),
    };
    if a.shape() != [rows, columns] {
        let flat = g.temporary(F32, &[rows, columns]);
        g.op(COPY, &[from], &[flat], &[]);
        from = flat;
    }
    let shape = if axis == 1 { [rows, 1] } else { [1, columns] };
    let out = Tensor::new(F32, &shape);
    let to = g.tensor(&out);
    let first = if index { g.temporary(I32, &shape) } else { to };
    g.op(REDUCE, &[from], &[first], &[kind, axis]);
    if index {
        g.op(CAST, &[first], &[to], &[]);
    }
    g.run();
    out.output(0);
}

/// Input: matrix. Output: result.
pub fn softmax() {
    let (a, rows, columns) = matrix(0, "matrix");
    let out = Tensor::new(F32, &[rows, columns]);
    let mut g = Graph::new();
    let (from, to) = (g.tensor(&a), g.tensor(&out));
    g.op(SOFTMAX, &[from], &[to], &[]);
    g.run();
    out.output(0);
}
