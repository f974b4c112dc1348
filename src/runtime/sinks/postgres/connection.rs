//! Connections, and what their errors say.
//!
//! With `sslmode=require` in the address a connection is encrypted, and the server has to prove with a certificate that
//! it has the name in the address; without it, nothing is.

use ::postgres::config::SslMode;
use ::postgres::{Client, Config, Error, NoTls};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres_rustls::MakeRustlsConnect;

/// Nobody waits longer for a server.
const CONNECT: Duration = Duration::from_secs(5);

/// A new connection. `name`: what the server's administrator sees of it.
///
/// # Errors
/// In words, without a password.
pub fn connect(config: &Config, name: &str) -> Result<Client, String> {
    let mut config = config.clone();
    config.application_name(name).connect_timeout(CONNECT);
    let connected = match config.get_ssl_mode() {
        SslMode::Require => config.connect(encrypted()?),
        _ => config.connect(NoTls),
    };
    connected.map_err(|error| format!("cannot connect: {}", words(error)))
}

/// Encryption, with whom to trust: the certificates in the file that `PGSSLROOTCERT` names, or else the system's.
fn encrypted() -> Result<MakeRustlsConnect, String> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = std::env::var_os("PGSSLROOTCERT") {
        let wrong = |error: &dyn std::fmt::Display| format!("PGSSLROOTCERT, {}: {error}", path.display());
        for certificate in CertificateDer::pem_file_iter(&path).map_err(|error| wrong(&error))? {
            roots.add(certificate.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if roots.is_empty() {
        return Err("there are no certificates to trust: name a file of them in PGSSLROOTCERT".to_string());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?;
    Ok(MakeRustlsConnect::new(config.with_root_certificates(roots).with_no_client_auth()))
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
