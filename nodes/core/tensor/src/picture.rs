//! Pictures.

use crate::fail;
use crate::levee;
use crate::levee_gpu::*;

/// A picture input with 8 bits a channel: the tensor, height, width, channels.
fn input(port: i32) -> (Tensor, [u64; 3]) {
    let t = Tensor::input(port);
    if t.dtype() != U8 || t.shape().len() != 3 {
        levee::fail("this node takes pictures of 8 bits a channel");
    }
    let shape = [t.shape()[0], t.shape()[1], t.shape()[2]];
    (t, shape)
}

/// Inputs: image, width, height, filter. Output: image.
pub fn resize() {
    let (from, [h, w, c]) = input(0);
    let (mut width, mut height) = (levee::int(1).max(0) as u64, levee::int(2).max(0) as u64);
    if width == 0 && height == 0 {
        levee::fail("neither width nor height is given");
    }
    if width == 0 {
        width = (w * height / h).max(1);
    }
    if height == 0 {
        height = (h * width / w).max(1);
    }
    let filter = match levee::string(3).as_str() {
        "nearest" => 0,
        "bilinear" => 1,
        _ => 2,
    };
    let shape = [height, width, c];
    let out = Tensor::new(U8, &shape);
    let mut g = Graph::new();
    let (a, o) = (g.tensor(&from), g.tensor(&out));
    if c == 4 && filter != 0 {
        let covered = cover(&mut g, a, from.shape());
        let to = g.temporary(F32, &shape);
        g.op(RESIZE, &[covered], &[to], &[filter]);
        uncover(&mut g, to, o);
    } else {
        g.op(RESIZE, &[a], &[o], &[filter]);
    }
    g.run();
    out.output(0);
}

/// A picture with transparency so that its pixels can be mixed: else what is not seen would be, beside what is.
fn cover(g: &mut Graph, picture: Place, shape: &[u64]) -> Place {
    let (pixels, to) = (g.temporary(F32, shape), g.temporary(F32, shape));
    g.op(CAST, &[picture], &[pixels], &[]);
    g.op(MAP, &[pixels, pixels], &[to], &[Kernel::named("kernel_cover").param()]);
    to
}

fn uncover(g: &mut Graph, from: Place, to: Place) {
    g.op(MAP, &[from, from], &[to], &[Kernel::named("kernel_uncover").param()]);
}

/// A graph over a picture as f32.
struct Work {
    g: Graph,
    shape: [u64; 3],
    keep: Vec<Tensor>, // what the graph names must outlive it
}

impl Work {
    fn temporary(&mut self) -> Place {
        self.g.temporary(F32, &self.shape)
    }
    fn int(&mut self, v: u64) -> Place {
        let t = Tensor::new(I64, &[1]);
        t.write(0, &v.to_le_bytes());
        self.keep(t)
    }
    fn floats(&mut self, v: &[f32]) -> Place {
        self.keep(Tensor::floats(&[v.len() as u64], v))
    }
    fn keep(&mut self, t: Tensor) -> Place {
        let p = self.g.tensor(&t);
        self.keep.push(t);
        p
    }
    /// One pass of weights along a side.
    fn pass(&mut self, from: Place, weights: &[f32], step: u64, count: u64) -> Place {
        let (step, count, taps) = (self.int(step), self.int(count), self.int(weights.len() as u64));
        let (weights, to) = (self.floats(weights), self.temporary());
        self.g.op(MAP, &[step, count, taps, from, weights], &[to], &[Kernel::named("kernel_pass").param()]);
        to
    }
    fn blur(&mut self, from: Place, radius: f64) -> Place {
        let [h, w, c] = self.shape;
        let weights = gauss(radius);
        let across = self.pass(from, &weights, c, w);
        self.pass(across, &weights, w * c, h)
    }
}

/// The weights of a Gaussian of this deviation in pixels, out to three times of it. Together they are 1.
fn gauss(deviation: f64) -> Vec<f32> {
    let half = (3.0 * deviation).ceil() as i64;
    let weight: Vec<f64> = (-half..=half).map(|i| exp(-((i * i) as f64) / (2.0 * deviation * deviation))).collect();
    let sum: f64 = weight.iter().sum();
    weight.iter().map(|w| (w / sum) as f32).collect()
}

/// e to the x, for x up to 0, by halving and squaring: the same bits everywhere, unlike a library's.
fn exp(x: f64) -> f64 {
    if x < -40.0 {
        return 0.0;
    }
    let y = x / 1024.0;
    let mut v = 1.0 + y * (1.0 + y / 2.0 * (1.0 + y / 3.0 * (1.0 + y / 4.0)));
    for _ in 0..10 {
        v *= v;
    }
    v
}

/// Inputs: image, filter, radius, amount. Output: image.
pub fn filter() {
    let (from, shape) = input(0);
    let (radius, amount) = (levee::float(2), levee::float(3));
    if !(radius > 0.0 && radius <= 100.0) {
        fail!("radius is {radius}: over 0, and at most 100 pixels");
    }
    let out = Tensor::new(U8, &shape);
    let mut work = Work { g: Graph::new(), shape, keep: Vec::new() };
    let (a, o) = (work.g.tensor(&from), work.g.tensor(&out));
    let pixels = if shape[2] == 4 {
        cover(&mut work.g, a, &shape)
    } else {
        let to = work.temporary();
        work.g.op(CAST, &[a], &[to], &[]);
        to
    };
    let mut mixed = shape[2] == 4;
    let soft = work.blur(pixels, radius);
    let result = match levee::string(1).as_str() {
        "sharpen" => {
            let (amount, to) = (work.floats(&[amount as f32]), work.temporary());
            work.g.op(MAP, &[pixels, soft, amount], &[to], &[Kernel::named("kernel_sharpen").param()]);
            to
        }
        "edges" => {
            let [h, w, c] = shape;
            let (channels, width, height, to) = (work.int(c), work.int(w), work.int(h), work.temporary());
            work.g.op(MAP, &[channels, width, height, soft, pixels], &[to], &[Kernel::named("kernel_edges").param()]);
            mixed = false; // steepness is no colour
            to
        }
        _ => soft,
    };
    if mixed {
        uncover(&mut work.g, result, o);
    } else {
        work.g.op(MAP, &[result], &[o], &[Kernel::named("kernel_pixel").param()]);
    }
    work.g.run();
    out.output(0);
}
