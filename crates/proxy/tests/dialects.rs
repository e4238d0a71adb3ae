//! Every dialect in which an AWS SDK speaks to a proxy, over real sockets, byte by byte.

mod world;

use aws_event_cache_clock::Clock;
use aws_event_cache_proxy::{Proxy, ProxyCredentials, Settings};
use tokio::io::AsyncWriteExt;
use world::{Act, EC2, StandIn, World, absolute, find, parts, read_answer};

const STS: &str = "sts.amazonaws.com";

#[tokio::test]
async fn absolute_form_reaches_aws_as_it_was_signed() {
    let mut world = World::plain().await;
    let (answer, mut stream) = world.say(absolute(EC2)).await;
    assert_eq!(answer.unwrap().body, b"ok");
    let got = String::from_utf8(world.aws.next().await).unwrap();
    let (head, body) = got.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<&str> = head.lines().collect();
    assert_eq!(lines.remove(0), "POST / HTTP/1.1");
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "content-length: 9",
            "content-type: application/x-www-form-urlencoded; charset=utf-8",
            "host: ec2.eu-west-1.amazonaws.com",
            "user-agent: aws-sdk-java/1.12.261 spinnaker",
            "x-amz-date: 20260504T092000Z",
        ]
    );
    assert_eq!(body, "Action=Xx");
    // The connection goes on, to another host as well.
    stream.write_all(absolute(STS).as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.unwrap().status, 200);
    assert!(String::from_utf8(world.aws.next().await).unwrap().contains("host: sts.amazonaws.com\r\n"));
}

#[tokio::test]
async fn targets_arrive_byte_for_byte() {
    let mut world = World::with_tls(|_| {}).await;
    for target in [
        "/2015-03-31/functions/",
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Af/policy?Qualifier=%24LATEST",
        "/bucket/a//b/./../c?list-type=2&prefix=x%2Fy&delimiter=%2F",
        "/?a=b+c&d=%E2%82%AC",
        "/a;b=c:d@e!$&'()*+,=~-._",
    ] {
        let (answer, _) = world.say(format!("GET http://{EC2}{target} HTTP/1.1\r\nHost: {EC2}\r\n\r\n")).await;
        assert_eq!(answer.unwrap().status, 200, "{target}");
        let line = format!("GET {target} HTTP/1.1\r\n");
        assert!(world.aws.next().await.starts_with(line.as_bytes()), "{target}");

        let mut inside = world.inside(&format!("CONNECT {EC2}:443 HTTP/1.0\r\n\r\n"), EC2, &[]).await;
        inside.write_all(format!("GET {target} HTTP/1.1\r\nHost: {EC2}\r\n\r\n").as_bytes()).await.unwrap();
        assert_eq!(read_answer(&mut inside).await.unwrap().status, 200, "{target}");
        assert!(world.aws.next().await.starts_with(line.as_bytes()), "{target}");
    }
}

#[tokio::test]
async fn values_of_header_lines_arrive_byte_for_byte() {
    let mut world = World::plain().await;
    let value = "a  b\tc;\"d\", e=\u{f6}\u{20ac} ~";
    let (answer, _) = world
        .say(format!("POST http://{EC2}/ HTTP/1.1\r\nHost: {EC2}\r\nX-Odd: {value}\r\nX-Odd: second\r\nX-Empty:\r\nContent-Length: 0\r\n\r\n"))
        .await;
    assert_eq!(answer.unwrap().status, 200);
    let got = String::from_utf8(world.aws.next().await).unwrap();
    assert!(got.contains(&format!("x-odd: {value}\r\nx-odd: second\r\n")), "{got}");
    assert!(got.contains("x-empty: \r\n") || got.contains("x-empty:\r\n"), "{got}");
    assert!(got.contains("content-length: 0\r\n"), "{got}");
}

#[tokio::test]
async fn every_sdks_connect_leads_into_tls() {
    let mut world = World::with_tls(|_| {}).await;
    let dialects: [(&str, String, &[&str]); 6] = [
        (
            "Java v1",
            format!(
                "CONNECT {EC2}:443 HTTP/1.1\r\nHost: {EC2}\r\nUser-Agent: Apache-HttpClient/4.5.13 (Java/17.0.9)\r\n\r\n"
            ),
            &[],
        ),
        ("Java v2", format!("CONNECT {EC2}:443 HTTP/1.1\r\nHost: {EC2}\r\nUser-Agent:\r\n\r\n"), &[]),
        ("Python", format!("CONNECT {EC2}:443 HTTP/1.0\r\n\r\n"), &["http/1.1"]),
        (
            "Go",
            format!("CONNECT {EC2}:443 HTTP/1.1\r\nHost: {EC2}:443\r\nUser-Agent: Go-http-client/1.1\r\n\r\n"),
            &["h2", "http/1.1"],
        ),
        (
            "JavaScript",
            format!(
                "CONNECT {EC2}:443 HTTP/1.1\r\nHost: {EC2}:443\r\nProxy-Connection: close\r\nConnection: close\r\n\r\n"
            ),
            &[],
        ),
        ("Rust", format!("CONNECT {EC2}:443 HTTP/1.1\r\nHost: {EC2}:443\r\n\r\n"), &["h2", "http/1.1"]),
    ];
    for (sdk, connect, alpn) in dialects {
        let mut inside = world.inside(&connect, EC2, alpn).await;
        let expected = (!alpn.is_empty()).then_some(b"http/1.1".as_slice());
        assert_eq!(inside.get_ref().1.alpn_protocol(), expected, "{sdk}");
        // Kept alive.
        for _ in 0..2 {
            inside
                .write_all(format!("POST / HTTP/1.1\r\nHost: {EC2}\r\nContent-Length: 2\r\n\r\nhi").as_bytes())
                .await
                .unwrap();
            assert_eq!(read_answer(&mut inside).await.unwrap().body, b"ok", "{sdk}");
            assert!(world.aws.next().await.ends_with(b"hi"), "{sdk}");
        }
    }
}

#[tokio::test]
async fn a_client_need_not_wait_for_the_200_before_it_begins_tls() {
    let mut world = World::with_tls(|_| {}).await;
    // The name is in the CONNECT only: a client that asks for none by SNI gets the certificate for that.
    let mut stream = world.connect().await;
    stream.write_all(format!("CONNECT {EC2}:443 HTTP/1.0\r\n").as_bytes()).await.unwrap();
    stream.write_all(b"\r\n").await.unwrap();
    assert_eq!(read_answer(&mut stream).await.unwrap().status, 200);
    let mut inside = world.tls(stream, EC2, &[]).await.unwrap();
    inside.write_all(format!("GET / HTTP/1.1\r\nHost: {EC2}\r\n\r\n").as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut inside).await.unwrap().status, 200);
    world.aws.next().await;
}

#[tokio::test]
async fn tls_by_sni_without_connect_works_on_the_same_port() {
    let mut world = World::with_tls(|_| {}).await;
    let mut inside = world.tls(world.connect().await, EC2, &["h2", "http/1.1"]).await.unwrap();
    inside.write_all(format!("GET /x HTTP/1.1\r\nHost: {EC2}\r\n\r\n").as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut inside).await.unwrap().status, 200);
    assert!(world.aws.next().await.starts_with(b"GET /x HTTP/1.1\r\n"));
}

#[tokio::test]
async fn tls_to_the_proxy_itself_carries_connect_and_absolute_form() {
    let mut world =
        World::with_tls(|settings| settings.tls_names = vec!["event-cache.example".into(), "127.0.0.1".into()]).await;
    for name in ["event-cache.example", "127.0.0.1"] {
        let mut outer = world.tls(world.connect().await, name, &[]).await.unwrap();
        outer.write_all(absolute(EC2).as_bytes()).await.unwrap();
        assert_eq!(read_answer(&mut outer).await.unwrap().status, 200, "{name}");
        world.aws.next().await;

        let mut outer = world.tls(world.connect().await, name, &[]).await.unwrap();
        outer.write_all(format!("CONNECT {EC2}:443 HTTP/1.1\r\nHost: {EC2}:443\r\n\r\n").as_bytes()).await.unwrap();
        assert_eq!(read_answer(&mut outer).await.unwrap().status, 200, "{name}");
        let mut inner = world.tls(outer, EC2, &[]).await.unwrap();
        inner.write_all(format!("GET / HTTP/1.1\r\nHost: {EC2}\r\n\r\n").as_bytes()).await.unwrap();
        assert_eq!(read_answer(&mut inner).await.unwrap().status, 200, "{name}");
        world.aws.next().await;
    }
}

#[tokio::test]
async fn origin_form_is_for_the_own_api_or_nobody() {
    let world = World::plain().await;
    let (answer, _) = world.say("GET /v1/status HTTP/1.1\r\nHost: event-cache:8090\r\n\r\n").await;
    let answer = answer.unwrap();
    assert_eq!((answer.status, answer.closes()), (404, false));
    let (answer, _) = world.say(format!("GET / HTTP/1.1\r\nHost: {EC2}\r\n\r\n")).await;
    assert_eq!(answer.unwrap().status, 421);
}

#[tokio::test]
async fn the_own_api_is_asked_with_the_peers_address_and_needs_no_proxy_password() {
    use axum::extract::ConnectInfo;
    use axum::routing::get;

    let whoami = |ConnectInfo(peer): ConnectInfo<std::net::SocketAddr>| async move { peer.ip().to_string() };
    let mut settings = Settings::new("127.0.0.1:0".parse().unwrap());
    settings.credentials = Some(password());
    let mut parts = parts(settings, Clock::wall());
    parts.own = Some(axum::Router::new().route("/v1/whoami", get(whoami)));
    let proxy = Proxy::open(parts).await.unwrap();
    let mut stream = tokio::net::TcpStream::connect(proxy.address()).await.unwrap();
    for (path, status, body) in
        [("/v1/whoami", 200, "127.0.0.1"), ("/v1/nothing", 404, ""), ("/v1/whoami", 200, "127.0.0.1")]
    {
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: event-cache:8090\r\n\r\n").as_bytes()).await.unwrap();
        let answer = read_answer(&mut stream).await.unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (status, body.as_bytes()), "{path}");
    }
}

#[tokio::test]
async fn a_peer_on_loopback_proves_something_only_at_a_port_on_loopback() {
    use aws_event_cache_answer::Modes;
    use aws_event_cache_model::AnswerMode;

    for (listen, trusted) in [("127.0.0.1:0", true), ("0.0.0.0:0", false)] {
        let clock = Clock::wall();
        let aws = StandIn::start(Act::Answer).await;
        let mut settings = Settings::new(listen.parse().unwrap());
        settings.upstream.endpoint = Some(format!("http://{}", aws.address).parse().unwrap());
        let date = clock.now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let parts = parts(settings, clock);
        parts.answers.set_modes(Modes { default: AnswerMode::Serve, ..Modes::default() });
        let proxy = Proxy::open(parts).await.unwrap();
        let (body, signature) = ("Action=DescribeKeyPairs&Version=2016-11-15", "0".repeat(64));
        let request = format!(
            "POST http://{EC2}/ HTTP/1.1\r\nHost: {EC2}\r\nX-Amz-Date: {date}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=AKIASP2TPHJSQH3FJXYZ/{day}/eu-west-1/ec2/aws4_request, SignedHeaders=host;x-amz-date, Signature={signature}\r\n\
             Content-Length: {length}\r\n\r\n{body}",
            day = &date[..8],
            length = body.len(),
        );
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", proxy.address().port())).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_answer(&mut stream).await.unwrap();
        let said = answer.header("cache-status").unwrap_or_default().to_owned();
        assert_eq!(said.contains("static-key"), !trusted, "{listen}: {said}");
    }
}

#[tokio::test]
async fn large_bodies_and_chunked_ones_pass() {
    let mut world = World::plain().await;
    let body: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let mut request = format!("PUT http://bucket.s3.amazonaws.com/key HTTP/1.1\r\nHost: bucket.s3.amazonaws.com\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    request.extend_from_slice(&body);
    let (answer, _) = world.say(&request).await;
    assert_eq!(answer.unwrap().status, 200);
    let got = world.aws.next().await;
    let head = find(&got, b"\r\n\r\n").unwrap() + 4;
    assert!(got[head..] == body, "the body arrives byte for byte");
    assert!(String::from_utf8_lossy(&got[..head]).contains("content-length: 3000000\r\n"));

    let chunked = "PUT http://bucket.s3.amazonaws.com/key HTTP/1.1\r\nHost: bucket.s3.amazonaws.com\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    let (answer, _) = world.say(chunked).await;
    assert_eq!(answer.unwrap().status, 200);
    let got = String::from_utf8(world.aws.next().await).unwrap();
    let text: String = got.split("\r\n\r\n").nth(1).unwrap().split("\r\n").skip(1).step_by(2).collect();
    assert!(got.contains("transfer-encoding: chunked") && text.contains("hello"), "{got}");
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_gets_it() {
    let mut world = World::plain().await;
    let mut stream = world.connect().await;
    let head = "PUT http://s3.amazonaws.com/b/k HTTP/1.1\r\nHost: s3.amazonaws.com\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.unwrap().status, 100);
    stream.write_all(b"body").await.unwrap();
    assert_eq!(read_answer(&mut stream).await.unwrap().status, 200);
    let got = world.aws.next().await;
    assert!(got.ends_with(b"body") && find(&got, b"expect").is_none());
}

fn password() -> ProxyCredentials {
    ProxyCredentials { username: "spinnaker".into(), password: "s3cret".into() }
}

/// Of `spinnaker:s3cret`.
const BASIC: &str = "Basic c3Bpbm5ha2VyOnMzY3JldA==";

#[tokio::test]
async fn javas_407_dance_goes_on_on_the_same_connection() {
    let mut world = World::with_tls(|settings| settings.credentials = Some(password())).await;
    // Absolute-form: before every request.
    let mut stream = world.connect().await;
    for _ in 0..3 {
        stream.write_all(absolute(EC2).as_bytes()).await.unwrap();
        let asked = read_answer(&mut stream).await.unwrap();
        assert_eq!((asked.status, asked.closes()), (407, false));
        assert_eq!(asked.header("proxy-authenticate"), Some("Basic realm=\"event-cache\""));
        let given = absolute(EC2).replace("\r\n\r\n", &format!("\r\nProxy-Authorization: {BASIC}\r\n\r\n"));
        stream.write_all(given.as_bytes()).await.unwrap();
        assert_eq!(read_answer(&mut stream).await.unwrap().status, 200);
        let got = String::from_utf8(world.aws.next().await).unwrap();
        assert!(!got.to_lowercase().contains("proxy-"), "{got}");
    }
    // CONNECT: once for each connection.
    let mut stream = world.connect().await;
    stream.write_all(format!("CONNECT {EC2}:443 HTTP/1.1\r\nHost: {EC2}\r\n\r\n").as_bytes()).await.unwrap();
    let asked = read_answer(&mut stream).await.unwrap();
    assert_eq!((asked.status, asked.closes()), (407, false));
    stream
        .write_all(
            format!("CONNECT {EC2}:443 HTTP/1.1\r\nHost: {EC2}\r\nProxy-Authorization: {BASIC}\r\n\r\n").as_bytes(),
        )
        .await
        .unwrap();
    assert_eq!(read_answer(&mut stream).await.unwrap().status, 200);
    let mut inside = world.tls(stream, EC2, &[]).await.unwrap();
    inside.write_all(format!("GET / HTTP/1.1\r\nHost: {EC2}\r\n\r\n").as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut inside).await.unwrap().status, 200);
    world.aws.next().await;
}

#[tokio::test]
async fn a_password_sent_at_once_is_taken_and_a_wrong_one_is_not() {
    let mut world = World::with_tls(|settings| settings.credentials = Some(password())).await;
    let connect = format!("CONNECT {EC2}:443 HTTP/1.0\r\nProxy-Authorization: {BASIC}\r\n\r\n");
    world.inside(&connect, EC2, &[]).await;
    for wrong in ["Basic c3Bpbm5ha2VyOndyb25n", "Basic", "Bearer x", "NTLM TlRMTVNTUAAB"] {
        let (answer, _) =
            world.say(format!("CONNECT {EC2}:443 HTTP/1.0\r\nProxy-Authorization: {wrong}\r\n\r\n")).await;
        assert_eq!(answer.unwrap().status, 407, "{wrong}");
    }
    // Whoever comes by SNI has had no chance to show it, and gets no further.
    let mut inside = world.tls(world.connect().await, EC2, &[]).await.unwrap();
    inside.write_all(format!("GET / HTTP/1.1\r\nHost: {EC2}\r\n\r\n").as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut inside).await.unwrap().status, 407);
    assert!(world.aws.got_nothing());
}

#[tokio::test]
async fn what_the_proxy_listens_to_after_a_407_may_be_another_request() {
    let world = World::with(Act::Answer, |settings| settings.credentials = Some(password())).await;
    let mut stream = world.connect().await;
    stream.write_all(format!("CONNECT {EC2}:443 HTTP/1.0\r\n\r\n").as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.unwrap().status, 407);
    let given = absolute(EC2).replace("\r\n\r\n", &format!("\r\nProxy-Authorization: {BASIC}\r\n\r\n"));
    stream.write_all(given.as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.unwrap().status, 200);
}

#[tokio::test]
async fn connections_upstream_are_shared_and_kept() {
    let world = World::plain().await;
    for _ in 0..5 {
        let (answer, _) = world.say(absolute(EC2)).await;
        assert_eq!(answer.unwrap().status, 200);
    }
    assert_eq!(world.aws.connections.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[tokio::test]
async fn the_way_out_may_lead_through_another_proxy_with_a_password() {
    // The stand-in for AWS speaks TLS; the upstream proxy is one of ours, which may tunnel there.
    let aws = StandIn::start(Act::Answer).await;
    let outer = World::with(Act::Answer, |settings| {
        settings.credentials = Some(password());
        settings.hosts.tunnel = vec![format!("localhost:{}", aws.address.port())];
        settings.hosts.tunnel_private = vec!["127.0.0.1/32".parse().unwrap(), "::1/128".parse().unwrap()];
    })
    .await;
    let port = aws.address.port();
    let world = World::before(aws, false, |settings| {
        // https, so that CONNECT is used; the stand-in has no TLS, so that the handshake's bytes are what arrives there.
        settings.upstream.endpoint = Some(format!("https://localhost:{port}").parse().unwrap());
        settings.upstream.proxy = Some(format!("http://spinnaker:s3cret@{}", outer.proxy.address()).parse().unwrap());
        settings.upstream.connect = std::time::Duration::from_millis(300);
    })
    .await;
    let (answer, _) = world.say(absolute(EC2)).await;
    assert!(answer.unwrap().status >= 500);
    assert_eq!(
        world.aws.connections.load(std::sync::atomic::Ordering::Relaxed),
        1,
        "the stand-in was reached through the proxy"
    );
}
