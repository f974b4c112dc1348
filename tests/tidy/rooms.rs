//! Who may import whom: from rows further up alone. The drawing is in docs/architecture.md.

/// One room, and what it may import: a whole room, or one of its modules.
pub struct Row {
    pub room: &'static str,
    imports: &'static [&'static str],
}

const fn row(room: &'static str, imports: &'static [&'static str]) -> Row {
    Row { room, imports }
}

pub static TABLE: &[Row] = &[
    row("ids", &[]),
    row("digest", &[]),
    row("dice", &[]),
    row("topology", &["ids"]),
    row("engine", &["ids", "digest", "topology"]),
    row("lines", &["engine::message"]),
    row("protocols", &["ids", "digest", "topology", "engine"]),
    row("vectors", &["ids", "topology::Mode", "engine::gate", "engine::inbox", "engine::message"]),
    row("trace", &["ids", "digest", "topology", "engine::message", "engine::snapshot"]),
    row("world", &["ids", "digest", "lines", "topology", "engine", "trace"]),
    row("verify", &["ids", "digest", "topology", "trace"]),
    row("picture", &["ids", "topology", "trace", "verify"]),
    row("sim", &["ids", "dice", "topology", "engine::message", "trace", "world", "verify"]),
    row(
        "scenario",
        &[
            "ids",
            "dice",
            "lines",
            "topology",
            "engine::config",
            "engine::message",
            "engine::process",
            "trace::event",
            "world::setup",
            "sim::setup",
        ],
    ),
    row(
        "explore",
        &[
            "ids",
            "digest",
            "topology",
            "engine::message",
            "engine::snapshot",
            "protocols::anchor",
            "protocols::chandy_lamport",
            "trace",
            "verify",
            "world",
        ],
    ),
    row("shrink", &["scenario"]),
    row("folklore", &["ids", "protocols", "trace::event", "world::setup", "sim::run", "scenario", "verify"]),
    row("compare", &["ids", "topology", "protocols", "trace", "sim::run", "sim::beside", "scenario"]),
    row("tune", &["ids", "compare", "trace", "scenario"]),
    row("runtime", &["ids", "digest", "topology", "engine", "trace", "world::setup", "world::choice", "lines"]),
    row("report", &["dice::STREAM_VERSION", "digest", "scenario", "verify", "sim::matrix"]),
    row(
        "cli",
        &[
            "ids",
            "dice::STREAM_VERSION",
            "digest",
            "topology",
            "engine::message",
            "engine::process",
            "protocols",
            "vectors",
            "trace",
            "world::setup",
            "world::choice",
            "verify",
            "picture",
            "scenario",
            "sim",
            "explore",
            "folklore",
            "compare",
            "tune",
            "runtime",
            "shrink",
            "report",
        ],
    ),
];

impl Row {
    /// `import` is a path without `crate::`.
    pub fn allows(&self, import: &str) -> bool {
        let within = |allowed: &str| import == allowed || import.starts_with(&format!("{allowed}::"));
        within(self.room) || self.imports.iter().any(|allowed| within(allowed))
    }

    /// The rooms that it imports, as a whole or in part.
    pub fn rooms(&self) -> impl Iterator<Item = &'static str> {
        self.imports.iter().map(|import| import.split("::").next().expect("a path has a first segment"))
    }
}
