//! Who asks: a hash of key id and session token.
//!
//! A key id is no secret, it is in every log; a session token is one. So a credential is known by both together, and only as a hash under this process's own
//! secret: what is kept of a token cannot be used anywhere.

use std::fmt;

use aws_lc_rs::{constant_time, hmac};

/// Longest token that a connection remembers. AWS's are one to four kilobytes; longer ones are hashed every time.
const REMEMBERED: usize = 16 << 10;

/// A key id and its session token, as far as we know them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Credential([u8; 32]);

impl fmt::Debug for Credential {
    /// Enough to tell two apart in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// What a connection remembers of its last request, so that a session token, which is a kilobyte or more, is hashed once per connection and not once per request.
/// It lives no longer than the connection, and holds what the peer itself has sent.
#[derive(Default)]
pub struct ConnectionMemory {
    key_id: String,
    token: Vec<u8>,
    credential: Option<Credential>,
}

impl fmt::Debug for ConnectionMemory {
    /// Tokens are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionMemory").field("credential", &self.credential).finish_non_exhaustive()
    }
}

impl ConnectionMemory {
    fn recall(&self, key_id: &str, token: &[u8]) -> Option<Credential> {
        // In constant time: peers of one connection may be several clients behind a balancer.
        let same = self.key_id == key_id && constant_time::verify_slices_are_equal(&self.token, token).is_ok();
        self.credential.filter(|_| same)
    }

    fn remember(&mut self, key_id: &str, token: &[u8], credential: Credential) {
        if token.len() > REMEMBERED {
            self.credential = None;
            return;
        }
        self.key_id.clear();
        self.key_id.push_str(key_id);
        self.token.clear();
        self.token.extend_from_slice(token);
        self.credential = Some(credential);
    }
}

/// Hashes credentials under the process's secret.
pub(crate) struct Hasher(hmac::Key);

impl Hasher {
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The credential of a key id and a token; `None` for keys without one.
    pub(crate) fn hash(&self, key_id: &str, token: Option<&[u8]>) -> Credential {
        let mut context = hmac::Context::with_key(&self.0);
        // The length first, so that no other key id and token run together to the same bytes.
        context.update(&(key_id.len() as u64).to_le_bytes());
        context.update(key_id.as_bytes());
        context.update(&[u8::from(token.is_some())]);
        context.update(token.unwrap_or_default());
        let mut hash = [0; 32];
        hash.copy_from_slice(context.sign().as_ref());
        Credential(hash)
    }

    /// As [`hash`](Self::hash), by the connection's memory where it serves.
    pub(crate) fn recall(&self, memory: &mut ConnectionMemory, key_id: &str, token: Option<&[u8]>) -> Credential {
        let Some(token) = token else { return self.hash(key_id, None) };
        memory.recall(key_id, token).unwrap_or_else(|| {
            let credential = self.hash(key_id, Some(token));
            memory.remember(key_id, token, credential);
            credential
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_key_id_and_token_together_under_the_processes_secret() {
        let hasher = Hasher::new(&[7; 32]);
        let hash = hasher.hash("ASIA1", Some(b"token"));
        assert_eq!(hash, hasher.hash("ASIA1", Some(b"token")));
        let others = [
            hasher.hash("ASIA2", Some(b"token")),
            hasher.hash("ASIA1", Some(b"other")),
            hasher.hash("ASIA1t", Some(b"oken")),
            hasher.hash("ASIA1", Some(b"")),
            hasher.hash("ASIA1", None),
            Hasher::new(&[8; 32]).hash("ASIA1", Some(b"token")),
        ];
        for (n, other) in others.iter().enumerate() {
            assert_ne!(hash, *other, "{n}");
            assert!(!others[n + 1..].contains(other), "{n}");
        }
    }

    #[test]
    fn a_connections_memory_never_answers_for_another_key_or_token() {
        let hasher = Hasher::new(&[7; 32]);
        let mut memory = ConnectionMemory::default();
        let huge = vec![b'x'; REMEMBERED + 1];
        let tokens: [Option<&[u8]>; 5] = [Some(b"one"), Some(b"two"), None, Some(&huge), Some(b"")];
        for round in 0..2 {
            for key_id in ["ASIA1", "ASIA2"] {
                for token in tokens {
                    let expected = hasher.hash(key_id, token);
                    assert_eq!(hasher.recall(&mut memory, key_id, token), expected, "{round} {key_id}");
                    assert_eq!(hasher.recall(&mut memory, key_id, token), expected, "{round} {key_id} again");
                }
            }
        }
    }

    #[test]
    fn neither_token_nor_hash_is_printed() {
        let hasher = Hasher::new(&[7; 32]);
        let mut memory = ConnectionMemory::default();
        hasher.recall(&mut memory, "ASIA1", Some(b"very-secret"));
        let shown = format!("{memory:?}");
        assert!(!shown.contains("secret") && shown.len() < 80, "{shown}");
    }
}
