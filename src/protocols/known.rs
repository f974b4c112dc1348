//! Defects of real engines, and what became of each here: planted, or why it can't be.

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// It is this row of [`super::PROTOCOLS`], or what is left of it where only one engine's code is different.
    Row(&'static str),
    /// A gate with this mistake fails the gate vectors, see `tests/gate/twists.rs`. No row of the table has it.
    Gate,
    /// It can't be planted: the sentence says why.
    No(&'static str),
}

/// A defect that somebody has shipped, or is known to make.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Its number here, by which tests name it.
    pub id: &'static str,
    /// The tracker's name.
    pub tracker: &'static str,
    /// What was wrong.
    pub about: &'static str,
    /// What became of it.
    pub planted: Planted,
}

macro_rules! known {
    ($($id:literal $tracker:literal $about:literal $planted:expr;)*) => {
        /// All of them.
        pub static KNOWN: &[Known] = &[$(Known { id: $id, tracker: $tracker, about: $about, planted: $planted }),*];
    };
}

use Planted::{Gate, No, Row};

const SOURCE_COORDINATOR: &str = "sources have no coordinator of their own that hands out splits";
const COMMITTER: &str = "the sink commits what it has written itself; there is no second operator that commits";
const RESCALE: &str = "a simulated job keeps its parallelism; `exec` changes it between two runs";
const PARTS: &str = "the whole job restarts, never a part of it";

known! {
    "B01" "FLINK-17568" "one more record is taken before the snapshot" Row("one-poll-late");
    "B02" "FLINK-21104" "a late barrier is taken for the pending checkpoint's" Row("late-barrier-counts");
    "B03" "FLINK-18063" "a cancel is not heard before one's own barrier" Gate;
    "B04" "JET-1435" "a lost trigger is waited for for ever" Row("no-deadline");
    "B05" "JET-1397" "who has finished declines" Row("finish-unsaid");
    "B06" "JET-1073" "work goes on behind a terminal barrier" Row("reads-on");
    "B07" "FLINK-33693" "a barrier turns unaligned on an edge that must not carry it"
        No("every edge may carry unaligned barriers");
    "B08" "FLINK-23201" "the alignment clock of the newest checkpoint stops with an older one" Gate;
    "B09" "FLINK-13256" "the periodic trigger is not armed again" Row("no-second-trigger");
    "B10" "FLINK-15152" "a savepoint that fails leaves periodic checkpoints off" Row("stays-off");
    "B11" "FLINK-32655" "a wrapper swallows the notice of an abort"
        No("it only waits: the next barrier, deadline or end releases whatever waits for an abort");
    "B12" "FLINK-13969" "a stopped coordinator begins a checkpoint" Row("forged-token");
    "B13" "RisingWave #20988" "an answer of before a recovery is accepted"
        No("ids are never used again, so that an old ack names nothing that is pending; see `ids-start-over`");
    "B14" "RisingWave #20627" "completion overtakes what it depends on" Row("ack-before-durable");
    "B15" "Arroyo 2090cb97" "a final checkpoint starts beside a running one"
        No("checkpoints may overlap: one beside another does no harm here");
    "B16" "Arroyo #400" "a job is rescaled without a final checkpoint" No(RESCALE);
    "B17" "FLINK-28265" "'it is there' is taken for a failure, and the state deleted" Row("discards-the-repeated");
    "B18" "FLINK-5940" "an older checkpoint is restored silently" Row("restore-older");
    "B19" "FLINK-21351" "retention deletes what is still needed" Row("deletes-the-newest");
    "B20" "FLINK-10354" "sinks commit at a savepoint that recovery ignores" Row("commits-at-savepoint");
    "B21" "JET-2824" "a completion races with a restart"
        No("what is complete and what is restored are one conditional write each, of one store");
    "B22" "JET-1234" "leftovers of a failed snapshot are restored with it"
        No("a snapshot is one object, written at once, under a key that no other attempt uses");
    "B23" "RisingWave #5396" "a checkpoint is written down when it is begun" Row("complete-at-trigger");
    "B24" "FLINK-34518" "the second restart starts from nothing" Row("second-restart-fresh");
    "B25" "SPARK-26425" "two drivers write one completion record" Row("forged-token");
    "B26" "SPARK-51682" "a restart amid a checkpoint reads no state" Row("planned-ahead");
    "B27" "FLINK-21996" "an assignment is lost and the checkpoint completes" No(SOURCE_COORDINATOR);
    "B28" "FLINK-20290" "splits come back twice" No(SOURCE_COORDINATOR);
    "B29" "RisingWave #25624" "a stored position goes back" Row("offset-early");
    "B30" "FLINK-21080" "the union list of who has finished is lost"
        No("no operator that ships keeps a union list; redistribution is tested by itself");
    "B31" "Bytewax #181" "only those who have acknowledged are asked for" Row("quorum-of-one");
    "B32" "Bytewax 0.14" "state goes elsewhere than its keys" Row("swaps-state");
    "B33" "FLINK-31963" "records in flight of a stateless operator are not redistributed" No(RESCALE);
    "B34" "KAFKA-9891" "local state of an unclean stop is used again"
        No("a life keeps nothing that the next one would find: every restore reads the store");
    "B35" "KAFKA-10247" "state is restored and the position is not" Row("resumes-ahead");
    "B36" "FLINK-10377" "a completion notice with nothing to commit is an error"
        No("the job restarts once for it and goes on: that costs time, and breaks nothing");
    "B37" "FLINK-21132" "a stop with savepoint ends the input" Row("ends-input");
    "B38" "FLINK-23854" "transactions of before are left open" Row("no-fence");
    "B39" "FLINK-31363" "an empty transaction can't be committed"
        No("a transaction without records is never made");
    "B40" "FLINK-26403" "the tail of a bounded job is never committed" Row("drops-the-tail");
    "B41" "FLINK-25920" "a repeated summary of a writer makes the committer fail" No(COMMITTER);
    "B42" "FLINK-29627" "two committables of one subtask can't be restored" No(COMMITTER);
    "B43" "Iceberg #15846" "committables belong to the receiver's checkpoint" No(COMMITTER);
    "B44" "RisingWave #27084" "stored sink states are taken for a prefix" No(COMMITTER);
    "B45" "KAFKA-9274" "a commit without an answer is done again in a new transaction" Row("commits-anew");
    "B46" "Materialize #10876" "a transaction that timed out is retried for ever"
        No("the environment may lose it, which I11 tells of whatever the sink does: scenarios/transaction_timeout.json");
    "B47" "SeaTunnel #11569" "an unknown transaction is taken for committed, or for lost"
        No("a ledger remembers what was committed, and says so");
    "B48" "Arroyo #1027" "a second recovery begins the upload again"
        No("a transaction is prepared whole before its checkpoint, and a restore only names it");
    "E01" "RisingWave #26492" "an ack before what it names is stored" Row("ack-before-durable");
    "E02" "RisingWave #25690" "what is committed is committed again" Row("commits-anew");
    "E03" "RisingWave #21094" "writers go back to different epochs" Row("one-restores-older");
    "E04" "RisingWave #5192" "a position is one record ahead" Row("resumes-ahead");
    "E05" "Bytewax #138" "timers are not in the snapshot" No("no operator that ships has timers");
    "E06" "Arroyo #688" "clean-up deletes what is referenced" Row("deletes-the-newest");
    "E07" "Arroyo #1086" "a clean-up that fails blocks checkpoints"
        No("what is discarded is asked again apart from everything else");
    "E08" "Arroyo #1124" "the job stops before its last record is durable" Row("notify-before-complete");
    "E09" "Arroyo" "a stale generation publishes, or commits" Row("forged-token");
    "E10" "Iceberg #10892" "the restored id is lower than one that was committed" Row("ids-start-over");
    "E11" "Pravega #5" "a transaction times out between prepare and commit"
        No("the environment's: scenarios/transaction_timeout.json expects the violation of I11");
    "E12" "Bufstream 0.1.0" "a delayed abort hits the next transaction"
        No("requests to a ledger name their transaction, or an attempt that is over");
    "E13" "FLINK-20654" "records in flight are kept twice" Row("refills-twice");
    "E14" "FLINK-17994" "a newer barrier comes between a notice and its barrier"
        No("a gate is told of barriers one after another, by one thread");
    "E15" "FLIP-147" "a barrier is waited for on an input that has ended" Row("needs-ended");
    "E16" "Feldera #6374" "what is missing is started from nothing, silently" Row("planned-ahead");
    "E17" "denormalized" "a barrier that doesn't flow with the records" Row("out-of-band");
    "E18" "Flink" "one copy of what was in flight, for a broadcast" Row("one-copy");
    "E19" "FLIP-600" "one checkpoint of two epochs, over regions" Row("regions-by-number");
    "M01" "-" "a channel whose barrier came is read on" Row("no-hold");
    "M02" "-" "the first barrier completes, nothing is kept of channels" Row("first-barrier");
    "M03" "-" "a message slips between snapshot and barrier" Row("barrier-late");
    "M04" "-" "one task alone is restored" No(PARTS);
    "M05" "-" "a commit before the checkpoint is complete" Row("commit-on-prepare");
    "M06" "-" "a random outcome shown before it is stored" Row("commit-a-choice-early");
    "M07" "-" "a position saved late" Row("offset-late");
}

/// How many were planted, and how many there are.
pub fn counted() -> (usize, usize) {
    let planted = KNOWN.iter().filter(|known| !matches!(known.planted, No(_))).count();
    (planted, KNOWN.len())
}
