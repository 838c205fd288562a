//! What a call is about: where Atlas has it, and what messages call it.

use std::fmt;

use ::http::Uri;

use crate::error::{Error, ErrorKind, Hint, Redactor, Result};
use crate::snapshot::ClusterType;
use crate::text::{VALUE_SHOWN, find};

/// How Atlas is asked to format its answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Format {
    /// `envelope=true`: the answer is wrapped with its status; the snapshot is found inside.
    pub envelope: bool,
    /// `pretty=true`: the JSON is indented.
    pub pretty: bool,
}

/// A snapshot, or the list of a cluster's, with what is done to it.
pub(crate) struct Target<'a> {
    pub(crate) operation: &'static str,
    /// Which of Atlas' resources it is: those of replica sets or of sharded clusters.
    pub(crate) cluster_type: ClusterType,
    pub(crate) group_id: &'a str,
    pub(crate) cluster_name: &'a str,
    /// `None`: all of the cluster's.
    pub(crate) snapshot_id: Option<&'a str>,
    pub(crate) format: Format,
}

impl Target<'_> {
    /// Checks the names against Atlas' patterns, so that no request can go to another resource.
    pub(crate) fn check(&self, redactor: &Redactor) -> Result<()> {
        const ID: &str = "24 lower-case hexadecimal digits";
        const NAME: &str = "1 to 64 letters, digits and hyphens beginning with a letter or digit";
        for (what, value, is_good, form) in [
            ("project id", Some(self.group_id), is_id as fn(&str) -> bool, ID),
            ("cluster name", Some(self.cluster_name), is_cluster_name, NAME),
            ("snapshot id", self.snapshot_id, is_id, ID),
        ] {
            let Some(value) = value.filter(|value| !is_good(value)) else {
                continue;
            };
            // It may be a credential that was given in the wrong place.
            let value = redactor.redact(value, VALUE_SHOWN);
            return Err(self.invalid(format!("the {what} \"{value}\" is not {form}")));
        }
        if self.cluster_type == ClusterType::Unknown {
            let cause = "the cluster type is neither a replica set nor a sharded cluster";
            return Err(self.invalid(cause.to_owned()));
        }
        Ok(())
    }

    /// Where Atlas has it; `query` comes before what the format asks for.
    pub(crate) fn uri(&self, base_url: &str, query: &str) -> Result<Uri> {
        let kind = match (self.cluster_type, self.snapshot_id) {
            (ClusterType::ReplicaSet | ClusterType::Unknown, _) => "",
            (ClusterType::ShardedCluster, Some(_)) => "/shardedCluster",
            (ClusterType::ShardedCluster, None) => "/shardedClusters",
        };
        let (slash, id) = self.snapshot_id.map_or(("", ""), |id| ("/", id));
        let mut url = String::with_capacity(base_url.len() + 256);
        url.extend([
            base_url,
            "/api/atlas/v2/groups/",
            self.group_id,
            "/clusters/",
            self.cluster_name,
            "/backup/snapshots",
            kind,
            slash,
            id,
        ]);
        let mut mark = '?';
        for part in [
            query,
            if self.format.envelope { "envelope=true" } else { "" },
            if self.format.pretty { "pretty=true" } else { "" },
        ] {
            if !part.is_empty() {
                url.push(mark);
                url.push_str(part);
                mark = '&';
            }
        }
        Uri::try_from(url)
            .map_err(|error| self.invalid(format!("no URL can be made of this: {error}")))
    }

    fn invalid(&self, cause: String) -> Error {
        Error::new(ErrorKind::InvalidArgument, cause).during(self.operation)
    }

    /// Completes a failure with what it is about.
    pub(crate) fn complete(&self, error: Error) -> Error {
        // Atlas does not document how it refuses the wrong kind of cluster, so any mention of shards is taken for it.
        let mentions_shards = [&error.code, &error.detail]
            .iter()
            .any(|text| find(&text.to_ascii_lowercase(), "shard").is_some());
        let is_refusal = matches!(error.kind, ErrorKind::BadRequest | ErrorKind::NotFound);
        let error = match self.cluster_type {
            _ if !(is_refusal && mentions_shards) => error,
            ClusterType::Unknown => error,
            ClusterType::ReplicaSet => error.hint(Hint::USE_SHARDED_CALLS),
            ClusterType::ShardedCluster => error.hint(Hint::USE_REPLICA_SET_CALLS),
        };
        error.during(self.to_string())
    }
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.operation)?;
        if let Some(id) = self.snapshot_id {
            write!(f, " {id}")?;
        }
        let (cluster, project) = (self.cluster_name, self.group_id);
        write!(f, " of cluster {cluster} in project {project}")
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
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}
