//! The three ways to authenticate, as the settings give them.

use zeroize::Zeroizing;

use super::secret::{Secret, basic};

#[derive(Debug, Clone)]
pub(crate) enum Credentials {
    /// OAuth 2.0 client credentials.
    ServiceAccount {
        client_id: String,
        client_secret: Secret,
    },
    /// HTTP Digest.
    ApiKey {
        public_key: String,
        private_key: Secret,
    },
    /// A bearer token that somebody else fetched.
    AccessToken(Secret),
}

impl Credentials {
    /// What of them nobody may see, in each form in which it is sent.
    pub(crate) fn secrets(&self) -> Vec<Zeroizing<String>> {
        match self {
            Credentials::ServiceAccount {
                client_id,
                client_secret,
            } => vec![client_secret.0.clone(), basic(client_id, client_secret)],
            Credentials::ApiKey {
                private_key: secret,
                ..
            }
            | Credentials::AccessToken(secret) => vec![secret.0.clone()],
        }
    }
}
