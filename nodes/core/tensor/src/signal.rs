//! Signals.

use crate::convert::floats;
use crate::levee::{self, Cells, Table};
use crate::levee_gpu::*;

/// Inputs: signal, rate. Outputs: spectrum, peak.
pub fn spectrum() {
    let signal = floats(&levee::bytes(0));
    let rate = levee::float(1);
    if signal.is_empty() {
        levee::fail("signal is empty");
    }
    let n = signal.len() as u64;
    let half = n / 2 + 1; // the others mirror these: the signal is real
    let complex: Vec<f32> = signal.iter().flat_map(|v| [*v, 0.0]).collect();
    let time = Tensor::floats(&[n, 2], &complex);
    let scale = Tensor::floats(&[1], &[1.0 / n as f32]);
    let out = Tensor::new(F32, &[half]);
    let mut g = Graph::new();
    let (t, s, o) = (g.tensor(&time), g.tensor(&scale), g.tensor(&out));
    let f = g.temporary(F32, &[n, 2]);
    g.op(FFT, &[t], &[f], &[0]);
    g.op(MAP, &[s, f], &[o], &[Kernel::named("kernel_magnitude").param()]);
    g.run();
    let size = out.to_floats();
    let hertz = |i: usize| i as f64 * rate / n as f64;
    let loud = (1..size.len()).fold(0, |best, i| if best == 0 || size[i] > size[best] { i } else { best });
    let column = |f: &dyn Fn(usize) -> f64| Cells::Float((0..size.len()).map(|i| Some(f(i))).collect());
    let columns = vec![("frequency".to_string(), column(&hertz)), ("magnitude".to_string(), column(&|i| f64::from(size[i])))];
    levee::put_table(0, &Table { columns });
    levee::put_float(1, hertz(loud));
}
