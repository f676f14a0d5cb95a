// Kernels in AssemblyScript, for the tests. `asc corpus.ts -O3 --runtime stub -o assemblyscript.wasm` makes assemblyscript.wasm of it.
@external("levee_kernel_v1", "f32_0")
declare function f32_0(index: i64): f32;
@external("levee_kernel_v1", "gid")
declare function gid(): i64;

export function scaled(x: f32, by: f32): f32 { return x * by; }
export function smooth(): f32 { return (f32_0(gid() - 1) + f32_0(gid() + 1)) / 2; }
export function within(x: f32): f32 { return Mathf.min(Mathf.max(x, 0), 1); }
export function steps(x: i32): i32 {
  let n = 0;
  for (x &= 1023; x > 1; n++) x = x & 1 ? 3 * x + 1 : x >> 1;
  return n;
}
export function root(x: f64, y: f64): f64 { return Math.sqrt(x * x + y * y) + NativeMath.floor(x); }
