//! What an attacker may send, over real sockets: none of it reaches AWS, or anybody else, and none of it harms those who behave.

mod world;

use std::time::Duration;

use aws_event_cache_proxy::ProxyCredentials;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use world::{Act, EC2, World, absolute, is_closed, read_answer};

/// Short enough for a test, long enough for two busy cores.
const SHORT: Duration = Duration::from_millis(400);

#[tokio::test]
async fn requests_that_two_parsers_may_read_differently_are_refused_and_the_connection_ends() {
    let mut world = World::plain().await;
    let start = format!("POST http://{EC2}/ HTTP/1.1\r\nHost: {EC2}\r\n");
    let smuggled = "GET http://sts.amazonaws.com/ HTTP/1.1\r\nHost: sts.amazonaws.com\r\n\r\n";
    for (what, text) in [
        ("two lengths", format!("{start}Content-Length: 0\r\nContent-Length: {}\r\n\r\n{smuggled}", smuggled.len())),
        ("two equal lengths", format!("{start}Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi")),
        ("a list of lengths", format!("{start}Content-Length: 2, 2\r\n\r\nhi")),
        (
            "length and chunked",
            format!("{start}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        ),
        (
            "chunked and length",
            format!("{start}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{smuggled}"),
        ),
        ("chunked not last", format!("{start}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{smuggled}")),
        ("chunked in disguise", format!("{start}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n{smuggled}")),
        ("a blank before the colon", format!("{start}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{smuggled}")),
        ("a folded line", format!("{start}X: a\r\n Content-Length: 5\r\n\r\nhello")),
        ("a bare line feed", format!("{start}X: a\nContent-Length: 5\r\n\r\nhello")),
        ("a bare carriage return", format!("{start}X: a\rContent-Length: 5\r\n\r\nhello")),
        ("a zero byte", format!("{start}X: a\0b\r\n\r\n")),
        ("two hosts", format!("{start}Host: sts.amazonaws.com\r\n\r\n")),
        ("no host", format!("POST http://{EC2}/ HTTP/1.1\r\n\r\n")),
        ("another host", format!("POST http://{EC2}/ HTTP/1.1\r\nHost: sts.amazonaws.com\r\n\r\n")),
        (
            "HTTP/1.0 with chunks",
            format!("POST http://{EC2}/ HTTP/1.0\r\nHost: {EC2}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ),
        ("HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
        ("a fragment", format!("GET http://{EC2}/#@evil HTTP/1.1\r\nHost: {EC2}\r\n\r\n")),
        ("our own word", format!("refused http://{EC2}/ HTTP/1.1\r\nHost: {EC2}\r\n\r\n")),
        ("nonsense", "\0\0\0\0\r\n\r\n".to_owned()),
    ] {
        let (answer, mut stream) = world.say(&text).await;
        let answer = answer.unwrap_or_else(|| panic!("{what}: no answer"));
        assert_eq!((answer.status, answer.closes()), (400, true), "{what}: {}", answer.head);
        assert!(is_closed(&mut stream).await, "{what}");
    }
    assert!(world.aws.got_nothing());
}

#[tokio::test]
async fn what_is_smuggled_behind_a_good_request_is_refused_after_it_was_answered() {
    let mut world = World::plain().await;
    let text = format!("{}GET http://{EC2}/ HTTP/1.1\r\nHost: {EC2}\nX: y\r\n\r\n", absolute(EC2));
    let (answer, mut stream) = world.say(&text).await;
    assert_eq!(answer.unwrap().status, 200);
    assert_eq!(read_answer(&mut stream).await.unwrap().status, 400);
    assert!(is_closed(&mut stream).await);
    world.aws.next().await;
    assert!(world.aws.got_nothing());
}

#[tokio::test]
async fn broken_chunks_end_the_connection_and_the_request() {
    let mut world = World::plain().await;
    for body in
        ["5\nhello\r\n0\r\n\r\n", "5\r\nhelloX\r\n0\r\n\r\n", "fffffffffffffffff\r\n", "5;a\nb\r\nhello\r\n0\r\n\r\n"]
    {
        let (answer, mut stream) = world
            .say(format!("POST http://{EC2}/ HTTP/1.1\r\nHost: {EC2}\r\nTransfer-Encoding: chunked\r\n\r\n{body}"))
            .await;
        assert!(answer.is_none_or(|answer| answer.status >= 400), "{body:?}");
        assert!(is_closed(&mut stream).await, "{body:?}");
    }
    // A body that was let through in part is never seen whole.
    assert!(world.aws.got_nothing());
}

#[tokio::test]
async fn connect_leads_to_aws_and_nowhere_else() {
    let world =
        World::with_tls(|settings| settings.hosts.tunnel = vec!["localhost:443".into(), "fiat.invalid".into()]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap();
    for target in [
        "169.254.169.254:80".to_owned(),
        "169.254.169.254:443".to_owned(),
        "[fd00:ec2::254]:80".to_owned(),
        "169.254.170.2:80".to_owned(),
        here.to_string(),
        format!("localhost:{}", here.port()),
        "127.1:443".to_owned(),
        "0x7f000001:443".to_owned(),
        "2130706433:443".to_owned(),
        "[::ffff:127.0.0.1]:443".to_owned(),
        "10.0.0.1:443".to_owned(),
        "192.168.0.1:443".to_owned(),
        "example.com:443".to_owned(),
        format!("{EC2}:22"),
        format!("{EC2}:80"),
        format!("{EC2}.:443"),
        format!("{EC2}.evil.example:443"),
        format!("evil.example:443@{EC2}:443"),
        "ec2-52-1-2-3.compute-1.amazonaws.com:443".to_owned(),
        "internal-lb-1.eu-west-1.elb.amazonaws.com:443".to_owned(),
        // Listed, but it leads to this machine.
        "localhost:443".to_owned(),
    ] {
        let (answer, mut stream) = world.say(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")).await;
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.closes()), (403, true), "{target}");
        assert!(is_closed(&mut stream).await, "{target}");
    }
    let connected = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(connected.is_err(), "nobody was connected to");
    let (answer, _) = world.say("CONNECT fiat.invalid:443 HTTP/1.0\r\n\r\n").await;
    assert_eq!(answer.unwrap().status, 502);
}

#[tokio::test]
async fn absolute_form_leads_to_aws_and_nowhere_else() {
    let mut world = World::plain().await;
    for (target, host) in [
        ("http://example.com/", "example.com"),
        ("http://169.254.169.254/latest/meta-data/iam/security-credentials/", "169.254.169.254"),
        ("http://[::1]:8080/", "[::1]:8080"),
        ("http://localhost/", "localhost"),
        ("http://ec2.eu-west-1.amazonaws.com@evil.example/", "evil.example"),
        ("http://user:pass@ec2.eu-west-1.amazonaws.com/", EC2),
        ("http://ec2.eu-west-1.amazonaws.com./", "ec2.eu-west-1.amazonaws.com."),
        ("http://db.x.eu-west-1.rds.amazonaws.com/", "db.x.eu-west-1.rds.amazonaws.com"),
    ] {
        let (answer, _) = world.say(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert_eq!(answer.unwrap().status, 403, "{target}");
    }
    for target in [
        "http://ec2.eu-west-1.amazonaws.com:8443/",
        "ftp://ec2.eu-west-1.amazonaws.com/",
        "gopher://ec2.eu-west-1.amazonaws.com:80/",
    ] {
        let (answer, _) = world.say(format!("GET {target} HTTP/1.1\r\nHost: {EC2}\r\n\r\n")).await;
        assert_eq!(answer.unwrap().status, 400, "{target}");
    }
    assert!(world.aws.got_nothing());
}

#[tokio::test]
async fn hosts_inside_tls_cannot_be_swapped() {
    let mut world = World::with_tls(|_| {}).await;
    let connect = format!("CONNECT {EC2}:443 HTTP/1.0\r\n\r\n");
    for request in [
        "GET / HTTP/1.1\r\nHost: sts.amazonaws.com\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nHost: {EC2}:8443\r\n\r\n"),
        format!("GET http://sts.amazonaws.com/ HTTP/1.1\r\nHost: {EC2}\r\n\r\n"),
        format!("GET http://{EC2}/ HTTP/1.1\r\nHost: {EC2}\r\n\r\n"),
        format!("CONNECT sts.amazonaws.com:443 HTTP/1.1\r\nHost: {EC2}\r\n\r\n"),
        format!("OPTIONS * HTTP/1.1\r\nHost: {EC2}\r\n\r\n"),
    ] {
        let mut inside = world.inside(&connect, EC2, &[]).await;
        inside.write_all(request.as_bytes()).await.unwrap();
        let answer = read_answer(&mut inside).await.unwrap();
        assert_eq!((answer.status, answer.closes()), (400, true), "{request}");
    }
    // SNI must be what CONNECT said, and by SNI alone only AWS's names are stood for.
    let mut stream = world.connect().await;
    stream.write_all(connect.as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.unwrap().status, 200);
    assert!(world.tls(stream, "sts.amazonaws.com", &[]).await.is_err());
    for name in ["bank.example", "ec2-52-1-2-3.compute-1.amazonaws.com", "localhost"] {
        assert!(world.tls(world.connect().await, name, &[]).await.is_err(), "{name}");
    }
    assert!(world.aws.got_nothing());
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let mut world = World::plain().await;
    let long = "a".repeat(70_000);
    let many = (0..120).fold(String::new(), |text, number| text + &format!("x-{number}: 1\r\n"));
    for text in [
        format!("GET http://{EC2}/{long} HTTP/1.1\r\nHost: {EC2}\r\n\r\n"),
        format!("GET http://{EC2}/ HTTP/1.1\r\nHost: {EC2}\r\nx: {long}\r\n\r\n"),
        format!("GET http://{EC2}/ HTTP/1.1\r\nHost: {EC2}\r\n{many}\r\n"),
        format!("CONNECT {EC2}:443 HTTP/1.1\r\nHost: {EC2}\r\nx: {long}\r\n\r\n"),
        format!("CONNECT {EC2}:443 HTTP/1.1\r\nHost: {EC2}\r\n{many}\r\n"),
    ] {
        let (answer, mut stream) = world.say(&text).await;
        assert!(answer.is_none_or(|answer| answer.status == 431));
        assert!(is_closed(&mut stream).await);
    }
    assert!(world.aws.got_nothing());
    // What services really send is far below.
    let large =
        format!("GET http://{EC2}/ HTTP/1.1\r\nHost: {EC2}\r\nx-amz-security-token: {}\r\n\r\n", "t".repeat(12_000));
    assert_eq!(world.say(&large).await.0.unwrap().status, 200);
}

#[tokio::test]
async fn slow_clients_are_let_go_and_hold_up_nobody() {
    let world = World::with(Act::Answer, |settings| {
        settings.limits.head_time = SHORT;
        settings.limits.idle = SHORT * 2;
        settings.limits.stall = SHORT;
        settings.limits.handshake_time = SHORT;
    })
    .await;
    let mut slow = Vec::new();
    for text in [
        "POST http://ec2.eu-west-1.amazonaws.com/ HTTP/1.1\r\nHost: e",
        "CONNECT ec2.eu-west-1.amazonaws.com:443 HTTP/1.1\r\nHos",
        "CONN",
        "",
    ] {
        let mut stream = world.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        slow.push((text, stream));
    }
    let mut body = world.connect().await;
    body.write_all(format!("POST http://{EC2}/ HTTP/1.1\r\nHost: {EC2}\r\nContent-Length: 100\r\n\r\nx").as_bytes())
        .await
        .unwrap();
    slow.push(("half a body", body));
    let (answer, mut kept) = world.say(absolute(EC2)).await;
    assert_eq!(answer.unwrap().status, 200, "others are served meanwhile");
    for (text, mut stream) in slow {
        let answer = read_answer(&mut stream).await;
        let fair = if text == "half a body" { 400..=503 } else { 408..=408 };
        assert!(answer.as_ref().is_none_or(|answer| fair.contains(&answer.status)), "{text:?}: {answer:?}");
        assert!(is_closed(&mut stream).await, "{text:?}");
    }
    assert!(is_closed(&mut kept).await, "idle after a good request");
}

#[tokio::test]
async fn a_head_that_trickles_in_is_cut_off_in_time_however_busy_it_looks() {
    let world = World::with(Act::Answer, |settings| settings.limits.head_time = SHORT).await;
    let mut stream = world.connect().await;
    let begun = tokio::time::Instant::now();
    let trickle = async {
        let (mut read, mut write) = stream.split();
        let writing = async {
            write.write_all(b"GET / HTTP/1.1\r\n").await.ok();
            loop {
                write.write_all(b"x: y\r\n").await.ok();
                tokio::time::sleep(SHORT / 20).await;
            }
        };
        tokio::select! {
            never = writing => never,
            answer = read_answer(&mut read) => answer,
        }
    };
    let answer: Option<world::Answer> = trickle.await;
    assert!(answer.is_none_or(|answer| answer.status == 408));
    assert!(tokio::time::Instant::now() - begun < SHORT * 8);
}

#[tokio::test]
async fn a_handshake_that_does_not_go_on_is_cut_off() {
    let world = World::with_tls(|settings| settings.limits.handshake_time = SHORT).await;
    let mut first = world.connect().await;
    first.write_all(&[0x16, 3, 1, 2, 0, 1]).await.unwrap();
    assert!(is_closed(&mut first).await);
    let mut inside = world.connect().await;
    inside.write_all(format!("CONNECT {EC2}:443 HTTP/1.0\r\n\r\n").as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut inside).await.unwrap().status, 200);
    assert!(is_closed(&mut inside).await);
    // What is no TLS at all.
    let mut inside = world.connect().await;
    inside.write_all(format!("CONNECT {EC2}:443 HTTP/1.0\r\n\r\n").as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut inside).await.unwrap().status, 200);
    inside.write_all(format!("GET / HTTP/1.1\r\nHost: {EC2}\r\n\r\n").as_bytes()).await.unwrap();
    let mut rest = Vec::new();
    inside.read_to_end(&mut rest).await.ok();
    assert!(!rest.starts_with(b"HTTP"));
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_let_go() {
    let world = World::with(Act::Answer, |settings| {
        settings.limits.stall = SHORT;
    })
    .await;
    // Requests for nonsense of ours, and never a look at the answers: at some point nothing can be written any more.
    let mut stream = world.connect().await;
    let flood = "GET / HTTP/1.1\r\nHost: h\r\n\r\n".repeat(2_000);
    let sending = async { while stream.write_all(flood.as_bytes()).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(60), sending).await.expect("the connection is cut off");
    drop(stream);
    assert_eq!(world.say(absolute(EC2)).await.0.unwrap().status, 200);
}

#[tokio::test]
async fn connections_are_bounded_and_places_come_back() {
    let world = World::with(Act::Answer, |settings| {
        settings.limits.connections = 50;
        settings.limits.connections_per_peer = 30;
    })
    .await;
    let mut idle = Vec::new();
    for _ in 0..30 {
        let mut stream = world.connect().await;
        stream.write_all(absolute(EC2).as_bytes()).await.unwrap();
        assert_eq!(read_answer(&mut stream).await.unwrap().status, 200);
        idle.push(stream);
    }
    for _ in 0..5 {
        assert!(is_closed(&mut world.connect().await).await, "one more than there are places");
    }
    // Those who have a place are served all the same.
    idle[7].write_all(absolute(EC2).as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut idle[7]).await.unwrap().status, 200);
    drop(idle);
    loop {
        let mut stream = world.connect().await;
        stream.write_all(absolute(EC2).as_bytes()).await.ok();
        if read_answer(&mut stream).await.is_some_and(|answer| answer.status == 200) {
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn thousands_of_idle_connections_harm_nobody() {
    let world = World::plain().await;
    let mut idle = Vec::new();
    for number in 0..2_000 {
        let mut stream = world.connect().await;
        if number % 4 == 0 {
            stream.write_all(absolute(EC2).as_bytes()).await.unwrap();
            assert_eq!(read_answer(&mut stream).await.unwrap().status, 200);
        }
        idle.push(stream);
    }
    assert_eq!(world.say(absolute(EC2)).await.0.unwrap().status, 200);
}

#[tokio::test]
async fn who_has_not_shown_the_password_learns_nothing_of_the_rules() {
    let mut world = World::with(Act::Answer, |settings| {
        settings.credentials = Some(ProxyCredentials { username: "u".into(), password: "p".into() });
    })
    .await;
    for text in [
        "CONNECT 169.254.169.254:80 HTTP/1.0\r\n\r\n".to_owned(),
        format!("CONNECT {EC2}:443 HTTP/1.0\r\n\r\n"),
        "GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n".to_owned(),
        absolute(EC2),
    ] {
        assert_eq!(world.say(&text).await.0.unwrap().status, 407, "{text}");
    }
    assert!(world.aws.got_nothing());
}
