//! Lists on ports: where items lie, and copying them without having them all in memory.

use crate::levee;

const STEP: usize = 64 << 10;

/// A list input.
pub struct Items {
    port: i32,
    base: u64,
    ends: Vec<u64>,
}

impl Items {
    pub fn of(port: i32) -> Items {
        Items::at(port, 0)
    }

    /// A list that lies at an offset of an input, as an item of a list of lists.
    pub fn at(port: i32, offset: u64) -> Items {
        let mut word = [0; 8];
        read(port, offset, &mut word);
        let n = u64::from_le_bytes(word) as usize;
        let mut raw = vec![0; 8 * n];
        read(port, offset + 8, &mut raw);
        let end = |b: &[u8]| u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]);
        Items { port, base: offset + 8 + 8 * n as u64, ends: raw.chunks_exact(8).map(end).collect() }
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Where item i lies in the input, and how long it is.
    pub fn span(&self, i: usize) -> (u64, u64) {
        let from = if i == 0 { 0 } else { self.ends[i - 1] };
        (self.base + from, self.ends[i] - from)
    }

    pub fn item(&self, i: usize) -> Vec<u8> {
        let (at, size) = self.span(i);
        let mut buf = vec![0; size as usize];
        read(self.port, at, &mut buf);
        buf
    }

    fn port(&self) -> i32 {
        self.port
    }
}

fn read(port: i32, at: u64, buf: &mut [u8]) {
    if levee::read_at(port, at, buf) != buf.len() {
        levee::fail("a list that is cut short");
    }
}

/// Writes chosen items to output 0, in this order.
pub fn put(chosen: &[(&Items, usize)]) {
    put_to(0, chosen);
}

/// The same to any output.
pub fn put_to(out: i32, chosen: &[(&Items, usize)]) {
    levee::write(out, &levee::list_prefix(chosen.iter().map(|(items, i)| items.span(*i).1 as usize)));
    let mut run: Option<(i32, u64, u64)> = None; // neighbours are copied in one go
    for (items, i) in chosen {
        let (at, size) = items.span(*i);
        run = match run {
            Some((port, from, to)) if port == items.port() && to == at => Some((port, from, to + size)),
            other => {
                copy(out, other);
                Some((items.port(), at, at + size))
            }
        };
    }
    copy(out, run);
}

fn copy(out: i32, run: Option<(i32, u64, u64)>) {
    let Some((port, mut at, to)) = run else { return };
    let mut buf = vec![0; STEP.min((to - at) as usize)];
    while at < to {
        let n = buf.len().min((to - at) as usize);
        read(port, at, &mut buf[..n]);
        levee::write(out, &buf[..n]);
        at += n as u64;
    }
}

/// Writes items of one list.
pub fn put_some(items: &Items, chosen: impl Iterator<Item = usize>) {
    let chosen: Vec<(&Items, usize)> = chosen.map(|i| (items, i)).collect();
    put(&chosen);
}
