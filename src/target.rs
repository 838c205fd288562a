//! What a call is about: where Atlas has it, and what messages call it.

use std::fmt;

use ::http::Uri;

use crate::client::{ClusterType, Format, VALUE_SHOWN};
use crate::error::{Error, ErrorKind, Hint, Redactor, Result};

/// A snapshot, or the list of a cluster's, with what is done to it.
pub(crate) struct Target<'a> {
    doing: &'static str,
    cluster_type: ClusterType,
    group_id: &'a str,
    cluster_name: &'a str,
    /// `None`: all of the cluster's.
    snapshot_id: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Checks the names against Atlas' patterns, so that no request can go to another resource.
    pub(crate) fn new(
        doing: &'static str,
        cluster_type: ClusterType,
        group_id: &'a str,
        cluster_name: &'a str,
        snapshot_id: Option<&'a str>,
        redactor: &Redactor,
    ) -> Result<Target<'a>> {
        const ID: &str = "24 lower-case hexadecimal digits";
        const NAME: &str = "1 to 64 letters, digits and hyphens beginning with a letter or digit";
        for (what, value, is_good, form) in [
            ("project id", Some(group_id), is_id as fn(&str) -> bool, ID),
            ("cluster name", Some(cluster_name), is_cluster_name, NAME),
            ("snapshot id", snapshot_id, is_id, ID),
        ] {
            let Some(value) = value.filter(|value| !is_good(value)) else {
                continue;
            };
            // It may be a credential that was given in the wrong place.
            let value = redactor.redact(value, VALUE_SHOWN);
            let message = format!("the {what} \"{value}\" is not {form}");
            return Err(Error::new(ErrorKind::InvalidArgument, message).during(doing));
        }
        Ok(Target {
            doing,
            cluster_type,
            group_id,
            cluster_name,
            snapshot_id,
        })
    }

    /// Where Atlas has it; `query` comes before what `format` asks for.
    pub(crate) fn uri(&self, base_url: &str, query: &str, format: Format) -> Result<Uri> {
        let mut url = String::with_capacity(base_url.len() + 256);
        for part in [
            base_url,
            "/api/atlas/v2/groups/",
            self.group_id,
            "/clusters/",
            self.cluster_name,
            "/backup/snapshots",
        ] {
            url.push_str(part);
        }
        match (self.cluster_type, self.snapshot_id) {
            (ClusterType::ReplicaSet, _) => {}
            (ClusterType::ShardedCluster, Some(_)) => url.push_str("/shardedCluster"),
            (ClusterType::ShardedCluster, None) => url.push_str("/shardedClusters"),
        }
        if let Some(id) = self.snapshot_id {
            url.push('/');
            url.push_str(id);
        }
        let mut mark = '?';
        for part in [
            query,
            if format.envelope { "envelope=true" } else { "" },
            if format.pretty { "pretty=true" } else { "" },
        ] {
            if !part.is_empty() {
                url.push(mark);
                url.push_str(part);
                mark = '&';
            }
        }
        Uri::try_from(url).map_err(|error| {
            let what = format!("no URL can be made of this: {error}");
            Error::new(ErrorKind::InvalidArgument, what).during(self.doing)
        })
    }

    /// Completes a failure's message.
    pub(crate) fn explain(&self, error: Error) -> Error {
        // Atlas does not document how it refuses the wrong kind of cluster, so any mention of shards is taken for it.
        let mentions_shards = format!("{} {}", error.code, error.detail)
            .to_ascii_lowercase()
            .contains("shard");
        let error = match error.kind {
            ErrorKind::BadRequest | ErrorKind::NotFound if mentions_shards => {
                error.hint(match self.cluster_type {
                    ClusterType::ReplicaSet => Hint::USE_SHARDED_CALLS,
                    ClusterType::ShardedCluster => Hint::USE_REPLICA_SET_CALLS,
                })
            }
            _ => error,
        };
        error.during(self.to_string())
    }
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.doing)?;
        match self.snapshot_id {
            Some(id) => write!(f, " {id} of")?,
            None => f.write_str(" of")?,
        }
        write!(
            f,
            " cluster {} in project {}",
            self.cluster_name, self.group_id
        )
    }
}

fn is_id(id: &str) -> bool {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    id.len() == 24 && id.bytes().all(is_digit)
}

fn is_cluster_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    (1..=64).contains(&bytes.len())
        && bytes[0] != b'-'
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}
