//! What a job's output must be, counted without the engine: for jobs that split lines into words and count keys, or only
//! hand records on.

use crate::engine::message::{Datum, Record};
use crate::runtime::outside::Batch;
use crate::topology::{OperatorKind, Role, SinkKind, Topology};
use crate::world::setup::{FileLog, Log};
use std::collections::BTreeMap;

/// Keys and values, and how often each pair is there.
pub type Pairs = BTreeMap<(Datum, Datum), u64>;

/// What is there and should not be, and what isn't and should.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Pairs that should be there more often, by so much.
    pub lost: Pairs,
    /// Pairs that are there too often, by so much.
    pub extra: Pairs,
}

/// What the job must write.
///
/// # Errors
/// In words: the job does something else than counting, or its input can't be read.
pub fn expected(topology: &Topology, logs: &[Log]) -> Result<Pairs, String> {
    let (mut words, mut counts) = (false, false);
    for operator in operators(topology)? {
        match operator {
            OperatorKind::Words if !counts && !words => words = true,
            OperatorKind::KeyedCount if !counts => counts = true,
            OperatorKind::Union => {}
            other => return Err(format!("only words and keyed counts can be counted apart, not {other:?}")),
        }
    }
    let mut input: Pairs = Pairs::new();
    for (p, log) in logs.iter().enumerate() {
        each(p as u32, log, &mut |key, value| match (words, &value) {
            (true, Datum::Text(text)) => {
                words_of(text).into_iter().for_each(|word| add(&mut input, Datum::Text(word.into()), Datum::Int(1)));
            }
            _ => add(&mut input, key, value),
        })?;
    }
    if !counts {
        return Ok(input);
    }
    let mut totals: BTreeMap<Datum, u64> = BTreeMap::new();
    for ((key, _), times) in input {
        *totals.entry(key).or_default() += times;
    }
    let upsert = topology.graph.vertices.iter().any(|vertex| vertex.role == Role::Sink(SinkKind::Upsert));
    let mut output = Pairs::new();
    for (key, total) in totals {
        let first = if upsert { total } else { 1 }; // where the newest replaces the others, only that is seen
        (first..=total).for_each(|n| add(&mut output, key.clone(), Datum::Int(n as i64)));
    }
    Ok(output)
}

fn add(pairs: &mut Pairs, key: Datum, value: Datum) {
    *pairs.entry((key, value)).or_default() += 1;
}

/// Runs of letters and digits, in small letters.
fn words_of(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in text.chars() {
        match words.last_mut() {
            Some(word) if c.is_alphanumeric() => word.push(c),
            _ => words.push(String::new()),
        }
    }
    words.retain(|word| !word.is_empty());
    words.iter().map(|word| word.to_lowercase()).collect()
}

/// The operators from the sources to the one sink, along the only way there is.
fn operators(topology: &Topology) -> Result<Vec<OperatorKind>, String> {
    let vertices = &topology.graph.vertices;
    let sinks: Vec<usize> = (0..vertices.len()).filter(|v| matches!(vertices[*v].role, Role::Sink(_))).collect();
    let [sink] = sinks[..] else { return Err("a job with several sinks can't be counted apart".to_string()) };
    if vertices[sink].role == Role::Sink(SinkKind::Print) {
        return Err("a print sink shows records again after a restart: nothing can be counted apart".to_string());
    }
    let (mut at, mut found) = (sink, Vec::new());
    loop {
        found.splice(0..0, vertices[at].chain.iter().cloned());
        let mut inputs = topology.graph.edges.iter().filter(|edge| edge.to.index() == at);
        match (inputs.next(), inputs.next()) {
            (None, _) => return Ok(found),
            (Some(edge), None) => at = edge.from.index(),
            _ => return Err("a job whose ways meet can't be counted apart".to_string()),
        }
    }
}

/// The records of a partition, read as a whole.
fn each(partition: u32, log: &Log, visit: &mut dyn FnMut(Datum, Datum)) -> Result<(), String> {
    if let Log::File(file) = log {
        return each_line(file, visit);
    }
    for offset in 0..log.len() {
        if let Some(Record { key, value, .. }) = log.get(crate::ids::PartitionId(partition), crate::ids::Offset(offset))
        {
            visit(key, value);
        }
    }
    Ok(())
}

fn each_line(file: &FileLog, visit: &mut dyn FnMut(Datum, Datum)) -> Result<(), String> {
    let text = std::fs::read_to_string(&file.path).map_err(|error| format!("cannot read {}: {error}", file.path))?;
    let lines = text.lines().filter(|line| !line.trim_ascii().is_empty());
    for (n, line) in lines.enumerate() {
        let Some(fields) = &file.fields else {
            visit(Datum::Int(n as i64), Datum::Text(line.into()));
            continue;
        };
        let object: serde_json::Value =
            serde_json::from_str(line).map_err(|error| format!("{}: {error}", file.path))?;
        let datum = |name: &str| match &object[name] {
            serde_json::Value::String(text) => Ok(Datum::Text(text.as_str().into())),
            value => value.as_i64().map(Datum::Int).ok_or(format!("{}: `{name}` is {value}", file.path)),
        };
        visit(datum(&fields.key)?, datum(&fields.value)?);
    }
    Ok(())
}

/// What a reader sees of the sink.
pub fn seen(sink: SinkKind, batches: &[Batch]) -> Pairs {
    let records = batches.iter().flat_map(|batch| &batch.records);
    if sink != SinkKind::Upsert {
        let mut pairs = Pairs::new();
        records.for_each(|record| add(&mut pairs, record.key.clone(), record.value.clone()));
        return pairs;
    }
    let newest: BTreeMap<&Datum, &Datum> = records.map(|record| (&record.key, &record.value)).collect();
    newest.into_iter().map(|(key, value)| ((key.clone(), value.clone()), 1)).collect()
}

/// Compares what there is with what there must be; none if it is the same.
pub fn compare(expected: &Pairs, seen: &Pairs) -> Option<Difference> {
    let beyond = |these: &Pairs, those: &Pairs| -> Pairs {
        let more = |(pair, times): (&(Datum, Datum), &u64)| {
            let other = those.get(pair).copied().unwrap_or(0);
            (*times > other).then(|| (pair.clone(), times - other))
        };
        these.iter().filter_map(more).collect()
    };
    let difference = Difference { lost: beyond(expected, seen), extra: beyond(seen, expected) };
    (difference != Difference::default()).then_some(difference)
}

impl Difference {
    /// In words, with an example of each.
    pub fn words(&self) -> String {
        let say = |pairs: &Pairs, what: &str| {
            let ((key, value), _) = pairs.first_key_value()?;
            let sum: u64 = pairs.values().sum();
            Some(format!("{sum} records {what}, such as ({}, {})", shown(key), shown(value)))
        };
        let said: Vec<String> =
            [say(&self.lost, "lost"), say(&self.extra, "too often")].into_iter().flatten().collect();
        said.join("; ")
    }
}

fn shown(datum: &Datum) -> String {
    match datum {
        Datum::Int(number) => number.to_string(),
        Datum::Text(text) => format!("{:?}", &**text),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, i64, u64)]) -> Pairs {
        list.iter().map(|(key, n, times)| ((Datum::Text((*key).into()), Datum::Int(*n)), *times)).collect()
    }

    #[test]
    fn what_is_lost_and_what_is_there_twice_is_told_apart() {
        let right = pairs(&[("a", 1, 1), ("a", 2, 1), ("b", 1, 1)]);
        assert_eq!(compare(&right, &right), None);
        let wrong = pairs(&[("a", 1, 2), ("b", 1, 1), ("c", 1, 1)]);
        let difference = compare(&right, &wrong).expect("they differ");
        assert_eq!(difference.lost, pairs(&[("a", 2, 1)]));
        assert_eq!(difference.extra, pairs(&[("a", 1, 1), ("c", 1, 1)]));
        assert_eq!(difference.words(), r#"1 records lost, such as ("a", 2); 2 records too often, such as ("a", 1)"#);
    }
}
