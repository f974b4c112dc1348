//! Just enough of Rust to tell code from comments and strings.

/// The code with comments and the insides of literals blanked. Lines stay where they are.
pub fn code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    while i < chars.len() {
        let end = literal(&chars, i);
        if end == i {
            out.push(chars[i]);
            i += 1;
        } else {
            out.extend(chars[i..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            i = end;
        }
    }
    out
}

/// Where the comment or literal that begins here ends; `i` if none begins here.
fn literal(chars: &[char], i: usize) -> usize {
    let at = |n: usize| chars.get(i + n).copied().unwrap_or('\0');
    let word_before = i > 0 && is_word(chars[i - 1]);
    match (at(0), at(1)) {
        ('/', '/') => find(chars, i, |n| chars[n] == '\n'),
        ('/', '*') => find(chars, i + 2, |n| chars[n] == '*' && chars.get(n + 1) == Some(&'/')) + 2,
        ('"', _) => quoted(chars, i, '"'),
        ('r', '"' | '#') if !word_before => raw(chars, i),
        ('\'', '\\') => quoted(chars, i, '\''),
        ('\'', _) if at(2) == '\'' => i + 3,
        _ => i,
    }
    .min(chars.len())
}

fn find(chars: &[char], from: usize, found: impl Fn(usize) -> bool) -> usize {
    (from..chars.len()).find(|n| found(*n)).unwrap_or(chars.len())
}

fn quoted(chars: &[char], from: usize, quote: char) -> usize {
    let mut i = from + 1;
    while i < chars.len() && chars[i] != quote {
        i += 1 + (chars[i] == '\\') as usize;
    }
    i + 1
}

fn raw(chars: &[char], from: usize) -> usize {
    let hashes = chars[from + 1..].iter().take_while(|c| **c == '#').count();
    let open = from + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return from; // r#name
    }
    let closes = |n: usize| chars[n] == '"' && chars[n + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
    find(chars, open + 1, closes) + 1 + hashes
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Does `word`, which may be a path, stand in this line on its own?
pub fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(is_word);
        let after = line[at + word.len()..].chars().next().is_some_and(is_word);
        !before && (!after || word.ends_with(':'))
    })
}

/// The paths behind `crate::`, braces resolved.
pub fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, start) in code.match_indices("crate::") {
        let glued = code[..at].chars().next_back().is_some_and(|c| is_word(c) || c == '$');
        if !glued {
            tree("", &code[at + start.len()..], &mut found);
        }
    }
    found
}

/// Resolves one use tree. Returns how much of the text it took.
fn tree(prefix: &str, text: &str, found: &mut Vec<String>) -> usize {
    let end = text.find(|c: char| !is_word(c) && c != ':').unwrap_or(text.len());
    let path = format!("{prefix}{}", &text[..end]);
    let branches = path.is_empty() || path.ends_with("::");
    if !branches || !text[end..].starts_with('{') {
        found.push(path.trim_end_matches(':').to_string());
        return end;
    }
    let mut i = end + 1;
    while i < text.len() {
        match text[i..].chars().next() {
            Some('}') | None => return i + 1,
            Some(c) if is_word(c) => i += tree(&path, &text[i..], found).max(1),
            Some(c) => i += c.len_utf8(),
        }
    }
    i
}

/// A function with a body.
pub struct Function {
    pub name: String,
    /// The line of its name, from 1.
    pub line: usize,
    /// From there to its last brace.
    pub lines: usize,
}

/// All functions of some code, nested ones too.
pub fn functions(code: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for (at, start) in code.match_indices("fn ") {
        let name: String = code[at + start.len()..].chars().take_while(|c| is_word(*c)).collect();
        let glued = code[..at].chars().next_back().is_some_and(is_word);
        if name.is_empty() || glued {
            continue;
        }
        if let Some(end) = body_end(&code[at..]) {
            let line = code[..at].matches('\n').count() + 1;
            found.push(Function { name, line, lines: code[at..at + end].matches('\n').count() + 1 });
        }
    }
    found
}

/// Where the body of the function that begins here ends; none: it has no body.
fn body_end(code: &str) -> Option<usize> {
    let (mut braces, mut others) = (0, 0);
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => others += 1,
            ')' | ']' => others -= 1,
            ';' if braces == 0 && others == 0 => return None,
            '{' => braces += 1,
            '}' => {
                braces -= 1;
                if braces == 0 && others == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[test]
fn code_is_told_from_comments_and_strings() {
    let text = "a /* b\n */ \"c \\\" d\" 'e' '\\'' f::<'x>() // g\nr#\"h \" \"# r\"i\" end";
    let words: Vec<String> = code(text).split_whitespace().map(str::to_string).collect();
    assert_eq!(words, ["a", "f::<'x>()", "end"]);
    assert_eq!(code(text).lines().count(), text.lines().count());
}

#[test]
fn use_trees_are_resolved() {
    let text = "use crate::{ids::*, world::{self, menu}}; crate::sim::run::go(); $crate::no; pub(crate) fn x() {}";
    assert_eq!(imports(text), ["ids", "world::self", "world::menu", "sim::run::go"]);
}

#[test]
fn functions_are_measured() {
    let text = "fn a();\nfn b(x: [u8; 2]) -> [u8; 2] {\n  if x { y } else { z }\n}\ntype F = fn (u8);\nfn c() {}\n";
    let found: Vec<(String, usize, usize)> = functions(text).into_iter().map(|f| (f.name, f.line, f.lines)).collect();
    assert_eq!(found, [("b".to_string(), 2, 3), ("c".to_string(), 6, 1)]);
}
