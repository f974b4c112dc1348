//! What a line of a file says: the key and the value of a record. It doesn't know where lines come from.

use crate::engine::message::Datum;
use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};
use std::fmt;

/// The fields of a JSON object that make a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// The name of the field that is the key.
    pub key: String,
    /// The name of the field that is the value.
    pub value: String,
}

impl Fields {
    /// The key and the value of a line: texts or whole numbers, whatever other fields there are.
    ///
    /// # Errors
    /// In words that fit behind the name of a file and the number of a line.
    pub fn of(&self, line: &str) -> Result<(Datum, Datum), String> {
        let mut reader = serde_json::Deserializer::from_str(line);
        let said = |error: serde_json::Error| {
            let text = error.to_string();
            // The line is one line: where in it the mistake is says the column alone.
            let text = text.split(" at line ").next().unwrap_or(&text);
            if error.column() > 0 { format!("{text} (column {})", error.column()) } else { text.to_string() }
        };
        let found = reader.deserialize_map(Both(self)).map_err(said)?;
        reader.end().map_err(said)?;
        Ok(found)
    }
}

struct Both<'a>(&'a Fields);

impl<'de> Visitor<'de> for Both<'_> {
    type Value = (Datum, Datum);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with the fields `{}` and `{}`", self.0.key, self.0.value)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut key, mut value) = (None, None);
        while let Some(name) = map.next_key_seed(Name(self.0))? {
            match name {
                (false, false) => drop(map.next_value::<IgnoredAny>()?),
                (is_key, is_value) => {
                    let datum = map.next_value_seed(Plain)?;
                    if is_key {
                        key = Some(datum.clone());
                    }
                    if is_value {
                        value = Some(datum);
                    }
                }
            }
        }
        let missing = |name: &str| A::Error::custom(format!("the field `{name}` is missing"));
        Ok((key.ok_or_else(|| missing(&self.0.key))?, value.ok_or_else(|| missing(&self.0.value))?))
    }
}

/// Is it the name of the key, of the value?
struct Name<'a>(&'a Fields);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = (bool, bool);

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = (bool, bool);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok((name == self.0.key, name == self.0.value))
    }
}

/// A text or a whole number.
struct Plain;

impl<'de> DeserializeSeed<'de> for Plain {
    type Value = Datum;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Plain {
    type Value = Datum;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a whole number of 64 bits")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Datum::Text(text.into()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Datum::Int(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        let number = i64::try_from(number);
        number.map(Datum::Int).map_err(|_| E::custom("a number is too large, expected a whole number of 64 bits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<(Datum, Datum), String> {
        Fields { key: "user".into(), value: "n".into() }.of(line)
    }

    #[test]
    fn two_fields_of_an_object() {
        let text = |text: &str| Datum::Text(text.into());
        assert_eq!(of(r#"{"n": 3, "more": [{"user": 1}], "user": "a\u00e9"}"#), Ok((text("aé"), Datum::Int(3))));
        assert_eq!(of(r#"{"user":-9223372036854775808,"n":""}"#), Ok((Datum::Int(i64::MIN), text(""))));
        let twice = Fields { key: "n".into(), value: "n".into() };
        assert_eq!(twice.of(r#"{"n":1}"#), Ok((Datum::Int(1), Datum::Int(1))));
    }

    #[test]
    fn anything_else_says_what_it_is() {
        for (line, said) in [
            (r#"{"n":1}"#, "the field `user` is missing"),
            (r#"{"user":"a"}"#, "the field `n` is missing"),
            (r#"{"user":1.5,"n":1}"#, "expected a text or a whole number"),
            (r#"{"user":null,"n":1}"#, "expected a text or a whole number"),
            (r#"{"user":18446744073709551615,"n":1}"#, "too large"),
            (r#"[1]"#, "expected an object with the fields `user` and `n`"),
            (r#"{"user":1,"n":1} x"#, "trailing characters"),
            (r#"{"user":1,"n":1"#, "EOF"),
            ("", "EOF"),
        ] {
            let error = of(line).expect_err(line);
            assert!(error.contains(said), "{line}: {error}");
            assert!(!error.contains(" line "), "{error}");
        }
    }
}
