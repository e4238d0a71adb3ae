//! A stand-in for the service that notes what it is sent and misbehaves as it is told.

use std::io::{BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use parking_lot::Mutex;

use crate::client;

/// What it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        client::header(&self.headers, name)
    }
}

/// What it does with a request.
pub(crate) enum Act {
    /// Status, content type and body.
    Answer(u16, Option<String>, Vec<u8>),
    /// No answer, until the caller has had enough.
    Hang,
    /// Headers that promise a body, and no body.
    HangInBody,
}

type Decide = dyn Fn(&Seen) -> Act + Send + Sync;

/// Ends when dropped: nobody listens any more, and open connections are cut.
pub(crate) struct Service {
    port: u16,
    ended: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    listener: Option<thread::JoinHandle<()>>,
}

impl Service {
    pub(crate) fn start(decide: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut service = Self {
            port: listener.local_addr().unwrap().port(),
            ended: Arc::default(),
            seen: Arc::default(),
            connections: Arc::default(),
            listener: None,
        };
        let decide: Arc<Decide> = Arc::new(decide);
        let (ended, seen, connections) =
            (Arc::clone(&service.ended), Arc::clone(&service.seen), Arc::clone(&service.connections));
        service.listener = Some(thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                if ended.load(Ordering::Acquire) {
                    return;
                }
                connections.lock().push(connection.try_clone().unwrap());
                let (seen, decide) = (Arc::clone(&seen), Arc::clone(&decide));
                thread::spawn(move || serve(connection, &seen, &*decide));
            }
        }));
        service
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it was sent since the last call.
    pub(crate) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // Wakes the listener.
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).map(drop).unwrap_or_default();
        if let Some(listener) = self.listener.take() {
            listener.join().unwrap_or_default();
        }
        for connection in self.connections.lock().drain(..) {
            connection.shutdown(Shutdown::Both).unwrap_or_default();
        }
    }
}

/// Requests on one connection, until one side has had enough.
fn serve(mut connection: TcpStream, seen: &Mutex<Vec<Seen>>, decide: &Decide) {
    connection.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    while let Ok((first, headers)) = client::head(&mut reader) {
        let mut words = first.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let has_body = client::header(&headers, "Content-Length").is_some()
            || client::header(&headers, "Transfer-Encoding").is_some();
        let body = if has_body { client::body(&mut reader, &headers).unwrap_or_default() } else { Vec::new() };
        let request = Seen { method, path, headers, body };
        let act = decide(&request);
        seen.lock().push(request);
        let (status, kind, body) = match act {
            Act::Answer(status, kind, body) => (status, kind, body),
            Act::HangInBody => {
                connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx").unwrap_or_default();
                return until_the_caller_leaves(&mut connection);
            }
            Act::Hang => return until_the_caller_leaves(&mut connection),
        };
        let mut answer = format!("HTTP/1.1 {status} As-Told\r\n");
        if let Some(kind) = kind {
            answer.push_str(&format!("Content-Type: {kind}\r\n"));
        }
        if status == 301 {
            answer.push_str("Location: http://127.0.0.1:1/elsewhere\r\n");
        }
        if status != 204 {
            answer.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        answer.push_str("\r\n");
        let mut bytes = answer.into_bytes();
        bytes.extend(body);
        if connection.write_all(&bytes).is_err() {
            return;
        }
    }
}

fn until_the_caller_leaves(connection: &mut TcpStream) {
    let mut byte = [0];
    while connection.read(&mut byte).is_ok_and(|read| read > 0) {}
}
