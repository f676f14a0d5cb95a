//! Matrices from tables and lists, and back.

use crate::levee::{self, Cells, Table};
use crate::levee_gpu::*;
use crate::fail;

/// A matrix input; its rows and columns.
pub fn matrix(port: i32, name: &str) -> (Tensor, u64, u64) {
    let t = Tensor::input(port);
    if t.dtype() != F32 || t.shape().len() != 2 {
        fail!("{name} is no matrix of f32");
    }
    let (rows, columns) = (t.shape()[0], t.shape()[1]);
    (t, rows, columns)
}

fn put(rows: usize, columns: usize, values: &[f32]) {
    if rows == 0 || columns == 0 {
        levee::fail("a matrix without rows or without columns");
    }
    // It goes out as it is: nothing is to be computed.
    levee::write(0, &levee::tensor_head(&[rows as u64, columns as u64]));
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    levee::write(0, &raw);
}

/// Inputs: table, columns. Outputs: matrix, columns.
pub fn from_table() {
    let table = levee::table(0);
    let wanted = if levee::given(1) { levee::strings(1) } else { numbers_of(&table) };
    let columns: Vec<Vec<f32>> = wanted.iter().map(|name| column(&table, name)).collect();
    let rows = table.rows();
    let mut values = Vec::with_capacity(rows * columns.len());
    for row in 0..rows {
        values.extend(columns.iter().map(|c| c[row]));
    }
    put(rows, columns.len(), &values);
    levee::put_list(1, &wanted);
}

fn numbers_of(table: &Table) -> Vec<String> {
    let number = |c: &Cells| matches!(c, Cells::Int(_) | Cells::Float(_));
    table.columns.iter().filter(|(_, c)| number(c)).map(|(name, _)| name.clone()).collect()
}

fn column(table: &Table, name: &str) -> Vec<f32> {
    let values: Vec<Option<f32>> = match table.column(name) {
        None => fail!("there is no column {name:?}"),
        Some(Cells::Int(v)) => v.iter().map(|c| c.map(|n| n as f32)).collect(),
        Some(Cells::Float(v)) => v.iter().map(|c| c.map(|n| n as f32)).collect(),
        Some(_) => fail!("column {name:?} holds no numbers"),
    };
    let known = |(row, v): (usize, Option<f32>)| v.unwrap_or_else(|| fail!("column {name:?} has no value in row {row}"));
    values.into_iter().enumerate().map(known).collect()
}

/// Inputs: matrix, columns. Output: table.
pub fn to_table() {
    let (shape, raw) = raw_matrix();
    let names = if levee::given(1) { levee::strings(1) } else { (0..shape.1).map(|i| format!("c{i}")).collect() };
    if names.len() != shape.1 {
        fail!("{} names for {} columns", names.len(), shape.1);
    }
    let cells = |c: usize| Cells::Float((0..shape.0).map(|r| Some(f64::from(raw[r * shape.1 + c]))).collect());
    levee::put_table(0, &Table { columns: names.into_iter().enumerate().map(|(i, n)| (n, cells(i))).collect() });
}

fn raw_matrix() -> ((usize, usize), Vec<f32>) {
    let enc = levee::bytes(0);
    let (shape, raw) = levee::dec_tensor(&enc);
    let values = raw.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    ((shape[0] as usize, shape[1] as usize), values)
}

/// Input: rows. Output: matrix.
pub fn from_lists() {
    let rows: Vec<Vec<f32>> = levee::list(0).iter().map(|row| floats(row)).collect();
    let columns = rows.first().map_or(0, Vec::len);
    if let Some(i) = rows.iter().position(|r| r.len() != columns) {
        fail!("row {i} has {} numbers, row 0 has {columns}", rows[i].len());
    }
    put(rows.len(), columns, &rows.concat());
}

/// The numbers of an encoded list of floats.
pub fn floats(list: &[u8]) -> Vec<f32> {
    let number = |b: &[u8]| f64::from_le_bytes(b.try_into().unwrap_or([0; 8])) as f32;
    levee::items(list).into_iter().map(number).collect()
}

/// Input: matrix. Output: rows.
pub fn to_lists() {
    let ((rows, columns), values) = raw_matrix();
    let encode = |r: usize| {
        let row: Vec<[u8; 8]> = values[r * columns..(r + 1) * columns].iter().map(|v| levee::enc_float(f64::from(*v))).collect();
        levee::enc_list(&row)
    };
    levee::put_list(0, &(0..rows).map(encode).collect::<Vec<_>>());
}

/// Input: image. Output: matrix.
pub fn from_image() {
    let picture = Tensor::input(0);
    if picture.dtype() != U8 {
        levee::fail("this node takes pictures of 8 bits a channel");
    }
    let n = picture.len();
    let out = Tensor::new(F32, &[1, n]);
    let mut g = Graph::new();
    let (from, to) = (g.tensor(&picture), g.tensor(&out));
    g.op(MAP, &[from], &[to], &[Kernel::named("kernel_unit").param()]);
    g.run();
    out.output(0);
}

/// Input: parts. Output: matrix.
pub fn stack() {
    let parts = levee::list(0);
    let (mut rows, mut columns, mut values) = (0, 0, Vec::new());
    for (i, part) in parts.iter().enumerate() {
        let (shape, raw) = levee::dec_tensor(part);
        if i > 0 && shape[1] != columns {
            fail!("part {i} has {} columns, part 0 has {columns}", shape[1]);
        }
        columns = shape[1];
        rows += shape[0];
        values.extend_from_slice(raw);
    }
    if rows == 0 {
        levee::fail("parts is empty");
    }
    levee::write(0, &levee::tensor_head(&[rows, columns]));
    levee::write(0, &values);
}
