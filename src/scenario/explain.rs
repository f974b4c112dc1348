//! A paragraph for every kind of mistake.

/// All codes with their explanations.
pub const CODES: &[(&str, &str)] = &[
    (
        "S0101",
        "The file can't be read: it doesn't exist, is no regular file, is larger than 4 MiB, or isn't UTF-8 text.",
    ),
    (
        "S0102",
        "The text isn't JSON. Scenarios are strict JSON: no comments, no trailing commas, no single quotes, no \
               leading zeros. What a comment would say belongs into `about`.",
    ),
    (
        "S0103",
        "An object has a field that the format doesn't know. Unknown fields are errors, because a misspelt setting \
               that is silently ignored makes a test that tests nothing.",
    ),
    ("S0104", "A field that has no default is missing."),
    (
        "S0105",
        "A value is of another type than its field: a text where a number is wanted, for example. All numbers are \
               whole. `null` is never wanted: leave the field out.",
    ),
    ("S0106", "A number is smaller or larger than its field allows."),
    ("S0107", "A field takes one of a closed list of words, and this is none of them."),
    ("S0108", "An object has the same field twice. JSON readers disagree on which of them counts, so none does here."),
    ("S0109", "Objects and lists are nested more deeply than any scenario needs."),
    ("S0110", "The file is of a version of the format that this version of the program doesn't read."),
    ("S0111", "A list must have at least one element here."),
    (
        "S0112",
        "A choice that has settings is written as an object with one key, {\"map\": {\"add\": 1}}; one without settings \
               as a word, \"words\".",
    ),
    (
        "S0199",
        "The file looks right but can't be read as a scenario. This is a defect of the checks: please report it.",
    ),
    ("S0201", "An input names a vertex that doesn't exist."),
    ("S0202", "Two vertices have the same name. Names identify subtasks in faults, traces and reports."),
    ("S0203", "The job graph has a cycle. Barriers would never get round it: the snapshots here are for acyclic jobs."),
    (
        "S0204",
        "`forward` connects subtask i to subtask i, so both vertices must have the same number of subtasks, and that \
               number must be fixed. Use `rebalance` or `hash`, or make the numbers equal.",
    ),
    ("S0205", "A source has no inputs, a sink has no outputs, and no vertex is both."),
    (
        "S0206",
        "A vertex is connected to nothing on one of its sides: it gets no records, or what it gives goes nowhere.",
    ),
    ("S0207", "A job needs at least one source and at least one sink."),
    (
        "S0208",
        "Names of vertices are made of letters, digits, `_` and `-`; `coordinator`, `store`, `ledger` and \
               `environment` are names of other processes.",
    ),
    (
        "S0209",
        "The job, at the most that its open numbers allow, is too large for a simulation. Shrink parallelism or data: \
               bugs of the protocol show in small jobs.",
    ),
    ("S0210", "The lower end of a range lies above its upper end."),
    (
        "S0211",
        "An operator that keeps state by key runs in several subtasks, but the same key may come to any of them. \
               Connect its vertex with `\"by\": \"hash\"`, or give it one subtask. `words` changes keys: what follows must be in \
               another vertex.",
    ),
    ("S0212", "`join` pairs the records of two inputs: it is the first operator of a vertex with exactly two inputs."),
    (
        "S0213",
        "A fault or a slow channel names something that doesn't exist, or doesn't exist for every seed, because a \
               parallelism is open. Subtasks are called `map/1`, channels `src/0>map/1`.",
    ),
    ("S0214", "A scripted fault must say when it comes in exactly one way: `at_ms`, `at_us` or `after`."),
    (
        "S0215",
        "A scripted fault can never come: its time lies after everything is healed, or the event that it waits for \
               doesn't happen at that process.",
    ),
    (
        "S0216",
        "Hosts are numbered from 0 to `job.hosts` - 1. Where `job.hosts` is open, only its least number is there for \
               every seed.",
    ),
    (
        "S0217",
        "Partitions of a source are numbered from 0. Their number is that of the subtasks, unless `partitions` says \
               otherwise.",
    ),
    ("S0218", "The text of a source can't be read. Its path is relative to the scenario file."),
    ("S0219", "`protocol` names neither the engine nor a protocol with a planted defect."),
    ("S0220", "A setting of an operator makes no sense."),
    ("S0221", "`also` and `within_seeds` qualify an expected violation, and none is expected."),
    (
        "S0222",
        "Where barriers overtake, the first barrier of a newer checkpoint gives the older one up. With several \
               checkpoints pending at once, short intervals can keep all of them from completing. Scenarios whose \
               `check` section has several triggers aren't warned of: that is what they are about.",
    ),
    ("S0223", "`words` splits text, and no source of this job reads text."),
    ("S0224", "Every file of a source is a partition: `partitions` can only be the number of files."),
    (
        "S0225",
        "Protocols in which everybody takes checkpoints alone (`uncoordinated`, `bcs`, `hmnr`) make sense in the mode \
               `alone`, and the others in the other modes: a mode says what a completed checkpoint is, one cut or a line \
               that is found through many. `regional` makes sense in the mode of that name.",
    ),
    (
        "S0226",
        "In the mode `regional` a region that can't take part in a checkpoint keeps the state that it has in the one \
               before, if not too many do. A region is what channels connect: in a job that is all connected there is one, \
               and all checkpoints are of everybody.",
    ),
];

/// More about a kind of mistake.
pub fn explain(code: &str) -> Option<&'static str> {
    CODES.iter().find(|(known, _)| known.eq_ignore_ascii_case(code)).map(|(_, text)| *text)
}
