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

/// How a metric is computed. The square of a distance is what is left of the squares of two lengths, in which f32 loses what is near
/// together far from 0: it takes f64.
struct Metric {
    sum: DType,
    alpha: f64,
    square: Kernel,
    value: Option<Kernel>, // of a product and both squared lengths
    most_first: bool,
}

impl Metric {
    fn named(name: &str) -> Metric {
        let of = |sum, alpha, square, value: Option<&str>, most_first| Metric { sum, alpha, square: Kernel::named(square), value: value.map(Kernel::named), most_first };
        match name {
            "euclidean" => of(F64, -2.0, "kernel_wide_square", Some("kernel_distance"), false),
            "cosine" => of(F32, 1.0, "kernel_square", Some("kernel_cosine"), true),
            _ => of(F32, 1.0, "kernel_square", None, true),
        }
    }

    /// The sum of squares of each row.
    fn squared_lengths(&self, g: &mut Graph, from: Place, to: Place, rows: u64, columns: u64) {
        let squares = g.temporary(self.sum, &[rows, columns]);
        g.op(MAP, &[from], &[squares], &[self.square.param()]);
        g.op(REDUCE, &[squares], &[to], &[SUM, 1]);
    }
}

/// For each query the k points that are nearest by the metric, best first.
fn search(points: &Tensor, queries: &Tensor, k: u64, metric: &str) -> Found {
    let (n, d) = (points.shape()[0], points.shape()[1]);
    let all = queries.shape()[0];
    if queries.shape()[1] != d {
        fail!("the queries have {} numbers each, the points {d}", queries.shape()[1]);
    }
    let k = k.min(n);
    let m = Metric::named(metric);
    let lengths = Tensor::new(m.sum, &[n, 1]);
    let mut g = Graph::new();
    let (p, l) = (g.tensor(points), g.tensor(&lengths));
    m.squared_lengths(&mut g, p, l, n, d);
    g.run();
    let wide = (m.sum != F32).then(|| cast(points, m.sum));
    let points = wide.as_ref().unwrap_or(points);
    let step = (PART / m.sum.size() as u64 / n).clamp(1, all);
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
        let part = g.temporary(F32, &[count, d]);
        g.op(SLICE, &[whole], &[part], &[at, 0, 1, 1]);
        let ql = g.temporary(m.sum, &[count, 1]);
        m.squared_lengths(&mut g, part, ql, count, d);
        let mut q = part;
        if m.sum != F32 {
            q = g.temporary(m.sum, &[count, d]);
            g.op(CAST, &[part], &[q], &[]);
        }
        let product = g.temporary(m.sum, &[count, n]);
        g.op(GEMM, &[q, p], &[product], &[0, 1, float(m.alpha), 0]);
        let mut value = product;
        if let Some(kernel) = m.value {
            value = g.temporary(F32, &[count, n]);
            g.op(MAP, &[product, c, ql, l], &[value], &[kernel.param()]);
        }
        g.op(SORT, &[value], &[s, i], &[m.most_first as u64]);
        g.run();
        found.index.extend(index.to_ints());
        found.score.extend(score.to_floats());
        at += count;
        levee::progress(at, all);
    }
    found
}

fn cast(from: &Tensor, to: DType) -> Tensor {
    let wide = Tensor::new(to, from.shape());
    let mut g = Graph::new();
    let (f, t) = (g.tensor(from), g.tensor(&wide));
    g.op(CAST, &[f], &[t], &[]);
    g.run();
    wide
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
