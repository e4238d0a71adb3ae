//! An SNS topic as a subscriber sees it: signed messages, and the certificate that they are signed with.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};

use aws_event_cache_signer::{Message, Signer, SignerError, TestRoot, Version};
use axum::Router;
use axum::routing::get;
use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::http::Http;
use crate::{CallError, StartError};

/// A topic that signs as SNS does, under a test root. Its certificate is served on loopback, where the subscriber has to be told to look
/// (`intake.sns.endpoint`), and whose root it has to be told to trust (`intake.sns.certificates.extraRoots`).
#[derive(Debug)]
pub struct Topic {
    arn: String,
    address: SocketAddr,
    root: String,
    signer: Signer,
    http: Http,
    /// Hanging up ends the server.
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

impl Topic {
    /// Makes root, key and certificate, all valid at `now`, and serves the certificate.
    ///
    /// # Errors
    ///
    /// When keys cannot be made or the certificate cannot be served.
    pub fn start(arn: &str, now: Timestamp) -> Result<Self, StartError> {
        let cannot_sign = |error: SignerError| StartError::Unexpected { name: "signer", said: error.to_string() };
        let root = TestRoot::new(now).map_err(cannot_sign)?;
        let signer = Signer::new(&root).map_err(cannot_sign)?;
        let (address, stop, server) = serve(&signer)?;
        let signer = signer.at(&format!("http://{address}"));
        let (arn, root) = (arn.to_owned(), root.root_pem());
        Ok(Self { arn, address, root, signer, http: Http::new(), stop: Some(stop), server: Some(server) })
    }

    /// Its ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Where its certificate is served: `http://127.0.0.1:<port>`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The root to trust.
    pub fn root_pem(&self) -> &str {
        &self.root
    }

    /// Posts `text`, signed with signature version 2, to a subscriber. Returns when it has answered 2xx.
    ///
    /// # Errors
    ///
    /// When the subscriber refuses it or is gone.
    pub fn publish(&self, subscriber: &str, text: &str, now: Timestamp) -> Result<(), CallError> {
        let message = Message::notification(&self.arn, text, now);
        let signed = self.signer.sign(&message, Version::V2).map_err(|error| CallError::Unexpected {
            url: subscriber.to_owned(),
            body: format!("not sent: {error}"),
        })?;
        // Amazon SNS developer guide, "HTTP/HTTPS notification JSON format": a JSON body called text.
        let headers = [
            ("Content-Type", "text/plain; charset=UTF-8"),
            ("x-amz-sns-message-type", "Notification"),
            ("x-amz-sns-message-id", message.id.as_str()),
            ("x-amz-sns-topic-arn", self.arn.as_str()),
        ];
        self.http.text(subscriber, &headers, &signed.to_json()).map(drop)
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(server) = self.server.take() {
            server.join().unwrap_or_default();
        }
    }
}

/// Serves the certificate in a thread of its own, since callers have no runtime.
fn serve(signer: &Signer) -> Result<(SocketAddr, oneshot::Sender<()>, JoinHandle<()>), StartError> {
    let failed = || StartError::io("listen on", "127.0.0.1:0");
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed())?;
    socket.set_nonblocking(true).map_err(failed())?;
    let address = socket.local_addr().map_err(failed())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed())?;
    let pem = signer.certificate_pem().to_owned();
    let app = Router::new().route(&signer.certificate_path(), get(move || std::future::ready(pem.clone())));
    let (stop, stopped) = oneshot::channel::<()>();
    let server = thread::spawn(move || {
        runtime.block_on(async {
            let Ok(socket) = tokio::net::TcpListener::from_std(socket) else { return };
            let until = async { stopped.await.unwrap_or_default() };
            // Without grace: a subscriber that keeps its connection would hold us up.
            tokio::select! {
                _ = axum::serve(socket, app) => {}
                () = until => {}
            }
        });
    });
    Ok((address, stop, server))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificate_is_served_where_the_messages_say() {
        let topic = Topic::start("arn:aws:sns:eu-west-1:111122223333:widgets", Timestamp::UNIX_EPOCH).unwrap();
        let message = Message::notification(topic.arn(), "hello", Timestamp::UNIX_EPOCH);
        let envelope = topic.signer.sign(&message, Version::V2).unwrap();
        let url = envelope.fields["SigningCertURL"].as_str().unwrap();
        assert!(url.starts_with(&topic.endpoint()), "{url}");
        assert_eq!(topic.http.get_text(url).unwrap(), topic.signer.certificate_pem());
    }
}
