//! Settings that can be changed while the simulator runs.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ACCESS_TOKEN, CLIENT_SECRET, PRIVATE_KEY};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whether requests are recorded; off for benchmarks.
    pub record: bool,
    /// What the token endpoint announces, of any JSON type; how long a token really lives is `token_lifetime_ms`.
    pub expires_in: Value,
    /// Leaves `expires_in` out altogether.
    pub omit_expires_in: bool,
    pub token_lifetime_ms: u64,
    pub max_live_tokens: usize,
    /// The secrets that are good, for tests that replace them. Tokens given out for an earlier one stay good.
    pub client_secret: String,
    pub access_token: String,
    pub unauthorized_body: UnauthorizedBody,
    pub digest: DigestSettings,
    /// Where an enveloped list has its page: inside `content`, or (as documented) beside `status`.
    pub lists_in_content: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DigestSettings {
    /// The private key that is good.
    pub private_key: String,
    pub realm: String,
    /// `MD5`, `SHA-256`, either with `-sess`; spelt in the challenge as it is spelt here.
    pub algorithm: String,
    /// `auth`, `auth,auth-int`, or none as in RFC 2069.
    pub qop: Option<String>,
    pub opaque: Option<String>,
    /// Requests that a nonce is good for; 0: any number.
    pub nonce_uses: u32,
    /// Nonces are good on the connection they were given out on alone.
    pub nonce_per_connection: bool,
    pub nonce_count: NonceCount,
    /// Replaces the `WWW-Authenticate` lines. `{nonce}` and `{stale}` are filled in; with these, any known
    /// algorithm and qop that the client chooses is good, the realm and opaque are still those above.
    pub challenges: Option<Vec<String>>,
}

/// Which `nc` a nonce accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NonceCount {
    /// Each value once, in any order.
    Once,
    /// Only values above all seen before.
    Rising,
}

/// The recorded kinds of a 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnauthorizedBody {
    Full,
    WithoutCode,
    /// Nor has it a `Content-Type`.
    Empty,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            record: true,
            expires_in: 3600.into(),
            omit_expires_in: false,
            token_lifetime_ms: 3_600_000,
            max_live_tokens: 100,
            client_secret: CLIENT_SECRET.into(),
            access_token: ACCESS_TOKEN.into(),
            unauthorized_body: UnauthorizedBody::Full,
            digest: DigestSettings::default(),
            lists_in_content: false,
        }
    }
}

impl Default for DigestSettings {
    fn default() -> DigestSettings {
        DigestSettings {
            private_key: PRIVATE_KEY.into(),
            realm: "MMS Public API".into(),
            algorithm: "MD5".into(),
            qop: Some("auth".into()),
            opaque: None,
            nonce_uses: 0,
            nonce_per_connection: false,
            nonce_count: NonceCount::Once,
            challenges: None,
        }
    }
}

impl Settings {
    /// These settings with the members of a JSON object put over them.
    pub(crate) fn merged(&self, changes: Value) -> Result<Settings, serde_json::Error> {
        let mut settings = serde_json::to_value(self)?;
        overlay(&mut settings, changes);
        serde_json::from_value(settings)
    }
}

fn overlay(onto: &mut Value, changes: Value) {
    match (onto, changes) {
        (Value::Object(onto), Value::Object(changes)) => {
            for (name, change) in changes {
                overlay(onto.entry(name).or_insert(Value::Null), change);
            }
        }
        (onto, change) => *onto = change,
    }
}
