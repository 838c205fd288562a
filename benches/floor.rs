//! The floor of `make bench`: a request written beforehand, sent over rustls as often as asked, each answer read to its
//! end; no HTTP client, and nobody looks at the JSON.
//!
//!     floor COUNT

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::{env, fs};

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

fn main() -> Result<(), Box<dyn Error>> {
    let Some(count) = env::args().nth(1).and_then(|count| count.parse().ok()) else {
        println!("floor: `make bench` runs me");
        return Ok(());
    };
    let base = env::var("MONGODB_ATLAS_BASE_URL")?;
    let authority = base.strip_prefix("https://").ok_or("no https")?;
    let host = authority.split(':').next().unwrap_or_default();
    let request = format!(
        "GET /api/atlas/v2/groups/{}/clusters/{}/backup/snapshots/{} HTTP/1.1\r\nHost: {authority}\r\n\
         User-Agent: atlas-backup/0.0.0 (linux; x86_64)\r\nAccept: application/vnd.atlas.2024-05-30+json\r\n\
         Authorization: Bearer {}\r\n\r\n",
        env::var("ATLAS_SIMULATOR_PROJECT")?,
        env::var("ATLAS_SIMULATOR_CLUSTER")?,
        env::var("ATLAS_SIMULATOR_SNAPSHOT")?,
        env::var("MONGODB_ATLAS_ACCESS_TOKEN")?,
    );

    let mut roots = RootCertStore::empty();
    let pem = fs::read(env::var("MONGODB_ATLAS_CA_FILE")?)?;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate?)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tls = ClientConnection::new(Arc::new(config), host.to_owned().try_into()?)?;
    let socket = TcpStream::connect(authority)?;
    socket.set_nodelay(true)?;
    let mut stream = BufReader::with_capacity(16 << 10, StreamOwned::new(tls, socket));

    let (mut line, mut body) = (Vec::new(), Vec::new());
    for _ in 0..count {
        stream.get_mut().write_all(request.as_bytes())?;
        let mut length = 0;
        let mut good = false;
        loop {
            line.clear();
            stream.read_until(b'\n', &mut line)?;
            if line == b"\r\n" {
                break;
            }
            if line.starts_with(b"HTTP/1.1 200") {
                good = true;
            } else if let Some(value) = line.strip_prefix(b"Content-Length: ") {
                length = str::from_utf8(value)?.trim_end().parse()?;
            } else if line.is_empty() {
                return Err("closed".into());
            }
        }
        if !good {
            return Err("not 200".into());
        }
        body.resize(length, 0);
        stream.read_exact(&mut body)?;
    }
    if let Some(suite) = stream.get_ref().conn.negotiated_cipher_suite() {
        println!("{:?}", suite.suite());
    }
    Ok(())
}
