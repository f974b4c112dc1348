//! Questions, one for each snapshot that isn't as it was.

use std::io::{BufRead, IsTerminal, Write};

/// What somebody says to a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is right.
    Yes,
    /// This one and all that follow are.
    All,
    /// It isn't: what is new is thrown away.
    No,
    /// Later.
    Skip,
}

/// Is there somebody to ask?
pub fn possible() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks until the answer is one. Whoever goes away has skipped it.
pub fn ask(from: &mut impl BufRead, to: &mut impl Write) -> Answer {
    loop {
        // If the question can't be written, nobody can answer it.
        let asked = write!(to, "accept (a), accept all (A), reject (r), skip (s)? ").and_then(|()| to.flush());
        let mut line = String::new();
        if asked.is_err() || !from.read_line(&mut line).is_ok_and(|read| read > 0) {
            return Answer::Skip;
        }
        match line.trim() {
            "a" | "y" | "accept" => return Answer::Yes,
            "A" | "all" => return Answer::All,
            "r" | "n" | "reject" => return Answer::No,
            "s" | "skip" => return Answer::Skip,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_words_or_letters_and_nothing_else() {
        let answer = |text: &str| {
            let mut asked = Vec::new();
            let answer = ask(&mut text.as_bytes(), &mut asked);
            (answer, String::from_utf8(asked).unwrap().matches("accept (a)").count())
        };
        assert_eq!(answer("a\n"), (Answer::Yes, 1));
        assert_eq!(answer("A\n"), (Answer::All, 1));
        assert_eq!(answer("what?\n\nreject\n"), (Answer::No, 3));
        assert_eq!(answer("s"), (Answer::Skip, 1));
        assert_eq!(answer(""), (Answer::Skip, 1), "whoever goes away says nothing");
    }
}
