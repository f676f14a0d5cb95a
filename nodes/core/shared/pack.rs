//! What every core pack has: the table of its nodes, its manifest, and a message when memory runs out.

use crate::levee;
use std::alloc::{GlobalAlloc, Layout, System};

/// pack! { "node_upper" => case::upper, ... } exports each function under the name that the manifest says, and puts the crate's
/// node.json into the custom section `levee`. The prefix keeps our names off those that the linker knows (round, pow, ...).
macro_rules! pack {
    ($($export:literal => $run:path,)*) => {
        const MANIFEST_JSON: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/node.json"));

        #[used]
        #[link_section = "levee"]
        static MANIFEST: [u8; MANIFEST_JSON.len()] = *include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/node.json"));

        $(const _: () = {
            #[export_name = $export]
            extern "C" fn run() {
                crate::levee::catch_panics();
                $run()
            }
        };)*
    };
}

// Rust ends a module that runs out of memory with a bare trap. Our users read messages.
struct Telling;

#[global_allocator]
static ALLOCATOR: Telling = Telling;

fn checked(p: *mut u8) -> *mut u8 {
    if p.is_null() {
        levee::fail("the node needs more memory than its limit; raise memory: in the workflow's allow: or give it smaller input");
    }
    p
}

unsafe impl GlobalAlloc for Telling {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        checked(System.alloc(layout))
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        checked(System.alloc_zeroed(layout))
    }
    unsafe fn realloc(&self, p: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        checked(System.realloc(p, layout, size))
    }
    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        System.dealloc(p, layout)
    }
}
