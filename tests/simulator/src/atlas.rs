//! Atlas itself: everything shared by the connections, and the honest answer to a request.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, RwLock};

use crate::answer::{Answer, Request};
use crate::digest::{Nonces, Refusal};
use crate::record::Record;
use crate::script::{Act, Scripts};
use crate::server::Connections;
use crate::settings::Settings;
use crate::specification::{self, media_type, version_of};
use crate::tokens::Tokens;
use crate::world::{self, Asked, Form, Stories};
use crate::{PROJECT, errors};

/// A version that is said to be gone.
const GONE_VERSION: &str = "2023-02-01";

pub(crate) struct Atlas {
    settings: RwLock<Arc<Settings>>,
    pub scripts: Scripts,
    pub tokens: Tokens,
    pub nonces: Nonces,
    pub stories: Stories,
    pub record: Record,
    pub connections: Connections,
    answers: AtomicU64,
}

/// An answer, and what is to happen to it on its way.
pub(crate) struct Outcome {
    pub answer: Answer,
    pub act: Act,
    /// A list's page, whose envelope differs.
    pub is_page: bool,
    pub note: String,
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Outcome {
        Outcome { answer, act: Act::Honest, is_page: false, note: String::new() }
    }
}

impl Atlas {
    pub fn new() -> Atlas {
        Atlas {
            settings: RwLock::default(),
            scripts: Scripts::default(),
            tokens: Tokens::default(),
            nonces: Nonces::default(),
            stories: Stories::default(),
            record: Record::new(),
            connections: Connections::default(),
            answers: AtomicU64::new(0),
        }
    }

    pub fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap().clone()
    }

    pub fn change_settings<T>(&self, change: impl FnOnce(&mut Settings) -> T) -> T {
        change(Arc::make_mut(&mut self.settings.write().unwrap()))
    }

    /// Tokens and nonces stay good, so that clients that live on are not disturbed.
    pub fn clear(&self) {
        self.change_settings(|settings| *settings = Settings::default());
        self.scripts.clear();
        self.stories.clear();
        self.record.clear();
        self.tokens.forget_count();
        self.connections.forget_count();
    }

    pub fn answer(&self, request: &Request, connection: u64) -> Outcome {
        let settings = self.settings();
        let mut outcome = match request.path.as_str() {
            "/api/oauth/token" => self.tokens.issue(request, &settings).into(),
            "/api/oauth/revoke" => self.tokens.revoke(request, &settings).into(),
            path if path.starts_with("/api/atlas/v2/") => self.api(request, &settings, connection),
            path => errors::resource_not_found(path).into(),
        };
        outcome.answer = self.with_usual_headers(outcome.answer);
        outcome
    }

    fn api(&self, request: &Request, settings: &Settings, connection: u64) -> Outcome {
        if let Err(refusal) = self.let_in(request, settings, connection) {
            return self.unauthorized(settings, connection, refusal);
        }
        let mut outcome = self.operation(request).unwrap_or_else(Outcome::from);
        if outcome.answer.status == 401 {
            let refusal = Refusal { stale: false, why: "the cluster's story".into() };
            return self.unauthorized(settings, connection, refusal);
        }
        if request.flag("envelope") {
            let beside = outcome.is_page && !settings.lists_in_content;
            outcome.answer = if beside {
                outcome.answer.with_status_beside()
            } else {
                outcome.answer.enveloped()
            };
        }
        if request.flag("pretty") {
            outcome.answer = outcome.answer.indented();
        }
        outcome
    }

    fn let_in(
        &self,
        request: &Request,
        settings: &Settings,
        connection: u64,
    ) -> Result<(), Refusal> {
        let refuse = |why: &str| Err(Refusal { stale: false, why: why.into() });
        let Some(authorization) = request.header("authorization") else {
            return refuse("no credentials");
        };
        let (scheme, credentials) = authorization.split_once(' ').unwrap_or((authorization, ""));
        match scheme.to_ascii_lowercase().as_str() {
            "bearer" if self.tokens.is_live(credentials, settings) => Ok(()),
            "bearer" => refuse("bearer: no live token"),
            "digest" => self.nonces.check(credentials, request, &settings.digest, connection),
            _ => refuse("neither Bearer nor Digest"),
        }
    }

    fn unauthorized(&self, settings: &Settings, connection: u64, refusal: Refusal) -> Outcome {
        let mut answer = errors::unauthorized(settings.unauthorized_body);
        for line in self.nonces.challenge(&settings.digest, connection, refusal.stale) {
            answer = answer.with("WWW-Authenticate", line);
        }
        Outcome { note: refusal.why, ..answer.into() }
    }

    fn operation(&self, request: &Request) -> Result<Outcome, Answer> {
        let documented = specification::find(request)?;
        check_version(request)?;
        let (form, asked) = match documented.name {
            "getGroupClusterBackupSnapshot" => {
                (Form::ReplicaSet, Asked::One(documented.path("snapshotId")))
            }
            "getGroupClusterBackupSnapshotShardedCluster" => {
                (Form::Sharded, Asked::One(documented.path("snapshotId")))
            }
            "listGroupClusterBackupSnapshots" => {
                let page = Asked::Page {
                    number: documented.number("pageNum"),
                    size: documented.number("itemsPerPage"),
                    count: documented.flag("includeCount"),
                };
                (Form::ReplicaSet, page)
            }
            "listGroupClusterBackupSnapshotShardedClusters" => (Form::Sharded, Asked::All),
            other => panic!("the simulator does not know the operation {other}"),
        };
        let group = documented.path("groupId");
        if group != PROJECT {
            return Err(errors::group_not_found(group));
        }
        Ok(world::tell(&self.stories, documented.path("clusterName"), form, asked, &request.path))
    }

    fn with_usual_headers(&self, answer: Answer) -> Answer {
        let count = self.answers.fetch_add(1, Relaxed);
        let is_json = answer.is_json();
        if !is_json && answer.status >= 500 {
            return answer.with("Server", "envoy");
        }
        let answer = answer
            .with("Server", "mdbws")
            .with("X-Envoy-Upstream-Service-Time", (40 + count % 60).to_string())
            .with("Strict-Transport-Security", "max-age=31536000; includeSubdomains;");
        if answer.status == 401 {
            return answer;
        }
        answer
            .with("RateLimit-Limit", "1200")
            // Never nearly used up, of which a program may warn; a test that wants that says so.
            .with("RateLimit-Remaining", (1199 - count % 600).to_string())
            .with("Referrer-Policy", "strict-origin-when-cross-origin")
            .with("X-Content-Type-Options", "nosniff")
            .with("X-Frame-Options", "DENY")
            .with("X-Java-Method", "ApiAtlasDiskBackupSnapshotsResource::getSnapshot")
            .with("X-Java-Version", "17.0.0+0")
            .with(
                "X-MongoDB-Service-Version",
                "gitHash=0000000000000000000000000000000000000000; versionString=simulator",
            )
            .with("X-Permitted-Cross-Domain-Policies", "none")
    }
}

fn check_version(request: &Request) -> Result<(), Answer> {
    let accept = request.header("accept").unwrap_or_default();
    let version = accept.split(',').find_map(|range| {
        let range = range.split(';').next().unwrap_or_default().trim();
        version_of(range)
    });
    match version {
        Some(GONE_VERSION) => Err(errors::version_gone(GONE_VERSION)),
        Some(version) if is_date(version) && Some(version) >= version_of(media_type()) => Ok(()),
        _ => Err(errors::invalid_version(version.unwrap_or(accept))),
    }
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let digits = parts.iter().flat_map(|part| part.bytes()).all(|byte| byte.is_ascii_digit());
    let within =
        |part: &str, most| part.parse().is_ok_and(|value: u32| (1..=most).contains(&value));
    match parts[..] {
        [year, month, day] => {
            digits
                && (year.len(), month.len(), day.len()) == (4, 2, 2)
                && within(month, 12)
                && within(day, 31)
        }
        _ => false,
    }
}
