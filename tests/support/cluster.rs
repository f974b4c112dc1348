//! Servers that a test starts for itself and stops: PostgreSQL on a Unix socket in a temporary folder, and S3 as PyPI's
//! moto has it.
#![allow(dead_code)] // every test uses a part of it

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
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
}

impl Cluster {
    /// Starts one; none, and a word about it, if there is no server on this machine.
    pub fn start() -> Option<Cluster> {
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
        let mut cluster = Cluster { folder, bin, user, server: None };
        let data = cluster.folder.path().join("data");
        let mut initdb = cluster.command("initdb");
        initdb.arg("-D").arg(data).args(["-A", "trust", "-U", "cutline", "-E", "UTF8", "--no-sync", "--locale=C"]);
        let made = initdb.output().expect("initdb starts");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        cluster.serve();
        Some(cluster)
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
        server.args(["-h", "", "-c", "max_prepared_transactions=20", "-c", "fsync=off"]).stderr(Stdio::null());
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
        format!("postgres://cutline@{folder}/postgres")
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
}

impl Moto {
    /// Starts one; none, and a word about it, if moto isn't installed. `CUTLINE_PYTHON` names the Python that has it.
    pub fn start(bucket: &str) -> Option<Moto> {
        let python = std::env::var("CUTLINE_PYTHON").unwrap_or_else(|_| "python3".to_string());
        let has = Command::new(&python).args(["-c", "import moto.server"]).stderr(Stdio::null()).status();
        if !has.is_ok_and(|status| status.success()) {
            skip("there is no S3 to test with: pip install 'moto[server]', and CUTLINE_PYTHON");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("it has one").port();
        let mut server = Command::new(&python);
        server.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
        let server =
            server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let moto = Moto { server, port };
        let until = Instant::now() + PATIENCE;
        while !moto.make(bucket) {
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

    /// What the program has to know of it.
    pub fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port)),
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
