//! Servers that a test starts for itself and stops: PostgreSQL on a Unix socket in a temporary folder, and S3 as PyPI's
//! moto has it.
#![allow(dead_code)] // every test uses a part of it

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// A test that can't be done here says so; where everything has to be there (`CUTLINE_NO_SKIP`, as in CI), it fails.
pub fn skip(why: &str) {
    assert!(std::env::var_os("CUTLINE_NO_SKIP").is_none(), "not skipped: {why}");
    eprintln!("SKIPPED: {why}");
}

/// A PostgreSQL server.
pub struct Cluster {
    folder: TempDir,
    bin: PathBuf,
    user: Option<(u32, u32)>, // whom it runs as, since it refuses to be root's
    server: Option<Child>,
    /// Where it listens besides its socket, encrypted connections only.
    port: Option<u16>,
}

/// A certificate for `localhost`, and that of who vouches for it: `ca.pem`, `server.pem` and `server.key` in a folder.
pub fn certificates(folder: &Path) {
    const KEY: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    fs::write(folder.join("names"), "subjectAltName=DNS:localhost").expect("a file for a test");
    let made = |args: &[&[&str]]| {
        let output = Command::new("openssl").args(args.concat()).current_dir(folder).output().expect("openssl starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    made(&[&["req", "-x509", "-subj", "/CN=test", "-days", "2", "-keyout", "ca.key", "-out", "ca.pem"], KEY]);
    made(&[&["req", "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr"], KEY]);
    let sign = ["x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
    made(&[&sign, &["-days", "2", "-extfile", "names", "-out", "server.pem"]]);
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("it has one").port()
}

impl Cluster {
    /// Starts one; none, and a word about it, if there is no server on this machine.
    pub fn start() -> Option<Cluster> {
        Cluster::made(None)
    }

    /// Starts one that takes encrypted connections at a port of `localhost`.
    pub fn encrypted() -> Option<Cluster> {
        Cluster::made(Some(free_port()))
    }

    fn made(port: Option<u16>) -> Option<Cluster> {
        let Some(bin) = programs() else {
            skip("there is no PostgreSQL server here: apt-get install postgresql");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder for a test");
        let root = fs::metadata(folder.path()).expect("it is there").uid() == 0;
        let user = root.then(|| (number("-u"), number("-g")));
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid)).expect("root may do that");
        }
        let mut cluster = Cluster { folder, bin, user, server: None, port };
        let data = cluster.folder.path().join("data");
        let mut initdb = cluster.command("initdb");
        initdb.arg("-D").arg(data).args(["-A", "trust", "-U", "cutline", "-E", "UTF8", "--no-sync", "--locale=C"]);
        let made = initdb.output().expect("initdb starts");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        if port.is_some() {
            cluster.certify();
        }
        cluster.serve();
        Some(cluster)
    }

    /// Certificates, and nobody comes in from outside without encryption.
    fn certify(&self) {
        let folder = self.folder.path();
        certificates(folder);
        if let Some((uid, gid)) = self.user {
            for file in ["server.pem", "server.key"] {
                chown(folder.join(file), Some(uid), Some(gid)).expect("as above");
            }
        }
        let rules = "local all all trust\nhostssl all all 127.0.0.1/32 trust\n";
        fs::write(folder.join("data/pg_hba.conf"), rules).expect("a file for a test");
    }

    /// Whom to trust for an encrypted server.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The address from outside.
    pub fn outside(&self) -> String {
        format!("postgres://cutline@localhost:{}/postgres", self.port.expect("it listens"))
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        command.current_dir(self.folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    fn serve(&mut self) {
        let folder = self.folder.path().to_path_buf();
        let mut server = self.command("postgres");
        server.arg("-D").arg(folder.join("data")).arg("-k").arg(&folder);
        server.args(["-c", "max_prepared_transactions=20", "-c", "fsync=off"]).stderr(Stdio::null());
        match self.port {
            None => _ = server.args(["-h", ""]),
            Some(port) => {
                let file = |name: &str| format!("ssl_{name}_file={}", folder.join(format!("server.{name}")).display());
                let cert = file("cert").replace("server.cert", "server.pem");
                server.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-c", "ssl=on"]);
                server.args(["-c", &cert, "-c", &file("key")]);
            }
        }
        self.server = Some(server.spawn().expect("postgres starts"));
        let until = Instant::now() + PATIENCE;
        while postgres::Client::connect(&self.address(), postgres::NoTls).is_err() {
            assert!(Instant::now() < until, "the server doesn't take connections");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// How to connect.
    pub fn address(&self) -> String {
        let folder = self.folder.path().display().to_string().replace('/', "%2F");
        let port = self.port.map_or(String::new(), |port| format!(":{port}"));
        format!("postgres://cutline@{folder}{port}/postgres")
    }

    /// A connection of the test's own.
    pub fn client(&self) -> postgres::Client {
        postgres::Client::connect(&self.address(), postgres::NoTls).expect("it takes connections")
    }

    /// Stops it at once, as a machine that loses power would, and starts it again.
    pub fn crash(&mut self) {
        self.stop("-QUIT");
        self.serve();
    }

    fn stop(&mut self, signal: &str) {
        if let Some(mut server) = self.server.take() {
            let _ = Command::new("kill").args([signal, &server.id().to_string()]).status();
            let _ = server.wait();
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop("-QUIT");
    }
}

/// Where `initdb` and `postgres` are.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = versions.map(|version| version.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all: Vec<PathBuf> = debian.chain(std::env::split_paths(&path)).collect();
    all.into_iter().find(|bin| bin.join("initdb").exists() && bin.join("postgres").exists())
}

fn number(of: &str) -> u32 {
    let of_user = |user| Command::new("id").args([of, user]).output().ok().filter(|output| output.status.success());
    let output = of_user("postgres").or_else(|| of_user("nobody")).expect("there is a user who isn't root");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
}

/// An S3 endpoint with a bucket.
pub struct Moto {
    server: Child,
    port: u16,
    /// The certificates of one that takes encrypted connections only.
    encrypted: Option<TempDir>,
}

impl Moto {
    /// Starts one; none, and a word about it, if moto isn't installed. `CUTLINE_PYTHON` names the Python that has it.
    pub fn start(bucket: &str) -> Option<Moto> {
        Moto::made(bucket, None)
    }

    /// Starts one that takes encrypted connections only.
    pub fn encrypted(bucket: &str) -> Option<Moto> {
        let folder = tempfile::tempdir().expect("a folder for a test");
        certificates(folder.path());
        Moto::made(bucket, Some(folder))
    }

    fn made(bucket: &str, encrypted: Option<TempDir>) -> Option<Moto> {
        let python = std::env::var("CUTLINE_PYTHON").unwrap_or_else(|_| "python3".to_string());
        let has = Command::new(&python).args(["-c", "import moto.server"]).stderr(Stdio::null()).status();
        if !has.is_ok_and(|status| status.success()) {
            skip("there is no S3 to test with: pip install 'moto[server]', and CUTLINE_PYTHON");
            return None;
        }
        let port = free_port();
        let mut server = Command::new(&python);
        server.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
        if let Some(folder) = &encrypted {
            server.arg("-c").arg(folder.path().join("server.pem")).arg("-k").arg(folder.path().join("server.key"));
        }
        let server =
            server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let moto = Moto { server, port, encrypted };
        let until = Instant::now() + PATIENCE;
        while !if moto.encrypted.is_some() { moto.make_encrypted(bucket, &python) } else { moto.make(bucket) } {
            assert!(Instant::now() < until, "moto doesn't answer");
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(moto)
    }

    fn make(&self, bucket: &str) -> bool {
        use std::io::{Read as _, Write as _};
        let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        // moto looks at the region of the credentials and checks no signature.
        let request = format!(
            "PUT /{bucket} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: 0\r\nConnection: close\r\nAuthorization: \
             AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n",
            self.port
        );
        let mut answer = String::new();
        let asked = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut answer));
        asked.is_ok() && answer.contains(" 200 ")
    }

    /// The same by somebody who can encrypt.
    fn make_encrypted(&self, bucket: &str, python: &str) -> bool {
        let put = format!(
            "import ssl, urllib.request as u\n\
             u.urlopen(u.Request('https://localhost:{}/{bucket}', method='PUT', headers={{'Authorization': 'AWS4-HMAC-SHA256 \
             Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0'}}), \
             context=ssl._create_unverified_context())",
            self.port
        );
        Command::new(python).args(["-c", &put]).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    /// Whom to trust for an encrypted server.
    pub fn authority(&self) -> PathBuf {
        self.encrypted.as_ref().expect("it is encrypted").path().join("ca.pem")
    }

    /// What the program has to know of it.
    pub fn environment(&self) -> [(&'static str, String); 4] {
        let scheme = if self.encrypted.is_some() { "https://localhost" } else { "http://127.0.0.1" };
        [
            ("AWS_ENDPOINT_URL", format!("{scheme}:{}", self.port)),
            ("AWS_REGION", "us-east-1".to_string()),
            ("AWS_ACCESS_KEY_ID", "test".to_string()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_string()),
        ]
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
