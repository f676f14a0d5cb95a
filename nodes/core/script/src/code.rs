//! The code as a user wrote it: one expression, or statements.

use crate::{levee, trouble};
use boa_engine::ast::expression::access::PropertyAccess;
use boa_engine::ast::{statement::Statement, Expression, Position, Spanned, StatementListItem};
use boa_engine::object::JsObject;
use boa_engine::parser::Parser;
use boa_engine::{Context, Script, Source};
use std::path::Path;

/// Where positions in the code are told from in Boa's texts; no code contains it by chance.
pub const PATH: &str = "\u{7f}code";

// What makes an expression the result.
const GIVE: &str = "return ";

// Bytes of code.
const LONGEST: u64 = 1 << 20;

pub struct Code {
    pub name: &'static str, // of the port, for messages
    pub text: String,
    given: Option<Position>, // the expression in front of which GIVE stands
}

impl Code {
    /// The code in an input.
    pub fn read(name: &'static str, port: i32) -> Code {
        if levee::len(port).unwrap_or(0) > LONGEST {
            crate::fail!("the {name} is longer than 1 MiB; give data as values");
        }
        Code { name, text: levee::string(port), given: None }
    }

    /// The code as a function of these parameters. It gives what return gives; without one the expression that the code ends
    /// with. What begins with { is an object when it can be one.
    pub fn compile(&mut self, params: &str, context: &mut Context) -> Result<JsObject, String> {
        // Where await is no word of an asynchronous function it is a name like any other.
        let modes: &[&str] = if self.text.contains("await") { &["async function", "function"] } else { &["function"] };
        for word in modes {
            let statements = parse(&wrapped(word, params, &self.text), context);
            let open = self.brace().filter(|at| self.gives(*at, word, params, 1, context));
            let last = || match statements.as_deref() {
                Some([.., Kind::Expression(at)]) => Some(*at),
                _ => None,
            };
            self.given = open.or_else(|| last().filter(|at| self.gives(*at, word, params, statements.as_deref().map_or(0, <[Kind]>::len), context)));
            if self.given.is_some() || statements.is_some() {
                let text = self.given.and_then(|at| self.giving(at)).unwrap_or_else(|| self.text.clone());
                return self.function(&wrapped(word, params, &text), context);
            }
        }
        let waits = modes.len() > 1;
        let body = Parser::new(Source::from_bytes(&self.text)).parse_function_body(context.interner_mut(), false, waits);
        Err(match body {
            Err(e) => trouble::syntax(self, &e),
            Ok(_) => format!("{}: SyntaxError: there is a }} without its {{", self.name), // it ended the function
        })
    }

    // Where the code begins, if that is with {.
    fn brace(&self) -> Option<Position> {
        let blank = self.text.len() - self.text.trim_start().len();
        let (before, rest) = self.text.split_at(blank);
        let line = before.rsplit('\n').next()?;
        rest.starts_with('{').then(|| Position::new(before.matches('\n').count() as u32 + 1, line.chars().count() as u32 + 1))
    }

    // Whether GIVE at a place makes a return statement of what is there, and leaves so many statements.
    fn gives(&self, at: Position, word: &str, params: &str, n: usize, context: &mut Context) -> bool {
        let list = self.giving(at).and_then(|text| parse(&wrapped(word, params, &text), context));
        list.is_some_and(|list| list.len() == n && list.last() == Some(&Kind::Return))
    }

    fn giving(&self, at: Position) -> Option<String> {
        let start: usize = self.text.split_inclusive('\n').take(at.line_number() as usize - 1).map(str::len).sum();
        let line = self.text.get(start..)?;
        let (within, _) = line.char_indices().nth(at.column_number() as usize - 1)?;
        let (before, behind) = self.text.split_at(start + within);
        Some(format!("{before}{GIVE}{behind}"))
    }

    fn function(&self, text: &str, context: &mut Context) -> Result<JsObject, String> {
        let source = Source::from_bytes(text).with_path(Path::new(PATH));
        let made = Script::parse(source, None, context).and_then(|s| s.evaluate(context));
        match made {
            Ok(f) => f.as_callable().ok_or_else(|| "the code is no function".to_string()),
            Err(e) => Err(trouble::thrown(self, &e, context)),
        }
    }

    /// Where in the code a place of the text is that was made of it: one line stands above it.
    pub fn place(&self, line: u32, column: u32) -> (u32, u32) {
        let line = line.saturating_sub(1);
        match self.given {
            Some(at) if at.line_number() == line && column > at.column_number() => {
                (line, column.saturating_sub(GIVE.len() as u32).max(at.column_number()))
            }
            _ => (line, column),
        }
    }

    /// The first place of a name from a place on.
    pub fn find(&self, name: &str, (line, column): (u32, u32)) -> Option<(u32, u32)> {
        let within = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        for (i, text) in self.text.lines().enumerate().skip(line as usize - 1) {
            for (at, _) in text.match_indices(name) {
                let place = (i as u32 + 1, text[..at].chars().count() as u32 + 1);
                let whole = !text[..at].ends_with(within) && !text[at + name.len()..].starts_with(within);
                if whole && place >= (line, column) {
                    return Some(place);
                }
            }
        }
        None
    }
}

// One line stands above the code, so that its columns stay what they are.
fn wrapped(word: &str, params: &str, body: &str) -> String {
    format!("({word} ({params}) {{\n{body}\n}})")
}

// What matters here of a statement; its place is one of the code.
#[derive(PartialEq)]
enum Kind {
    Expression(Position),
    Return,
    Other,
}

// The statements of a wrapped function; None when the text is anything else.
fn parse(text: &str, context: &mut Context) -> Option<Vec<Kind>> {
    let scope = context.realm().scope().clone();
    let script = Parser::new(Source::from_bytes(text)).parse_script(&scope, context.interner_mut()).ok()?;
    let [StatementListItem::Statement(only)] = script.statements().statements() else { return None };
    let Statement::Expression(Expression::Parenthesized(only)) = &**only else { return None };
    let body = match only.expression() {
        Expression::FunctionExpression(f) => f.body(),
        Expression::AsyncFunctionExpression(f) => f.body(),
        _ => return None,
    };
    let statements = body.statements().iter().map(|item| match item {
        StatementListItem::Statement(s) => match &**s {
            Statement::Empty => None,
            Statement::Expression(e) => {
                let at = start(e);
                Some(Kind::Expression(Position::new(at.line_number() - 1, at.column_number())))
            }
            Statement::Return(_) => Some(Kind::Return),
            _ => Some(Kind::Other),
        },
        StatementListItem::Declaration(_) => Some(Kind::Other),
    });
    Some(statements.flatten().collect())
}

// Where an expression begins. The spans of some begin behind their first part.
fn start(e: &Expression) -> Position {
    match e {
        Expression::Call(c) => start(c.function()),
        Expression::PropertyAccess(PropertyAccess::Simple(p)) => start(p.target()),
        Expression::PropertyAccess(PropertyAccess::Private(p)) => start(p.target()),
        Expression::Optional(o) => start(o.target()),
        Expression::TaggedTemplate(t) => start(t.tag()),
        Expression::Binary(b) => start(b.lhs()),
        Expression::Conditional(c) => start(c.condition()),
        _ => e.span().start(),
    }
}
