//! A run as a list of named choices: what a schedule file holds, one a line. It means the same after code has
//! changed as long as the choices can still be made, which no seed can promise.

use crate::engine::message::{Timer, Txn, WISHES, Wish};
use crate::ids::*;
use crate::topology::Topology;
use crate::world::choice::{AskId, Choice, Fault, Step, wish_words};
pub use crate::world::choice::{FORMAT, words};
use std::fmt::Write;
use std::sync::Arc;

/// One line of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// Something happens.
    Step(Step),
    /// The driver notes a fault in the trace.
    Fault(Arc<str>),
    /// The driver notes that no fault is left.
    Clear,
    /// The driver notes that nothing is left to do.
    Quiesce,
}

/// Why a schedule can't be read: the line, from 1, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

/// The schedule as text. `about` is put into the first line.
pub fn print(topology: &Topology, about: &str, moves: &[Move]) -> String {
    let mut out = format!("{FORMAT} {about}\n");
    for step in moves {
        let line = match step {
            Move::Step(step) => {
                let keep = step.keep.map(|keep| format!(" keep {keep}")).unwrap_or_default();
                format!("{}{keep}", words(topology, step.choice))
            }
            Move::Fault(what) => format!("note fault {what}"),
            Move::Clear => "note clear".to_string(),
            Move::Quiesce => "note quiesce".to_string(),
        };
        let _ = writeln!(out, "{line}");
    }
    out
}

/// Reads a schedule. Empty lines and lines that begin with `#` are left out.
///
/// # Errors
/// At the first line that isn't a choice of this job.
pub fn parse(topology: &Topology, text: &str) -> Result<Vec<Move>, Error> {
    let mut lines = text.lines().enumerate();
    match lines.next() {
        Some((_, first)) if first.split(' ').next() == Some(FORMAT) => {}
        _ => return Err(Error { line: 1, message: format!("expected `{FORMAT}`, and what the schedule is of") }),
    }
    let mut moves = Vec::new();
    for (i, line) in lines {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let reader = Reader { topology, words: line.split_whitespace() };
        moves.push(reader.line(line).map_err(|message| Error { line: i + 1, message })?);
    }
    Ok(moves)
}

struct Reader<'a> {
    topology: &'a Topology,
    words: std::str::SplitWhitespace<'a>,
}

type Result_<T> = std::result::Result<T, String>;

impl<'a> Reader<'a> {
    fn line(mut self, line: &str) -> Result_<Move> {
        if let Some(note) = line.strip_prefix("note ") {
            return match note {
                "clear" => Ok(Move::Clear),
                "quiesce" => Ok(Move::Quiesce),
                _ => match note.strip_prefix("fault ") {
                    Some(what) => Ok(Move::Fault(what.into())),
                    None => Err("expected `note fault ...`, `note clear` or `note quiesce`".to_string()),
                },
            };
        }
        let choice = self.choice()?;
        let keep = match self.words.next() {
            None => None,
            Some("keep") => Some(self.number("how many effects are kept")?),
            Some(other) => return Err(format!("unexpected `{other}` after a choice; only `keep N` may follow")),
        };
        match self.words.next() {
            None => Ok(Move::Step(Step { choice, keep })),
            Some(other) => Err(format!("unexpected `{other}` at the end of the line")),
        }
    }

    fn choice(&mut self) -> Result_<Choice> {
        let verb = self.word("a verb")?;
        Ok(match verb {
            "deliver" => Choice::Deliver(self.attempt()?, self.channel()?),
            "overtake" => Choice::Overtake(self.attempt()?, self.channel()?),
            "jump" => Choice::Jump(self.attempt()?, self.channel()?, self.number("a place in the channel")?),
            "read" => Choice::Read(self.life()?, self.number("a partition's place")?),
            "choose" => Choice::Choose(self.life()?, self.number("an outcome")?),
            "tell" => Choice::Tell(self.life()?, self.life()?),
            "apply" => Choice::Apply(self.ask()?),
            "answer" => Choice::Answer(self.ask()?),
            "fire" => Choice::Fire(self.life()?, self.timer()?),
            "detect" => Choice::Detect(self.life()?, self.life()?),
            "revive" => Choice::Revive,
            "expire" => {
                let vertex = self.vertex()?;
                let Incarnation { task, attempt } = self.life()?;
                Choice::Expire(vertex, Txn { task, attempt, number: self.number("a transaction's number")? })
            }
            "crash" => Choice::Fault(Fault::Crash(self.life()?)),
            "failover" => Choice::Fault(Fault::Failover),
            "suspect" => Choice::Fault(Fault::Suspect(self.life()?, self.life()?)),
            "lose-control" => Choice::Fault(Fault::LoseControl(self.life()?, self.life()?)),
            "fail-request" => Choice::Fault(Fault::FailRequest(self.ask()?)),
            "lose-reply" => Choice::Fault(Fault::LoseReply(self.ask()?)),
            "wish" => Choice::Fault(Fault::Wish(self.life()?, self.wish()?)),
            other => return Err(format!("unknown verb `{other}`")),
        })
    }

    fn word(&mut self, what: &str) -> Result_<&'a str> {
        self.words.next().ok_or_else(|| format!("expected {what}, found the end of the line"))
    }

    fn number<T: std::str::FromStr>(&mut self, what: &str) -> Result_<T> {
        let word = self.word(what)?;
        word.parse().map_err(|_| format!("expected {what}, found `{word}`"))
    }

    fn prefixed<T: std::str::FromStr>(word: &str, prefix: &str, what: &str) -> Result_<T> {
        let number = word.strip_prefix(prefix).and_then(|number| number.parse().ok());
        number.ok_or_else(|| format!("expected {what} such as `{prefix}1`, found `{word}`"))
    }

    fn attempt(&mut self) -> Result_<Attempt> {
        Self::prefixed(self.word("an attempt")?, "a", "an attempt").map(Attempt)
    }

    fn checkpoint(&mut self) -> Result_<CheckpointId> {
        Self::prefixed(self.word("a checkpoint")?, "c", "a checkpoint").map(CheckpointId)
    }

    fn life(&mut self) -> Result_<Incarnation> {
        let word = self.word("a process and its attempt")?;
        let Some((name, attempt)) = word.rsplit_once(':') else {
            return Err(format!("expected a process and its attempt such as `map/0:a1`, found `{word}`"));
        };
        let task = self.topology.find(name).ok_or_else(|| format!("the job has no process `{name}`"))?;
        Ok(Incarnation { task, attempt: Attempt(Self::prefixed(attempt, "a", "an attempt")?) })
    }

    fn ask(&mut self) -> Result_<AskId> {
        Ok(AskId { asker: self.life()?, serial: self.number("a request's number")? })
    }

    fn channel(&mut self) -> Result_<ChannelId> {
        let word = self.word("a channel")?;
        let mut channels = (0..self.topology.channels.len() as u32).map(ChannelId);
        let found = channels.find(|channel| self.topology.channel_name(*channel) == word);
        found.ok_or_else(|| format!("the job has no channel `{word}`"))
    }

    fn vertex(&mut self) -> Result_<VertexId> {
        let word = self.word("a sink")?;
        let found = self.topology.graph.vertices.iter().position(|vertex| vertex.name == word);
        found.map(|v| VertexId(v as u32)).ok_or_else(|| format!("the job has no vertex `{word}`"))
    }

    fn wish(&mut self) -> Result_<Wish> {
        let word = self.word("what is wanted")?;
        let found = WISHES.into_iter().find(|wish| wish_words(*wish) == word);
        found.ok_or_else(|| format!("expected `checkpoint`, `stop` or `savepoint`, found `{word}`"))
    }

    fn timer(&mut self) -> Result_<Timer> {
        Ok(match self.word("a timer")? {
            "interval" => Timer::Interval,
            "pause" => Timer::Pause,
            "timeout" => Timer::Timeout(self.checkpoint()?),
            "restart" => Timer::Restart,
            "retry" => Timer::Retry,
            "remind" => Timer::Remind,
            "align" => Timer::Alignment(self.checkpoint()?),
            other => return Err(format!("unknown timer `{other}`")),
        })
    }
}
