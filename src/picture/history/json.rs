//! History for programs: `cutline.checkpoints/1`. Fields that aren't known are left out, and named under `unknown`.

use super::{Checkpoint, History, Moment, Part, Recovery, Status, Value};
use serde_json::{Map, Value as Json, json};

/// The name of the format.
pub const SCHEMA: &str = "cutline.checkpoints/1";

/// An object in the making.
#[derive(Default)]
struct Object {
    fields: Map<String, Json>,
    unknown: Vec<Json>,
}

impl Object {
    fn put(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.fields.insert(name.to_string(), value.into());
        self
    }

    /// A number; nothing at all where there can be none.
    fn value(mut self, name: &str, value: Value) -> Self {
        match value {
            Value::Known(number) => self.put(name, number),
            Value::None => self,
            Value::Unknown => {
                self.unknown.push(name.into());
                self
            }
        }
    }

    fn moment(self, name: &str, moment: Option<Moment>) -> Self {
        let known = Value::of(moment.and_then(|moment| moment.time));
        let named = self.value(&format!("{name}_ns"), known);
        match moment {
            Some(moment) => named.put(&format!("{name}_step"), moment.step),
            None => named,
        }
    }

    fn done(mut self) -> Json {
        if !self.unknown.is_empty() {
            self.fields.insert("unknown".to_string(), Json::Array(self.unknown));
        }
        Json::Object(self.fields)
    }
}

/// All of it as one document; with `only`, the checkpoints of that number.
pub fn document(history: &History, only: Option<u64>) -> String {
    let wanted = |one: &&Checkpoint| only.is_none_or(|id| one.id.0 == id);
    let document = json!({
        "schema": SCHEMA,
        "title": history.title,
        "checkpoints": history.checkpoints.iter().filter(wanted).map(checkpoint).collect::<Vec<_>>(),
        "recoveries": history.recoveries.iter().map(recovery).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

fn checkpoint(one: &Checkpoint) -> Json {
    let object = Object::default()
        .put("id", one.id.0)
        .put("attempt", one.job.0)
        .put("status", one.status.word().replace(' ', "_"))
        .moment("trigger", one.trigger)
        .value("duration_ns", one.duration)
        .put("acknowledged", one.acks.0)
        .value("required", one.acks.1)
        .value("start_delay_ns", one.most(|part| part.start_delay))
        .value("alignment_ns", one.most(|part| part.alignment))
        .value("sync_ns", one.most(|part| part.sync))
        .value("async_ns", one.most(|part| part.uploading))
        .value("in_flight_records", one.sum(|part| part.in_flight))
        .value("in_flight_bytes", one.sum(|part| part.in_flight_bytes))
        .value("state_bytes", one.sum(|part| part.state_bytes))
        .put("subtasks", one.parts.iter().map(part).collect::<Vec<_>>());
    let object = if one.end.is_some() { object.moment("end", one.end) } else { object };
    match &one.status {
        Status::Aborted(why) => object.put("reason", why.as_str()).done(),
        _ => object.done(),
    }
}

fn part(part: &Part) -> Json {
    let object = Object::default()
        .put("subtask", part.name.as_str())
        .value("start_delay_ns", part.start_delay)
        .value("alignment_ns", part.alignment)
        .value("blocked_ns", part.blocked)
        .value("sync_ns", part.sync)
        .value("async_ns", part.uploading)
        .value("end_to_end_ns", part.end_to_end)
        .value("in_flight_records", part.in_flight)
        .value("in_flight_bytes", part.in_flight_bytes)
        .value("overtaken_records", part.overtaken)
        .value("state_bytes", part.state_bytes);
    match &part.declined {
        Some(why) => object.put("declined", why.as_str()).done(),
        None => object.done(),
    }
}

fn recovery(recovery: &Recovery) -> Json {
    let (restored, some, all) = recovery.restored;
    let at = |of: &Option<(Moment, String)>| of.as_ref().map(|(moment, _)| *moment);
    let mut object = Object::default()
        .put("attempt", recovery.job.0)
        .moment("failure", at(&recovery.failure))
        .moment("detected", at(&recovery.detected))
        .moment("restarted", Some(recovery.restarted))
        .moment("restored", restored)
        .put("restored_subtasks", some)
        .put("subtasks", all)
        .moment("first_record", recovery.first_record)
        .value("records_read_again", recovery.again);
    if let Some(base) = recovery.base {
        object = object.put("base", base.0);
    }
    if let Some((_, words)) = &recovery.failure {
        object = object.put("failure", words.as_str());
    }
    object.done()
}
