//! Expressions of numbers, variables, operators and functions.

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    Add,
    Subtract,
    Multiply,
    Divide,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Call {
    Abs,
    Sqrt,
    Floor,
    Ceil,
    Round,
    Min,
    Max,
    Relu,
    Square,
    Exp,
    Sigmoid,
    Tanh,
    If,
}

const CALLS: [(&str, Call, usize); 13] = [
    ("abs", Call::Abs, 1),
    ("sqrt", Call::Sqrt, 1),
    ("floor", Call::Floor, 1),
    ("ceil", Call::Ceil, 1),
    ("round", Call::Round, 1),
    ("min", Call::Min, 2),
    ("max", Call::Max, 2),
    ("relu", Call::Relu, 1),
    ("square", Call::Square, 1),
    ("exp", Call::Exp, 1),
    ("sigmoid", Call::Sigmoid, 1),
    ("tanh", Call::Tanh, 1),
    ("if", Call::If, 3),
];

#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    Number(f32),
    Variable(usize),
    Negative(Box<Expr>),
    Binary(Op, Box<Expr>, Box<Expr>),
    Call(Call, Vec<Expr>),
}

/// Nesting and length are bounded: the parser calls itself.
const MAX_DEPTH: usize = 64;
const MAX_TEXT: usize = 4096;

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    variables: &'a [&'a str],
}

/// Reads an expression over the variables, which are numbered by their place. The error says what is wrong, and at which character.
pub fn parse(text: &str, variables: &[&str]) -> Result<Expr, String> {
    if text.len() > MAX_TEXT {
        return Err(format!("the expression has {} bytes, at most {MAX_TEXT}", text.len()));
    }
    let mut p = Parser { text, at: 0, depth: 0, variables };
    let e = p.comparison()?;
    p.space();
    if p.at < text.len() {
        return p.wrong("something else stands behind the expression");
    }
    Ok(e)
}

impl Parser<'_> {
    fn wrong<T>(&self, what: &str) -> Result<T, String> {
        let place = self.text[..self.at].chars().count() + 1;
        let rest: String = self.text[self.at..].chars().take(12).collect();
        Err(format!("character {place}, at {rest:?}: {what}"))
    }

    fn space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Takes the first of the words that stands here.
    fn take(&mut self, words: &[&str]) -> Option<usize> {
        self.space();
        let i = words.iter().position(|w| self.text[self.at..].starts_with(w))?;
        self.at += words[i].len();
        Some(i)
    }

    fn comparison(&mut self) -> Result<Expr, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.wrong("the expression is nested too deep");
        }
        let left = self.sum()?;
        let ops = [Op::LessEqual, Op::GreaterEqual, Op::Equal, Op::NotEqual, Op::Less, Op::Greater];
        let e = match self.take(&["<=", ">=", "==", "!=", "<", ">"]) {
            Some(i) => Expr::Binary(ops[i], Box::new(left), Box::new(self.sum()?)),
            None => left,
        };
        self.depth -= 1;
        Ok(e)
    }

    fn sum(&mut self) -> Result<Expr, String> {
        let mut e = self.product()?;
        while let Some(i) = self.take(&["+", "-"]) {
            e = Expr::Binary([Op::Add, Op::Subtract][i], Box::new(e), Box::new(self.product()?));
        }
        Ok(e)
    }

    fn product(&mut self) -> Result<Expr, String> {
        let mut e = self.factor()?;
        while let Some(i) = self.take(&["*", "/"]) {
            e = Expr::Binary([Op::Multiply, Op::Divide][i], Box::new(e), Box::new(self.factor()?));
        }
        Ok(e)
    }

    fn factor(&mut self) -> Result<Expr, String> {
        let mut signs = 0;
        while self.take(&["-"]).is_some() {
            signs += 1;
        }
        let e = self.atom()?;
        Ok(if signs % 2 == 1 { Expr::Negative(Box::new(e)) } else { e })
    }

    fn atom(&mut self) -> Result<Expr, String> {
        if self.take(&["("]).is_some() {
            let e = self.comparison()?;
            return if self.take(&[")"]).is_some() { Ok(e) } else { self.wrong("a ) is missing") };
        }
        self.space();
        let rest = &self.text[self.at..];
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        if digits > 0 {
            return self.number(rest, digits);
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let word = &rest[..end];
        if let Some(i) = self.variables.iter().position(|v| *v == word) {
            self.at += end;
            return Ok(Expr::Variable(i));
        }
        match CALLS.iter().find(|c| c.0 == word) {
            Some((_, call, count)) => {
                self.at += end;
                self.arguments(*call, *count)
            }
            None if word.is_empty() => self.wrong("a number, a variable or ( was expected"),
            None => self.wrong(&format!(
                "{word} is no variable ({}) and no function ({})",
                self.variables.join(", "),
                CALLS.map(|c| c.0).join(", ")
            )),
        }
    }

    fn number(&mut self, rest: &str, digits: usize) -> Result<Expr, String> {
        let mut end = digits;
        let tail = &rest[digits..];
        if tail.starts_with(['e', 'E']) {
            let sign = tail[1..].starts_with(['+', '-']) as usize;
            let exponent = tail[1 + sign..].find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len() - 1 - sign);
            if exponent > 0 {
                end += 1 + sign + exponent;
            }
        }
        match rest[..end].parse::<f32>() {
            Ok(v) => {
                self.at += end;
                Ok(Expr::Number(v))
            }
            Err(_) => self.wrong("this is no number"),
        }
    }

    fn arguments(&mut self, call: Call, count: usize) -> Result<Expr, String> {
        if self.take(&["("]).is_none() {
            return self.wrong("a ( is missing behind the function's name");
        }
        let mut args = vec![self.comparison()?];
        while self.take(&[","]).is_some() {
            args.push(self.comparison()?);
        }
        if self.take(&[")"]).is_none() {
            return self.wrong("a ) is missing");
        }
        if args.len() != count {
            return self.wrong(&format!("before this, the function takes {count} arguments, not {}", args.len()));
        }
        Ok(Expr::Call(call, args))
    }
}
