//! Splits text into words.

use crate::engine::message::{Datum, Record};
use crate::engine::operator::{Emit, Operator};
use crate::ids::RecordId;

/// One record a word: the word, in lower case, is the key, the value is 1.
#[derive(Clone)]
pub struct Words;

/// The id of the `i`-th record (from 0) that one record is split into.
pub fn part_of(parent: RecordId, i: usize) -> RecordId {
    RecordId { part: parent.part.wrapping_mul(4096).wrapping_add(i as u32 + 1), ..parent }
}

impl Operator for Words {
    fn splits(&self) -> bool {
        true
    }

    fn split(&mut self, _side: u32, record: Record, emit: &mut Emit) {
        let Datum::Text(text) = &record.value else { return emit(record) };
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        for (i, word) in words.enumerate() {
            let key = Datum::Text(word.to_lowercase().into());
            emit(Record { id: part_of(record.id, i), key, value: Datum::Int(1) });
        }
    }

    fn fork(&self) -> Box<dyn Operator> {
        Box::new(self.clone())
    }
}
