//! Prometheus text over HTTP: one thread, one connection at a time.

use crate::failure::Failure;
use bot4_lockfree::metrics::Registry;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Longest request that is read: a scraper sends a few hundred bytes.
const REQUEST_BYTES_MAX: u64 = 8192;
/// A peer that says nothing does not hold the others up for long.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Listens and serves for as long as the process lives. The address goes to stderr: port 0 is any free one.
pub(super) fn serve(address: SocketAddr, registry: Arc<Registry>) -> Result<(), Failure> {
    let cannot = |error: io::Error| {
        Failure::new(format_args!(
            "cannot listen on {address}: {error}: give another --metrics-addr, 0 is any free port"
        ))
    };
    let listener = TcpListener::bind(address).map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    eprintln!("metrics on http://{address}/metrics");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // What goes wrong with one scrape is the scraper's to notice.
            drop(answer(stream, &registry));
        }
    });
    Ok(())
}

fn answer(mut stream: TcpStream, registry: &Registry) -> io::Result<()> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let mut request = String::new();
    let mut reader = BufReader::new(stream.try_clone()?.take(REQUEST_BYTES_MAX));
    reader.read_line(&mut request)?;
    let mut header = String::from("x");
    while !header.trim().is_empty() {
        header.clear();
        reader.read_line(&mut header)?;
    }
    let (status, body) = match request.split_ascii_whitespace().nth(1) {
        Some("/metrics") if request.starts_with("GET ") => {
            let mut text = String::new();
            registry.render(&mut text).map_err(io::Error::other)?;
            ("200 OK", text)
        }
        _ => ("404 Not Found", "metrics are at /metrics\n".to_owned()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
