//! Who may import whom. The drawing is in docs/architecture.md.

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
    row("topology", &["ids"]),
    row("engine", &["ids", "digest", "topology"]),
    row("protocols", &["ids", "digest", "topology", "engine"]),
    row("vectors", &["ids", "topology::Mode", "engine::gate", "engine::inbox", "engine::message"]),
    row("trace", &["ids", "digest", "topology", "engine::message", "engine::snapshot"]),
    row("world", &["ids", "digest", "topology", "engine", "trace"]),
    row("verify", &["ids", "digest", "topology", "trace"]),
    row(
        "scenario",
        &["ids", "topology", "engine::config", "engine::process", "trace::event", "world::setup", "sim::setup"],
    ),
    row("sim", &["ids", "topology", "engine::message", "trace", "world", "verify", "scenario::dice"]),
    row("explore", &["ids", "topology", "engine::message", "protocols::anchor", "trace::event", "verify", "world"]),
    row("report", &["digest", "scenario", "verify"]),
    row(
        "cli",
        &[
            "digest",
            "ids",
            "topology",
            "engine",
            "protocols",
            "vectors",
            "trace",
            "world::setup",
            "verify",
            "scenario",
            "sim",
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
}

/// May `row` import all of `room`?
pub fn whole(row: &Row, room: &str) -> bool {
    row.imports.contains(&room)
}

/// May `row` import all of `room`, or anything of it but what `scenario` and `sim` share on purpose?
pub fn any(row: &Row, room: &str) -> bool {
    let of = |import: &str| import.split("::").next() == Some(room);
    row.imports.iter().any(|import| of(import) && *import != "scenario::dice")
}
