//! Numbers and names that a scenario may leave open, for every seed to draw.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

use crate::dice::Dice;

/// How large an open number is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lean {
    /// Anywhere.
    Anywhere,
    /// In the lower quarter: short, dense runs.
    Low,
}

/// A whole number between `MIN` and `MAX`: fixed, or left open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Open<const MIN: u64, const MAX: u64> {
    /// Always this.
    Fixed(u64),
    /// Any number in the range, both ends included.
    Between {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// One of these, each as likely; repeat one to make it likelier.
    OneOf {
        /// The candidates.
        one_of: Vec<u64>,
    },
}

impl<const MIN: u64, const MAX: u64> Open<MIN, MAX> {
    /// The number, if it is fixed.
    pub fn fixed(&self) -> Option<u64> {
        match self {
            Open::Fixed(value) => Some(*value),
            _ => None,
        }
    }

    /// The least that it can become.
    pub fn least(&self) -> u64 {
        match self {
            Open::Fixed(value) => *value,
            Open::Between { min, .. } => *min,
            Open::OneOf { one_of } => one_of.iter().min().copied().unwrap_or(MIN),
        }
    }

    /// The most that it can become.
    pub fn most(&self) -> u64 {
        match self {
            Open::Fixed(value) => *value,
            Open::Between { max, .. } => *max,
            Open::OneOf { one_of } => one_of.iter().max().copied().unwrap_or(MIN),
        }
    }

    /// Draws it and fixes it. A fixed number draws nothing.
    pub fn close(&mut self, dice: &mut Dice, lean: Lean) -> u64 {
        let value = match self {
            Open::Fixed(value) => return *value,
            Open::Between { min, max } => match lean {
                Lean::Anywhere => dice.between(*min, *max),
                Lean::Low => dice.between(*min, *min + max.saturating_sub(*min) / 4),
            },
            Open::OneOf { one_of } => dice.pick(one_of).copied().unwrap_or(MIN),
        };
        *self = Open::Fixed(value);
        value
    }
}

impl<const MIN: u64, const MAX: u64> JsonSchema for Open<MIN, MAX> {
    fn schema_name() -> Cow<'static, str> {
        format!("Number{MIN}To{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let number = json_schema!({"type": "integer", "minimum": MIN, "maximum": MAX});
        json_schema!({
            "description": "A whole number, or one that every seed draws anew.",
            "anyOf": [
                number,
                {
                    "type": "object",
                    "description": "Any number in the range, both ends included.",
                    "properties": {"min": number, "max": number},
                    "required": ["min", "max"],
                    "additionalProperties": false
                },
                {
                    "type": "object",
                    "description": "One of these; repeat one to make it likelier.",
                    "properties": {"one_of": {"type": "array", "items": number, "minItems": 1}},
                    "required": ["one_of"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

/// A word from a closed list (or `true`/`false`): fixed, or left open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
#[schemars(rename = "Pick{T}")]
pub enum Pick<T> {
    /// Always this.
    Fixed(T),
    /// One of these, each as likely.
    OneOf {
        /// The candidates.
        #[schemars(length(min = 1))]
        one_of: Vec<T>,
    },
}

impl<T: Copy> Pick<T> {
    /// The word, if it is fixed.
    pub fn fixed(&self) -> Option<T> {
        match self {
            Pick::Fixed(value) => Some(*value),
            Pick::OneOf { .. } => None,
        }
    }

    /// All that it can become.
    pub fn candidates(&self) -> &[T] {
        match self {
            Pick::Fixed(value) => std::slice::from_ref(value),
            Pick::OneOf { one_of } => one_of,
        }
    }

    /// Draws it and fixes it. A fixed word draws nothing; an empty list stays as it is.
    pub fn close(&mut self, dice: &mut Dice) -> Option<T> {
        if let Pick::OneOf { one_of } = self {
            let value = *dice.pick(one_of)?;
            *self = Pick::Fixed(value);
        }
        self.fixed()
    }
}
