//! Checks of scripted faults: do the processes, channels and hosts that they name exist, and can they ever come?

use super::check::Check;
use super::diagnose::{either, nearest};
use super::shape::shortened;
use super::spec::*;

impl Check<'_> {
    pub(super) fn faults(&mut self) {
        let s = self.s;
        for (name, factor) in &s.sim.slower {
            let pointer = format!("/sim/slower/{}", super::tree::step(name));
            self.link(&pointer, name);
            if !(1..=100_000).contains(factor) {
                let message = format!("{factor} is out of range: a factor must be from 1 to 100000");
                self.value("S0106", &pointer, message);
            }
        }
        for (e, entry) in s.faults.script.iter().enumerate() {
            let pointer = format!("/faults/script/{e}");
            if !self.is_whole(&pointer) {
                continue;
            }
            self.time(&pointer, entry);
            self.target(&pointer, &entry.what);
        }
    }

    fn time(&mut self, pointer: &str, entry: &Entry) {
        let times =
            [("at_ms", entry.at_ms.is_some()), ("at_us", entry.at_us.is_some()), ("after", entry.after.is_some())];
        let there: Vec<&str> = times.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
        match there.as_slice() {
            [_] => {}
            [] => {
                let message = "nothing says when this fault comes".to_string();
                self.value("S0214", pointer, message).label = "expected `at_ms`, `at_us` or `after`".to_string();
            }
            several => {
                let message =
                    format!("this fault comes at several times: {}", either(several).replace(" or ", " and "));
                self.value("S0214", pointer, message).label = "only one is possible".to_string();
            }
        }
        let at_ms = entry.at_ms.as_ref().map(|at| at.least());
        let at = at_ms.or(entry.at_us.as_ref().map(|at| at.least() / 1000));
        if let (Some(at), Some(heal)) = (at, &self.s.sim.heal_at_ms)
            && at >= heal.most()
        {
            let at = if at_ms.is_some() { "at_ms" } else { "at_us" };
            let message = format!("this fault never comes: from {} ms on everything is healed", heal.most());
            self.warning("S0215", &format!("{pointer}/{at}"), message);
        }
        if let Some(after) = &entry.after {
            self.after(&format!("{pointer}/after/process"), after);
        }
    }

    fn after(&mut self, pointer: &str, after: &After) {
        let Some(name) = &after.process else { return };
        let vertex = name.rsplit_once('/').and_then(|(id, _)| self.find(id)).map(|(_, v)| v);
        let ledger = name.strip_prefix("ledger/").map(|id| self.find(id).map(|(_, v)| v));
        use PointKind::*;
        let here = match (name.as_str(), ledger) {
            ("coordinator", _) => matches!(after.event, Trigger | Abort | Notify | Finish),
            ("store", _) => matches!(after.event, Put | Complete | Lead | Begin),
            (_, Some(Some(v))) if v.sink.is_some() => after.event == Txn && v.sink == Some(SinkKind::TwoPhase),
            (_, Some(_)) => return self.no_process(pointer, name, &["coordinator", "store"]),
            _ => {
                if !self.subtask(pointer, name, &["coordinator", "store"]) {
                    return;
                }
                let source = vertex.is_some_and(|v| v.source.is_some());
                let sink = vertex.is_some_and(|v| v.sink.is_some());
                match after.event {
                    BarIn => !source,
                    EndOut => !sink,
                    Snap | Ack | Decline | Restore | Finish => true,
                    _ => false,
                }
            }
        };
        if !here {
            let message = format!("this fault never comes: no such event happens at `{}`", shortened(name));
            let place = match after.event {
                Trigger | Abort | Notify => "it happens at `coordinator`",
                Put | Complete | Lead | Begin => "it happens at `store`",
                Txn => "it happens at the ledgers of two-phase sinks, such as `ledger/out`",
                BarIn => "it happens at subtasks that have inputs",
                EndOut => "it happens at subtasks that have outputs",
                _ => "it happens at subtasks",
            };
            self.warning("S0215", pointer, message).label = place.to_string();
        }
    }

    fn target(&mut self, pointer: &str, what: &Do) {
        let at = |rest: &str| format!("{pointer}/do/{rest}");
        match what {
            Do::Crash(name) => drop(self.subtask(&at("crash"), name, &[])),
            Do::Suspect(name) => drop(self.subtask(&at("suspect"), name, &[])),
            Do::Tear { process, .. } if process == "coordinator" => {}
            Do::Tear { process, .. } => drop(self.subtask(&at("tear/process"), process, &["coordinator"])),
            Do::DelayControl { process, .. } => drop(self.subtask(&at("delay_control/process"), process, &[])),
            Do::LoseControl { process, .. } => drop(self.subtask(&at("lose_control/process"), process, &[])),
            Do::Stall { process, .. } => drop(self.subtask(&at("stall/process"), process, &[])),
            Do::PauseLink { link, .. } => self.link(&at("pause_link/link"), link),
            Do::SlowLink { link, .. } => self.link(&at("slow_link/link"), link),
            Do::CrashHost(host) => self.host(&at("crash_host"), *host),
            Do::PauseHost { host, .. } => self.host(&at("pause_host/host"), *host),
            Do::CrashCoordinator | Do::Failover | Do::FailRequests { .. } | Do::LoseReplies { .. } => {}
            Do::PauseStore { .. } | Do::StoreFull { .. } | Do::Checkpoint | Do::Stop | Do::Savepoint => {}
        }
    }

    fn host(&mut self, pointer: &str, host: u32) {
        if u64::from(host) >= self.s.job.hosts.least() {
            self.no_host(pointer, host);
        }
    }

    fn exists(&self, name: &str) -> Result<(), Option<(String, u64)>> {
        let Some((id, index)) = name.rsplit_once('/') else { return Err(None) };
        let (Some((_, vertex)), Ok(index)) = (self.find(id), index.parse::<u64>()) else { return Err(None) };
        let least = vertex.parallelism.least();
        if index < least { Ok(()) } else { Err(Some((vertex.id.clone(), least))) }
    }

    /// Is there such a subtask, for every seed? If not, it is said.
    fn subtask(&mut self, pointer: &str, name: &str, besides: &[&str]) -> bool {
        let exists = self.exists(name);
        match &exists {
            Ok(()) => {}
            Err(Some((id, least))) => {
                let message = format!("there is no `{}`", shortened(name));
                let open = self.find(id).is_some_and(|(_, v)| v.parallelism.fixed().is_none());
                let least = if open { format!("at least {least}") } else { least.to_string() };
                let label = format!("`{}` has {least}, counted from 0", shortened(id));
                self.value("S0213", pointer, message).label = label;
            }
            Err(None) => self.no_process(pointer, name, besides),
        }
        exists.is_ok()
    }

    fn no_process(&mut self, pointer: &str, name: &str, besides: &[&str]) {
        let vertices = &self.s.job.vertices;
        let mut names: Vec<String> = vertices.iter().map(|v| format!("{}/0", v.id)).collect();
        // `mpa/1` is meant to be `map/1`: the number stays.
        if let Some((_, index)) = name.rsplit_once('/')
            && index.len() < 6
        {
            names.extend(vertices.iter().map(|v| format!("{}/{index}", v.id)));
        }
        names.retain(|name| self.exists(name).is_ok());
        names.extend(besides.iter().map(|name| name.to_string()));
        let near = nearest(name, names.iter().map(String::as_str)).map(str::to_string);
        let span = self.tree.nearest(pointer).1.span.clone();
        let diagnostic = self.value("S0213", pointer, format!("no process is called `{}`", shortened(name)));
        names.truncate(6);
        diagnostic.label = format!("expected a subtask such as {}", either(&names[..names.len().min(3)]));
        if let Some(near) = near {
            diagnostic.help = Some("a process with a similar name exists".to_string());
            diagnostic.replacement = Some((span, format!("\"{near}\"")));
        }
    }

    fn link(&mut self, pointer: &str, name: &str) {
        let ends = name.split_once('>').map(|(from, to)| match to.split_once('#') {
            Some((to, side)) => (from, to, Some(side.parse::<usize>().ok())),
            None => (from, to, None),
        });
        let Some((from, to, side)) = ends else {
            let message = format!("no channel is called `{}`", shortened(name));
            self.value("S0213", pointer, message).label = "expected a name such as `src/0>map/1`".to_string();
            return;
        };
        if !self.subtask(pointer, from, &[]) || !self.subtask(pointer, to, &[]) {
            return;
        }
        let split = |name: &str| name.rsplit_once('/').map(|(id, i)| (id.to_string(), i.to_string()));
        let (Some((from_id, i)), Some((to_id, j))) = (split(from), split(to)) else { return };
        let Some((_, vertex)) = self.find(&to_id) else { return };
        let joined = vertex.inputs.iter().enumerate().any(|(n, input)| {
            let meant = side.is_none_or(|side| side == Some(n));
            meant && input.from == from_id && (input.by != Partitioning::Forward || i == j)
        });
        if !joined {
            let message = format!("there is no channel from `{}` to `{}`", shortened(from), shortened(to));
            self.value("S0213", pointer, message);
        }
    }
}
