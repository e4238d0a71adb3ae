//! How Clouddriver's part reads what the service says about intervals: strictly, whatever comes.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aws_event_cache_testkit::bridge_plugin;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

/// An answer that says all that there is to say.
const GOOD: &str = r#"{"validForSeconds": 60, "agents": {"prod/us-west-2/WidgetAgent": {"intervalSeconds": 300}, "a/b/Gadget\"\\\/\u00e9\ud83d\ude00€": {"intervalSeconds": 86400}}}"#;

/// For how many seconds it holds, and each agent's milliseconds; or why it was refused.
type Parsed = Result<(u64, BTreeMap<String, u64>), String>;

/// What the plugin makes of each of these, in their order.
fn parse(bodies: &[Vec<u8>]) -> Vec<Parsed> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../harness/hosts/ParseIntervals.java");
    let mut java = Command::new("java");
    java.arg("-cp").arg(classes()).arg(program).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut java = java.spawn().unwrap();
    let input: String =
        bodies.iter().map(|body| body.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n").collect();
    let mut stdin = java.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
    let output = java.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let said: Vec<Parsed> = String::from_utf8(output.stdout).unwrap().lines().map(parsed).collect();
    assert_eq!(said.len(), bodies.len());
    said
}

fn parsed(line: &str) -> Parsed {
    let mut words = line.split(' ');
    if words.next() != Some("yes") {
        return Err(line.to_owned());
    }
    let holds = words.next().unwrap().parse().unwrap();
    let agents = words.map(|word| {
        let (name, millis) = word.split_once('=').unwrap();
        let bytes = (0..name.len()).step_by(2).map(|at| u8::from_str_radix(&name[at..at + 2], 16).unwrap());
        (String::from_utf8(bytes.collect()).unwrap(), millis.parse().unwrap())
    });
    Ok((holds, agents.collect()))
}

fn holds<const N: usize>(seconds: u64, agents: [(&str, u64); N]) -> Parsed {
    Ok((seconds, agents.map(|(name, millis)| (name.to_owned(), millis)).into()))
}

fn classes() -> PathBuf {
    bridge_plugin(Some("clouddriver.zip")).unwrap().with_file_name("build/clouddriver/classes")
}

fn texts(bodies: &[&str]) -> Vec<Vec<u8>> {
    bodies.iter().map(|body| body.as_bytes().to_vec()).collect()
}

#[test]
fn answers_as_the_service_gives_them_are_read() {
    let said = parse(&texts(&[
        GOOD,
        r#"{"agents":{},"validForSeconds":1}"#,
        " \t\r\n{ \"validForSeconds\" : 600 , \"agents\" : { } , \"later\" : [1, -2.5e+3, {\"x\": [null, true, false, \"\"]}] } \n",
        r#"{"validForSeconds":60,"agents":{"x":{"why":{"cause":"hot"},"intervalSeconds":1,"more":0}}}"#,
        r#"{"validForSeconds":60,"agents":{"":{"intervalSeconds":30}}}"#,
    ]));
    assert_eq!(
        said,
        [
            holds(60, [("prod/us-west-2/WidgetAgent", 300_000), ("a/b/Gadget\"\\/é😀€", 86_400_000)]),
            holds(1, []),
            holds(600, []),
            holds(60, [("x", 1_000)]),
            holds(60, [("", 30_000)]),
        ]
    );
}

#[test]
fn anything_else_is_refused_as_a_whole() {
    let deep =
        format!("{{\"validForSeconds\":1,\"agents\":{{}},\"x\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let bad = [
        "",
        " ",
        "null",
        "[]",
        "1",
        "\"x\"",
        "{",
        "}",
        "{}",
        "{]",
        "nul",
        "<html>",
        r#"{"validForSeconds":60}"#,
        r#"{"agents":{}}"#,
        r#"{"validForSeconds":0,"agents":{}}"#,
        r#"{"validForSeconds":601,"agents":{}}"#,
        r#"{"validForSeconds":-1,"agents":{}}"#,
        r#"{"validForSeconds":"60","agents":{}}"#,
        r#"{"validForSeconds":6e1,"agents":{}}"#,
        r#"{"validForSeconds":60.0,"agents":{}}"#,
        r#"{"validForSeconds":060,"agents":{}}"#,
        r#"{"validForSeconds":+60,"agents":{}}"#,
        r#"{"validForSeconds":99999999999999999999999,"agents":{}}"#,
        r#"{"validForSeconds":null,"agents":{}}"#,
        r#"{"validForSeconds":60,"agents":null}"#,
        r#"{"validForSeconds":60,"agents":[]}"#,
        r#"{"validForSeconds":60,"agents":{"x":300}}"#,
        r#"{"validForSeconds":60,"agents":{"x":{}}}"#,
        r#"{"validForSeconds":60,"agents":{"x":{"intervalSeconds":0}}}"#,
        r#"{"validForSeconds":60,"agents":{"x":{"intervalSeconds":86401}}}"#,
        r#"{"validForSeconds":60,"agents":{"x":{"intervalSeconds":300},"x":{"intervalSeconds":301}}}"#,
        r#"{"validForSeconds":60,"validForSeconds":61,"agents":{}}"#,
        r#"{"validForSeconds":60,"agents":{"x":{"intervalSeconds":1,"intervalSeconds":1}}}"#,
        r#"{"validForSeconds":60,"agents":{},}"#,
        r#"{"validForSeconds":60,"agents":{} "x":1}"#,
        r#"{"validForSeconds":60,,"agents":{}}"#,
        r#"{"validForSeconds" 60,"agents":{}}"#,
        r#"{validForSeconds:60,"agents":{}}"#,
        r#"{'validForSeconds':60,"agents":{}}"#,
        r#"{"validForSeconds":60,"agents":{}} x"#,
        r#"{"validForSeconds":60,"agents":{}}{}"#,
        r#"{"validForSeconds":60,"agents":{}/* none */}"#,
        r#"{"validForSeconds":60,"agents":{"\x":{"intervalSeconds":1}}}"#,
        r#"{"validForSeconds":60,"agents":{"\u12g4":{"intervalSeconds":1}}}"#,
        r#"{"validForSeconds":60,"agents":{"\u12":{"intervalSeconds":1}}}"#,
        r#"{"validForSeconds":60,"agents":{"\ud800":{"intervalSeconds":1}}}"#,
        "{\"validForSeconds\":60,\"agents\":{\"a\nb\":{\"intervalSeconds\":1}}}",
        "\u{feff}{\"validForSeconds\":60,\"agents\":{}}",
        r#"{"validForSeconds":60,"agents":{},"x":tru}"#,
        r#"{"validForSeconds":60,"agents":{},"x":-}"#,
        r#"{"validForSeconds":60,"agents":{},"x":1.}"#,
        r#"{"validForSeconds":60,"agents":{},"x":.5}"#,
        r#"{"validForSeconds":60,"agents":{},"x":1e}"#,
        r#"{"validForSeconds":60,"agents":{},"x":NaN}"#,
        &deep,
    ];
    let mut bodies = texts(&bad);
    bodies.push(b"{\"validForSeconds\":60,\"agents\":{\"\xff\":{\"intervalSeconds\":1}}}".to_vec());
    // Every beginning of a good answer.
    bodies.extend((0..GOOD.len()).map(|end| GOOD.as_bytes()[..end].to_vec()));
    for (body, said) in bodies.iter().zip(parse(&bodies)) {
        assert!(said.is_err(), "{}: {said:?}", String::from_utf8_lossy(&body[..body.len().min(200)]));
    }
}

#[test]
fn what_is_accepted_of_spoilt_answers_is_json_that_says_the_same() {
    let mut random = StdRng::seed_from_u64(7);
    let spoilt: Vec<Vec<u8>> = (0..6_000).map(|_| spoil(GOOD.as_bytes(), &mut random)).collect();
    let mut accepted = 0;
    for (body, said) in spoilt.iter().zip(parse(&spoilt)) {
        let Ok((holds, agents)) = said else { continue };
        accepted += 1;
        let shown = String::from_utf8_lossy(body);
        let value: Value = serde_json::from_slice(body).unwrap_or_else(|error| panic!("{shown}: {error}"));
        assert_eq!(value["validForSeconds"].as_u64(), Some(holds), "{shown}");
        let expected = value["agents"].as_object().unwrap().iter();
        let expected = expected.map(|(agent, is)| (agent.clone(), is["intervalSeconds"].as_u64().unwrap() * 1_000));
        assert_eq!(agents, expected.collect(), "{shown}");
    }
    assert!(accepted > 100, "{accepted} of the spoilt answers were accepted: the test shows nothing");
}

/// Some bytes changed, doubled or taken away.
fn spoil(good: &[u8], random: &mut StdRng) -> Vec<u8> {
    const BYTES: &[u8] = b"{}[]\":, \\/u0159eE+-.xtfn\n\xc3\xa9";
    let mut spoilt = good.to_vec();
    for _ in 0..random.random_range(1..=2) {
        let at = random.random_range(0..spoilt.len());
        let byte = BYTES[random.random_range(0..BYTES.len())];
        match random.random_range(0..3) {
            0 => spoilt[at] = byte,
            1 => spoilt.insert(at, byte),
            _ => drop(spoilt.remove(at)),
        }
    }
    spoilt
}
