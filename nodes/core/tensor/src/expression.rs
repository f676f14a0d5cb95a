//! A formula for each element.

use crate::convert::matrix;
use crate::emit;
use crate::levee_gpu::*;
use crate::parse::parse;
use crate::{fail, levee};

/// Inputs: expression, x, y, z. Output: result.
pub fn expression() {
    let text = levee::string(0);
    let names: Vec<&str> = ["x", "y", "z"].into_iter().zip(1..).filter(|(_, port)| levee::given(*port)).map(|(n, _)| n).collect();
    let expr = match parse(&text, &names) {
        Ok(e) => e,
        Err(e) => fail!("expression: {e}"),
    };
    let Some(code) = emit::module(&expr, names.len()) else { levee::fail("expression: it is too long") };
    let mut shape = [1, 1];
    let mut inputs = Vec::new();
    for (port, name) in [(1, "x"), (2, "y"), (3, "z")] {
        if !levee::given(port) {
            continue;
        }
        let (t, rows, columns) = matrix(port, name);
        if [rows, columns] != [1, 1] {
            if shape != [1, 1] && shape != [rows, columns] {
                fail!("{name} is {rows} x {columns}, the others are {} x {}: all must be alike, or 1 x 1", shape[0], shape[1]);
            }
            shape = [rows, columns];
        }
        inputs.push(t);
    }
    let out = Tensor::new(F32, &shape);
    let mut g = Graph::new();
    let places: Vec<Place> = inputs.iter().map(|t| g.tensor(t)).collect();
    let to = g.tensor(&out);
    g.op(MAP, &places, &[to], &[Kernel::of(&code, emit::NAME).param()]);
    g.run();
    out.output(0);
}
