//! What Atlas documents: `atlas.json`, an extract of its OpenAPI document. A request that it does not document is refused
//! as Atlas refuses it, so that a client which sends one is noticed here first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Deserialize;

use crate::answer::{Answer, Request};
use crate::errors;

static OPERATIONS: LazyLock<BTreeMap<String, Operation>> = LazyLock::new(|| {
    let document: Document =
        serde_json::from_str(include_str!("../atlas.json")).expect("the specification");
    document.operations
});

#[derive(Deserialize)]
struct Document {
    operations: BTreeMap<String, Operation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    method: String,
    /// With the names of its parameters in braces.
    path: String,
    path_parameters: BTreeMap<String, Parameter>,
    query: BTreeMap<String, Parameter>,
    answers: BTreeMap<String, Documented>,
}

#[derive(Deserialize)]
struct Parameter {
    #[serde(rename = "type")]
    kind: String,
    default: Option<serde_json::Value>,
    minimum: Option<i64>,
    maximum: Option<i64>,
    pattern: Option<String>,
}

#[derive(Deserialize)]
struct Documented {
    media: BTreeMap<String, String>,
}

/// A request that is documented.
pub(crate) struct Documentation<'a> {
    /// The name of the operation.
    pub name: &'static str,
    operation: &'static Operation,
    request: &'a Request,
}

/// The operation that a request is for, or how Atlas refuses the request.
pub(crate) fn find(request: &Request) -> Result<Documentation<'_>, Answer> {
    // A part of a path that is written out comes before one that a parameter stands for.
    let here = OPERATIONS
        .iter()
        .filter(|(_, operation)| path_matches(&operation.path, &request.path))
        .min_by_key(|(_, operation)| operation.path_parameters.len())
        .map(|(_, operation)| operation.path.as_str())
        .ok_or_else(|| errors::resource_not_found(&request.path))?;
    let (name, operation) = OPERATIONS
        .iter()
        .find(|(_, operation)| operation.path == here && operation.method == request.method)
        .ok_or_else(|| {
            let allowed = OPERATIONS
                .values()
                .filter(|operation| operation.path == here)
                .map(|operation| operation.method.as_str());
            errors::method_not_allowed(&allowed.collect::<Vec<_>>().join(", "))
        })?;
    let found = Documentation { name, operation, request };
    found.check()?;
    Ok(found)
}

/// The media type of the oldest version of every operation, which is what Atlas answers with.
pub(crate) fn media_type() -> &'static str {
    OPERATIONS
        .values()
        .flat_map(|operation| operation.answers["200"].media.keys())
        .min()
        .expect("a media type")
}

/// The date in a media type `application/vnd.atlas.2023-01-01+json`.
pub(crate) fn version_of(media_type: &str) -> Option<&str> {
    media_type.strip_prefix("application/vnd.atlas.")?.strip_suffix("+json")
}

impl Documentation<'_> {
    /// A parameter of the path.
    pub fn path(&self, name: &str) -> &str {
        let template = self.operation.path.split('/');
        template
            .zip(self.request.path.split('/'))
            .find_map(|(part, value)| (placeholder(part) == Some(name)).then_some(value))
            .unwrap_or_else(|| panic!("{} has no {name} in its path", self.name))
    }

    /// A parameter of the query, or its default.
    pub fn number(&self, name: &str) -> usize {
        self.value(name).parse().expect("a number, as was checked before")
    }

    /// The same for a parameter that is true or false.
    pub fn flag(&self, name: &str) -> bool {
        self.value(name) == "true"
    }

    fn value(&self, name: &str) -> String {
        let default = || self.operation.query[name].default.as_ref();
        match self.request.parameter(name) {
            Some(value) => value.to_owned(),
            None => default().expect("a default").to_string(),
        }
    }

    fn check(&self) -> Result<(), Answer> {
        let mut bad = Vec::new();
        let mut seen = BTreeSet::new();
        for (name, value) in self.request.parameters() {
            // No parameter is documented to be a list, so one that comes twice is a mistake of the client.
            let parameter = self.operation.query.get(name).filter(|_| seen.insert(name));
            let Some(parameter) = parameter else {
                return Err(errors::invalid_query_parameter(name));
            };
            bad.extend(parameter.problem(value).map(|problem| (name, problem)));
        }
        for (name, parameter) in &self.operation.path_parameters {
            let problem = parameter.problem(self.path(name));
            bad.extend(problem.map(|problem| (name.as_str(), problem)));
        }
        if bad.is_empty() {
            return Ok(());
        }
        let bad: Vec<(&str, &str)> = bad.iter().map(|(name, why)| (*name, &**why)).collect();
        Err(errors::bad_fields(&bad))
    }
}

impl Parameter {
    /// What is wrong with a value, if anything.
    fn problem(&self, value: &str) -> Option<String> {
        match self.kind.as_str() {
            "boolean" => (!matches!(value, "true" | "false"))
                .then(|| "must be either true or false".to_owned()),
            "integer" => {
                let least = self.minimum.unwrap_or(i64::MIN);
                let most = self.maximum.unwrap_or(i64::MAX);
                // `parse` takes a plus sign, which JSON's integers do not have.
                let good = !value.starts_with('+')
                    && value.parse().is_ok_and(|number: i64| (least..=most).contains(&number));
                (!good).then(|| format!("must be between {least} and {most}"))
            }
            "string" => {
                let pattern = self.pattern.as_deref().expect("a pattern");
                (!pattern_matches(pattern, value)).then(|| format!("must match \"{pattern}\""))
            }
            other => panic!("the simulator knows no parameter of type {other}"),
        }
    }
}

fn placeholder(part: &str) -> Option<&str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

fn path_matches(template: &str, path: &str) -> bool {
    template.split('/').count() == path.split('/').count()
        && template
            .split('/')
            .zip(path.split('/'))
            .all(|(part, value)| part == value || placeholder(part).is_some())
}

/// The two patterns that there are; a regular expression would be a dependency for them alone.
fn pattern_matches(pattern: &str, text: &str) -> bool {
    match pattern {
        "^([a-f0-9]{24})$" => {
            text.len() == 24 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        }
        // Atlas allows 64 characters, which the extract does not say.
        "^[a-zA-Z0-9][a-zA-Z0-9-]*$" => {
            let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            (1..=64).contains(&text.len()) && !text.starts_with('-') && text.bytes().all(good)
        }
        other => panic!("the simulator does not know the pattern {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_and_pattern_of_the_specification_is_known() {
        for operation in OPERATIONS.values() {
            let parameters = operation.query.values();
            for parameter in parameters.chain(operation.path_parameters.values()) {
                assert!(parameter.problem("no such value!").is_some());
            }
        }
        assert_eq!(version_of(media_type()), Some("2023-01-01"));
    }
}
