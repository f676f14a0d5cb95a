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

/// The points of a distance, and their squared lengths. The square of a distance is what is left of the squares of two lengths, in which f32
/// loses what is near together far from 0: it takes f64.
struct Far {
    points: Tensor,
    lengths: Tensor,
    count: Tensor, // of the points
}

impl Far {
    fn of(points: &Tensor) -> Far {
        let lengths = Tensor::new(F64, &[points.shape()[0], 1]);
        let mut g = Graph::new();
        let (p, l) = (g.tensor(points), g.tensor(&lengths));
        squared_lengths(&mut g, p, l, points.shape());
        g.run();
        Far { points: cast(points, F64), lengths, count: number(points.shape()[0]) }
    }

    /// The distance of each of the queries to each point.
    fn distances(&self, g: &mut Graph, queries: Place, value: Place, shape: &[u64]) {
        let (count, n) = (shape[0], self.points.shape()[0]);
        let lengths = g.temporary(F64, &[count, 1]);
        squared_lengths(g, queries, lengths, shape);
        let (wide, product) = (g.temporary(F64, shape), g.temporary(F64, &[count, n]));
        g.op(CAST, &[queries], &[wide], &[]);
        let (points, of_points, columns) = (g.tensor(&self.points), g.tensor(&self.lengths), g.tensor(&self.count));
        g.op(GEMM, &[wide, points], &[product], &[0, 1, float(-2.0), 0]);
        g.op(MAP, &[product, columns, lengths, of_points], &[value], &[Kernel::named("kernel_distance").param()]);
    }
}

/// The sum of squares of each row.
fn squared_lengths(g: &mut Graph, from: Place, to: Place, shape: &[u64]) {
    let squares = g.temporary(F64, shape);
    g.op(MAP, &[from], &[squares], &[Kernel::named("kernel_wide_square").param()]);
    g.op(REDUCE, &[squares], &[to], &[SUM, 1]);
}

/// The rows, each as long as 1: their product is the cosine of the angle between them. A row of zeros stays one.
fn units(rows: &Tensor) -> Tensor {
    let made = Tensor::new(F32, rows.shape());
    let mut g = Graph::new();
    let of_row = number(rows.shape()[1]);
    let (r, m, columns) = (g.tensor(rows), g.tensor(&made), g.tensor(&of_row));
    let lengths = g.temporary(F64, &[rows.shape()[0], 1]);
    squared_lengths(&mut g, r, lengths, rows.shape());
    g.op(MAP, &[r, columns, lengths], &[m], &[Kernel::named("kernel_direction").param()]);
    g.run();
    made
}

fn number(n: u64) -> Tensor {
    let made = Tensor::new(I64, &[1]);
    made.write(0, &n.to_le_bytes());
    made
}

/// For each query the k points that are nearest by the metric, best first.
fn search(points: &Tensor, queries: &Tensor, k: u64, metric: &str) -> Found {
    let (n, d) = (points.shape()[0], points.shape()[1]);
    let all = queries.shape()[0];
    if queries.shape()[1] != d {
        fail!("the queries have {} numbers each, the points {d}", queries.shape()[1]);
    }
    let k = k.min(n);
    let far = (metric == "euclidean").then(|| Far::of(points));
    let unit = (metric == "cosine").then(|| (units(points), units(queries)));
    let (points, queries) = unit.as_ref().map_or((points, queries), |(p, q)| (p, q));
    let step = (PART / F64.size() as u64 / n).clamp(1, all);
    let mut found = Found { index: Vec::new(), score: Vec::new() };
    let mut at = 0;
    while at < all {
        let count = step.min(all - at);
        let (index, score) = (Tensor::new(I32, &[count, k]), Tensor::new(F32, &[count, k]));
        let mut g = Graph::new();
        let (whole, i, s) = (g.tensor(queries), g.tensor(&index), g.tensor(&score));
        let (part, value) = (g.temporary(F32, &[count, d]), g.temporary(F32, &[count, n]));
        g.op(SLICE, &[whole], &[part], &[at, 0, 1, 1]);
        match &far {
            Some(far) => far.distances(&mut g, part, value, &[count, d]),
            None => {
                let p = g.tensor(points);
                g.op(GEMM, &[part, p], &[value], &[0, 1, float(1.0), 0]);
            }
        }
        g.op(SORT, &[value], &[s, i], &[far.is_none() as u64]); // of products the greatest come first
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
