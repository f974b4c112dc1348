//! Parts of a sweep, put together again.

use super::*;

/// The report of a sweep without what is its own: wall time and the handle of the run.
pub fn timeless(bytes: &[u8]) -> String {
    let mut whole: Value = serde_json::from_slice(bytes).unwrap();
    whole.as_object_mut().unwrap().remove("timing").unwrap();
    whole["run"].as_object_mut().unwrap().remove("id").unwrap();
    format!("{whole:#}")
}

/// Two scenarios with something to find in them.
fn busy() -> Place {
    let faulty = CALM.replace("\"count\": 0", "\"count\": 3");
    let other = faulty.replace("\"job_finished\"]", "\"job_finished\", \"coordinator_failover\"]");
    Place::new(&[("a.json", &faulty), ("b.json", &other)])
}

impl Place {
    /// The bytes of a file.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The report of a whole sweep, and its exit code.
    fn whole(&self, options: &[&str]) -> (String, i32) {
        let output = self.run(&[&["run", "--format", "json"], options].concat());
        (timeless(&output.stdout), output.status.code().unwrap())
    }

    /// Writes the reports of parts into files, and names them.
    fn parts(&self, options: &[&str], way: &str, of: u64) -> Vec<String> {
        let part = |m: u64| {
            let (part, file) = (format!("{way}:{m}/{of}"), format!("{way}-{m}-of-{of}.json"));
            let words = ["run", "--exit-zero", "--partition", &part, "--report", &format!("json={file}")];
            assert_eq!(self.code(&[&words[..], options].concat()), 0);
            file
        };
        (1..=of).map(part).collect()
    }

    fn merge(&self, parts: &[&str], options: &[&str]) -> Output {
        let format = if options.contains(&"-o") { "human" } else { "json" };
        self.run(&[&["merge", "--format", format], options, parts].concat())
    }
}

#[test]
fn parts_give_what_the_whole_gives_byte_for_byte() {
    for options in [
        &["--seeds", "24"][..],
        &["--seeds", "10", "--protocol", "offset-early"],
        &["--seeds", "5..18", "--protocol", "drops-one", "--no-shrink", "--seed-base", "77", "-v"],
        &["--seed", "1", "--seed", "2", "--protocol", "offset-early", "--no-shrink"],
    ] {
        let place = busy();
        let (whole, code) = place.whole(options);
        // Of thirty parts some have nothing to do.
        let many = if options.len() == 2 { 30 } else { 2 };
        for (way, of) in [("slice", 3), ("hash", 2), ("slice", many)] {
            let parts = place.parts(options, way, of);
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let merged = place.merge(&parts, &[]);
            assert_eq!(timeless(&merged.stdout), whole, "{options:?} {way} {of}");
            assert_eq!(merged.status.code(), Some(code), "the exit code is that of the whole");
        }
    }
}

#[test]
fn neither_order_nor_repetition_matters() {
    let place = busy();
    let parts = place.parts(&["--seeds", "12", "--protocol", "offset-early", "--no-shrink"], "slice", 3);
    let [a, b, c] = [0, 1, 2].map(|at| parts[at].as_str());
    let all = place.merge(&[a, b, c], &[]).stdout;
    assert_eq!(place.merge(&[c, a, b], &[]).stdout, all);
    assert_eq!(place.merge(&[b, c, b, a, a], &["-o", "all.json"]).status.code(), Some(1));
    assert_eq!(place.bytes("all.json"), all);
    assert_eq!(place.merge(&["all.json"], &[]).stdout, all, "what is whole stays as it is");
    // Some now, the rest later.
    assert_eq!(place.merge(&[a, c], &["--allow-missing", "-o", "ac.json"]).status.code(), Some(1));
    assert_eq!(timeless(&place.merge(&["ac.json", b], &[]).stdout), timeless(&all));
    let overlap = place.merge(&["ac.json", a, b], &[]);
    assert!(overlap.status.code() == Some(2) && err(&overlap).contains("these overlap"), "{}", err(&overlap));
}

#[test]
fn what_is_missing_is_named_and_what_does_not_belong_is_refused() {
    let place = busy();
    let parts = place.parts(&["--seeds", "6"], "slice", 3);
    let [a, b, c] = [0, 1, 2].map(|at| parts[at].as_str());
    let missing = place.merge(&[c, a], &[]);
    assert_eq!(missing.status.code(), Some(3));
    assert!(err(&missing).contains("missing: slice:2/3"), "{}", err(&missing));
    assert_eq!(document(&missing)["summary"]["missing"], serde_json::json!(["slice:2/3"]));
    assert_eq!(document(&missing)["run"]["partition"], "slice:1,3/3");
    assert_eq!(place.merge(&[c, a], &["--allow-missing"]).status.code(), Some(0));

    let refused = |parts: &[&str], wanted: &str| {
        let output = place.merge(parts, &[]);
        assert_eq!(output.status.code(), Some(2), "{parts:?}");
        assert!(err(&output).contains(wanted) && output.stdout.is_empty(), "{}", err(&output));
    };
    let others = place.parts(&["--seeds", "7"], "hash", 3);
    refused(&[a, &others[1]], "plan digests");
    let halves = place.parts(&["--seeds", "6"], "slice", 2);
    refused(&[a, &halves[1]], "partitions slice:1/3 and slice:2/2");
    refused(&[a, "nowhere.json"], "nowhere.json");
    std::fs::write(place.path("other.json"), "{\"schema\": \"cutline.list/1\"}").unwrap();
    refused(&["other.json"], "`cutline.run/1` is wanted");
    std::fs::write(place.path("torn.json"), &place.bytes(a)[..300]).unwrap();
    refused(&["torn.json"], "torn.json:");
    std::fs::write(place.path("empty.json"), "").unwrap();
    refused(&["empty.json"], "empty.json:1:1: EOF while parsing a value\n");
    place.run(&["run", "--seeds", "1", "--report", "jsonl=lines.jsonl"]);
    refused(&["lines.jsonl"], "lines.jsonl:2:1: there is more after the document");
    let newer = String::from_utf8(place.bytes(b)).unwrap().replace("\"stream\": 2", "\"stream\": 3");
    std::fs::write(place.path("newer.json"), newer).unwrap();
    refused(&[a, "newer.json"], "stream 3");
    // Two documents of one part must agree.
    let lies = String::from_utf8(place.bytes(b)).unwrap().replacen("\"holds\": 2", "\"holds\": 1", 1);
    std::fs::write(place.path("lies.json"), lies).unwrap();
    let output = place.merge(&[a, b, c, "lies.json"], &[]);
    assert!(output.status.code() == Some(5) && err(&output).contains("different things"), "{}", err(&output));
}

/// A part alone can't say that a goal is never reached.
#[test]
fn goals_are_judged_by_the_whole() {
    let never = CALM.replace("\"job_finished\"", "\"coordinator_failover\"");
    let place = Place::new(&[("goal.json", &never)]);
    assert_eq!(place.code(&["run", "--seeds", "40", "--partition", "hash:1/2"]), 0);
    let parts = place.parts(&["--seeds", "40"], "hash", 2);
    let merged = place.merge(&[&parts[0], &parts[1]], &[]);
    assert_eq!(merged.status.code(), Some(1));
    assert_eq!(document(&merged)["findings"][0]["kind"], "unreached");
}

#[test]
fn a_hash_partition_stays_when_scenarios_are_added() {
    let digest = |scenarios: &[(&str, &str)]| {
        let place = Place::new(scenarios);
        let report = document(&place.run(&["run", "--seeds", "20", "--partition", "hash:1/3", "--format", "json"]));
        let rows = report["scenarios"].as_array().unwrap();
        rows.iter().find(|row| row["name"] == "m").unwrap()["traces_digest"].clone()
    };
    assert_eq!(digest(&[("m.json", CALM)]), digest(&[("a.json", CALM), ("m.json", CALM), ("z.json", CALM)]));
}
