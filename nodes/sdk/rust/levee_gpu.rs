//! GPU work for nodes in Rust: this file beside levee.rs, and `mod levee_gpu;`. The same node runs with and without a GPU.
//!
//!     let a = Tensor::input(0);                                // a tensor port
//!     let out = Tensor::new(F32, &[a.shape()[0], 1]);
//!     let mut g = Graph::new();
//!     let (a, o) = (g.tensor(&a), g.tensor(&out));
//!     g.op(REDUCE, &[a], &[o], &[MEAN, 1]);
//!     g.run();
//!     out.output(0);
//!
//! A kernel of your own is an exported function of numbers, `#[no_mangle] pub extern "C" fn twice(x: f32) -> f32 { x + x }`, and
//! `Kernel::named("twice")`. docs/gpu.md says what such a function may do, and what each op takes. Whatever is refused ends the
//! invocation with the reason, except through the functions that begin with `try_`.

#![allow(dead_code)]

use crate::levee::fail;

/// The host's functions, as docs/node-abi.md describes them.
pub mod host {
    #[link(wasm_import_module = "levee_gpu_v1")]
    extern "C" {
        pub fn tensor_new(dtype: i32, shape: *const u64, rank: i32) -> i64;
        pub fn tensor_free(tensor: i64) -> i32;
        pub fn tensor_desc(tensor: i64, ptr: *mut u8, len: i32) -> i32;
        pub fn tensor_write(tensor: i64, offset: i64, ptr: *const u8, len: i32) -> i32;
        pub fn tensor_read(tensor: i64, offset: i64, ptr: *mut u8, len: i32) -> i32;
        pub fn tensor_input(port: i32) -> i64;
        pub fn tensor_output(port: i32, tensor: i64) -> i32;
        pub fn kernel(name: *const u8, len: i32) -> i64;
        pub fn kernel_code(code: *const u8, len: i32, name: *const u8, name_len: i32) -> i64;
        pub fn submit(graph: *const u8, len: i32) -> i64;
        pub fn wait(fence: i64, milliseconds: i64) -> i32;
        pub fn last_error(ptr: *mut u8, len: i32) -> i32;
    }
}

/// Element types.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DType(u32);

pub const U8: DType = DType(1);
pub const I32: DType = DType(2);
pub const I64: DType = DType(3);
pub const F16: DType = DType(4);
pub const BF16: DType = DType(5);
pub const F32: DType = DType(6);
pub const F64: DType = DType(7);

impl DType {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        [0, 1, 4, 8, 2, 2, 4, 8][self.0 as usize]
    }
}

/// The ops; their inputs and parameters are in docs/gpu.md.
pub const FILL: u16 = 1;
pub const COPY: u16 = 2;
pub const CAST: u16 = 3;
pub const TRANSPOSE: u16 = 4;
pub const CONCAT: u16 = 5;
pub const SLICE: u16 = 6;
pub const GATHER: u16 = 7;
pub const MAP: u16 = 8;
pub const REDUCE: u16 = 9;
pub const SOFTMAX: u16 = 10;
pub const LAYER_NORM: u16 = 11;
pub const SORT: u16 = 12;
pub const SCAN: u16 = 13;
pub const HISTOGRAM: u16 = 14;
pub const RANDOM: u16 = 15;
pub const RESIZE: u16 = 16;
pub const NORMALISE: u16 = 17;
pub const GEMM: u16 = 18;
pub const CONV2D: u16 = 19;
pub const FFT: u16 = 20;

/// Kinds of REDUCE.
pub const SUM: u64 = 0;
pub const PROD: u64 = 1;
pub const MIN: u64 = 2;
pub const MAX: u64 = 3;
pub const ARG_MIN: u64 = 4;
pub const ARG_MAX: u64 = 5;
pub const MEAN: u64 = 6;

/// A float parameter of an op.
pub fn float(v: f64) -> u64 {
    v.to_bits()
}

/// What the host said about the last failure.
pub fn last_error() -> String {
    let mut buf = vec![0; 4096];
    let n = unsafe { host::last_error(buf.as_mut_ptr(), buf.len() as i32) };
    buf.truncate(n.max(0) as usize);
    String::from_utf8_lossy(&buf).into_owned()
}

fn handle(h: i64) -> i64 {
    if h <= 0 {
        fail(&last_error());
    }
    h
}

fn done(status: i32) {
    if status < 0 {
        fail(&last_error());
    }
}

/// A tensor on the device that the node was given; its memory is freed when it is dropped.
pub struct Tensor {
    handle: i64,
    dtype: DType,
    shape: Vec<u64>,
}

impl Tensor {
    /// A tensor of zeros.
    pub fn new(dtype: DType, shape: &[u64]) -> Tensor {
        let h = handle(unsafe { host::tensor_new(dtype.0 as i32, shape.as_ptr(), shape.len() as i32) });
        Tensor { handle: h, dtype, shape: shape.to_vec() }
    }
    /// A tensor of these f32.
    pub fn floats(shape: &[u64], values: &[f32]) -> Tensor {
        let t = Tensor::new(F32, shape);
        let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        t.write(0, &raw);
        t
    }
    /// The tensor or the picture (u8 [height, width, channels]) of an input port, which does not pass through the node's memory.
    pub fn input(port: i32) -> Tensor {
        let h = handle(unsafe { host::tensor_input(port) });
        let mut b = [0u8; 8 + 8 * 8];
        done(unsafe { host::tensor_desc(h, b.as_mut_ptr(), b.len() as i32) });
        let at = |i: usize| u32::from_le_bytes([b[i], b[i + 1], b[i + 2], b[i + 3]]);
        let dim = |i: usize| u64::from(at(8 + 8 * i)) | u64::from(at(12 + 8 * i)) << 32;
        Tensor { handle: h, dtype: DType(at(0)), shape: (0..at(4) as usize).map(dim).collect() }
    }
    /// Gives the whole tensor to an output port of type tensor, or image for u8 [height, width, 1, 3 or 4].
    pub fn output(&self, port: i32) {
        done(unsafe { host::tensor_output(port, self.handle) });
    }
    /// The dimensions, the outermost first.
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }
    /// The element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }
    /// How many elements it has.
    pub fn len(&self) -> u64 {
        self.shape.iter().product()
    }
    /// Writes bytes at an offset of bytes.
    pub fn write(&self, offset: u64, data: &[u8]) {
        done(unsafe { host::tensor_write(self.handle, offset as i64, data.as_ptr(), data.len() as i32) });
    }
    /// Reads bytes at an offset of bytes, after all graphs that were submitted.
    pub fn read(&self, offset: u64, data: &mut [u8]) {
        done(unsafe { host::tensor_read(self.handle, offset as i64, data.as_mut_ptr(), data.len() as i32) });
    }
    /// All bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut b = vec![0; self.len() as usize * self.dtype.size()];
        self.read(0, &mut b);
        b
    }
    /// All elements of an f32 tensor.
    pub fn to_floats(&self) -> Vec<f32> {
        self.bytes().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    }
    /// All elements of an i32 tensor.
    pub fn to_ints(&self) -> Vec<i32> {
        self.bytes().chunks_exact(4).map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    }
}

impl Drop for Tensor {
    fn drop(&mut self) {
        unsafe { host::tensor_free(self.handle) };
    }
}

/// A function of this module, or of wasm that the node made, that the device computes for each element.
#[derive(Clone, Copy)]
pub struct Kernel(i64);

impl Kernel {
    /// The kernel of an exported function of this module.
    pub fn named(name: &str) -> Kernel {
        Kernel(handle(unsafe { host::kernel(name.as_ptr(), name.len() as i32) }))
    }
    /// The kernel of an exported function of a module that the node made.
    pub fn of(code: &[u8], name: &str) -> Kernel {
        Kernel(handle(unsafe { host::kernel_code(code.as_ptr(), code.len() as i32, name.as_ptr(), name.len() as i32) }))
    }
    /// The parameter of MAP.
    pub fn param(self) -> u64 {
        self.0 as u64
    }
}

/// A tensor's place in a graph.
#[derive(Clone, Copy)]
pub struct Place(u16);

/// Ops, run as if one after the other.
#[derive(Default)]
pub struct Graph {
    tensors: Vec<u8>,
    ops: Vec<u8>,
    places: u16,
    count: u16,
}

impl Graph {
    /// A graph without ops.
    pub fn new() -> Graph {
        Graph::default()
    }
    /// Names a tensor; once for each.
    pub fn tensor(&mut self, t: &Tensor) -> Place {
        self.tensors.extend_from_slice(&t.handle.to_le_bytes());
        self.place()
    }
    /// A tensor that lives as long as the graph runs.
    pub fn temporary(&mut self, dtype: DType, shape: &[u64]) -> Place {
        self.tensors.extend_from_slice(&0u64.to_le_bytes());
        self.tensors.extend_from_slice(&dtype.0.to_le_bytes());
        self.tensors.extend_from_slice(&(shape.len() as u32).to_le_bytes());
        shape.iter().for_each(|d| self.tensors.extend_from_slice(&d.to_le_bytes()));
        self.place()
    }
    fn place(&mut self) -> Place {
        self.places += 1;
        Place(self.places - 1)
    }
    /// Appends an op.
    pub fn op(&mut self, code: u16, inputs: &[Place], outputs: &[Place], params: &[u64]) {
        for n in [code as usize, inputs.len(), outputs.len(), params.len()] {
            self.ops.extend_from_slice(&(n as u16).to_le_bytes());
        }
        inputs.iter().chain(outputs).for_each(|p| self.ops.extend_from_slice(&p.0.to_le_bytes()));
        while self.ops.len() % 8 != 0 {
            self.ops.push(0);
        }
        params.iter().for_each(|p| self.ops.extend_from_slice(&p.to_le_bytes()));
        self.count += 1;
    }
    /// The graph as the host reads it.
    pub fn encode(&self) -> Vec<u8> {
        let mut b = 1u32.to_le_bytes().to_vec();
        b.extend_from_slice(&self.places.to_le_bytes());
        b.extend_from_slice(&self.count.to_le_bytes());
        b.extend_from_slice(&self.tensors);
        b.extend_from_slice(&self.ops);
        b
    }
    /// Runs it and waits for its end; the error says why it was refused, or failed.
    pub fn try_run(&self) -> Result<(), String> {
        let b = self.encode();
        let fence = unsafe { host::submit(b.as_ptr(), b.len() as i32) };
        if fence <= 0 || unsafe { host::wait(fence, -1) } < 0 {
            return Err(last_error());
        }
        Ok(())
    }
    /// Runs it and waits for its end.
    pub fn run(&self) {
        if let Err(e) = self.try_run() {
            fail(&e);
        }
    }
}

/// Classes of FFT, its second parameter: the same bits everywhere, or what is fastest.
pub const FFT_EXACT: u64 = 0;
pub const FFT_DEVICE: u64 = 1;
