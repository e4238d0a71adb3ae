//! Gate's part: what SNS posts reaches the service byte for byte, and whatever goes wrong has SNS try again.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_testkit::{Host, HostSettings, bridge_plugin, eventually};
use parking_lot::Mutex;

use crate::checks::Checks;
use crate::client::{Answer, Request, get, post, send};
use crate::service::{Act, Seen, Service};

/// Where SNS posts to.
const PATH: &str = "/webhooks/aws-event-cache";

/// Twice SNS's longest message.
const LARGEST: usize = 512 * 1024;

const SECRET: &str = "a-secret_that.both+know";

/// `user:password`, whom the hosts know.
const LOGIN: (&str, &str) = ("Authorization", "Basic dXNlcjpwYXNzd29yZA==");

const SNS: [(&str, &str); 4] = [
    ("x-amz-sns-message-type", "Notification"),
    ("x-amz-sns-message-id", "165545c9-2a5c-472c-8df2-7ff2be2b3b1b"),
    ("x-amz-sns-topic-arn", "arn:aws:sns:us-west-2:123456789012:changes"),
    ("x-amz-sns-subscription-arn", "arn:aws:sns:us-west-2:123456789012:changes:2bcfbf39"),
];

#[test]
fn the_oldest_published_generation_of_gate_relays() {
    relays(Host::GateOldest, &bridge_plugin(None).unwrap());
}

#[test]
fn the_newest_published_generation_of_gate_relays() {
    relays(Host::GateNewest, &bridge_plugin(None).unwrap());
}

#[test]
fn what_gate_has_become_since_spring_boot_3_relays() {
    // PF4J itself knows no bundles.
    relays(Host::GateBoot3, &bridge_plugin(Some("gate.zip")).unwrap());
}

fn relays(host: Host, plugin: &Path) {
    let service = Service::start(as_the_user_agent_says);
    let base = format!("--aws-event-cache.base-url={}/", service.url());
    let gate = host
        .start(&HostSettings {
            plugins: &[plugin],
            arguments: &[&base],
            environment: &[("AWS_EVENT_CACHE_SECRET", SECRET)],
            // A proxy for the whole JVM, which leads nowhere: the service is called without it.
            jvm: &["-Dhttp.proxyHost=127.0.0.1", "-Dhttp.proxyPort=1", "-Dhttp.nonProxyHosts="],
        })
        .unwrap();
    let mut checks = Checks::default();
    let goes = format!("aws-event-cache bridge: POST {PATH} goes to {}/v1/sns", service.url());
    checks.check("the log says that the relay is there", gate.log().contains(&goes), goes);
    neighbours(&mut checks, gate.port());
    bodies(&mut checks, gate.port(), &service);
    headers(&mut checks, gate.port(), &service);
    statuses(&mut checks, gate.port());
    too_large(&mut checks, gate.port(), &service);
    a_hanging_service(&mut checks, gate.port());
    drop(service);
    let began = Clock::wall().now();
    let answer = relay(gate.port(), &[], b"x");
    let took = Clock::wall().now().duration_since(began);
    checks.check(
        "a service that is gone is 503 at once",
        answer.status == 503 && took.as_secs_f64() < 3.0,
        (answer, took),
    );
    checks.check("the secret is in no log", !gate.log().contains(SECRET), "it is");
    checks.end(&gate.log());
}

/// The stand-in's behaviour travels in the one header that may say anything.
fn as_the_user_agent_says(request: &Seen) -> Act {
    let text = |status, body: &str| Act::Answer(status, Some("text/plain".to_owned()), body.as_bytes().to_vec());
    match request.header("User-Agent").unwrap_or_default().split_once(' ') {
        Some(("status", status)) => text(status.parse().unwrap(), &format!("answer {status} é\r\n")),
        Some(("type", kind)) => Act::Answer(200, Some(kind.to_owned()), b"{}".to_vec()),
        Some(("hang", "body")) => Act::HangInBody,
        Some(("hang", _)) => Act::Hang,
        Some(("large", _)) => Act::Answer(200, None, vec![b'x'; 100_000]),
        Some(("untyped", _)) => Act::Answer(200, None, b"ok".to_vec()),
        _ => text(200, "ok"),
    }
}

fn relay(port: u16, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    post(port, PATH, headers, body)
}

/// Gate's own paths are answered as before, and nothing new is open.
fn neighbours(checks: &mut Checks, port: u16) {
    let json = [("Content-Type", "application/json")];
    for (path, expected) in [
        ("/webhooks/git/github", r#""path":"webhook""#),
        ("/webhooks/aws-event-cache/x", r#""path":"webhook""#),
        ("/webhooks/cdevents/any", r#""path":"cdevent""#),
    ] {
        let answer = post(port, path, &json, b"{}");
        checks.check(&format!("POST {path} is Gate's own"), answer.text().contains(expected), answer);
    }
    let answer = post(port, "/webhooks/git/github", &[("Content-Type", "text/plain")], b"{}");
    checks.equal("Gate's own webhooks take no text", &answer.status, &415);
    for path in ["/webhooks/preconfigured", "/applications", PATH] {
        checks.equal(&format!("GET {path} needs a login"), &get(port, path, &[]).status, &401);
    }
    checks.equal("with it, Gate's own answers", &get(port, "/applications", &[LOGIN]).status, &200);
    checks.equal("the relay cannot be read from", &get(port, PATH, &[LOGIN]).status, &405);
    checks.equal("POST elsewhere needs a login", &post(port, "/applications", &json, b"{}").status, &401);
}

fn bodies(checks: &mut Checks, port: u16, service: &Service) {
    let text = "{\"Message\":\"one\r\ntwo\n\ttab äöü € 😀 \u{2028} \u{0}\"}\r\n".as_bytes().to_vec();
    let bodies = [
        ("line ends and characters of all kinds", text),
        ("bytes that are no UTF-8", b"\xff\xfe\x80\r\n\x00\x01".to_vec()),
        ("nothing", Vec::new()),
        ("256 KiB", noise(256 * 1024)),
        ("all that is allowed", noise(LARGEST)),
    ];
    for (what, body) in &bodies {
        for kind in [Some("text/plain; charset=UTF-8"), Some("application/json"), None] {
            for chunked in [false, true] {
                let mut headers = SNS.to_vec();
                headers.extend(kind.map(|kind| ("Content-Type", kind)));
                service.take();
                let request = Request { method: "POST", path: PATH, headers: &headers, body, chunked };
                let answer = send(port, &request);
                let seen = service.take();
                let what = format!("{what} as {kind:?}, chunked: {chunked}");
                checks.check(&what, answer.status == 200 && answer.text() == "ok", answer.status);
                let same =
                    matches!(&seen[..], [one] if one.body == *body && one.method == "POST" && one.path == "/v1/sns");
                checks.check(&format!("{what}, byte for byte"), same, seen.len());
                let kinds: Vec<_> = seen.iter().map(|one| one.header("Content-Type").map(str::to_owned)).collect();
                checks.equal(&format!("{what}, the same type"), &kinds, &vec![kind.map(str::to_owned)]);
            }
        }
    }
}

fn headers(checks: &mut Checks, port: u16, service: &Service) {
    let sent = [
        ("Content-Type", "text/plain; charset=UTF-8"),
        ("User-Agent", "Amazon Simple Notification Service Agent"),
        ("x-amz-sns-rawdelivery", "true"),
        ("Cookie", "SESSION=1"),
        ("X-SPINNAKER-USER", "ann"),
        ("X-AWS-Event-Cache-Secret", "a guess"),
        ("X-Forwarded-For", "192.0.2.1"),
        ("Accept", "image/png, not even a type"),
    ];
    let mut all = SNS.to_vec();
    all.extend(sent);
    service.take();
    checks.equal("a request with many headers", &relay(port, &all, b"x").status, &200);
    let seen = service.take().pop().unwrap();
    for (name, value) in SNS.iter().chain(&sent[..3]) {
        checks.equal(&format!("{name} is relayed"), &seen.header(name), &Some(*value));
    }
    for name in ["Cookie", "X-SPINNAKER-USER", "X-Forwarded-For", "Authorization", "Accept"] {
        checks.equal(&format!("{name} is not"), &seen.header(name), &None);
    }
    let secrets: Vec<_> = seen.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(sent[5].0)).collect();
    checks.check(
        "the secret is ours, and only ours",
        matches!(&secrets[..], [(_, value)] if value == SECRET),
        &secrets,
    );

    for kind in
        ["application/xml", "application/x-www-form-urlencoded", "text/plain; charset=bogus", "no type", "text/*"]
    {
        checks.equal(&format!("as {kind}"), &relay(port, &[("Content-Type", kind)], b"a=1&b=2").status, &200);
        let body = service.take().pop().map(|seen| seen.body);
        checks.equal(&format!("as {kind}, byte for byte"), &body, &Some(b"a=1&b=2".to_vec()));
    }
    let part = b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n";
    for kind in ["multipart/form-data; boundary=x", " Multipart/Mixed;boundary=x"] {
        checks.equal(kind, &relay(port, &[("Content-Type", kind)], part).status, &415);
    }
    checks.check("no multipart body is relayed", service.take().is_empty(), "one was");
    let answer = relay(port, &[("Authorization", "Basic Zm9vOmJhcg==")], b"x");
    checks.equal("Gate refuses wrong credentials, also here", &answer.status, &401);
}

fn statuses(checks: &mut Checks, port: u16) {
    for status in [200, 202, 204, 301, 400, 403, 404, 413, 429, 444, 500, 502, 503, 599] {
        let answer = relay(port, &[("User-Agent", &format!("status {status}"))], b"x");
        checks.equal("a status is passed on", &answer.status, &status);
        let body = if status == 204 { String::new() } else { format!("answer {status} é\r\n") };
        checks.equal(&format!("{status}, with its body"), &answer.text(), &body);
    }
    let answer = relay(port, &[("User-Agent", "type application/json;charset=utf-8")], b"x");
    let kind = answer.header("Content-Type").unwrap_or_default().to_ascii_lowercase();
    checks.equal("the answer's type is passed on", &kind.as_str(), &"application/json;charset=utf-8");
    for agent in ["type no slash", "type text/plain; x=\"", "untyped x"] {
        let answer = relay(port, &[("User-Agent", agent)], b"x");
        let kind = answer.header("Content-Type").unwrap_or_default().to_owned();
        checks.check(&format!("{agent} becomes text"), answer.status == 200 && kind.starts_with("text/plain"), answer);
    }
    checks.equal("an answer without end is 503", &relay(port, &[("User-Agent", "large x")], b"x").status, &503);
}

fn too_large(checks: &mut Checks, port: u16, service: &Service) {
    service.take();
    for (bytes, chunked) in [(LARGEST + 1, false), (LARGEST + 1, true), (1_900_000, false), (5_000_000, false)] {
        let body = vec![b'y'; bytes];
        let request = Request { method: "POST", path: PATH, headers: &SNS, body: &body, chunked };
        checks.equal(&format!("{bytes} bytes, chunked: {chunked}"), &send(port, &request).status, &413);
    }
    let seen = service.take().len();
    checks.equal("nothing of it reaches the service", &seen, &0);
}

/// Headers or a body that never come cost ten seconds, and a part of Gate's threads.
fn a_hanging_service(checks: &mut Checks, port: u16) {
    const CALLS: usize = 100;
    let answers = Arc::new(Mutex::new(Vec::new()));
    let callers: Vec<_> = (0..CALLS)
        .map(|n| {
            let answers = Arc::clone(&answers);
            thread::spawn(move || {
                let began = Clock::wall().now();
                let agent = if n % 2 == 0 { "hang headers" } else { "hang body" };
                let status = relay(port, &[("User-Agent", agent)], b"x").status;
                answers.lock().push((status, Clock::wall().now().duration_since(began)));
            })
        })
        .collect();
    let refused = eventually(Duration::from_secs(8), || {
        let answered = answers.lock().len();
        (answered >= CALLS - 32).then_some(answered)
    });
    checks.equal("all but 32 calls are refused at once", &refused, &Some(CALLS - 32));
    let answer = post(port, "/webhooks/git/github", &[("Content-Type", "application/json")], b"{}");
    checks.equal("Gate itself answers meanwhile", &answer.status, &200);
    for caller in callers {
        caller.join().unwrap();
    }
    let answers = answers.lock();
    checks.check("every call ends as 503", answers.iter().all(|(status, _)| *status == 503), &answers);
    let longest = answers.iter().map(|(_, took)| took.as_secs_f64()).fold(0.0, f64::max);
    checks.check("after ten seconds, before SNS gives up", (9.0..14.5).contains(&longest), longest);
    checks.equal("then messages pass again", &relay(port, &[], b"x").status, &200);
}

/// Bytes of all values in no order, the same each time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}
