//! What is known of which steps commute: learned by executing pairs both ways, never declared.

use super::classes::{Class, DETECT, KINDS, Roles};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// What was seen of a pair of classes, the worst of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pair {
    /// Wherever both could happen, their order made no difference.
    #[default]
    Commutes,
    /// Somewhere it made one to a crash between the two.
    Shows,
    /// Somewhere it made one to what followed.
    Conflicts,
}

impl Pair {
    const WORDS: [(&str, Pair); 3] =
        [("commutes", Pair::Commutes), ("shows", Pair::Shows), ("conflicts", Pair::Conflicts)];
}

/// What was seen of single classes and of pairs, in words. Pairs that were never met together are in no line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// Classes that were met; true: with a step that changes what a crash would leave.
    pub classes: BTreeMap<String, ClassFacts>,
    /// Pairs, the lesser word first.
    pub pairs: BTreeMap<(String, String), Pair>,
    /// On which instances, and how much of them.
    pub instances: BTreeSet<String>,
}

/// What was seen of a class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassFacts {
    /// A step of it reached the store or a ledger.
    pub serves: bool,
    /// A step of it changed what a restart would find.
    pub visible: bool,
}

/// The first line of the file begins with this.
const FORMAT: &str = "cutline-commutation/1";

impl Learned {
    /// What ships: learned on the small instances that it names.
    pub fn shipped() -> Self {
        let mut all = Self::anchors();
        all.add(&Self::engines());
        all
    }

    /// The part of it that was learned on anchors.
    pub fn anchors() -> Self {
        Self::parse(include_str!("commutation.txt")).expect("what ships can be read: a test writes it again")
    }

    /// The part of it that was learned on the engine that ships.
    pub fn engines() -> Self {
        Self::parse(include_str!("commutation_engine.txt")).expect("what ships can be read: a test writes it again")
    }

    /// What was seen elsewhere and shouldn't have been, if this were right: pairs whose order makes more of a
    /// difference, classes that do more. Pairs that aren't known are taken to conflict, which nothing contradicts.
    pub fn contradicted_by(&self, seen: &Learned) -> Vec<String> {
        let mut found = Vec::new();
        for (class, facts) in &seen.classes {
            let known = self.classes.get(class);
            if known.is_none_or(|known| (facts.serves && !known.serves) || (facts.visible && !known.visible)) {
                found.push(format!("{class}: {facts:?}, and not {known:?}"));
            }
        }
        for ((a, b), pair) in &seen.pairs {
            if let Some(known) = self.pairs.get(&(a.clone(), b.clone())).filter(|known| *known < pair) {
                found.push(format!("{a} | {b}: {pair:?}, and not {known:?}"));
            }
        }
        found
    }

    /// Adds what was seen elsewhere.
    pub fn add(&mut self, other: &Learned) {
        for (class, facts) in &other.classes {
            let known = self.classes.entry(class.clone()).or_default();
            known.serves |= facts.serves;
            known.visible |= facts.visible;
        }
        other.pairs.iter().for_each(|(pair, seen)| self.note(pair.clone(), *seen));
        self.instances.extend(other.instances.iter().cloned());
    }

    /// Adds what was seen of a pair, the lesser word first.
    pub fn note(&mut self, pair: (String, String), seen: Pair) {
        let known = self.pairs.entry(pair).or_default();
        *known = seen.max(*known);
    }

    /// As a file: a line for each instance, class and pair.
    pub fn print(&self) -> String {
        let mut out = format!("{FORMAT}\n");
        for instance in &self.instances {
            let _ = writeln!(out, "on {instance}");
        }
        for (class, facts) in &self.classes {
            let serves = if facts.serves { " serves" } else { "" };
            let visible = if facts.visible { " visible" } else { "" };
            let _ = writeln!(out, "class {class}{serves}{visible}");
        }
        for ((a, b), pair) in &self.pairs {
            let _ = writeln!(out, "{} {a} | {b}", Pair::WORDS[*pair as usize].0);
        }
        out
    }

    /// Reads a file.
    ///
    /// # Errors
    /// The number of the first line that isn't one of its lines.
    pub fn parse(text: &str) -> Result<Self, usize> {
        let mut learned = Learned::default();
        for (i, line) in text.lines().enumerate() {
            let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
            match verb {
                FORMAT => {}
                "on" => drop(learned.instances.insert(rest.to_string())),
                "class" => {
                    let words: Vec<&str> = rest.split(' ').collect();
                    let [role, kind, flags @ ..] = words.as_slice() else { return Err(i + 1) };
                    let facts = ClassFacts { serves: flags.contains(&"serves"), visible: flags.contains(&"visible") };
                    learned.classes.insert(format!("{role} {kind}"), facts);
                }
                _ => {
                    let (_, pair) = Pair::WORDS.iter().find(|(word, _)| *word == verb).ok_or(i + 1)?;
                    let (a, b) = rest.split_once(" | ").ok_or(i + 1)?;
                    learned.pairs.insert((a.to_string(), b.to_string()), *pair);
                }
            }
        }
        Ok(learned)
    }
}

/// What is known, by class numbers.
pub struct Known {
    size: usize,
    pairs: Vec<Pair>,
    facts: Vec<Option<ClassFacts>>,
}

impl Known {
    /// What was learned, for these roles.
    pub fn new(learned: &Learned, roles: &Roles) -> Self {
        let size = roles.names().len() * 64;
        let mut known = Known { size, pairs: vec![Pair::Conflicts; size * size], facts: vec![None; size] };
        let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
        for role in 0..roles.names().len() as u8 {
            for kind in 0..KINDS.len() as u8 {
                let class = Class { role, kind };
                numbers.insert(roles.word(class), class.index());
            }
        }
        for (word, facts) in &learned.classes {
            if let Some(class) = numbers.get(word) {
                known.facts[*class] = Some(*facts);
            }
        }
        let mut met = BTreeSet::new();
        for ((a, b), pair) in &learned.pairs {
            if let (Some(a), Some(b)) = (numbers.get(a), numbers.get(b)) {
                met.insert((*a, *b));
                known.pairs[a * size + b] = *pair;
                known.pairs[b * size + a] = *pair;
            }
        }
        // News of a death comes after the end of the job, or the search says that it knows nothing of it.
        let news = |class: usize| class % 64 == DETECT as usize;
        for (a, b) in (0..size).flat_map(|a| (0..size).map(move |b| (a, b))).filter(|(a, b)| news(*a) || news(*b)) {
            let met = met.contains(&(a, b)) || met.contains(&(b, a));
            known.pairs[a * size + b] = if met { known.pairs[a * size + b] } else { Pair::Commutes };
        }
        known
    }

    /// What was seen of these wherever both could happen. Two that were never met together are taken to conflict.
    #[inline]
    pub fn pair(&self, a: Class, b: Class) -> Pair {
        self.pairs[a.index() * self.size + b.index()]
    }

    /// Breaks one rule, for tests: from now on these are taken to commute.
    pub fn claim(&mut self, a: Class, b: Class) {
        self.pairs[a.index() * self.size + b.index()] = Pair::Commutes;
        self.pairs[b.index() * self.size + a.index()] = Pair::Commutes;
    }

    /// Forgets what commutes.
    pub fn distrust(&mut self) {
        self.pairs.fill(Pair::Conflicts);
    }

    /// What was seen of a class; none: it was never met.
    #[inline]
    pub fn facts(&self, class: Class) -> Option<ClassFacts> {
        self.facts[class.index()]
    }

    /// The classes of a role that were met, from one kind up to another.
    pub fn met(&self, role: u8, kinds: std::ops::Range<u8>) -> impl Iterator<Item = Class> + '_ {
        kinds.map(move |kind| Class { role, kind }).filter(|class| self.facts[class.index()].is_some())
    }
}
