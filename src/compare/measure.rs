//! What is measured of runs, as sums: seeds are added up, and averages are taken when they are shown.

/// Sums over runs. Times are nanoseconds of virtual time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measure {
    /// Runs.
    pub runs: u64,
    /// Runs in which the job ended with all of its input processed.
    pub ended: u64,
    /// Records of the input that were read, each counted once.
    pub records: u64,
    /// From the first line to the end of the job, where it ended.
    pub time: u64,
    /// Local checkpoints: states that a process recorded.
    pub local: u64,
    /// Local checkpoints that no consistent cut contains.
    pub useless: u64,
    /// Checkpoints that the coordinator began.
    pub begun: u64,
    /// Checkpoints that were completed. The sums of checkpoints are those of completed ones.
    pub completed: u64,
    /// Those in which a region keeps an older state.
    pub mixed: u64,
    /// Those for which everybody was there and nothing had ended: messages are counted of them.
    pub whole: u64,
    /// From the trigger to the completion record.
    pub duration: u64,
    /// Processes that were told to begin a checkpoint: they took it without a barrier.
    pub told: Formed,
    /// Barriers or markers.
    pub barriers: Formed,
    /// Acknowledgements.
    pub acks: Formed,
    /// Processes that were told of a completion.
    pub notices: Formed,
    /// Times that they were told again.
    pub reminders: u64,
    /// The time for which channels were held.
    pub stall: Formed,
    /// From the snapshot of a source to the next record that it reads.
    pub pause: u64,
    /// How often such a pause was seen.
    pub pauses: u64,
    /// Records that were stored as in flight.
    pub flight: Formed,
    /// The bytes of those, in the encoding of docs/trace.md.
    pub flight_bytes: u64,
    /// Attempts of the job after the first one that got to run.
    pub recoveries: u64,
    /// From a failure to the moment in which everybody has been restored.
    pub down: u64,
    /// From a failure to the moment in which everything has been read again that had been read before.
    pub behind: u64,
    /// How often that moment came.
    pub caught_up: u64,
    /// Records read again.
    pub again: Formed,
    /// Records applied again.
    pub applied_again: u64,
    /// Records applied.
    pub applied: u64,
    /// Records on which a protocol wrote something.
    pub noted: u64,
    /// The bytes of that.
    pub written: Formed,
    /// What subtasks told each other.
    pub asides: Formed,
    /// Runs in which a coordinator has everybody take part in a checkpoint.
    pub coordinated: u64,
    /// Runs in which everybody takes checkpoints alone. What follows is of those.
    pub alone: u64,
    /// Lines that were written down.
    pub lines: u64,
    /// Local checkpoints of timers.
    pub basic: u64,
    /// Local checkpoints that a message forced.
    pub forced: u64,
    /// Messages.
    pub messages: u64,
    /// The bytes that they carried beside their records.
    pub carried: Formed,
    /// Failures, at each of which a recovery line was computed: without logs, and with logs of the channels.
    pub failures: u64,
    /// Processes that go back.
    pub back: [u64; 2],
    /// Records that were read or taken and are undone.
    pub undone: [u64; 2],
    /// Records that those who failed had read or taken since their last checkpoints: nobody else goes back where every
    /// receipt is logged before it takes effect.
    pub since: u64,
    /// Local checkpoints that are thrown away.
    pub discarded: [u64; 2],
    /// Processes that are back at the beginning though they had taken checkpoints.
    pub beginnings: [u64; 2],
}

/// A sum that can be computed in another way as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Formed {
    /// As counted.
    pub measured: u64,
    /// As the closed form has it.
    pub form: u64,
    /// So much of the closed form is missing for a reason that the trace shows: somebody had died or finished.
    pub excused: u64,
}

impl Formed {
    /// Is what was counted what should have been?
    pub fn agrees(&self) -> bool {
        self.measured + self.excused == self.form
    }

    pub(super) fn add(&mut self, other: Formed) {
        self.measured += other.measured;
        self.form += other.form;
        self.excused += other.excused;
    }
}

impl Measure {
    /// Adds the sums of other runs.
    pub fn add(&mut self, other: &Measure) {
        let sums: [(&mut u64, u64); 18] = [
            (&mut self.runs, other.runs),
            (&mut self.ended, other.ended),
            (&mut self.records, other.records),
            (&mut self.time, other.time),
            (&mut self.local, other.local),
            (&mut self.useless, other.useless),
            (&mut self.begun, other.begun),
            (&mut self.completed, other.completed),
            (&mut self.duration, other.duration),
            (&mut self.reminders, other.reminders),
            (&mut self.pause, other.pause),
            (&mut self.pauses, other.pauses),
            (&mut self.flight_bytes, other.flight_bytes),
            (&mut self.recoveries, other.recoveries),
            (&mut self.down, other.down),
            (&mut self.behind, other.behind),
            (&mut self.caught_up, other.caught_up),
            (&mut self.applied_again, other.applied_again),
        ];
        sums.into_iter().for_each(|(sum, more)| *sum += more);
        self.applied += other.applied;
        self.mixed += other.mixed;
        self.coordinated += other.coordinated;
        self.alone += other.alone;
        self.lines += other.lines;
        self.basic += other.basic;
        self.forced += other.forced;
        self.messages += other.messages;
        self.failures += other.failures;
        self.since += other.since;
        for i in 0..2 {
            self.back[i] += other.back[i];
            self.undone[i] += other.undone[i];
            self.discarded[i] += other.discarded[i];
            self.beginnings[i] += other.beginnings[i];
        }
        self.noted += other.noted;
        self.written.add(other.written);
        self.asides.add(other.asides);
        self.carried.add(other.carried);
        self.whole += other.whole;
        self.told.add(other.told);
        self.barriers.add(other.barriers);
        self.acks.add(other.acks);
        self.notices.add(other.notices);
        self.stall.add(other.stall);
        self.flight.add(other.flight);
        self.again.add(other.again);
    }
}
