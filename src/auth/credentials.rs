//! The three ways to authenticate, as the settings give them.

use zeroize::Zeroizing;

use super::secret::{Secret, basic};
use super::secret_file::SecretFile;

/// Who we are, and the secret that proves it.
pub(crate) struct Credentials {
    pub(crate) identity: Identity,
    pub(crate) secret: Secret,
    /// Where the secret was read, if in a file.
    pub(crate) file: Option<SecretFile>,
}

#[derive(Clone)]
pub(crate) enum Identity {
    /// OAuth 2.0 client credentials.
    ServiceAccount { client_id: String },
    /// HTTP Digest.
    ApiKey { public_key: String },
    /// A bearer token that somebody else fetched.
    AccessToken,
}

impl Identity {
    /// A secret of this identity in each form in which it is sent: what nobody may see.
    pub(crate) fn forms(&self, secret: &Secret) -> Vec<Zeroizing<String>> {
        let mut forms = vec![secret.0.clone()];
        if let Identity::ServiceAccount { client_id } = self {
            let basic = basic(client_id, secret);
            // Without the padding it is the whole secret, too.
            forms.push(Zeroizing::new(basic.trim_end_matches('=').to_owned()));
            forms.push(basic);
        }
        forms
    }
}
