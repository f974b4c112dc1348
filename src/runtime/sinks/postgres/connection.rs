//! Connections, and what their errors say.

use ::postgres::{Client, Config, Error, NoTls};
use std::time::Duration;

/// Nobody waits longer for a server.
const CONNECT: Duration = Duration::from_secs(5);

/// A new connection. `name`: what the server's administrator sees of it.
///
/// # Errors
/// In words, without a password.
pub fn connect(config: &Config, name: &str) -> Result<Client, String> {
    let mut config = config.clone();
    config.application_name(name).connect_timeout(CONNECT);
    config.connect(NoTls).map_err(|error| format!("cannot connect: {}", words(error)))
}

/// What a person should know of an error. The crate's own words for one of the server's say only that it is one.
pub fn words(error: Error) -> String {
    if let Some(said) = error.as_db_error() {
        return format!("{} ({})", said.message(), said.code().code());
    }
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(next) = cause {
        let more = next.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        cause = next.source();
    }
    words
}
