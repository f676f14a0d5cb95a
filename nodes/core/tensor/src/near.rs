//! Nearest neighbours, and texts by the similarity of their vectors.

use crate::convert::matrix;
use crate::levee::{self, Cells, Table, Texts};
use crate::levee_gpu::*;
use crate::fail;

/// How many bytes of distances are made at a time: so many queries share them.
const PART: u64 = 64 << 20;

struct Found {
    index: Vec<i32>,
    score: Vec<f32>,
}

/// For each query the k points that are nearest by the metric, best first.
fn search(points: &Tensor, queries: &Tensor, k: u64, metric: &str) -> Found {
    let (n, d) = (points.shape()[0], points.shape()[1]);
    let all = queries.shape()[0];
    if queries.shape()[1] != d {
        fail!("the queries have {} numbers each, the points {d}", queries.shape()[1]);
    }
    let k = k.min(n);
    let lengths = Tensor::new(F32, &[n, 1]);
    let mut g = Graph::new();
    let (p, l) = (g.tensor(points), g.tensor(&lengths));
    squared_lengths(&mut g, p, l, n, d);
    g.run();
    let step = (PART / 4 / n).clamp(1, all);
    let mut found = Found { index: Vec::new(), score: Vec::new() };
    let mut at = 0;
    while at < all {
        let count = step.min(all - at);
        let (index, score) = (Tensor::new(I32, &[count, k]), Tensor::new(F32, &[count, k]));
        let columns = Tensor::new(I64, &[1]);
        columns.write(0, &n.to_le_bytes());
        let mut g = Graph::new();
        let (p, l, c) = (g.tensor(points), g.tensor(&lengths), g.tensor(&columns));
        let (i, s) = (g.tensor(&index), g.tensor(&score));
        let whole = g.tensor(queries);
        let q = g.temporary(F32, &[count, d]);
        g.op(SLICE, &[whole], &[q], &[at, 0, 1, 1]);
        let ql = g.temporary(F32, &[count, 1]);
        squared_lengths(&mut g, q, ql, count, d);
        let product = g.temporary(F32, &[count, n]);
        let alpha = if metric == "euclidean" { -2.0 } else { 1.0 };
        g.op(GEMM, &[q, p], &[product], &[0, 1, float(alpha), 0]);
        let mut value = product;
        let kernel = match metric {
            "euclidean" => Some("kernel_distance"),
            "cosine" => Some("kernel_cosine"),
            _ => None,
        };
        if let Some(name) = kernel {
            value = g.temporary(F32, &[count, n]);
            g.op(MAP, &[product, c, ql, l], &[value], &[Kernel::named(name).param()]);
        }
        g.op(SORT, &[value], &[s, i], &[(metric != "euclidean") as u64]);
        g.run();
        found.index.extend(index.to_ints());
        found.score.extend(score.to_floats());
        at += count;
        levee::progress(at, all);
    }
    found
}

/// The sum of squares of each row.
fn squared_lengths(g: &mut Graph, from: Place, to: Place, rows: u64, columns: u64) {
    let squares = g.temporary(F32, &[rows, columns]);
    g.op(MAP, &[from], &[squares], &[Kernel::named("kernel_square").param()]);
    g.op(REDUCE, &[squares], &[to], &[SUM, 1]);
}

fn wanted(port: i32) -> u64 {
    levee::int(port).max(1) as u64
}

/// Inputs: points, queries, k, metric. Outputs: index, distance.
pub fn nearest() {
    let ((points, n, _), (queries, rows, _)) = (matrix(0, "points"), matrix(1, "queries"));
    let k = wanted(2).min(n);
    let found = search(&points, &queries, k, &levee::string(3));
    let head = levee::tensor_head(&[rows, k]);
    levee::write(0, &head);
    levee::write(0, &found.index.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>());
    levee::write(1, &head);
    levee::write(1, &found.score.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>());
}

/// Inputs: vectors, texts, queries, k, metric. Output: matches.
pub fn similar() {
    let ((points, n, _), (queries, rows, _)) = (matrix(0, "vectors"), matrix(2, "queries"));
    let texts = levee::strings(1);
    if texts.len() as u64 != n {
        fail!("{} texts for {n} vectors", texts.len());
    }
    let k = wanted(3).min(n);
    let found = search(&points, &queries, k, &levee::string(4));
    let mut text = Texts::default();
    found.index.iter().for_each(|i| text.push(texts.get(*i as usize).map(String::as_str)));
    let numbers = |f: &dyn Fn(u64) -> u64| Cells::Int((0..rows * k).map(|i| Some(f(i) as i64)).collect());
    let columns = vec![
        ("query".to_string(), numbers(&|i| i / k)),
        ("rank".to_string(), numbers(&|i| i % k + 1)),
        ("text".to_string(), Cells::Text(text)),
        ("score".to_string(), Cells::Float(found.score.iter().map(|v| Some(f64::from(*v))).collect())),
    ];
    levee::put_table(0, &Table { columns });
}
