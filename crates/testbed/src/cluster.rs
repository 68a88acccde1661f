//! One private PostgreSQL cluster for all tests of this user on this machine.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

const SUPERVISE: &str = include_str!("supervise.sh");
const SETTINGS: &str = "
listen_addresses = ''
max_connections = 300
shared_buffers = 64MB
max_wal_size = 256MB
log_min_messages = fatal
";

/// URL of the running cluster; starts it first where it does not run.
///
/// # Panics
/// When PostgreSQL is not installed or does not start; the message says what to do.
pub fn postgres_url() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        let cluster = Cluster::here();
        cluster.ensure();
        cluster.url()
    })
}

struct Cluster {
    home: PathBuf,
    bin: PathBuf,
}

impl Cluster {
    fn here() -> Self {
        let user = fs::metadata("/proc/self").expect("/proc is there").uid();
        let home = std::env::temp_dir().join(format!("anlan-testbed-{user}"));
        fs::create_dir_all(&home).expect("the temporary folder can be written");
        Self { home, bin: bin() }
    }

    fn url(&self) -> String {
        let folder = self.home.join("socket").display().to_string();
        format!("postgres://anlan@{}/postgres", folder.replace('%', "%25").replace('/', "%2F"))
    }

    /// One process at a time looks and starts; the others wait and find it running.
    fn ensure(&self) {
        let lock = File::create(self.home.join("lock")).expect("the lock file can be made");
        lock.lock().expect("the lock can be taken");
        fs::write(self.home.join("used"), "").expect("the time of use can be noted");
        if !self.answers() {
            self.clear();
            self.make();
            self.start();
            self.watch();
        }
    }

    fn answers(&self) -> bool {
        postgres::Client::connect(&self.url(), postgres::NoTls).and_then(|mut it| it.simple_query("SELECT 1")).is_ok()
    }

    /// Whatever an earlier cluster left: a dead folder, or a server that no longer answers.
    fn clear(&self) {
        if self.home.join("data/postmaster.pid").exists() {
            let _ = self.run("pg_ctl", &["stop", "-m", "immediate", "-D", "data"]).status();
        }
        for folder in ["data", "socket"] {
            let _ = fs::remove_dir_all(self.home.join(folder));
        }
    }

    fn make(&self) {
        for folder in ["data", "socket"] {
            let path = self.home.join(folder);
            fs::create_dir(&path).expect("a folder of the cluster can be made");
            self.give(&path);
        }
        succeed(
            &mut self
                .run("initdb", &["-D", "data", "-U", "anlan", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]),
        );
        let settings = format!("{SETTINGS}unix_socket_directories = '{}'\n", self.home.join("socket").display());
        let mut file = fs::OpenOptions::new()
            .append(true)
            .open(self.home.join("data/postgresql.conf"))
            .expect("the cluster has settings");
        file.write_all(settings.as_bytes()).expect("the settings can be written");
    }

    fn start(&self) {
        let log = self.home.join("data/server.log").display().to_string();
        succeed(&mut self.run("pg_ctl", &["start", "-w", "-t", "60", "-D", "data", "-l", &log]));
    }

    /// Leaves somebody behind who stops the cluster once nobody has used it for some minutes.
    fn watch(&self) {
        let script = self.home.join("supervise.sh");
        fs::write(&script, SUPERVISE).expect("the supervisor can be written");
        let mut command = Command::new("setsid");
        command.arg("--fork").arg("sh").arg(&script).arg(&self.home).arg(&self.bin);
        if let Some(owner) = owner() {
            command.arg(owner);
        }
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let left = quiet.status().expect("setsid of util-linux is installed");
        assert!(left.success(), "the supervisor starts");
    }

    /// A program of PostgreSQL, run as somebody who is not root: it refuses root.
    fn run(&self, program: &str, arguments: &[&str]) -> Command {
        let program = self.bin.join(program);
        let mut command = match owner() {
            Some(owner) => {
                let mut command = Command::new("runuser");
                command.args(["-u", owner, "--"]).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.args(arguments).current_dir(&self.home).stdin(Stdio::null());
        command
    }

    fn give(&self, path: &Path) {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a folder can be opened to its owner");
        if let Some(owner) = owner() {
            succeed(Command::new("chown").arg(owner).arg(path).stdin(Stdio::null()));
        }
    }
}

/// Who runs the cluster when the tests run as root.
fn owner() -> Option<&'static str> {
    static OWNER: OnceLock<Option<&'static str>> = OnceLock::new();
    *OWNER.get_or_init(|| {
        let root = fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0);
        let known = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let named = |user: &str| known.lines().any(|it| it.starts_with(&format!("{user}:")));
        root.then(|| if named("postgres") { "postgres" } else { "nobody" })
    })
}

/// The folder with `initdb`: Debian keeps it out of the path.
fn bin() -> PathBuf {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|it| it.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found: Vec<_> =
        debian.chain(std::env::split_paths(&path)).filter(|it| it.join("initdb").exists()).collect();
    found.sort();
    found
        .pop()
        .expect("PostgreSQL is not installed: these tests run on both engines; scripts/install-test-tools installs it")
}

fn succeed(command: &mut Command) {
    let out = command.output().unwrap_or_else(|it| panic!("{command:?} cannot be run: {it}"));
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{command:?} failed: {said}");
}
