//! Which certificates are trusted, beside OpenSSL and curl, and which files they may stand in.

mod common;

use std::ffi::{CString, OsStr};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{env, thread};

use atlas_backup::{Client, Config, Error, ErrorKind};
use atlas_simulator::Simulator;
use common::{Directory, client, config_for, get, in_child, is_child};

const MIB: u64 = 1024 * 1024;

fn runs(program: &str, argument: &str) -> bool {
    let found = Command::new(program).arg(argument).output();
    if found.is_err() {
        println!("skipped: {program} is not installed");
    }
    found.is_ok()
}

/// Makes certificates with `openssl`, each with a key of its own: `NAME.pem` and `NAME.key`.
struct Maker(Directory);

#[derive(Clone, Copy)]
struct Wanted<'a> {
    name: &'a str,
    subject: &'a str,
    key: &'a [&'a str],
    digest: &'a str,
    /// One a line.
    extensions: &'a str,
    from: &'a str,
    to: &'a str,
    /// The name of another certificate; itself if there is none.
    issuer: Option<&'a str>,
}

const P256: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
const P384: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"];
const P521: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"];
const RSA: &[&str] = &["-newkey", "rsa:2048"];
const ED25519: &[&str] = &["-newkey", "ed25519"];

/// As `openssl req -x509` makes it: an authority of its own.
const USUAL: Wanted = Wanted {
    name: "usual",
    subject: "/CN=localhost",
    key: P256,
    digest: "default",
    extensions: "basicConstraints=critical,CA:TRUE\nsubjectAltName=DNS:localhost",
    from: "20200101000000Z",
    to: "29990101000000Z",
    issuer: None,
};
const AUTHORITY: Wanted = Wanted {
    name: "authority",
    subject: "/CN=An authority",
    extensions: "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign",
    ..USUAL
};
const LEAF: Wanted = Wanted {
    name: "leaf",
    extensions: "basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost",
    issuer: Some("authority"),
    ..USUAL
};

impl Maker {
    fn new() -> Maker {
        let directory = Directory::new();
        let settings = "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nnew_certs_dir=.\npolicy=p\nrand_serial=yes\n\
                        unique_subject=no\n[p]\ncommonName=supplied\n[req]\ndistinguished_name=n\n[n]\n";
        fs::write(directory.join("settings"), settings).unwrap();
        fs::write(directory.join("index"), "").unwrap();
        Maker(directory)
    }

    fn make(&self, wanted: Wanted) {
        let Wanted { name, subject, .. } = wanted;
        let file = |ending: &str| format!("{name}.{ending}");
        self.openssl(
            &[
                &["req", "-new", "-config", "settings", "-nodes", "-subj", subject],
                wanted.key,
                &["-keyout", &file("key"), "-out", &file("request")],
            ]
            .concat(),
        );
        fs::write(self.0.join(file("extensions")), wanted.extensions).unwrap();
        let issuer = wanted.issuer.map(|name| (format!("{name}.pem"), format!("{name}.key")));
        let key = file("key");
        let signer: &[&str] = match &issuer {
            None => &["-selfsign", "-keyfile", &key],
            Some((certificate, key)) => &["-cert", certificate, "-keyfile", key],
        };
        self.openssl(
            &[
                &["ca", "-config", "settings", "-batch", "-notext", "-md", wanted.digest],
                signer,
                &["-startdate", wanted.from, "-enddate", wanted.to],
                &["-extfile", &file("extensions"), "-in", &file("request"), "-out", &file("pem")],
            ]
            .concat(),
        );
    }

    fn openssl(&self, arguments: &[&str]) {
        let mut command = Command::new("openssl");
        let output = command.args(arguments).current_dir(&self.0.0).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments:?}: {said}");
    }

    fn pem(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.pem"))
    }

    /// A server of OpenSSL's with this certificate.
    fn serve(&self, name: &str) -> Served {
        let mut command = Command::new("openssl");
        command
            .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-cert"])
            .arg(self.pem(name))
            .arg("-key")
            .arg(self.0.join(format!("{name}.key")))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        // SAFETY: a system call between fork and exec; the server ends with this thread.
        unsafe {
            command.pre_exec(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                Ok(())
            });
        }
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines
            .find_map(|line| {
                Some(line.ok()?.strip_prefix("ACCEPT ")?.rsplit_once(':')?.1.to_owned())
            })
            .expect("a port");
        thread::spawn(move || lines.for_each(drop));
        Served { child, port }
    }
}

struct Served {
    child: Child,
    port: String,
}

impl Served {
    /// What we say of the server: nothing if the handshake succeeds.
    fn refused_by_us(&self, ca_file: &Path) -> Option<Error> {
        let mut config = config_for(&format!("https://localhost:{}", self.port));
        config.set_ca_file(Some(ca_file.as_os_str().as_bytes()));
        let error = get(&client(&config)).expect_err("a server that is not Atlas");
        match error.kind {
            ErrorKind::Tls => Some(error),
            ErrorKind::InvalidResponse => None,
            _ => panic!("{error}"),
        }
    }

    fn trusted_by_curl(&self, ca_file: &Path) -> bool {
        let mut command = Command::new("curl");
        command.args(["-q", "-s", "-o", "/dev/null", "--noproxy", "*", "--cacert"]);
        command.arg(ca_file).arg(format!("https://localhost:{}/", self.port));
        match command.output().unwrap().status.code() {
            Some(0) => true,
            Some(60) => false,
            code => panic!("curl: {code:?}"),
        }
    }

    fn trusted_by_openssl(&self, ca_file: &Path) -> bool {
        let mut command = Command::new("openssl");
        command
            .args(["s_client", "-verify_return_error", "-verify_hostname", "localhost"])
            .args(["-connect", &format!("127.0.0.1:{}", self.port), "-CAfile"])
            .arg(ca_file)
            .stdin(Stdio::null());
        command.output().unwrap().status.success()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_servers_own_certificate_in_ca_file_is_trusted_as_by_curl() {
    const NO: bool = false;
    const YES: bool = true;
    if !runs("openssl", "version") {
        return;
    }
    let curl = Command::new("curl").arg("--version").output();
    let curl = curl.is_ok_and(|it| String::from_utf8_lossy(&it.stdout).contains(" OpenSSL/"));
    if !curl {
        println!("skipped: what curl trusts: there is no curl with OpenSSL");
    }
    let maker = Maker::new();
    maker.make(AUTHORITY);
    maker.make(USUAL);
    let of = |name, extensions| Wanted { name, extensions, ..USUAL };
    // The certificate, what is in ca_file unless itself, words of our refusal, whether curl and openssl trust it.
    type Case<'a> = (Wanted<'a>, Option<&'a str>, Option<&'a str>, bool, bool);
    let cases: [Case; 18] = [
        (USUAL, None, None, YES, YES),
        (Wanted { name: "rsa", key: RSA, ..USUAL }, None, None, YES, YES),
        (Wanted { name: "p384", key: P384, ..USUAL }, None, None, YES, YES),
        (Wanted { name: "ed25519", key: ED25519, ..USUAL }, None, None, YES, YES),
        // ring has no SHA-512 for this key, but nobody's signature counts here.
        (Wanted { name: "sha512", digest: "sha512", ..USUAL }, None, None, YES, YES),
        (
            of("no-ca", "basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost"),
            None,
            None,
            YES,
            YES,
        ),
        (of("no-word", "subjectAltName=DNS:localhost"), None, None, YES, YES),
        (
            of("server", "extendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost"),
            None,
            None,
            YES,
            YES,
        ),
        (
            of("client", "extendedKeyUsage=clientAuth\nsubjectAltName=DNS:localhost"),
            None,
            Some("was not accepted"),
            NO,
            NO,
        ),
        // An authority may sign for any server, so that its own purpose keeps it from nothing.
        (
            of(
                "client-authority",
                "basicConstraints=critical,CA:TRUE\nextendedKeyUsage=clientAuth\nsubjectAltName=DNS:localhost",
            ),
            None,
            None,
            NO,
            NO,
        ),
        (
            of(
                "other-host",
                "basicConstraints=critical,CA:TRUE\nsubjectAltName=DNS:elsewhere.example",
            ),
            None,
            Some("is for another host name"),
            NO,
            NO,
        ),
        // curl and openssl take the subject's common name for a host name.
        (of("no-host", "basicConstraints=critical,CA:TRUE"), None, Some("names no host"), YES, YES),
        (
            Wanted { name: "expired", to: "20210101000000Z", ..USUAL },
            None,
            Some("has expired (2021-01-01"),
            NO,
            NO,
        ),
        (
            Wanted { name: "early", from: "29980101000000Z", ..USUAL },
            None,
            Some("is not valid yet (2998-01-01"),
            NO,
            NO,
        ),
        // Another key under the same name is another certificate.
        (Wanted { name: "forged", ..USUAL }, Some("usual"), Some("is self-signed"), NO, NO),
        (LEAF, Some("authority"), None, YES, YES),
        // Not self-signed, and its authority unknown: curl takes it, openssl without -partial_chain does not.
        (Wanted { name: "pinned", ..LEAF }, None, None, YES, NO),
        (
            Wanted { name: "pinned-expired", to: "20210101000000Z", ..LEAF },
            None,
            Some("has expired (2021-01-01"),
            NO,
            NO,
        ),
    ];
    for (wanted, ca_file, words, by_curl, by_openssl) in cases {
        let name = wanted.name;
        if name != "usual" {
            maker.make(wanted);
        }
        let served = maker.serve(name);
        let ca_file = maker.pem(ca_file.unwrap_or(name));
        let refused = served.refused_by_us(&ca_file).map(|error| error.message());
        match (&refused, words) {
            (None, None) => {}
            (Some(message), Some(words)) => assert!(message.contains(words), "{name}: {message}"),
            _ => panic!("{name}: {refused:?}"),
        }
        if curl {
            assert_eq!(served.trusted_by_curl(&ca_file), by_curl, "{name}: curl");
        }
        assert_eq!(served.trusted_by_openssl(&ca_file), by_openssl, "{name}: openssl");
    }
}

#[test]
fn a_signature_that_cannot_be_checked_is_refused_and_named() {
    if !runs("openssl", "version") {
        return;
    }
    let maker = Maker::new();
    // Key and digest of the authority, and whether what it signs is trusted.
    let cases = [
        (P256, "sha256", true),
        (P256, "sha384", true),
        (P256, "sha512", false),
        (P384, "sha384", true),
        (P384, "sha512", false),
        (P521, "sha256", false),
        (RSA, "sha512", true),
    ];
    for (key, digest, trusted) in cases {
        maker.make(Wanted { key, ..AUTHORITY });
        maker.make(Wanted { digest, ..LEAF });
        let refused = maker.serve("leaf").refused_by_us(&maker.pem("authority"));
        let what = format!("{key:?} {digest}: {refused:?}");
        assert_eq!(refused.is_none(), trusted, "{what}");
        if let Some(error) = refused {
            assert!(error.message().contains("a kind of signature"), "{what}");
            assert!(error.message().contains("SHA-256"), "{what}");
        }
    }
}

/// Makes a client, on a thread of its own since the file might be waited for.
fn made_in_time(config: &Config) -> Result<Client, Error> {
    let (tell, told) = mpsc::channel();
    let config = config.clone();
    thread::spawn(move || drop(tell.send(Client::new(&config))));
    told.recv_timeout(Duration::from_secs(20)).expect("a client or an error in time")
}

/// Files beside the good ones of a directory. What they are, and words of the refusal.
fn unusable(place: &Directory) -> Vec<(PathBuf, &'static str)> {
    let fifo = place.join("fifo");
    let name = CString::new(fifo.as_os_str().as_bytes()).unwrap();
    // SAFETY: a path with a NUL at its end.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o644) }, 0);
    let large = place.join("large");
    File::create(&large).unwrap().set_len(16 * MIB + 1).unwrap();
    let endless = place.join("endless");
    symlink("/dev/zero", &endless).unwrap();
    vec![
        (fifo, "regular file"),
        (endless, "regular file"),
        (place.0.clone(), "regular file"),
        (large, "16 MiB"),
        (place.join("missing"), "No such file"),
    ]
}

#[test]
fn a_ca_file_is_a_regular_file_of_16_mib_at_most() {
    let atlas = Simulator::start();
    let place = Directory::new();
    let config = |path: &Path| {
        let mut config = config_for(&atlas.base_url());
        config.set_ca_file(Some(path.as_os_str().as_bytes()));
        config
    };
    for (path, words) in unusable(&place) {
        let error = made_in_time(&config(&path)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Config, "{error}");
        let named = format!("ca_file {}", path.display());
        assert!(error.message().contains(&named), "{error}");
        assert!(error.message().contains(words), "{error}");
    }
    // As large as may be.
    let path = place.join("padded");
    let text = fs::read_to_string(atlas.ca_file()).unwrap();
    let padding = "\n".repeat(16 * MIB as usize - text.len());
    fs::write(&path, text + &padding).unwrap();
    get(&made_in_time(&config(&path)).unwrap()).unwrap();
}

/// Runs the test in a child, where [`trusts_by_environment`] is to find this.
fn in_child_with(test: &str, atlas: &Simulator, expected: &str, variables: &[(&str, &OsStr)]) {
    let url = atlas.base_url();
    let mut all: Vec<(&str, &OsStr)> =
        vec![("ATLAS_URL", url.as_ref()), ("ATLAS_EXPECTED", expected.as_ref())];
    all.extend(variables);
    in_child(test, &all);
}

/// Whether the simulator is trusted, or words of the refusal to make a client.
fn trusts_by_environment() {
    let expected = env::var("ATLAS_EXPECTED").unwrap();
    match made_in_time(&config_for(&env::var("ATLAS_URL").unwrap())) {
        Ok(client) => {
            assert_eq!(expected, "");
            get(&client).unwrap();
        }
        Err(error) => {
            assert_eq!(error.kind, ErrorKind::Config, "{error}");
            assert!(!expected.is_empty() && error.message().contains(&expected), "{error}");
        }
    }
}

#[test]
fn ssl_cert_file_is_a_regular_file_of_16_mib_at_most() {
    const TEST: &str = "ssl_cert_file_is_a_regular_file_of_16_mib_at_most";
    if is_child() {
        return trusts_by_environment();
    }
    let atlas = Simulator::start();
    let place = Directory::new();
    for (path, words) in unusable(&place) {
        let file = ("SSL_CERT_FILE", path.as_os_str());
        in_child_with(TEST, &atlas, words, &[file]);
        let named = format!("SSL_CERT_FILE {}", path.display());
        in_child_with(TEST, &atlas, &named, &[file]);
        // Even where the other variable names authorities.
        let directory = ("SSL_CERT_DIR", atlas.ca_file().parent().unwrap().as_os_str());
        in_child_with(TEST, &atlas, words, &[file, directory]);
    }
}

#[test]
fn ssl_cert_dir_is_a_list_of_directories_as_in_openssl() {
    const TEST: &str = "ssl_cert_dir_is_a_list_of_directories_as_in_openssl";
    if is_child() {
        return trusts_by_environment();
    }
    let atlas = Simulator::start();
    let place = Directory::new();
    let good = place.join("good");
    fs::create_dir(&good).unwrap();
    // OpenSSL's naming: the hash of the subject and a number.
    fs::copy(atlas.ca_file(), good.join("0a1b2c3d.0")).unwrap();
    let bad = place.join("bad");
    fs::create_dir(&bad).unwrap();
    let bad = Directory(bad);
    unusable(&bad);
    fs::write(bad.join("words"), "no certificate\n").unwrap();
    fs::create_dir(bad.join("deeper")).unwrap();
    symlink("nowhere", bad.join("dangling")).unwrap();
    let (good, bad) = (good.to_str().unwrap(), bad.0.to_str().unwrap());
    let none = format!("SSL_CERT_DIR={bad} gives no certificate authority");
    for (list, expected) in [
        (good.to_owned(), ""),
        (format!("{bad}:{good}"), ""),
        (format!("{good}:{bad}"), ""),
        (format!("/no/such/directory:{good}"), ""),
        (format!(":{good}::"), ""),
        (format!("/no/such/directory:{bad}"), "gives no certificate authority"),
        (bad.to_owned(), &none),
        (":".to_owned(), "gives no certificate authority"),
    ] {
        in_child_with(TEST, &atlas, expected, &[("SSL_CERT_DIR", list.as_ref())]);
    }
    // What stands beside the authorities is added to them.
    let variables =
        [("SSL_CERT_FILE", atlas.ca_file().as_os_str()), ("SSL_CERT_DIR", bad.as_ref())];
    in_child_with(TEST, &atlas, "", &variables);
}
