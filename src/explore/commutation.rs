//! What is known of which steps commute: learned by executing pairs both ways, never declared.

use super::classes::{Class, KINDS, Roles};
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
    /// Classes, and roles that a step of them sent or told something.
    pub feeds: BTreeSet<(String, String)>,
    /// Classes of steps of one process, the second of which was possible after the first, and not before it.
    pub wakes: BTreeSet<(String, String)>,
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

    /// What was seen elsewhere and shouldn't have been, if this were right: pairs that were never met or whose order
    /// makes more of a difference, classes that do more.
    pub fn contradicted_by(&self, seen: &Learned) -> Vec<String> {
        let mut found = Vec::new();
        for (class, facts) in &seen.classes {
            let known = self.classes.get(class);
            if known.is_none_or(|known| (facts.serves && !known.serves) || (facts.visible && !known.visible)) {
                found.push(format!("{class}: {facts:?}, and not {known:?}"));
            }
        }
        for ((a, b), pair) in &seen.pairs {
            match self.pairs.get(&(a.clone(), b.clone())) {
                None => found.push(format!("{a} | {b}: {pair:?}, and never met")),
                Some(known) if known < pair => found.push(format!("{a} | {b}: {pair:?}, and not {known:?}")),
                Some(_) => {}
            }
        }
        let fed = seen.feeds.difference(&self.feeds);
        found.extend(fed.map(|(class, role)| format!("{class} feeds {role}")));
        let woken = seen.wakes.difference(&self.wakes);
        found.extend(woken.map(|(class, other)| format!("{class} wakes {other}")));
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
        self.feeds.extend(other.feeds.iter().cloned());
        self.wakes.extend(other.wakes.iter().cloned());
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
        for (class, role) in &self.feeds {
            let _ = writeln!(out, "feeds {class} | {role}");
        }
        for (class, other) in &self.wakes {
            let _ = writeln!(out, "wakes {class} | {other}");
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
                "feeds" | "wakes" => {
                    let (class, other) = rest.split_once(" | ").ok_or(i + 1)?;
                    let all = if verb == "feeds" { &mut learned.feeds } else { &mut learned.wakes };
                    all.insert((class.to_string(), other.to_string()));
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
    /// None: never met together.
    pairs: Vec<Option<Pair>>,
    facts: Vec<Option<ClassFacts>>,
    /// By class and role.
    feeds: Vec<bool>,
    /// By class and class.
    wakes: Vec<bool>,
}

impl Known {
    /// What was learned, for these roles.
    pub fn new(learned: &Learned, roles: &Roles) -> Self {
        let count = roles.names().len();
        let size = count * 64;
        let (pairs, feeds) = (vec![None; size * size], vec![false; size * count]);
        let mut known = Known { size, pairs, facts: vec![None; size], feeds, wakes: vec![false; size * size] };
        let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
        for role in 0..count as u8 {
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
        for ((a, b), pair) in &learned.pairs {
            if let (Some(a), Some(b)) = (numbers.get(a), numbers.get(b)) {
                known.pairs[a * size + b] = Some(*pair);
                known.pairs[b * size + a] = Some(*pair);
            }
        }
        for (class, role) in &learned.feeds {
            let role = roles.names().iter().position(|name| name == role);
            if let (Some(class), Some(role)) = (numbers.get(class), role) {
                known.feeds[class * count + role] = true;
            }
        }
        for (a, b) in &learned.wakes {
            if let (Some(a), Some(b)) = (numbers.get(a), numbers.get(b)) {
                known.wakes[a * size + b] = true;
            }
        }
        known
    }

    /// What was seen of these wherever both could happen; none: nowhere.
    #[inline]
    pub fn pair(&self, a: Class, b: Class) -> Option<Pair> {
        self.pairs[a.index() * self.size + b.index()]
    }

    /// Was a step of this class seen to send or tell this role something?
    #[inline]
    pub fn feeds(&self, class: Class, role: u8) -> bool {
        self.feeds[class.index() * (self.size / 64) + role as usize]
    }

    /// Was a step of the first class seen to make one of the second possible, of the same process?
    #[inline]
    pub fn wakes(&self, a: Class, b: Class) -> bool {
        self.wakes[a.index() * self.size + b.index()]
    }

    /// Breaks one rule, for tests: from now on these are taken to commute.
    pub fn claim(&mut self, a: Class, b: Class) {
        self.pairs[a.index() * self.size + b.index()] = Some(Pair::Commutes);
        self.pairs[b.index() * self.size + a.index()] = Some(Pair::Commutes);
    }

    /// Forgets what commutes.
    pub fn distrust(&mut self) {
        self.pairs.fill(Some(Pair::Conflicts));
        self.feeds.fill(true);
        self.wakes.fill(true);
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
