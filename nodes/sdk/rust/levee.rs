//! levee's SDK for Rust: this one file, no dependencies. Copy it into your crate and write `mod levee;`.
//!
//! A node is an exported function without arguments, named in the manifest:
//!
//!     #[no_mangle]
//!     pub extern "C" fn upper() {
//!         let text = levee::string(0);              // input port 0
//!         levee::put_str(0, &text.to_uppercase());  // output port 0
//!     }
//!
//! Ports are numbered by their order in the manifest. Every invocation starts in a fresh instance: statics do not live on.
//! Values have one encoding each, little endian, described at the encoders below. What a node writes is checked by the host.
//! Build for wasm32-unknown-unknown as a cdylib, edition 2021. A panic is a bare trap unless `catch_panics` was called.
//! The macro `fail!` expects this file to be the module `levee` at the root of the crate.

#![allow(dead_code)]

use std::collections::BTreeMap;
use std::fmt;

/// The host's functions, as docs/node-abi.md describes them.
pub mod host {
    #[link(wasm_import_module = "levee_v1")]
    extern "C" {
        pub fn input_len(port: i32) -> i64;
        pub fn input_read(port: i32, offset: i64, ptr: *mut u8, len: i32) -> i32;
        pub fn input_type(port: i32, ptr: *mut u8, len: i32) -> i32;
        pub fn output_write(port: i32, ptr: *const u8, len: i32);
        pub fn fail(ptr: *const u8, len: i32) -> !;
        pub fn log(level: i32, ptr: *const u8, len: i32);
        pub fn progress(done: i64, total: i64);
        pub fn file_read(path: *const u8, len: i32) -> i64;
        pub fn file_list(glob: *const u8, len: i32) -> i64;
        pub fn blob_len(handle: i64) -> i64;
        pub fn blob_read(handle: i64, offset: i64, ptr: *mut u8, len: i32) -> i32;
        pub fn file_write(path: *const u8, path_len: i32, data: *const u8, len: i32) -> i32;
        pub fn file_write_input(path: *const u8, path_len: i32, port: i32) -> i32;
        pub fn last_error(ptr: *mut u8, len: i32) -> i32;
    }
}

// A read or write moves at most this many bytes through one host call: lengths are i32, and a page-sized chunk keeps memory low.
const CHUNK: usize = 64 << 10;

/// Ends the invocation as failed, with this message for the person who runs the workflow.
pub fn fail(message: &str) -> ! {
    unsafe { host::fail(message.as_ptr(), message.len() as i32) }
}

/// Like `panic!`, but the message goes to the person who runs the workflow: `fail!("{path}: no such column {name:?}")`.
#[macro_export]
macro_rules! fail {
    ($($arg:tt)*) => { $crate::levee::fail(&format!($($arg)*)) };
}

/// Results that end the invocation when they are errors.
pub trait OrFail<T> {
    /// The value, or a failure "what: error".
    fn or_fail(self, what: &str) -> T;
}

impl<T, E: fmt::Display> OrFail<T> for Result<T, E> {
    fn or_fail(self, what: &str) -> T {
        match self {
            Ok(v) => v,
            Err(e) => fail(&format!("{what}: {e}")),
        }
    }
}

impl<T> OrFail<T> for Option<T> {
    fn or_fail(self, what: &str) -> T {
        match self {
            Some(v) => v,
            None => fail(what),
        }
    }
}

/// Makes panics failures of the node instead of bare traps. Call it first in each node function.
pub fn catch_panics() {
    std::panic::set_hook(Box::new(|info| fail(&info.to_string())));
}

/// Levels of log lines.
#[derive(Clone, Copy)]
pub enum Level {
    Debug = 0,
    Info = 1,
    Warn = 2,
    Error = 3,
}

/// Writes a line to the invocation's log.
pub fn log(level: Level, message: &str) {
    unsafe { host::log(level as i32, message.as_ptr(), message.len() as i32) }
}

/// Tells how far the node is. total 0: not known. Call it as often as you like, the host thins it out.
pub fn progress(done: u64, total: u64) {
    unsafe { host::progress(done as i64, total as i64) }
}

// ---- inputs ----

/// The length of an input's encoding, None when an optional input is not given.
pub fn len(port: i32) -> Option<u64> {
    let n = unsafe { host::input_len(port) };
    (n >= 0).then_some(n as u64)
}

/// Whether an optional input is given.
pub fn given(port: i32) -> bool {
    len(port).is_some()
}

/// Reads part of an input's encoding; returns how many bytes were there.
pub fn read_at(port: i32, offset: u64, buf: &mut [u8]) -> usize {
    unsafe { host::input_read(port, offset as i64, buf.as_mut_ptr(), buf.len() as i32) as usize }
}

/// A whole input's encoding; for bytes and string ports that is the content. Empty when it is not given.
pub fn bytes(port: i32) -> Vec<u8> {
    let n = len(port).unwrap_or(0) as usize;
    let mut buf = vec![0; n];
    let mut at = 0;
    while at < n {
        let end = n.min(at + (1 << 30));
        let got = read_at(port, at as u64, &mut buf[at..end]);
        if got == 0 {
            fail("an input ended early");
        }
        at += got;
    }
    buf
}

/// A string or json input.
pub fn string(port: i32) -> String {
    into_text(bytes(port))
}

fn into_text(raw: Vec<u8>) -> String {
    String::from_utf8(raw).or_fail("input is not UTF-8")
}

fn word(port: i32) -> [u8; 8] {
    let mut b = [0; 8];
    if read_at(port, 0, &mut b) != 8 {
        fail("a number input of the wrong size");
    }
    b
}

/// An int input.
pub fn int(port: i32) -> i64 {
    i64::from_le_bytes(word(port))
}

/// A float input.
pub fn float(port: i32) -> f64 {
    f64::from_le_bytes(word(port))
}

/// A bool input.
pub fn boolean(port: i32) -> bool {
    let mut b = [0; 1];
    read_at(port, 0, &mut b) == 1 && b[0] == 1
}

/// The concrete type text of an input, as `list<int>` on a port of type `list<T>`.
pub fn type_of(port: i32) -> String {
    let mut buf = vec![0; 256];
    let n = unsafe { host::input_type(port, buf.as_mut_ptr(), buf.len() as i32) };
    buf.truncate(n as usize);
    into_text(buf)
}

/// The items of a list input, each in its own encoding.
pub fn list(port: i32) -> Vec<Vec<u8>> {
    items(&bytes(port)).into_iter().map(|b| b.to_vec()).collect()
}

/// A list<string> input.
pub fn strings(port: i32) -> Vec<String> {
    list(port).into_iter().map(into_text).collect()
}

/// A map<T> input: each value in its own encoding.
pub fn map(port: i32) -> BTreeMap<String, Vec<u8>> {
    let raw = bytes(port);
    let mut it = items(&raw).into_iter();
    let mut m = BTreeMap::new();
    while let (Some(k), Some(v)) = (it.next(), it.next()) {
        m.insert(into_text(k.to_vec()), v.to_vec());
    }
    m
}

/// A stream over an input: `std::io::Read` and `Seek`, buffering 64 KiB, so that large inputs need little memory.
pub struct Reader {
    port: i32,
    at: u64,
    size: u64,
    buf: Vec<u8>,
    pos: usize,
}

/// Opens a stream over an input's encoding.
pub fn reader(port: i32) -> Reader {
    Reader { port, at: 0, size: len(port).unwrap_or(0), buf: Vec::new(), pos: 0 }
}

impl std::io::Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let have = std::io::BufRead::fill_buf(self)?;
        let n = have.len().min(out.len());
        out[..n].copy_from_slice(&have[..n]);
        self.pos += n;
        Ok(n)
    }
}

impl std::io::BufRead for Reader {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        if self.pos == self.buf.len() {
            self.buf.resize(CHUNK, 0);
            let n = read_at(self.port, self.at, &mut self.buf);
            self.buf.truncate(n);
            self.at += n as u64;
            self.pos = 0;
        }
        Ok(&self.buf[self.pos..])
    }
    fn consume(&mut self, n: usize) {
        self.pos += n;
    }
}

impl std::io::Seek for Reader {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        let here = self.at - (self.buf.len() - self.pos) as u64;
        let target = match to {
            std::io::SeekFrom::Start(n) => Some(n),
            std::io::SeekFrom::End(d) => self.size.checked_add_signed(d),
            std::io::SeekFrom::Current(d) => here.checked_add_signed(d),
        };
        let target = target.ok_or(std::io::ErrorKind::InvalidInput)?;
        (self.at, self.pos) = (target, 0);
        self.buf.clear();
        Ok(target)
    }
}

// ---- outputs ----

/// Appends to an output's encoding; for bytes and string ports that is the content.
pub fn write(port: i32, data: &[u8]) {
    for part in data.chunks(1 << 30) {
        unsafe { host::output_write(port, part.as_ptr(), part.len() as i32) }
    }
    if data.is_empty() {
        unsafe { host::output_write(port, data.as_ptr(), 0) }
    }
}

/// Writes a string or json output.
pub fn put_str(port: i32, text: &str) {
    write(port, text.as_bytes());
}

/// Writes an int output.
pub fn put_int(port: i32, n: i64) {
    write(port, &n.to_le_bytes());
}

/// Writes a float output.
pub fn put_float(port: i32, f: f64) {
    write(port, &enc_float(f));
}

/// Writes a bool output.
pub fn put_bool(port: i32, b: bool) {
    write(port, &[b as u8]);
}

/// Writes a list output of encoded items.
pub fn put_list<B: AsRef<[u8]>>(port: i32, items: &[B]) {
    write(port, &list_prefix(items.iter().map(|i| i.as_ref().len())));
    let mut out = Writer::new(port);
    for item in items {
        out.push(item.as_ref());
    }
}

/// Writes a map output of encoded values.
pub fn put_map<B: AsRef<[u8]>>(port: i32, m: &BTreeMap<String, B>) {
    write(port, &enc_map(m));
}

/// A buffering writer of an output, `std::io::Write`; what is buffered is written when it is dropped.
pub struct Writer {
    port: i32,
    buf: Vec<u8>,
}

impl Writer {
    /// Opens a buffering writer of an output.
    pub fn new(port: i32) -> Writer {
        Writer { port, buf: Vec::with_capacity(CHUNK) }
    }
    /// Appends.
    pub fn push(&mut self, data: &[u8]) {
        if self.buf.len() + data.len() > CHUNK {
            self.spill();
        }
        if data.len() >= CHUNK {
            write(self.port, data);
        } else {
            self.buf.extend_from_slice(data);
        }
    }
    fn spill(&mut self) {
        if !self.buf.is_empty() {
            write(self.port, &self.buf);
            self.buf.clear();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.spill();
        write(self.port, &[]); // an output of no bytes is an output too
    }
}

impl std::io::Write for Writer {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.push(data);
        Ok(data.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.spill();
        Ok(())
    }
}

// ---- encodings ----

fn u32_at(b: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(b.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn u64_at(b: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(b.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// Encodes a float: 8 bytes, every NaN the same one.
pub fn enc_float(f: f64) -> [u8; 8] {
    let bits = if f.is_nan() { 0x7ff8_0000_0000_0000 } else { f.to_bits() };
    bits.to_le_bytes()
}

/// What stands before the items of a list: u64 n, then for each item the u64 offset behind it, counted from the first item.
pub fn list_prefix(sizes: impl ExactSizeIterator<Item = usize>) -> Vec<u8> {
    let mut b = Vec::with_capacity(8 + 8 * sizes.len());
    b.extend_from_slice(&(sizes.len() as u64).to_le_bytes());
    let mut end = 0u64;
    for n in sizes {
        end += n as u64;
        b.extend_from_slice(&end.to_le_bytes());
    }
    b
}

/// Encodes a list of encoded items.
pub fn enc_list<B: AsRef<[u8]>>(items: &[B]) -> Vec<u8> {
    let mut b = list_prefix(items.iter().map(|i| i.as_ref().len()));
    for item in items {
        b.extend_from_slice(item.as_ref());
    }
    b
}

/// Splits the encoding of a list (or map: key, value, key, value) into its items.
pub fn items(enc: &[u8]) -> Vec<&[u8]> {
    try_items(enc).or_fail("a list that is cut short")
}

fn try_items(enc: &[u8]) -> Option<Vec<&[u8]>> {
    let n = usize::try_from(u64_at(enc, 0)?).ok()?;
    let base = n.checked_mul(8)?.checked_add(8)?;
    if base > enc.len() {
        return None;
    }
    let (mut out, mut from) = (Vec::with_capacity(n), base);
    for i in 0..n {
        let end = base.checked_add(usize::try_from(u64_at(enc, 8 + 8 * i)?).ok()?)?;
        out.push(enc.get(from..end)?);
        from = end;
    }
    Some(out)
}

/// Encodes a map: a list of key, value, key, value, with the keys ascending bytewise.
pub fn enc_map<B: AsRef<[u8]>>(m: &BTreeMap<String, B>) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::with_capacity(2 * m.len());
    for (k, v) in m {
        parts.push(k.as_bytes());
        parts.push(v.as_ref());
    }
    enc_list(&parts)
}

/// Encodes an any: u16 length of the type text, the type text, the value's encoding.
pub fn enc_any(type_text: &str, enc: &[u8]) -> Vec<u8> {
    let mut b = Vec::with_capacity(2 + type_text.len() + enc.len());
    b.extend_from_slice(&(type_text.len() as u16).to_le_bytes());
    b.extend_from_slice(type_text.as_bytes());
    b.extend_from_slice(enc);
    b
}

/// Splits an any into its type text and encoding.
pub fn dec_any(b: &[u8]) -> (&str, &[u8]) {
    let n = b.get(..2).map(|h| u16::from_le_bytes([h[0], h[1]]) as usize).or_fail("an any that is cut short");
    let text = b.get(2..2 + n).and_then(|t| std::str::from_utf8(t).ok()).or_fail("an any that is cut short");
    (text, &b[2 + n..])
}

/// A picture: rows from the top, pixels from the left, no padding. channels: 1 grey, 3 RGB, 4 RGBA (not premultiplied);
/// bits: 8, or 16 (little endian).
pub struct Image {
    pub width: u32,
    pub height: u32,
    pub channels: u32,
    pub bits: u32,
    pub pixels: Vec<u8>,
}

/// The head of an image input, without its pixels: width, height, channels, bits.
pub fn image_head(port: i32) -> [u32; 4] {
    let mut b = [0; 16];
    if read_at(port, 0, &mut b) != 16 {
        fail("an image that is cut short");
    }
    [0, 4, 8, 12].map(|at| u32_at(&b, at).unwrap_or(0))
}

/// An image input.
pub fn image(port: i32) -> Image {
    let mut raw = bytes(port);
    if raw.len() < 16 {
        fail("an image that is cut short");
    }
    let head = [0, 4, 8, 12].map(|at| u32_at(&raw, at).unwrap_or(0));
    raw.drain(..16);
    Image { width: head[0], height: head[1], channels: head[2], bits: head[3], pixels: raw }
}

/// Writes an image output.
pub fn put_image(port: i32, img: &Image) {
    let mut head = Vec::with_capacity(16);
    for n in [img.width, img.height, img.channels, img.bits] {
        head.extend_from_slice(&n.to_le_bytes());
    }
    write(port, &head);
    write(port, &img.pixels);
}

/// Splits a tensor's encoding (u32 rank, rank times u64, the elements in row-major order) into shape and elements.
pub fn dec_tensor(enc: &[u8]) -> (Vec<u64>, &[u8]) {
    let split = || {
        let rank = u32_at(enc, 0).filter(|r| *r <= 8)? as usize;
        let shape: Option<Vec<u64>> = (0..rank).map(|i| u64_at(enc, 4 + 8 * i)).collect();
        Some((shape?, enc.get(4 + 8 * rank..)?))
    };
    split().or_fail("a tensor that is cut short")
}

/// What stands before a tensor's elements.
pub fn tensor_head(shape: &[u64]) -> Vec<u8> {
    let mut b = (shape.len() as u32).to_le_bytes().to_vec();
    for d in shape {
        b.extend_from_slice(&d.to_le_bytes());
    }
    b
}

/// The cells of a column of a table; None is a missing value.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    Bool(Vec<Option<bool>>),
    Int(Vec<Option<i64>>),
    Float(Vec<Option<f64>>),
    Text(Texts),
}

/// A column of texts, kept in one buffer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Texts {
    data: String,
    ends: Vec<usize>,
    valid: Vec<bool>,
}

impl Texts {
    /// Appends a row.
    pub fn push(&mut self, text: Option<&str>) {
        self.data.push_str(text.unwrap_or(""));
        self.ends.push(self.data.len());
        self.valid.push(text.is_some());
    }
    /// Row i; None is a missing value.
    pub fn get(&self, i: usize) -> Option<&str> {
        let from = if i == 0 { 0 } else { self.ends[i - 1] };
        self.valid[i].then(|| &self.data[from..self.ends[i]])
    }
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }
    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
    /// All rows in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        (0..self.len()).map(|i| self.get(i))
    }
}

impl Cells {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Cells::Bool(v) => v.len(),
            Cells::Int(v) => v.len(),
            Cells::Float(v) => v.len(),
            Cells::Text(v) => v.len(),
        }
    }
    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A table: named columns in order, all equally long.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub columns: Vec<(String, Cells)>,
}

impl Table {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |c| c.1.len())
    }
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Cells> {
        self.columns.iter().find(|c| c.0 == name).map(|c| &c.1)
    }
}

/// A table input.
pub fn table(port: i32) -> Table {
    dec_table(&bytes(port))
}

/// Writes a table output.
pub fn put_table(port: i32, t: &Table) {
    let mut out = Writer::new(port);
    out.push(&(t.columns.len() as u32).to_le_bytes());
    out.push(&(t.rows() as u64).to_le_bytes());
    for (name, cells) in &t.columns {
        let (kind, data) = enc_cells(cells);
        out.push(&[kind]);
        out.push(&(name.len() as u32).to_le_bytes());
        out.push(name.as_bytes());
        out.push(&(data.len() as u64).to_le_bytes());
        out.push(&data);
    }
}

fn bits(flags: impl ExactSizeIterator<Item = bool>) -> Vec<u8> {
    let mut b = vec![0u8; flags.len().div_ceil(8)];
    for (i, set) in flags.enumerate() {
        b[i / 8] |= (set as u8) << (i % 8);
    }
    b
}

fn bit(b: &[u8], i: usize) -> bool {
    b[i / 8] >> (i % 8) & 1 == 1
}

fn enc_cells(cells: &Cells) -> (u8, Vec<u8>) {
    match cells {
        Cells::Bool(v) => {
            let mut b = bits(v.iter().map(|c| c.is_some()));
            b.extend(bits(v.iter().map(|c| c.unwrap_or(false))));
            (1, b)
        }
        Cells::Int(v) => {
            let mut b = bits(v.iter().map(|c| c.is_some()));
            v.iter().for_each(|c| b.extend_from_slice(&c.unwrap_or(0).to_le_bytes()));
            (2, b)
        }
        Cells::Float(v) => {
            let mut b = bits(v.iter().map(|c| c.is_some()));
            v.iter().for_each(|c| b.extend_from_slice(&enc_float(c.unwrap_or(0.0))));
            (3, b)
        }
        Cells::Text(v) => {
            let mut b = bits(v.valid.iter().copied());
            v.ends.iter().for_each(|e| b.extend_from_slice(&(*e as u64).to_le_bytes()));
            b.extend_from_slice(v.data.as_bytes());
            (4, b)
        }
    }
}

/// Decodes a table's encoding: u32 columns, u64 rows, then per column u8 kind, u32 and name, u64 and data (validity bits, then
/// bits, 8-byte words, or text ends and texts).
pub fn dec_table(enc: &[u8]) -> Table {
    try_table(enc).or_fail("a table that is cut short")
}

fn try_table(enc: &[u8]) -> Option<Table> {
    let (n, rows) = (u32_at(enc, 0)?, usize::try_from(u64_at(enc, 4)?).ok()?);
    let (mut rest, mut t) = (enc.get(12..)?, Table::default());
    for _ in 0..n {
        let (kind, name_len) = (*rest.first()?, u32_at(rest, 1)? as usize);
        let name = std::str::from_utf8(rest.get(5..5usize.checked_add(name_len)?)?).ok()?;
        let at = 5 + name_len;
        let size = usize::try_from(u64_at(rest, at)?).ok()?;
        let data = rest.get(at + 8..(at + 8).checked_add(size)?)?;
        rest = &rest[at + 8 + size..];
        t.columns.push((name.to_string(), dec_cells(kind, data, rows)?));
    }
    Some(t)
}

fn dec_cells(kind: u8, data: &[u8], rows: usize) -> Option<Cells> {
    let (valid, rest) = data.split_at_checked(rows.div_ceil(8))?;
    let ok = |i| bit(valid, i);
    match kind {
        1 if rest.len() == rows.div_ceil(8) => Some(Cells::Bool((0..rows).map(|i| ok(i).then(|| bit(rest, i))).collect())),
        2 if rest.len() / 8 == rows => {
            Some(Cells::Int((0..rows).map(|i| ok(i).then(|| u64_at(rest, 8 * i).unwrap_or(0) as i64)).collect()))
        }
        3 if rest.len() / 8 == rows => {
            Some(Cells::Float((0..rows).map(|i| ok(i).then(|| f64::from_bits(u64_at(rest, 8 * i).unwrap_or(0)))).collect()))
        }
        4 => {
            let (ends, texts) = rest.split_at_checked(rows.checked_mul(8)?)?;
            let data = std::str::from_utf8(texts).ok()?.to_string();
            let ends: Option<Vec<usize>> = (0..rows).map(|i| usize::try_from(u64_at(ends, 8 * i)?).ok()).collect();
            Some(Cells::Text(Texts { data, ends: ends?, valid: (0..rows).map(ok).collect() }))
        }
        _ => None,
    }
}

// ---- files: only with the grants that the manifest asks for ("wants": ["read", "write"]) ----

fn last_error() -> String {
    let mut buf = vec![0; 1024];
    let n = unsafe { host::last_error(buf.as_mut_ptr(), buf.len() as i32) } as usize;
    buf.truncate(n);
    String::from_utf8_lossy(&buf).into_owned()
}

fn blob(handle: i64) -> Result<Vec<u8>, String> {
    if handle < 0 {
        return Err(last_error());
    }
    let n = unsafe { host::blob_len(handle) }.max(0) as usize;
    let mut buf = vec![0; n];
    let mut at = 0;
    while at < n {
        let end = n.min(at + (1 << 30));
        let got = unsafe { host::blob_read(handle, at as i64, buf[at..end].as_mut_ptr(), (end - at) as i32) };
        if got <= 0 {
            return Err("the file ended early".to_string());
        }
        at += got as usize;
    }
    Ok(buf)
}

/// The content of a file that the node may read. Wants "read".
pub fn file_read(path: &str) -> Result<Vec<u8>, String> {
    blob(unsafe { host::file_read(path.as_ptr(), path.len() as i32) })
}

/// The paths that match a glob, sorted. Wants "read".
pub fn file_list(glob: &str) -> Result<Vec<String>, String> {
    let raw = blob(unsafe { host::file_list(glob.as_ptr(), glob.len() as i32) })?;
    Ok(items(&raw).into_iter().map(|p| String::from_utf8_lossy(p).into_owned()).collect())
}

/// Writes a whole file, in one step. Wants "write".
pub fn file_write(path: &str, data: &[u8]) -> Result<(), String> {
    let rc = unsafe { host::file_write(path.as_ptr(), path.len() as i32, data.as_ptr(), data.len() as i32) };
    if rc == 0 { Ok(()) } else { Err(last_error()) }
}

/// Writes an input's encoding as a whole file, without copying it through the node. Wants "write".
pub fn file_write_input(path: &str, port: i32) -> Result<(), String> {
    let rc = unsafe { host::file_write_input(path.as_ptr(), path.len() as i32, port) };
    if rc == 0 { Ok(()) } else { Err(last_error()) }
}

// ---- streams ----

mod stream {
    #[link(wasm_import_module = "levee_v1")]
    extern "C" {
        pub fn output_item(port: i32);
    }
}

/// Ends an item of an output that is a stream: what was written to it since the last one. The item goes out at once.
pub fn item(port: i32) {
    unsafe { stream::output_item(port) }
}
