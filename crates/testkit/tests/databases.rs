//! The servers really start, answer and end.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use aws_event_cache_testkit::{MariaDb, Postgres, Redis};

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

fn read(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn two_redis_servers_answer_at_once_and_are_gone_afterwards() {
    let (one, two) = (Redis::start().unwrap(), Redis::start().unwrap());
    for server in [&one, &two] {
        let mut stream = connect(server.port());
        stream.write_all(b"PING\r\n").unwrap();
        assert_eq!(read(&mut stream, 7), b"+PONG\r\n", "{}", server.log());
    }
    let port = one.port();
    drop(one);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_setting_that_redis_does_not_know_is_an_error_that_shows_its_log() {
    let error = Redis::start_with(&["--no-such-setting", "1"]).unwrap_err();
    assert!(format!("{error:?}").contains("no-such-setting"), "{error:?}");
}

#[test]
fn mariadb_greets_with_its_protocol() {
    let server = MariaDb::start().unwrap();
    // Handshake v10: three bytes of length, a sequence number, then the protocol version, 10.
    let greeting = read(&mut connect(server.port()), 5);
    assert_eq!(greeting[4], 10, "{}", server.log());
}

#[test]
fn postgres_lets_its_user_in() {
    let server = Postgres::start().unwrap();
    let mut stream = connect(server.port());
    let body = b"\0\x03\0\0user\0clouddriver\0database\0postgres\0\0";
    let length = u32::try_from(body.len() + 4).unwrap();
    stream.write_all(&length.to_be_bytes()).unwrap();
    stream.write_all(body).unwrap();
    // AuthenticationOk is 'R', length 8, code 0.
    assert_eq!(read(&mut stream, 9), b"R\0\0\0\x08\0\0\0\0", "{}", server.log());
}
