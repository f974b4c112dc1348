//! The fields of one line: each is asked for by name, and at the end none may be left.

use super::error::{Error, nearest};
use super::{Names, VERSION};
use crate::ids::*;
use crate::trace::event::{Kappa, Outcome};
use crate::trace::words;
use crate::trace::{Datum, Record, StoreKey, Txn};
use jsonc_parser::common::Ranged;
use serde_json::{Map, Value};
use std::ops::Range;
use std::sync::Arc;

/// The fields of one line, taken one by one.
pub(super) struct Fields<'a> {
    text: &'a str,
    line: u64,
    map: Map<String, Value>,
    asked: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    pub fn parse(text: &'a str, line: u64) -> Result<Self, Error> {
        let map: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
            let full = error.to_string();
            let message = full.split(" at line ").next().unwrap_or("not JSON").to_string();
            let column = error.column().saturating_sub(1).min(text.len());
            let at = (0..=column).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let end = at + text[at..].chars().next().map_or(0, char::len_utf8);
            Error::at("T0102", line, text, at..end, message).label("here the line stops being a JSON object")
        })?;
        Ok(Fields { text, line, map, asked: Vec::new() })
    }

    /// Where a field stands: its name and its value. The whole line, if it can't be said.
    fn place(&self, field: &str) -> (Range<usize>, Range<usize>) {
        let options = jsonc_parser::CollectOptions::default();
        let parsed = jsonc_parser::parse_to_ast(self.text, &options, &jsonc_parser::ParseOptions::default());
        let span = |range: &dyn Ranged| range.start()..range.end();
        let found = match parsed.ok().and_then(|parsed| parsed.value) {
            Some(jsonc_parser::ast::Value::Object(object)) => {
                let mut all = object.properties.into_iter();
                all.find(|one| one.name.as_str() == field).map(|one| (span(&one.name), span(&one.value)))
            }
            _ => None,
        };
        found.unwrap_or((0..self.text.len(), 0..self.text.len()))
    }

    /// An error about the value of a field.
    #[cold]
    pub fn wrong(&self, code: &'static str, field: &str, message: String) -> Error {
        Error::at(code, self.line, self.text, self.place(field).1, message)
    }

    #[cold]
    fn mistaken(&self, code: &'static str, field: &str, what: &str) -> Error {
        let (_, value) = self.place(field);
        let found = &self.text[value];
        let found = if found.chars().count() <= 40 { format!(", found `{found}`") } else { String::new() };
        self.wrong(code, field, format!("field `{field}`: expected {what}{found}")).label(format!("expected {what}"))
    }

    pub fn expected(&self, field: &str, what: &str) -> Error {
        self.mistaken("T0105", field, what)
    }

    /// Nothing may be left.
    pub fn end(self) -> Result<(), Error> {
        let Some(field) = self.map.keys().next() else { return Ok(()) };
        let near = nearest(field, self.asked.iter().copied());
        let hint = near.map(|name| format!(", did you mean `{name}`?"));
        let shown: String = field.chars().take(40).collect();
        let message = format!("unknown field `{shown}`{}", hint.unwrap_or_default());
        let found = Error::at("T0103", self.line, self.text, self.place(field).0, message);
        Err(match near {
            Some(near) => found.meant("a field with a similar name exists", format!("\"{near}\"")),
            None => found.label(format!("a line of this kind has {}", self.asked.join(", "))),
        })
    }

    pub fn take(&mut self, name: &'static str) -> Result<Value, Error> {
        self.asked.push(name);
        if let Some(value) = self.map.remove(name) {
            return Ok(value);
        }
        let near = nearest(name, self.map.keys().map(String::as_str)).filter(|near| near.len() > 2);
        let hint = near.map(|key| format!(": is `{key}` meant?")).unwrap_or_default();
        let span = near.map_or(0..self.text.len().min(1), |near| self.place(near).0);
        let found = Error::at("T0104", self.line, self.text, span, format!("field `{name}` is missing{hint}"));
        Err(match near {
            Some(_) => found.meant("a field with a similar name exists", format!("\"{name}\"")),
            None => found.label(format!("this line has no `{name}`")),
        })
    }

    pub fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&Self, Value) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        self.asked.push(name);
        self.map.remove(name).map(|value| read(self, value)).transpose()
    }

    pub fn version(&mut self) -> Result<(), Error> {
        match self.long("v")? {
            VERSION => Ok(()),
            other => {
                let found = self.wrong("T0109", "v", format!("format version {other} is not known, only {VERSION}"));
                Err(found.label(format!("expected {VERSION}")))
            }
        }
    }

    pub fn number(&self, name: &str, value: Value) -> Result<u64, Error> {
        let number = match &value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        let code = if value.is_number() { "T0106" } else { "T0105" };
        number.ok_or_else(|| self.mistaken(code, name, "a whole number from 0"))
    }

    pub fn small_of(&self, name: &str, value: Value) -> Result<u32, Error> {
        let small = self.number(name, value)?.try_into();
        small.map_err(|_| self.mistaken("T0106", name, "a whole number from 0 to 4294967295"))
    }

    pub fn string(&self, name: &str, value: Value) -> Result<String, Error> {
        if let Value::String(text) = value { Ok(text) } else { Err(self.expected(name, "a text")) }
    }

    pub fn array(&self, name: &str, value: Value) -> Result<Vec<Value>, Error> {
        if let Value::Array(list) = value { Ok(list) } else { Err(self.expected(name, "a list")) }
    }

    pub fn tuple<const N: usize>(&self, name: &str, value: Value, what: &str) -> Result<[Value; N], Error> {
        self.array(name, value)?.try_into().map_err(|_| self.expected(name, what))
    }

    pub fn long(&mut self, name: &'static str) -> Result<u64, Error> {
        let value = self.take(name)?;
        self.number(name, value)
    }

    pub fn small(&mut self, name: &'static str) -> Result<u32, Error> {
        let value = self.take(name)?;
        self.small_of(name, value)
    }

    pub fn text(&mut self, name: &'static str) -> Result<String, Error> {
        let value = self.take(name)?;
        self.string(name, value)
    }

    pub fn flag(&mut self, name: &'static str) -> Result<bool, Error> {
        self.take(name)?.as_bool().ok_or_else(|| self.expected(name, "true or false"))
    }

    pub fn serde<T: serde::de::DeserializeOwned>(&mut self, name: &'static str) -> Result<T, Error> {
        let value = self.take(name)?;
        // Of these fields one has a structure, and the others are words.
        let code = if value.is_object() { "T0111" } else { "T0107" };
        serde_json::from_value(value).map_err(|error| {
            self.wrong(code, name, format!("field `{name}`: {error}")).label("the field doesn't take this")
        })
    }

    pub fn word<T: Copy>(&mut self, name: &'static str, list: &[(&str, T)]) -> Result<T, Error> {
        let text = self.text(name)?;
        let all = || list.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        let found = list.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        found.ok_or_else(|| {
            let found = self.mistaken("T0107", name, &format!("one of {}", all()));
            match nearest(&text, list.iter().map(|(word, _)| *word)) {
                Some(near) => found.meant("a word that is similar is known", format!("\"{near}\"")),
                None => found,
            }
        })
    }

    pub fn result(&mut self) -> Result<Outcome, Error> {
        self.word("result", words::OUTCOMES)
    }

    pub fn ckpt(&mut self) -> Result<CheckpointId, Error> {
        self.long("ckpt").map(CheckpointId)
    }

    pub fn list<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&Self, Value) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let value = self.take(name)?;
        self.array(name, value)?.into_iter().map(|item| read(self, item)).collect()
    }

    pub fn task_of(&self, name: &str, value: Value, names: &Names) -> Result<TaskId, Error> {
        let text = self.string(name, value)?;
        names.find_task(&text).ok_or_else(|| self.nobody(name, "process", &text, &names.tasks))
    }

    pub fn task(&mut self, name: &'static str, names: &Names) -> Result<TaskId, Error> {
        let value = self.take(name)?;
        self.task_of(name, value, names)
    }

    pub fn channel_of(&self, name: &str, value: Value, names: &Names) -> Result<ChannelId, Error> {
        let text = self.string(name, value)?;
        names.find_channel(&text).ok_or_else(|| self.nobody(name, "channel", &text, &names.channels))
    }

    /// That the job has no process or channel of this name.
    #[cold]
    fn nobody(&self, field: &str, what: &str, name: &str, known: &[String]) -> Error {
        let found = self.wrong("T0108", field, format!("field `{field}`: there is no {what} `{name}`"));
        let found = found.label(format!("the job of the first line has no such {what}"));
        match nearest(name, known.iter().map(String::as_str)) {
            Some(near) => found.help(format!("did you mean `{near}`?")),
            None => found,
        }
    }

    pub fn channel(&mut self, names: &Names) -> Result<ChannelId, Error> {
        let value = self.take("ch")?;
        self.channel_of("ch", value, names)
    }

    pub fn life(&mut self, name: &'static str, names: &Names) -> Result<Incarnation, Error> {
        let value = self.take(name)?;
        let [task, attempt] = self.tuple(name, value, "[process, attempt]")?;
        Ok(Incarnation { task: self.task_of(name, task, names)?, attempt: Attempt(self.small_of(name, attempt)?) })
    }

    pub fn key(&self, name: &str, value: Value, names: &Names) -> Result<StoreKey, Error> {
        let [attempt, checkpoint, task] = self.tuple(name, value, "[attempt, checkpoint, process]")?;
        Ok(StoreKey {
            attempt: Attempt(self.small_of(name, attempt)?),
            checkpoint: CheckpointId(self.number(name, checkpoint)?),
            task: self.task_of(name, task, names)?,
        })
    }

    pub fn key_of(&mut self, names: &Names) -> Result<StoreKey, Error> {
        let value = self.take("key_of")?;
        self.key("key_of", value, names)
    }

    pub fn txn(&self, name: &str, value: Value, names: &Names) -> Result<Txn, Error> {
        let [attempt, task, number] = self.tuple(name, value, "[attempt, process, number]")?;
        Ok(Txn {
            attempt: Attempt(self.small_of(name, attempt)?),
            task: self.task_of(name, task, names)?,
            number: self.number(name, number)?,
        })
    }

    pub fn offsets(&mut self) -> Result<Arc<[(PartitionId, Offset)]>, Error> {
        let list = self.list("off", |f, value| {
            let [partition, offset] = f.tuple("off", value, "[partition, offset]")?;
            Ok((PartitionId(f.small_of("off", partition)?), Offset(f.number("off", offset)?)))
        })?;
        Ok(list.into())
    }

    pub fn kappa(&mut self, names: &Names) -> Result<Kappa, Error> {
        let list = self.list("kappa", |f, value| {
            let mut list = f.array("kappa", value)?.into_iter();
            let channel = list.next().ok_or_else(|| f.expected("kappa", "[channel, ids ...]"))?;
            let ids: Result<Vec<RecordId>, Error> = list.map(|id| f.id("kappa", id)).collect();
            Ok((f.channel_of("kappa", channel, names)?, ids?))
        })?;
        Ok(list.into())
    }

    pub fn id(&self, name: &str, value: Value) -> Result<RecordId, Error> {
        let text = self.string(name, value)?;
        let parse = || {
            let (partition, rest) = text.strip_prefix('s')?.split_once(':')?;
            let (offset, part) = rest.split_once('.').unwrap_or((rest, "0"));
            Some(RecordId {
                partition: PartitionId(partition.parse().ok()?),
                part: part.parse().ok()?,
                offset: Offset(offset.parse().ok()?),
            })
        };
        parse().ok_or_else(|| self.expected(name, "a record id like \"s0:17\" or \"s0:17.2\""))
    }

    pub fn record(&mut self) -> Result<Record, Error> {
        let [id, key, value] = [self.take("id")?, self.take("key")?, self.take("value")?];
        Ok(Record { id: self.id("id", id)?, key: self.datum("key", key)?, value: self.datum("value", value)? })
    }

    pub fn datum(&self, name: &str, value: Value) -> Result<Datum, Error> {
        let wrong = || self.expected(name, "a whole number, a text, [left, right], {\"int\": ..} or {\"bytes\": ..}");
        Ok(match value {
            Value::Number(number) => Datum::Int(number.as_i64().ok_or_else(wrong)?),
            Value::String(text) => Datum::Text(text.into()),
            Value::Array(_) => {
                let [left, right] = self.tuple(name, value, "[left, right]")?;
                Datum::Pair((self.datum(name, left)?, self.datum(name, right)?).into())
            }
            Value::Object(map) => match map.iter().next() {
                Some((key, Value::String(text))) if map.len() == 1 && key == "int" => {
                    Datum::Int(text.parse().map_err(|_| wrong())?)
                }
                Some((key, Value::String(text))) if map.len() == 1 && key == "bytes" => {
                    Datum::Bytes(hex(text).ok_or_else(wrong)?.into())
                }
                _ => return Err(wrong()),
            },
            _ => return Err(wrong()),
        })
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| (b as char).to_digit(16).map(|d| d as u8);
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}
