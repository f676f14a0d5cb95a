//! WebAssembly of one function of f32, written from an expression: what the node gives to the host as a kernel.

use crate::parse::{Call, Expr, Op};

// Opcodes, as the binary format numbers them.
const LOCAL_GET: u8 = 0x20;
const LOCAL_SET: u8 = 0x21;
const LOCAL_TEE: u8 = 0x22;
const SELECT: u8 = 0x1b;
const I32_CONST: u8 = 0x41;
const F32_CONST: u8 = 0x43;
const I32_ADD: u8 = 0x6a;
const I32_SUB: u8 = 0x6b;
const I32_SHL: u8 = 0x74;
const I32_SHR_S: u8 = 0x75;
const F32_EQ: u8 = 0x5b;
const F32_NE: u8 = 0x5c;
const F32_LT: u8 = 0x5d;
const F32_GT: u8 = 0x5e;
const F32_LE: u8 = 0x5f;
const F32_GE: u8 = 0x60;
const F32_ABS: u8 = 0x8b;
const F32_NEG: u8 = 0x8c;
const F32_CEIL: u8 = 0x8d;
const F32_FLOOR: u8 = 0x8e;
const F32_NEAREST: u8 = 0x90;
const F32_SQRT: u8 = 0x91;
const F32_ADD: u8 = 0x92;
const F32_SUB: u8 = 0x93;
const F32_MUL: u8 = 0x94;
const F32_DIV: u8 = 0x95;
const F32_MIN: u8 = 0x96;
const F32_MAX: u8 = 0x97;
const F32_REINTERPRET_I32: u8 = 0xbe;
const F32: u8 = 0x7d;
const I32: u8 = 0x7f;

/// The name under which the function is exported.
pub const NAME: &str = "f";

/// A module with the function of the expression, which takes so many f32 and gives one; None when the expression is too long.
pub fn module(expr: &Expr, params: usize) -> Option<Vec<u8>> {
    let mut f = Function { code: Vec::new(), params, floats: 0, exponents: 0 };
    f.expr(expr);
    f.code.push(0x0b);
    if f.floats > MAX_FLOATS {
        return None;
    }
    let mut kind = vec![1, 0x60, params as u8];
    kind.extend(std::iter::repeat_n(F32, params));
    kind.extend([1, F32]);
    let mut body = vec![2];
    leb(&mut body, MAX_FLOATS as u32); // all of them, so that the places of the i32 ones are known from the start
    body.push(F32);
    leb(&mut body, f.exponents as u32);
    body.push(I32);
    body.extend(&f.code);
    let mut code = vec![1];
    leb(&mut code, body.len() as u32);
    code.extend(&body);
    let mut m = b"\0asm\x01\0\0\0".to_vec();
    section(&mut m, 1, &kind);
    section(&mut m, 3, &[1, 0]);
    section(&mut m, 7, &[1, NAME.len() as u8, NAME.as_bytes()[0], 0, 0]);
    section(&mut m, 10, &code);
    Some(m)
}

fn section(m: &mut Vec<u8>, id: u8, content: &[u8]) {
    m.push(id);
    leb(m, content.len() as u32);
    m.extend(content);
}

fn leb(b: &mut Vec<u8>, mut v: u32) {
    while v >= 0x80 {
        b.push(v as u8 | 0x80);
        v >>= 7;
    }
    b.push(v as u8);
}

fn sleb(b: &mut Vec<u8>, mut v: i32) {
    loop {
        let low = (v & 0x7f) as u8;
        v >>= 7;
        if v == 0 && low & 0x40 == 0 || v == -1 && low & 0x40 != 0 {
            b.push(low);
            return;
        }
        b.push(low | 0x80);
    }
}

struct Function {
    code: Vec<u8>,
    params: usize,
    floats: usize,
    exponents: usize,
}

/// How many f32 locals a function has room for; the i32 ones come behind them.
pub const MAX_FLOATS: usize = 200;

impl Function {
    fn op(&mut self, code: u8) {
        self.code.push(code);
    }
    fn number(&mut self, v: f32) {
        self.code.push(F32_CONST);
        self.code.extend(v.to_le_bytes());
    }
    fn integer(&mut self, v: i32) {
        self.code.push(I32_CONST);
        sleb(&mut self.code, v);
    }
    fn local(&mut self, code: u8, index: usize) {
        self.code.push(code);
        leb(&mut self.code, index as u32);
    }
    fn float(&mut self) -> usize {
        self.floats += 1;
        self.params + self.floats - 1
    }

    fn expr(&mut self, e: &Expr) {
        match e {
            Expr::Number(v) => self.number(*v),
            Expr::Variable(i) => self.local(LOCAL_GET, *i),
            Expr::Negative(a) => {
                self.expr(a);
                self.op(F32_NEG);
            }
            Expr::Binary(op, a, b) => {
                self.expr(a);
                self.expr(b);
                self.binary(*op);
            }
            Expr::Call(call, args) => self.call(*call, args),
        }
    }

    fn binary(&mut self, op: Op) {
        let (code, truth) = match op {
            Op::Add => (F32_ADD, false),
            Op::Subtract => (F32_SUB, false),
            Op::Multiply => (F32_MUL, false),
            Op::Divide => (F32_DIV, false),
            Op::Less => (F32_LT, true),
            Op::LessEqual => (F32_LE, true),
            Op::Greater => (F32_GT, true),
            Op::GreaterEqual => (F32_GE, true),
            Op::Equal => (F32_EQ, true),
            Op::NotEqual => (F32_NE, true),
        };
        if !truth {
            return self.op(code);
        }
        // A comparison gives an i32; as a number it is 1 or 0: those two are put under it, by way of locals.
        let (a, b) = (self.float(), self.float());
        self.local(LOCAL_SET, b);
        self.local(LOCAL_SET, a);
        self.number(1.0);
        self.number(0.0);
        self.local(LOCAL_GET, a);
        self.local(LOCAL_GET, b);
        self.op(code);
        self.op(SELECT);
    }

    fn call(&mut self, call: Call, args: &[Expr]) {
        match call {
            Call::If => {
                self.expr(&args[1]);
                self.expr(&args[2]);
                self.expr(&args[0]);
                self.number(0.0);
                self.op(F32_NE);
                return self.op(SELECT);
            }
            Call::Sigmoid => return self.sigmoid(&args[0]),
            Call::Tanh => return self.tanh(&args[0]),
            _ => {}
        }
        args.iter().for_each(|a| self.expr(a));
        match call {
            Call::Abs => self.op(F32_ABS),
            Call::Sqrt => self.op(F32_SQRT),
            Call::Floor => self.op(F32_FLOOR),
            Call::Ceil => self.op(F32_CEIL),
            Call::Round => self.op(F32_NEAREST),
            Call::Min => self.op(F32_MIN),
            Call::Max => self.op(F32_MAX),
            Call::Relu => {
                self.number(0.0);
                self.op(F32_MAX);
            }
            Call::Square => {
                let v = self.float();
                self.local(LOCAL_TEE, v);
                self.local(LOCAL_GET, v);
                self.op(F32_MUL);
            }
            _ => self.exp(),
        }
    }

    /// 1 / (1 + exp(-x)).
    fn sigmoid(&mut self, x: &Expr) {
        self.number(1.0);
        self.number(1.0);
        self.expr(x);
        self.op(F32_NEG);
        self.exp();
        self.op(F32_ADD);
        self.op(F32_DIV);
    }

    /// 1 - 2 / (1 + exp(2x)); near 0, where that has few digits, the first terms of the series.
    fn tanh(&mut self, x: &Expr) {
        let (v, square) = (self.float(), self.float());
        self.expr(x);
        self.local(LOCAL_TEE, v);
        self.local(LOCAL_GET, v);
        self.op(F32_MUL);
        self.local(LOCAL_SET, square);
        self.number(62.0 / 2835.0);
        for term in [-17.0 / 315.0, 2.0 / 15.0, -1.0 / 3.0, 1.0] {
            self.local(LOCAL_GET, square);
            self.op(F32_MUL);
            self.number(term);
            self.op(F32_ADD);
        }
        self.local(LOCAL_GET, v);
        self.op(F32_MUL);
        self.number(1.0);
        self.number(2.0);
        self.number(1.0);
        self.local(LOCAL_GET, v);
        self.number(2.0);
        self.op(F32_MUL);
        self.exp();
        self.op(F32_ADD);
        self.op(F32_DIV);
        self.op(F32_SUB);
        self.local(LOCAL_GET, v);
        self.op(F32_ABS);
        self.number(0.25);
        self.op(F32_LT);
        self.op(SELECT);
    }

    /// e to the number on the stack: 2^n times e^r, with n whole and r between -ln2/2 and ln2/2, for which a polynomial of degree 7 is
    /// good to the last bit or so. 2^n is multiplied in two halves, so that results too small for a normal number come out right.
    fn exp(&mut self) {
        let (x, n, r) = (self.float(), self.float(), self.float());
        self.number(-104.0);
        self.op(F32_MAX);
        self.number(89.0);
        self.op(F32_MIN);
        self.local(LOCAL_TEE, x);
        self.number(std::f32::consts::LOG2_E);
        self.op(F32_MUL);
        self.op(F32_NEAREST);
        self.local(LOCAL_SET, n);
        self.local(LOCAL_GET, x);
        for part in [f32::from_bits(0x3f31_7200), f32::from_bits(0x35bf_be8e)] { // ln 2, its upper half exact in products with n
            self.local(LOCAL_GET, n);
            self.number(part);
            self.op(F32_MUL);
            self.op(F32_SUB);
        }
        self.local(LOCAL_SET, r);
        self.number(1.0 / 5040.0);
        for term in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
            self.local(LOCAL_GET, r);
            self.op(F32_MUL);
            self.number(term);
            self.op(F32_ADD);
        }
        let half = self.exponent();
        self.whole(n);
        self.integer(1);
        self.op(I32_SHR_S);
        self.local(LOCAL_TEE, half);
        self.power();
        self.op(F32_MUL);
        self.whole(n);
        self.local(LOCAL_GET, half);
        self.op(I32_SUB);
        self.power();
        self.op(F32_MUL);
    }

    /// The number of a local as an i32: i32.trunc_sat_f32_s.
    fn whole(&mut self, n: usize) {
        self.local(LOCAL_GET, n);
        self.code.extend([0xfc, 0]);
    }

    /// 2 to the i32 on the stack, by its exponent bits.
    fn power(&mut self) {
        self.integer(127);
        self.op(I32_ADD);
        self.integer(23);
        self.op(I32_SHL);
        self.op(F32_REINTERPRET_I32);
    }

    fn exponent(&mut self) -> usize {
        self.exponents += 1;
        self.params + MAX_FLOATS + self.exponents - 1
    }
}
