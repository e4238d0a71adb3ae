//! One port for every dialect: told apart by the first bytes.

/// What a connection begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstBytes {
    /// A TLS handshake record: the client speaks TLS to the proxy, or to an AWS host whose name leads here.
    Tls,
    /// A CONNECT.
    Connect,
    /// Any other request.
    Http,
    /// Too few to tell.
    More,
}

/// The content type of a handshake record, RFC 8446 5.1.
const HANDSHAKE: u8 = 0x16;

const CONNECT: &[u8] = b"CONNECT ";

/// Tells them apart.
pub(crate) fn tell(bytes: &[u8]) -> FirstBytes {
    if bytes.first() == Some(&HANDSHAKE) {
        FirstBytes::Tls
    } else if bytes.starts_with(CONNECT) {
        FirstBytes::Connect
    } else if CONNECT.starts_with(bytes) {
        FirstBytes::More
    } else {
        FirstBytes::Http
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_dialects_apart() {
        for (bytes, told) in [
            (&b""[..], FirstBytes::More),
            (b"CONN", FirstBytes::More),
            (b"CONNECT h:443 HTTP/1.0\r\n\r\n", FirstBytes::Connect),
            (b"POST http://h/ HTTP/1.1", FirstBytes::Http),
            (b"CONNECTx", FirstBytes::Http),
            (b"\x16\x03\x01", FirstBytes::Tls),
            (b"\x00", FirstBytes::Http),
        ] {
            assert_eq!(tell(bytes), told, "{bytes:?}");
        }
    }
}
