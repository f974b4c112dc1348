//! What the shape of a file doesn't show: names that nobody has, cycles, jobs that make no sense or are too large.

use super::diagnose::{Diagnostic, Severity, Source, nearest};
use super::shape::shortened;
use super::spec::*;
use super::tree::Node;
use std::sync::Arc;

/// How much a job may hold, at the most that its open numbers allow.
mod limits {
    pub const VERTICES: usize = 256;
    pub const INPUTS: usize = 64;
    pub const SUBTASKS: u64 = 2_048;
    pub const CHANNELS: u64 = 65_536;
    pub const PARTITIONS: u64 = 8_192;
    pub const RECORDS: u64 = 4_000_000;
    pub const SCRIPT: usize = 10_000;
}

/// Checks a scenario of the right shape.
pub(super) struct Check<'a> {
    pub source: &'a Arc<Source>,
    pub tree: &'a Node,
    pub s: &'a Scenario,
    /// Where the shape was wrong: what was put there instead must not be held against anybody.
    pub mended: Vec<String>,
    pub found: Vec<Diagnostic>,
}

impl<'a> Check<'a> {
    /// Everything.
    pub fn run(&mut self) {
        let vertices = &self.s.job.vertices;
        if vertices.len() > limits::VERTICES {
            let message = format!("{} vertices are too many: {} are the limit", vertices.len(), limits::VERTICES);
            self.value("S0209", "/job/vertices", message);
            return;
        }
        self.ids();
        for v in 0..vertices.len() {
            self.vertex(v);
        }
        if self.is_whole("/job") {
            self.ends();
            // Where the edges are wrong, what follows from them would only confuse.
            if !self.found.iter().any(|d| matches!(d.code, "S0201" | "S0202" | "S0205")) {
                self.nowhere();
                self.cycle();
            }
            self.size();
        }
        self.settings();
        self.script();
    }

    /// Was the shape right here, above and below?
    pub(super) fn is_whole(&self, scope: &str) -> bool {
        let within =
            |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|p| p.is_empty() || p.starts_with('/'));
        !self.mended.iter().any(|pointer| within(pointer, scope) || within(scope, pointer))
    }

    fn report(&mut self, code: &'static str, pointer: &str, at_key: bool, message: String) -> &mut Diagnostic {
        let (prop, node) = self.tree.nearest(pointer);
        let span = match prop {
            Some(prop) if at_key => prop.key_span.clone(),
            // Of a whole object or list, its beginning is enough.
            _ if matches!(node.kind, super::tree::Kind::Object(_) | super::tree::Kind::List(_)) => {
                prop.map_or(node.span.start..node.span.start + 1, |prop| prop.key_span.clone())
            }
            _ => node.span.clone(),
        };
        let mut diagnostic = Diagnostic::error(code, self.source, span, message);
        diagnostic.pointer = pointer.to_string();
        self.found.push(diagnostic);
        let last = self.found.len() - 1;
        &mut self.found[last]
    }

    pub(super) fn value(&mut self, code: &'static str, pointer: &str, message: String) -> &mut Diagnostic {
        self.report(code, pointer, false, message)
    }

    fn key(&mut self, code: &'static str, pointer: &str, message: String) -> &mut Diagnostic {
        self.report(code, pointer, true, message)
    }

    pub(super) fn warning(&mut self, code: &'static str, pointer: &str, message: String) -> &mut Diagnostic {
        let diagnostic = self.report(code, pointer, false, message);
        diagnostic.severity = Severity::Warning;
        diagnostic
    }

    pub(super) fn find(&self, id: &str) -> Option<(usize, &'a VertexSpec)> {
        self.s.job.vertices.iter().enumerate().find(|(_, v)| v.id == id)
    }

    fn ids(&mut self) {
        for (v, vertex) in self.s.job.vertices.iter().enumerate() {
            let pointer = format!("/job/vertices/{v}/id");
            if !self.is_whole(&format!("/job/vertices/{v}")) && vertex.id.is_empty() {
                continue;
            }
            if let Some((first, _)) = self.find(&vertex.id).filter(|(first, _)| *first < v) {
                let other = self.tree.nearest(&format!("/job/vertices/{first}/id")).1.span.clone();
                let message = format!("two vertices are called `{}`", shortened(&vertex.id));
                let diagnostic = self.value("S0202", &pointer, message);
                diagnostic.label = "again".to_string();
                diagnostic.other = Some((other, "first here".to_string()));
                continue;
            }
            let reserved = ["coordinator", "store", "ledger", "environment"].contains(&vertex.id.as_str());
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if reserved {
                self.value("S0208", &pointer, format!("`{}` is the name of something else", vertex.id));
            } else if vertex.id.is_empty() || vertex.id.len() > 64 || !vertex.id.chars().all(plain) {
                let message = "a vertex can't be called that".to_string();
                self.value("S0208", &pointer, message).label = "1 to 64 letters, digits, `_`, `-`".to_string();
            }
        }
    }

    fn vertex(&mut self, v: usize) {
        let vertex = &self.s.job.vertices[v];
        let pointer = format!("/job/vertices/{v}");
        let id = shortened(&vertex.id);
        if vertex.inputs.len() > limits::INPUTS {
            let message = format!("{} inputs are too many: {} are the limit", vertex.inputs.len(), limits::INPUTS);
            self.value("S0209", &format!("{pointer}/inputs"), message);
            return;
        }
        if vertex.source.is_some() && vertex.sink.is_some() {
            self.key("S0205", &format!("{pointer}/sink"), format!("`{id}` is source and sink"));
        }
        if vertex.source.is_some() && !vertex.inputs.is_empty() {
            let message = format!("`{id}` is a source: it can't have inputs");
            self.key("S0205", &format!("{pointer}/inputs"), message);
        }
        if vertex.source.is_none() && vertex.inputs.is_empty() && self.is_whole(&pointer) {
            let message = format!("`{id}` gets nothing: it has no inputs and is no source");
            self.value("S0206", &format!("{pointer}/id"), message).help =
                Some("add `\"inputs\": [{\"from\": \"...\", \"by\": \"hash\"}]`".to_string());
        }
        for i in 0..vertex.inputs.len() {
            self.input(v, i);
        }
        self.operators(v);
        let hosts = self.s.job.hosts.least();
        for (i, host) in vertex.on_hosts.iter().flatten().enumerate() {
            if u64::from(*host) >= hosts {
                self.no_host(&format!("{pointer}/on_hosts/{i}"), *host);
            }
        }
        if let Some(source) = &vertex.source {
            let otherwise = source.data.files().unwrap_or(vertex.parallelism.least());
            let partitions = source.partitions.as_ref().map_or(otherwise, |p| p.least());
            if let (Some(files), Some(said)) = (source.data.files(), &source.partitions)
                && said.fixed() != Some(files)
            {
                let at = format!("{pointer}/source/partitions");
                let message = format!("`{id}` has {files} files, and a file is a partition");
                self.value("S0224", &at, message).help = Some("leave `partitions` out".to_string());
            }
            let slow = source.slow.iter().flat_map(|slow| &slow.partitions);
            let empty = source.empty.iter().enumerate().map(|(i, p)| (format!("{pointer}/source/empty/{i}"), *p));
            let slow = slow.enumerate().map(|(i, p)| (format!("{pointer}/source/slow/partitions/{i}"), *p));
            for (at, partition) in empty.chain(slow) {
                if u64::from(partition) >= partitions {
                    let message = format!("`{id}` has no partition {partition}");
                    self.value("S0217", &at, message).label = format!("it has {partitions}, counted from 0");
                }
            }
        }
    }

    pub(super) fn no_host(&mut self, pointer: &str, host: u32) {
        let hosts = self.s.job.hosts.least();
        let label = match self.s.job.hosts.fixed() {
            Some(_) => format!("there are {hosts}, counted from 0"),
            None => format!("some seeds have only {hosts}, counted from 0: fix `job.hosts`"),
        };
        self.value("S0216", pointer, format!("there is no host {host}")).label = label;
    }

    fn input(&mut self, v: usize, i: usize) {
        let vertex = &self.s.job.vertices[v];
        let input = &vertex.inputs[i];
        let pointer = format!("/job/vertices/{v}/inputs/{i}");
        if !self.is_whole(&format!("{pointer}/from")) || (input.from.is_empty() && !self.is_whole(&pointer)) {
            return;
        }
        let at = format!("{pointer}/from");
        let Some((f, from)) = self.find(&input.from) else {
            let ids = self.s.job.vertices.iter().map(|v| v.id.as_str()).filter(|id| *id != vertex.id);
            let near = nearest(&input.from, ids).and_then(|near| self.find(near));
            let defined = near.map(|(n, _)| self.tree.nearest(&format!("/job/vertices/{n}/id")).1.span.clone());
            let span = self.tree.nearest(&at).1.span.clone();
            let message = format!("no vertex is called `{}`", shortened(&input.from));
            let line = defined.as_ref().map(|span| self.source.place(span.start).0);
            let diagnostic = self.value("S0201", &at, message);
            diagnostic.label = "named here".to_string();
            if let (Some((_, near)), Some(line)) = (near, line) {
                diagnostic.help = Some(format!("there is a `{}`, defined at line {line}", near.id));
                diagnostic.replacement = Some((span, format!("\"{}\"", near.id)));
            }
            return;
        };
        if from.sink.is_some() {
            self.value("S0205", &at, format!("`{}` is a sink: nothing comes out of it", from.id));
        }
        let whole = self.is_whole(&format!("/job/vertices/{f}")) && self.is_whole(&format!("/job/vertices/{v}"));
        if input.by == Partitioning::Forward && whole {
            match (from.parallelism.fixed(), vertex.parallelism.fixed()) {
                (Some(a), Some(b)) if a == b => {}
                (Some(a), Some(b)) => {
                    let message = format!("`forward` joins unequal parallelism: {a} and {b}");
                    let label = format!("`{}` has {a} subtasks, `{}` has {b}", from.id, vertex.id);
                    self.value("S0204", &format!("{pointer}/by"), message).label = label;
                }
                _ => {
                    let message = "`forward` needs fixed parallelism on both sides".to_string();
                    let label = "one of them is open, and every seed draws it anew";
                    self.value("S0204", &format!("{pointer}/by"), message).label = label.to_string();
                }
            }
        }
    }

    fn operators(&mut self, v: usize) {
        let vertex = &self.s.job.vertices[v];
        let mut split = false;
        for (o, operator) in vertex.operators.iter().enumerate() {
            let pointer = format!("/job/vertices/{v}/operators/{o}");
            use OperatorKind::*;
            match operator {
                Filter { drop_multiples_of: 0 } => {
                    self.value(
                        "S0220",
                        &format!("{pointer}/filter/drop_multiples_of"),
                        "0 has no multiples".to_string(),
                    );
                }
                Window { size: 0 } => {
                    let message = "a window must hold at least one record".to_string();
                    self.value("S0220", &format!("{pointer}/window/size"), message);
                }
                Join if o > 0 || vertex.inputs.len() != 2 => {
                    let message = if o > 0 { "`join` must come first" } else { "`join` needs exactly two inputs" };
                    let label = format!("`{}` has {}", shortened(&vertex.id), vertex.inputs.len());
                    if self.is_whole(&format!("/job/vertices/{v}")) {
                        self.value("S0212", &pointer, message.to_string()).label = label;
                    }
                }
                PassOn { keys: 0 } => {
                    let message = "there must be an account to pass on to".to_string();
                    self.value("S0220", &format!("{pointer}/pass_on/keys"), message);
                }
                Choose if o > 0 => {
                    let message = "`choose` must come first: a choice belongs to the record that enters the chain";
                    self.value("S0220", &pointer, message.to_string());
                }
                _ => {}
            }
            let keyed = matches!(
                operator,
                KeyedCount | KeyedSum | KeyedMax | Distinct | Window { .. } | Join | LastValue | PassOn { .. }
            );
            if keyed && vertex.parallelism.most() > 1 {
                self.keyed(v, &pointer, split);
            }
            if *operator == Words {
                split = true;
                let text =
                    |v: &VertexSpec| !matches!(v.source, None | Some(SourceSpec { data: Data::Numbers { .. }, .. }));
                if self.is_whole("/job") && !self.s.job.vertices.iter().any(text) {
                    self.warning("S0223", &pointer, "`words` has nothing to split: no source reads text".to_string());
                }
            }
        }
    }

    /// A keyed operator in several subtasks: every key must always come to the same one.
    fn keyed(&mut self, v: usize, pointer: &str, split: bool) {
        let vertex = &self.s.job.vertices[v];
        if split {
            let message = "the words of a line have other keys than the line".to_string();
            self.value("S0211", pointer, message).help =
                Some("put this operator into a vertex of its own, with `\"by\": \"hash\"`".to_string());
            return;
        }
        let by_key = |input: &InputSpec| matches!(input.by, Partitioning::Hash | Partitioning::Forward);
        if vertex.source.is_some() || !vertex.inputs.iter().all(by_key) {
            let message = format!("`{}` keeps state by key, but its records don't come by key", shortened(&vertex.id));
            let diagnostic = self.value("S0211", pointer, message);
            diagnostic.label = "this operator".to_string();
            diagnostic.help = Some("use `\"by\": \"hash\"`, or one subtask".to_string());
        }
    }

    fn ends(&mut self) {
        let vertices = &self.s.job.vertices;
        if vertices.iter().all(|v| v.source.is_none()) {
            self.value("S0207", "/job/vertices", "the job has no source".to_string());
        }
        if vertices.iter().all(|v| v.sink.is_none()) {
            self.value("S0207", "/job/vertices", "the job has no sink".to_string());
        }
    }

    fn nowhere(&mut self) {
        let vertices = &self.s.job.vertices;
        for (v, vertex) in vertices.iter().enumerate() {
            let feeds = vertices.iter().any(|to| to.inputs.iter().any(|input| input.from == vertex.id));
            if vertex.sink.is_none() && !feeds {
                let message = format!("what `{}` gives goes nowhere", shortened(&vertex.id));
                self.value("S0206", &format!("/job/vertices/{v}/id"), message).label =
                    "no sink, and no vertex has it as input".to_string();
            }
        }
    }

    /// A cycle, if there is one: take away what depends on nothing, until only cycles and what follows are left.
    fn cycle(&mut self) {
        let vertices = &self.s.job.vertices;
        let before: Vec<Vec<usize>> = vertices
            .iter()
            .enumerate()
            .map(|(v, vertex)| {
                // What passes on comes to an end.
                let own = |f: &usize| *f == v && ends(&vertex.operators);
                let inputs = vertex.inputs.iter().filter_map(|input| self.find(&input.from)).map(|(f, _)| f);
                inputs.filter(|f| !own(f)).collect()
            })
            .collect();
        let mut left: Vec<bool> = vec![true; vertices.len()];
        while let Some(v) = (0..vertices.len()).find(|v| left[*v] && before[*v].iter().all(|f| !left[*f])) {
            left[v] = false;
        }
        let Some(mut at) = left.iter().position(|left| *left) else { return };
        let mut way = Vec::new();
        while !way.contains(&at) {
            way.push(at);
            // Everything left has something left before it.
            let Some(back) = before[at].iter().copied().find(|f| left[*f]) else { return };
            at = back;
        }
        let start = way.iter().position(|v| *v == at).unwrap_or(0);
        let mut names: Vec<&str> = way[start..].iter().rev().map(|v| vertices[*v].id.as_str()).collect();
        names.push(names[0]);
        let message = format!("records would go round in a circle: {}", shortened_list(&names));
        let input = vertices[at].inputs.iter().position(|i| self.find(&i.from).is_some_and(|(f, _)| left[f]));
        self.value("S0203", &format!("/job/vertices/{at}/inputs/{}/from", input.unwrap_or(0)), message).label =
            "this input closes it".to_string();
    }

    fn size(&mut self) {
        let vertices = &self.s.job.vertices;
        let mut sums = [0u64; 4];
        for vertex in vertices {
            let wide = vertex.parallelism.most();
            sums[0] = sums[0].saturating_add(wide);
            for input in &vertex.inputs {
                let from = self.find(&input.from).map_or(0, |(_, from)| from.parallelism.most());
                let channels = if input.by == Partitioning::Forward { wide } else { wide.saturating_mul(from) };
                sums[1] = sums[1].saturating_add(channels);
            }
            let Some(source) = &vertex.source else { continue };
            let partitions = source.partitions.as_ref().map_or(source.data.files().unwrap_or(wide), |p| p.most());
            sums[2] = sums[2].saturating_add(partitions);
            let text = matches!(source.data, Data::Text { lines: None, .. } | Data::Files { .. });
            sums[3] = sums[3].saturating_add(if text { 0 } else { source.data.most_records() });
        }
        let limits = [limits::SUBTASKS, limits::CHANNELS, limits::PARTITIONS, limits::RECORDS];
        let words = ["subtasks", "channels", "partitions", "records"];
        for ((sum, limit), word) in sums.into_iter().zip(limits).zip(words) {
            if sum > limit {
                let message = format!("the job can have {sum} {word}: {limit} are the limit");
                self.value("S0209", "/job/vertices", message);
            }
        }
    }

    fn settings(&mut self) {
        let (c, s) = (&self.s.checkpoints, self.s);
        let overtakes = |mode: &Mode| matches!(mode, Mode::Unaligned | Mode::AlignedThenUnaligned);
        let several = c.max_concurrent.as_ref().is_some_and(|n| n.most() > 1);
        let searched = s.check.as_ref().is_some_and(|check| check.triggers > 1); // several are what it is about
        if several && !searched && c.mode.candidates().iter().any(overtakes) && self.is_whole("/checkpoints") {
            let message = "where barriers overtake, a new checkpoint gives the older one up".to_string();
            self.warning("S0222", "/checkpoints/max_concurrent", message).help =
                Some("with several pending, perhaps none ever completes".to_string());
        }
        self.regions();
        let sim = &s.sim;
        let delays = [
            ("link", &sim.link),
            ("control", &sim.control),
            ("store", &sim.store),
            ("ledger", &sim.ledger),
            ("detect", &sim.detect),
            ("revive", &sim.revive),
        ];
        for (name, delay) in delays {
            if delay.min_us.least() > delay.max_us.most() && self.is_whole(&format!("/sim/{name}")) {
                let message = "the longest delay is shorter than the shortest".to_string();
                self.value("S0210", &format!("/sim/{name}/max_us"), message);
            }
        }
        if let Restart::Exponential { first_ms, max_ms } = &c.restart
            && first_ms.least() > max_ms.most()
            && self.is_whole("/checkpoints/restart")
        {
            let message = "the longest delay is shorter than the first".to_string();
            self.value("S0210", "/checkpoints/restart/exponential/max_ms", message);
        }
        let expect = &s.expect;
        if expect.violates.is_none() && self.is_whole("/expect") {
            for (name, there) in [("also", !expect.also.is_empty()), ("within_seeds", expect.within_seeds.is_some())] {
                if there {
                    let message = format!("`{name}` means nothing without `violates`");
                    self.key("S0221", &format!("/expect/{name}"), message);
                }
            }
        }
    }

    /// Where no region may ever keep an older state, the mode is `aligned` under another name.
    fn regions(&mut self) {
        let c = &self.s.checkpoints;
        if !c.mode.candidates().contains(&Mode::Regional) || !self.is_whole("/job") || !self.is_whole("/checkpoints") {
            if c.regions.is_some() && self.is_whole("/checkpoints") {
                self.warning("S0226", "/checkpoints/regions", "there are no regions in this mode".to_string()).help =
                    Some("use `\"mode\": \"regional\"`".to_string());
            }
            return;
        }
        if self.found.iter().any(|d| d.severity == Severity::Error) {
            return;
        }
        let Some(regions) = super::build::regions(self.s) else { return };
        let percent = c.regions.clone().unwrap_or_default().max_failed_percent.most();
        if regions == 1 || regions * percent < 100 {
            let message = match regions {
                1 => "the whole job is one region: nothing can keep an older state".to_string(),
                _ => format!("one region of {regions} is more than {percent} of 100: none can keep an older state"),
            };
            self.warning("S0226", "/checkpoints/mode", message).help =
                Some("a region is what channels connect: `forward` keeps subtasks apart".to_string());
        }
    }

    fn script(&mut self) {
        if self.s.faults.script.len() > limits::SCRIPT {
            let message = format!("a script of more than {} faults is too long", limits::SCRIPT);
            self.value("S0209", "/faults/script", message);
            return;
        }
        self.faults();
    }
}

/// Does a record that goes round through these operators come to an end?
fn ends(operators: &[OperatorKind]) -> bool {
    operators.iter().any(|operator| matches!(operator, OperatorKind::PassOn { .. }))
}

fn shortened_list(names: &[&str]) -> String {
    let mut text: Vec<String> = names.iter().take(12).map(|name| format!("`{}`", shortened(name))).collect();
    if names.len() > 12 {
        text.push("...".to_string());
    }
    text.join(" -> ")
}
