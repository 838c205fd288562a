//! Atlas' error answers, as documented or recorded.

use serde_json::{Value, json};

use crate::answer::{Answer, reason};
use crate::json;

/// The address that Atlas claims to have seen, from the range reserved for documentation.
pub const SEEN_ADDRESS: &str = "203.0.113.7";

/// An error in the ApiError shape.
pub(crate) fn api_error(status: u16, code: &str, detail: &str, parameters: Value) -> Answer {
    let body = json!({
        "detail": detail, "error": status, "errorCode": code, "parameters": parameters, "reason": reason(status),
    });
    from_body(status, &body).with("X-Error-Code", code)
}

/// A 400 that names fields.
pub(crate) fn bad_fields(fields: &[(&str, &str)]) -> Answer {
    let list: Vec<Value> = fields
        .iter()
        .map(|(field, description)| json!({"field": field, "description": description}))
        .collect();
    let body = json!({
        "badRequestDetail": {"fields": list}, "detail": "Validation failed.", "error": 400,
        "errorCode": "VALIDATION_ERROR", "parameters": null, "reason": "Bad Request",
    });
    from_body(400, &body).with("X-Error-Code", "VALIDATION_ERROR")
}

/// An error in the OAuth shape.
pub(crate) fn oauth_error(status: u16, error: &str, description: &str) -> Answer {
    let body = json!({"error": error, "error_description": description});
    Answer::new(status, "application/json", body.to_string())
}

/// The body of a 401 in its three recorded kinds.
pub(crate) fn unauthorized(kind: crate::settings::UnauthorizedBody) -> Answer {
    use crate::settings::UnauthorizedBody::*;
    let code = match kind {
        Full => r#","errorCode":"UNEXPECTED_ERROR""#,
        WithoutCode => "",
        Empty => return Answer::empty(401),
    };
    let text = format!(
        r#"{{"error":401,"reason":"Unauthorized","detail":"You are not authorized for this resource."{code}}}"#
    );
    Answer::new(401, "application/json", json::indent(&text)).with("Vary", "Accept-Encoding")
}

/// A parameter that the operation does not document.
pub(crate) fn invalid_query_parameter(name: &str) -> Answer {
    let detail = format!("Invalid query parameter {name} specified.");
    api_error(400, "INVALID_QUERY_PARAMETER", &detail, json!([name]))
}

pub(crate) fn method_not_allowed(allowed: &str) -> Answer {
    api_error(405, "METHOD_NOT_ALLOWED", "The method is not allowed for this resource.", json!([]))
        .with("Allow", allowed)
}

pub(crate) fn resource_not_found(path: &str) -> Answer {
    api_error(404, "RESOURCE_NOT_FOUND", &format!("Cannot find resource {path}."), json!([path]))
}

pub(crate) fn cluster_not_found(cluster: &str, group: &str) -> Answer {
    let detail = format!("No cluster named {cluster} exists in group {group}.");
    api_error(404, "CLUSTER_NOT_FOUND", &detail, json!([cluster, group]))
}

pub(crate) fn group_not_found(group: &str) -> Answer {
    api_error(404, "GROUP_NOT_FOUND", &format!("No group with ID {group} exists."), json!([group]))
}

pub(crate) fn invalid_version(asked: &str) -> Answer {
    let detail = format!("Invalid accept header or version date: {asked}.");
    api_error(406, "INVALID_VERSION_DATE", &detail, json!([asked]))
}

pub(crate) fn version_gone(date: &str) -> Answer {
    api_error(
        410,
        "VERSION_GONE",
        &format!("Version {date} is no longer available."),
        json!([date]),
    )
}

pub(crate) fn service_unavailable() -> Answer {
    api_error(503, "SERVICE_UNAVAILABLE", "The service is temporarily unavailable.", json!([]))
}

/// The headers of a version that will go; Atlas does not pad the day.
pub(crate) fn sunset(answer: Answer) -> Answer {
    answer
        .with("Deprecation", "Mon, 5 Aug 2024 00:00:00 GMT")
        .with("Sunset", "Thu, 1 Jul 2027 00:00:00 GMT")
}

/// A gateway's own page.
pub(crate) fn html_page(status: u16) -> Answer {
    let title = format!("{status} {}", reason(status));
    let page = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    );
    Answer::new(status, "text/html", page)
}

/// What the clusters `error-…` answer to everything.
pub(crate) fn of_cluster(cluster: &str, group: &str) -> Option<Answer> {
    let no_parameters = json!([]);
    Some(match cluster {
        "error-400" => api_error(
            400,
            "INVALID_ATTRIBUTE",
            "Invalid attribute snapshotId specified.",
            json!(["snapshotId", 7]),
        ),
        "error-400-flex" => {
            let detail = format!("Flex cluster {cluster} cannot be used in the Cluster API.");
            sunset(api_error(
                400,
                "CANNOT_USE_FLEX_CLUSTER_IN_CLUSTER_API",
                &detail,
                json!([cluster]),
            ))
        }
        "error-400-fields" => bad_fields(&[
            ("snapshotId", "must match \"^([a-f0-9]{24})$\""),
            ("groupId", "must not be null"),
        ]),
        "error-403" => api_error(
            403,
            "USER_UNAUTHORIZED",
            "The user does not have the role required for this action.",
            no_parameters,
        ),
        "error-403-ip" => {
            let detail =
                format!("IP address {SEEN_ADDRESS} is not allowed to access this resource.");
            api_error(403, "IP_ADDRESS_NOT_ON_ACCESS_LIST", &detail, json!([SEEN_ADDRESS]))
        }
        "error-404" => cluster_not_found(cluster, group),
        "error-404-group" => group_not_found(group),
        "error-404-null" => {
            let body = json!({
                "detail": "Could not find the requested snapshot.", "error": 404, "errorCode": null,
                "parameters": null, "reason": "Not Found",
            });
            from_body(404, &body)
        }
        "error-406" => invalid_version("2022-12-31"),
        "error-409" => {
            api_error(409, "CONFLICT", "Another operation is in progress.", no_parameters)
        }
        "error-410" => version_gone("2023-02-01"),
        "error-429" => {
            api_error(429, "RATE_LIMITED", "Rate limit exceeded. Try again later.", no_parameters)
                .with("Retry-After", "1")
        }
        // What is limited, seconds to wait, and what the bucket holds and gains in how many seconds.
        "error-429-bucket" => api_error(
            429,
            "RATE_LIMITED_TOKEN_BUCKET",
            "The rate limit's token bucket is empty.",
            json!([
                "/api/atlas/v2/groups/{groupId}/clusters/{clusterName}/backup/snapshots",
                55,
                10,
                5,
                60
            ]),
        ),
        "error-500" => api_error(500, "UNEXPECTED_ERROR", "Unexpected error.", no_parameters),
        "error-502" => html_page(502),
        "error-503" => service_unavailable(),
        "error-503-html" => html_page(503),
        "error-504" => html_page(504),
        _ => return None,
    })
}

fn from_body(status: u16, body: &Value) -> Answer {
    Answer::new(status, "application/json", body.to_string()).with("Vary", "Accept-Encoding")
}
