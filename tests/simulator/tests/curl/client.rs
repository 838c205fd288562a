//! curl, and the simulator it talks to.

use std::process::Command;

use atlas_simulator::{
    ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, PRIVATE_KEY, PROJECT, PUBLIC_KEY, SNAPSHOT, Simulator,
};

pub const ACCEPT: &str = "Accept: application/vnd.atlas.2024-05-30+json";

pub struct Curl {
    pub atlas: Simulator,
}

impl Curl {
    /// None, and a word about it, where curl is not installed.
    pub fn start() -> Option<Curl> {
        if Command::new("curl").arg("--version").output().is_err() {
            eprintln!("skipped: curl is not installed");
            return None;
        }
        Some(Curl { atlas: Simulator::start() })
    }

    pub fn run(&self, arguments: &[&str]) -> Got {
        let output = Command::new("curl")
            .args([
                "-q",
                "--silent",
                "--show-error",
                "--noproxy",
                "*",
                "--max-time",
                "20",
                "--cacert",
            ])
            .arg(self.atlas.ca_file())
            .args(arguments)
            .output()
            .unwrap();
        Got { exit: output.status.code().unwrap(), bytes: output.stdout }
    }

    pub fn url(&self, cluster: &str, rest: &str) -> String {
        let base = self.atlas.base_url();
        format!("{base}/api/atlas/v2/groups/{PROJECT}/clusters/{cluster}/backup/snapshots{rest}")
    }

    /// With the ready token; body, a space, status.
    pub fn api(&self, url: &str, more: &[&str]) -> Got {
        let bearer = format!("Authorization: Bearer {ACCESS_TOKEN}");
        let mut arguments = vec!["-H", &bearer, "-H", ACCEPT, "-w", " %{http_code}", url];
        arguments.extend(more);
        self.run(&arguments)
    }

    pub fn get(&self, cluster: &str, rest: &str) -> Got {
        let got = self.api(&self.url(cluster, rest), &[]);
        assert_eq!(got.exit, 0, "{cluster}{rest}");
        got
    }

    pub fn digest(&self, user: &str, urls: &[&str]) -> Got {
        let mut arguments = vec!["--digest", "-u", user, "-H", ACCEPT, "-w", " %{http_code}"];
        arguments.extend(urls);
        self.run(&arguments)
    }

    pub fn token_endpoint(&self, path: &str, user: &str, form: &str) -> Got {
        let url = format!("{}/api/oauth/{path}", self.atlas.base_url());
        self.run(&["-u", user, "-d", form, "-w", " %{http_code}", &url])
    }

    pub fn statuses(&self) -> Vec<u16> {
        self.atlas.requests().iter().map(|seen| seen.status).collect()
    }
}

/// What one curl process brought home: its exit status and what it wrote.
pub struct Got {
    pub exit: i32,
    pub bytes: Vec<u8>,
}

impl Got {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    /// The HTTP status that `api` has curl write after the body.
    pub fn status(&self) -> u16 {
        self.text().rsplit_once(' ').unwrap().1.parse().unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.text().rsplit_once(' ').unwrap().0).unwrap()
    }
}

pub fn key() -> String {
    format!("{PUBLIC_KEY}:{PRIVATE_KEY}")
}

pub fn account() -> String {
    format!("{CLIENT_ID}:{CLIENT_SECRET}")
}

pub fn one() -> String {
    format!("/{SNAPSHOT}")
}
