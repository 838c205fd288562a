//! Whom a client trusts, and what it says where it does not.

mod common;

use std::fs;

use atlas_backup::{Client, ErrorKind};
use atlas_simulator::{BadTls, Simulator};
use common::{client, config, config_for, get, in_child, is_child};

#[test]
fn a_certificate_that_is_not_good_is_refused_with_a_reason() {
    let atlas = Simulator::start();
    let cases = [
        (BadTls::Expired, "has expired (2020-01-01"),
        (BadTls::NotYetValid, "is not valid yet (4000-01-01"),
        (BadTls::WrongHost, "is for another host name (elsewhere.example)"),
        (BadTls::SelfSigned, "is self-signed"),
        (BadTls::Untrusted, "machine does not trust"),
        (BadTls::PlainText, "does not speak TLS"),
    ];
    for (kind, words) in cases {
        let mut config = config_for(&atlas.bad_tls_url(kind));
        config.set_ca_file(atlas.ca_file().to_str().map(str::as_bytes));
        let error = get(&client(&config)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Tls, "{kind:?}: {error}");
        assert!(error.message().contains(words), "{kind:?}: {error}");
        assert!(error.message().contains("localhost"), "{kind:?}: {error}");
        assert_eq!(error.http_status, 0);
    }
    assert!(atlas.requests().is_empty(), "no request got through");
}

#[test]
fn the_simulators_authority_is_trusted_only_where_it_is_named() {
    let atlas = Simulator::start();
    get(&client(&config(&atlas))).unwrap();
    let error = get(&client(&config_for(&atlas.base_url()))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Tls, "{error}");
}

#[test]
fn a_ca_file_that_cannot_be_used_is_an_error_that_names_the_setting() {
    let atlas = Simulator::start();
    let directory = atlas.ca_file().parent().unwrap();
    let good = fs::read_to_string(atlas.ca_file()).unwrap();
    let half = &good[..good.len() / 2];
    let no_certificate = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    for (name, text) in [
        ("missing", None),
        ("empty", Some("")),
        ("words", Some("no certificate\n")),
        ("half", Some(half)),
        ("other", Some("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n")),
        ("none", Some(no_certificate)),
    ] {
        let path = directory.join(name);
        if let Some(text) = text {
            fs::write(&path, text).unwrap();
        }
        for path in [path.as_path(), directory] {
            let mut config = config(&atlas);
            config.set_ca_file(path.to_str().map(str::as_bytes));
            let error = Client::new(&config).expect_err(name);
            assert_eq!(error.kind, ErrorKind::Config, "{name}: {error}");
            assert!(error.message().contains("ca_file"), "{name}: {error}");
        }
    }
    // Of several certificates in a file each counts, not the first alone.
    let other = Simulator::start();
    let both = directory.join("both.pem");
    let others = fs::read_to_string(other.ca_file()).unwrap();
    fs::write(&both, format!("# two\n{others}\n{good}")).unwrap();
    let mut config = config(&atlas);
    config.set_ca_file(both.to_str().map(str::as_bytes));
    get(&client(&config)).unwrap();
}

#[test]
fn ssl_cert_file_and_ssl_cert_dir_name_the_authorities() {
    if is_child() {
        let url = std::env::var("ATLAS_URL").unwrap();
        match Client::new(&config_for(&url)) {
            Ok(client) => get(&client).map(drop).unwrap(),
            Err(error) => {
                assert_eq!(error.kind, ErrorKind::Config, "{error}");
                assert!(std::env::var_os("ATLAS_FAILS").is_some(), "{error}");
                assert!(error.message().contains("SSL_CERT_"), "{error}");
            }
        }
        return;
    }
    let atlas = Simulator::start();
    let (url, file) = (atlas.base_url(), atlas.ca_file());
    let directory = file.parent().unwrap().join("directory");
    fs::create_dir(&directory).unwrap();
    // OpenSSL's naming: the hash of the subject and a number.
    fs::copy(file, directory.join("0a1b2c3d.0")).unwrap();
    let empty = file.parent().unwrap().join("empty");
    fs::create_dir(&empty).unwrap();
    let run = |name: &str, path: &std::path::Path, fails: &str| {
        let mut variables = vec![("ATLAS_URL", url.as_ref()), (name, path.as_os_str())];
        if !fails.is_empty() {
            variables.push(("ATLAS_FAILS", fails.as_ref()));
        }
        in_child("ssl_cert_file_and_ssl_cert_dir_name_the_authorities", &variables);
    };
    run("SSL_CERT_FILE", file, "");
    run("SSL_CERT_DIR", &directory, "");
    run("SSL_CERT_FILE", &empty.join("missing"), "yes");
    run("SSL_CERT_DIR", &empty, "yes");
}
