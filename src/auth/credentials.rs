//! The three ways to authenticate, as the settings give them.

use zeroize::Zeroizing;

use super::secret::{Secret, basic};

#[derive(Debug, Clone)]
pub(crate) enum Credentials {
    /// OAuth 2.0 client credentials.
    ServiceAccount { client_id: String, client_secret: Secret },
    /// HTTP Digest.
    ApiKey { public_key: String, private_key: Secret },
    /// A bearer token that somebody else fetched.
    AccessToken(Secret),
}

impl Credentials {
    /// What of them nobody may see, in each form in which it is sent.
    pub(crate) fn secrets(&self) -> Vec<Zeroizing<String>> {
        match self {
            Credentials::ServiceAccount { client_id, client_secret } => {
                let basic = basic(client_id, client_secret);
                // Without the padding it is the whole secret, too.
                let unpadded = Zeroizing::new(basic.trim_end_matches('=').to_owned());
                vec![client_secret.0.clone(), basic, unpadded]
            }
            Credentials::ApiKey { private_key: secret, .. } | Credentials::AccessToken(secret) => {
                vec![secret.0.clone()]
            }
        }
    }
}
