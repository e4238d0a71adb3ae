//! An HTTP client that sends exactly what it is told, and no header of its own but `Host`, `Connection` and the body's length.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// Longer than the relay's own limit, so that what is measured is the relay.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request. Without a method of its own it is a POST.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a [u8],
    pub(crate) chunked: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

/// A header's first value.
pub(crate) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

pub(crate) fn get(port: u16, path: &str, headers: &[(&str, &str)]) -> Answer {
    send(port, &Request { method: "GET", path, headers, body: b"", chunked: false })
}

pub(crate) fn post(port: u16, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    send(port, &Request { method: "POST", path, headers, body, chunked: false })
}

/// Sends it on a connection of its own. No answer is the status 0.
pub(crate) fn send(port: u16, request: &Request<'_>) -> Answer {
    exchange(port, request).unwrap_or_else(|error| Answer {
        status: 0,
        headers: Vec::new(),
        body: error.to_string().into_bytes(),
    })
}

fn exchange(port: u16, request: &Request<'_>) -> io::Result<Answer> {
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_nodelay(true)?;
    // A server may answer, and close, before it has read everything: the answer counts.
    write(&mut connection, request).unwrap_or_default();
    let mut reader = BufReader::new(connection);
    let (status, headers) = head(&mut reader)?;
    let status = status.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    let body = body(&mut reader, &headers)?;
    Ok(Answer { status, headers, body })
}

fn write(to: &mut TcpStream, request: &Request<'_>) -> io::Result<()> {
    let mut head = format!("{} {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", request.method, request.path);
    for (name, value) in request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if request.chunked {
        head.push_str("Transfer-Encoding: chunked\r\n");
    } else if request.method != "GET" {
        head.push_str(&format!("Content-Length: {}\r\n", request.body.len()));
    }
    head.push_str("\r\n");
    to.write_all(head.as_bytes())?;
    if !request.chunked {
        return to.write_all(request.body);
    }
    for part in request.body.chunks(8192) {
        to.write_all(format!("{:x}\r\n", part.len()).as_bytes())?;
        to.write_all(part)?;
        to.write_all(b"\r\n")?;
    }
    to.write_all(b"0\r\n\r\n")
}

/// The first line, and the headers in their order.
pub(crate) fn head(from: &mut impl BufRead) -> io::Result<(String, Vec<(String, String)>)> {
    let first = line(from)?;
    let mut headers = Vec::new();
    loop {
        let next = line(from)?;
        let Some((name, value)) = next.split_once(':') else { return Ok((first, headers)) };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
}

/// A body with a length, in chunks, or up to the connection's end.
pub(crate) fn body(from: &mut impl BufRead, headers: &[(String, String)]) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if let Some(length) = header(headers, "Content-Length") {
        let length: u64 = length.parse().map_err(|_| io::ErrorKind::InvalidData)?;
        from.take(length).read_to_end(&mut body)?;
    } else if header(headers, "Transfer-Encoding").is_some() {
        loop {
            let size = u64::from_str_radix(&line(from)?, 16).map_err(|_| io::ErrorKind::InvalidData)?;
            from.take(size).read_to_end(&mut body)?;
            line(from)?;
            if size == 0 {
                break;
            }
        }
    } else {
        from.read_to_end(&mut body)?;
    }
    Ok(body)
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}
