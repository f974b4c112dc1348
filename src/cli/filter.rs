//! Which scenarios are meant: `name(two-*) & property(I9) | !protocol(engine)`, or a part of a name.

use super::judge::Facts;

/// An expression with its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// As it was typed.
    pub text: String,
    expr: Expr,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Expr {
    /// A part of the name or the path.
    Part(String),
    Is(Of, String),
    Not(Box<Expr>),
    All(Vec<Expr>),
    Any(Vec<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Name,
    Path,
    Protocol,
    Guarantee,
    Property,
}

const WORDS: [(&str, Of); 5] = [
    ("name", Of::Name),
    ("path", Of::Path),
    ("protocol", Of::Protocol),
    ("guarantee", Of::Guarantee),
    ("property", Of::Property),
];

impl Filter {
    /// Is this scenario meant?
    pub fn takes(&self, facts: &Facts) -> bool {
        takes(&self.expr, facts)
    }
}

fn takes(expr: &Expr, facts: &Facts) -> bool {
    match expr {
        Expr::Part(part) => facts.name.contains(part) || facts.path.contains(part),
        Expr::Is(Of::Name, glob) => matches(glob, &facts.name),
        Expr::Is(Of::Path, glob) => matches(glob, &facts.path),
        Expr::Is(Of::Protocol, glob) => matches(glob, &facts.protocol),
        Expr::Is(Of::Guarantee, glob) => matches(&glob.replace('_', "-"), &facts.guarantee),
        Expr::Is(Of::Property, glob) => {
            facts.claims.iter().any(|claim| matches(glob, claim.name()))
                || matches(&glob.replace('_', "-"), &facts.guarantee)
        }
        Expr::Not(inner) => !takes(inner, facts),
        Expr::All(inner) => inner.iter().all(|expr| takes(expr, facts)),
        Expr::Any(inner) => inner.iter().any(|expr| takes(expr, facts)),
    }
}

/// `*` stands for anything, `?` for one character.
fn matches(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
    let (mut g, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match glob.get(g) {
            Some('*') => {
                star = Some((g, t));
                g += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                g += 1;
                t += 1;
            }
            _ => match star {
                // The last star takes one more.
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    g = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|c| *c == '*')
}

/// Levels of `!` and brackets in an expression: each takes a part of the stack, and nobody types more.
const DEEPEST: usize = 64;

/// Reads an expression.
pub fn parse(text: &str) -> Result<Filter, String> {
    let mut parser = Parser { rest: text, depth: 0 };
    let expr = parser.any()?;
    match parser.peek() {
        None => Ok(Filter { text: text.to_string(), expr }),
        Some(c) => Err(format!("`{c}` isn't expected here: `{}`", parser.rest)),
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.rest = &self.rest[wanted.len_utf8()..];
        }
        found
    }

    fn any(&mut self) -> Result<Expr, String> {
        let mut inner = vec![self.all()?];
        while self.eat('|') {
            inner.push(self.all()?);
        }
        Ok(Expr::Any(inner))
    }

    fn all(&mut self) -> Result<Expr, String> {
        let mut inner = vec![self.one()?];
        while self.eat('&') {
            inner.push(self.one()?);
        }
        Ok(Expr::All(inner))
    }

    fn one(&mut self) -> Result<Expr, String> {
        let (not, inside) = (self.eat('!'), self.rest);
        if !not && !self.eat('(') {
            return self.leaf();
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("nested more than {DEEPEST} times: `{inside}`"));
        }
        let expr = if not { Expr::Not(Box::new(self.one()?)) } else { self.any()? };
        self.depth -= 1;
        if not || self.eat(')') { Ok(expr) } else { Err("a `)` is missing".to_string()) }
    }

    fn leaf(&mut self) -> Result<Expr, String> {
        let word = self.word();
        if word.is_empty() {
            return Err(format!("a name, or one of {} is missing", known()));
        }
        if !self.eat('(') {
            return Ok(Expr::Part(word));
        }
        let Some((_, of)) = WORDS.into_iter().find(|(known, _)| *known == word) else {
            return Err(format!("`{word}(...)` isn't known; expected one of {}", known()));
        };
        let glob = self.word();
        match self.eat(')') {
            true if !glob.is_empty() => Ok(Expr::Is(of, glob)),
            true => Err(format!("`{word}()` says nothing")),
            false => Err("a `)` is missing".to_string()),
        }
    }

    fn word(&mut self) -> String {
        self.peek();
        let end = self.rest.find(|c: char| c.is_whitespace() || "()&|!".contains(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_string()
    }
}

fn known() -> String {
    WORDS.map(|(word, _)| format!("{word}(...)")).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::parse::Range;
    use crate::cli::tally::Allowed;
    use crate::verify::Invariant;

    fn takes(text: &str) -> bool {
        let facts = Facts {
            path: "scenarios/two-sources.json".to_string(),
            name: "two-sources".to_string(),
            protocol: "engine".to_string(),
            guarantee: "exactly-once".to_string(),
            digest: None,
            claims: vec![Invariant::I9, Invariant::I12],
            allowed: Allowed::default(),
            goals: Vec::new(),
            expected: None,
            usual: 1,
            range: Range { from: 0, to: None },
            sequence: true,
        };
        parse(text).unwrap().takes(&facts)
    }

    #[test]
    fn expressions_say_which_scenarios_are_meant() {
        for yes in [
            "two",
            "sources.json",
            "name(two-*)",
            "name(*so?rces) & property(exactly_once)",
            "property(I9)",
            "!property(I4)",
            "name(x) | path(scenarios/*)",
            "!(name(x) | protocol(no-hold))",
            "name(x) & name(y) | guarantee(exactly-once)",
        ] {
            assert!(takes(yes), "{yes}");
        }
        for no in ["three", "name(two)", "property(I)", "!two", "name(two-*) & protocol(no-hold)"] {
            assert!(!takes(no), "{no}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_expression_is_said() {
        for (text, wanted) in [
            ("", "missing"),
            ("nmae(x)", "expected one of name(...)"),
            ("name(x", "`)` is missing"),
            ("name()", "says nothing"),
            ("a b", "isn't expected"),
            ("a &", "missing"),
            (&"!".repeat(100_000), "more than 64 times"),
            (&"(".repeat(100_000), "more than 64 times"),
            (&"a&".repeat(100_000), "missing"),
        ] {
            assert!(parse(text).unwrap_err().contains(wanted), "{text}: {:?}", parse(text));
        }
    }
}
