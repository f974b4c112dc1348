//! `cutline tune` with files of Flink's.

use super::*;

const USUAL: [&str; 8] = ["tune", "scenarios/calm.json", "--seeds", "1", "--modes", "aligned", "--intervals", "5ms"];

#[test]
fn what_flink_reads_is_read_and_mistakes_have_their_place() {
    let place = Place::calm();
    let with = |name: &str, text: &[u8]| {
        std::fs::write(place.path(name), text).unwrap();
        place.run(&[&USUAL[..], &["--flink", name]].concat())
    };
    let old = b"# of long ago\nexecution.checkpointing.interval: 10 s # often\nmetrics.scope.jm: %h.jm\nenv.java.opts: -Da: b\n";
    let good = with("flink-conf.yaml", old);
    assert_eq!(good.status.code(), Some(0), "{}", err(&good));
    assert!(out(&good).starts_with("scenarios/calm.json: 1 seed, "), "{}", out(&good));
    let refused = |name: &str, text: &[u8], said: &str| {
        let output = with(name, text);
        assert_eq!((output.status.code(), out(&output)), (Some(2), String::new()), "{name}");
        assert!(err(&output).contains(said), "{said}: {}", err(&output));
    };
    refused("config.yaml", old, "config.yaml:3:19: this is not YAML");
    let nested =
        |interval: &str| format!("execution:\n  checkpointing:\n    interval: {interval}\n    intervall: 5 s\n");
    let output = with("config.yaml", nested("1min").as_bytes());
    let said = out(&output);
    assert!(said.contains("checkpointing.intervall: nothing here is called that; did you mean `interval`?"), "{said}");
    refused(
        "config.yaml",
        nested("PT10S").as_bytes(),
        "config.yaml:3:15: `execution.checkpointing.interval` is expected",
    );
    refused("config.yaml", nested("0").as_bytes(), "0 switches checkpoints off");
    refused("config.yaml", b"a: \xff\n", "cannot read config.yaml: ");
    assert_eq!(place.code(&[&USUAL[..], &["--flink", "nowhere.yaml"]].concat()), 2);
    assert_eq!(place.code(&[&USUAL[..], &["--flink", "scenarios"]].concat()), 2);
    assert_eq!(place.code(&["tune", "scenarios/calm.json", "--modes", "sideways"]), 2);
}
