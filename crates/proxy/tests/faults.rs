//! What may go wrong on the way to AWS, and with ourselves: clients see answers, or closed connections, which they retry, and never a hang of ours.

mod world;

use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_proxy::ca::{self, Names};
use aws_event_cache_proxy::{Proxy, ProxyError, Settings};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use world::{Act, EC2, StandIn, World, absolute, is_closed, parts, read_answer};

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn an_aws_that_refuses_connections_is_answered_for_at_once() {
    let world = World::with(Act::Answer, |settings| {
        // Nobody listens on a port that was just given back.
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        settings.upstream.endpoint = Some(format!("http://{}", taken.local_addr().unwrap()).parse().unwrap());
    })
    .await;
    let (answer, mut stream) = world.say(absolute(EC2)).await;
    assert!(answer.unwrap().status >= 500);
    // And the connection to us goes on.
    stream.write_all(absolute(EC2).as_bytes()).await.unwrap();
    assert!(read_answer(&mut stream).await.unwrap().status >= 500);
}

#[tokio::test]
async fn an_aws_that_hangs_is_given_up() {
    let world = World::with(Act::Hang, |settings| settings.upstream.response = SHORT).await;
    let (answer, _) = world.say(absolute(EC2)).await;
    assert!(answer.unwrap().status >= 500);
}

#[tokio::test]
async fn an_aws_that_closes_without_an_answer_is_answered_for() {
    let mut world = World::with(Act::Close, |_| {}).await;
    let (answer, _) = world.say(absolute(EC2)).await;
    assert!(answer.unwrap().status >= 500);
    world.aws.next().await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off_for_the_client_too() {
    let world = World::with(Act::Truncate, |_| {}).await;
    let (answer, mut stream) = world.say(absolute(EC2)).await;
    // Never a short answer that looks whole.
    assert!(answer.is_none_or(|answer| answer.status >= 500));
    assert!(is_closed(&mut stream).await);
}

#[tokio::test]
async fn errors_of_aws_pass_as_they_are() {
    for status in [400, 403, 500, 503] {
        let world = World::with(Act::Status(status), |_| {}).await;
        let (answer, _) = world.say(absolute(EC2)).await;
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (status, b"no".as_slice()));
    }
}

#[tokio::test]
async fn a_client_that_goes_away_disturbs_nobody() {
    let mut world = World::before(
        StandIn::scripted(|number| if number == 0 { Act::Hang } else { Act::Answer }).await,
        false,
        |_| {},
    )
    .await;
    let mut gone = world.connect().await;
    gone.write_all(absolute(EC2).as_bytes()).await.unwrap();
    world.aws.next().await;
    drop(gone);
    assert_eq!(world.say(absolute(EC2)).await.0.unwrap().status, 200);
}

#[tokio::test]
async fn closing_lets_calls_in_flight_end_and_says_close() {
    let world = World::with(Act::AnswerAfter(SHORT), |_| {}).await;
    let World { mut aws, proxy, .. } = world;
    let address = proxy.address();
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(absolute(EC2).as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut idle).await.unwrap().status, 200);
    aws.next().await;
    let mut busy = TcpStream::connect(address).await.unwrap();
    busy.write_all(absolute(EC2).as_bytes()).await.unwrap();
    aws.next().await;
    let untouched = TcpStream::connect(address).await.unwrap();
    let ((), answer, idle_closed) =
        tokio::join!(proxy.close(Duration::from_secs(20)), read_answer(&mut busy), is_closed(&mut idle));
    let answer = answer.unwrap();
    assert_eq!((answer.status, answer.closes(), idle_closed), (200, true, true));
    assert!(is_closed(&mut busy).await);
    drop(untouched);
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn closing_waits_no_longer_than_the_grace() {
    let World { mut aws, proxy, .. } = World::with(Act::Hang, |_| {}).await;
    let mut busy = TcpStream::connect(proxy.address()).await.unwrap();
    busy.write_all(absolute(EC2).as_bytes()).await.unwrap();
    aws.next().await;
    let ((), closed) = tokio::join!(proxy.close(SHORT), is_closed(&mut busy));
    assert!(closed);
}

#[tokio::test]
async fn a_call_that_takes_longer_than_the_idle_time_is_waited_for() {
    let world = World::with(Act::AnswerAfter(SHORT * 4), |settings| settings.limits.idle = SHORT).await;
    assert_eq!(world.say(absolute(EC2)).await.0.unwrap().status, 200);
}

#[tokio::test]
async fn a_stand_in_with_tls_is_verified() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::wall();
    ca::init(folder.path(), &Names { own: vec!["127.0.0.1".into()], ..Names::default() }, clock.now()).unwrap();
    // A proxy that speaks TLS for 127.0.0.1 stands in for AWS: its 404 shows that the request came through.
    let mut far = Settings::new("127.0.0.1:0".parse().unwrap());
    far.authority = Some(folder.path().to_owned());
    far.tls_names = vec!["127.0.0.1".into()];
    far.upstream.endpoint = Some("http://127.0.0.1:1".parse().unwrap());
    let far = Proxy::open(parts(far, clock.clone())).await.unwrap();
    let endpoint = format!("https://{}", far.address());
    for trusted in [true, false] {
        let world = World::with(Act::Answer, |settings| {
            settings.upstream.endpoint = Some(endpoint.parse().unwrap());
            if trusted {
                settings.upstream.extra_roots = vec![folder.path().join("ca.pem")];
            }
        })
        .await;
        let status = world.say(absolute(EC2)).await.0.unwrap().status;
        // 421: the far end got an origin-form request for an AWS host.
        assert_eq!(status == 421, trusted, "{status}");
        assert_eq!(status >= 500, !trusted, "{status}");
    }
}

#[tokio::test]
async fn tunnels_lead_to_listed_hosts_and_carry_bytes_as_they_are() {
    let aws = StandIn::start(Act::Answer).await;
    let port = aws.address.port();
    let mut world = World::before(aws, false, |settings| {
        settings.hosts.tunnel = vec![format!("localhost:{port}")];
        settings.hosts.tunnel_private = vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
    })
    .await;
    let (answer, mut stream) = world
        .say(format!("CONNECT localhost:{port} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\nGET /raw HTTP/1.1\r\n\r\n"))
        .await;
    assert_eq!(answer.unwrap().status, 200);
    assert_eq!(read_answer(&mut stream).await.unwrap().body, b"ok");
    assert_eq!(world.aws.next().await, b"GET /raw HTTP/1.1\r\n\r\n");
}

#[tokio::test]
async fn without_an_authority_nothing_is_tunnelled_past_a_stand_in() {
    let world = World::plain().await;
    let (answer, _) = world.say(format!("CONNECT {EC2}:443 HTTP/1.0\r\n\r\n")).await;
    assert_eq!(answer.unwrap().status, 403);
    // And TLS gets no answer at all.
    let mut stream = world.connect().await;
    stream.write_all(&[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0]).await.unwrap();
    assert!(is_closed(&mut stream).await);
}

#[tokio::test]
async fn settings_that_cannot_work_are_named_at_start() {
    async fn refused(change: impl FnOnce(&mut Settings)) -> ProxyError {
        let mut settings = Settings::new("127.0.0.1:0".parse().unwrap());
        settings.upstream.endpoint = Some("http://127.0.0.1:1".parse().unwrap());
        change(&mut settings);
        Proxy::open(parts(settings, Clock::wall())).await.err().expect("an error")
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    assert!(matches!(refused(|settings| settings.listen = address).await, ProxyError::Listen { .. }));
    assert!(matches!(
        refused(|settings| settings.tls_names = vec!["x".into()]).await,
        ProxyError::NamesWithoutAuthority
    ));
    assert!(matches!(refused(|settings| settings.authority = Some("/nowhere".into())).await, ProxyError::Authority(_)));
    assert!(matches!(
        refused(|settings| settings.upstream.extra_roots = vec!["/nowhere".into()]).await,
        ProxyError::Root { .. }
    ));
    let url = |text: &str| Some(text.parse().unwrap());
    assert!(matches!(
        refused(|settings| settings.upstream.endpoint = url("http://h/path")).await,
        ProxyError::Endpoint { .. }
    ));
    assert!(matches!(
        refused(|settings| settings.upstream.proxy = url("https://h:1")).await,
        ProxyError::UpstreamProxy { .. }
    ));
    let error = refused(|settings| settings.upstream.proxy = url("socks5://user:secret@h:1")).await;
    assert!(!format!("{error:?} {error}").contains("secret"));
}
