//! What is handed out is fresh, well-formed and as narrow as it says.
#![allow(missing_docs, reason = "a test binary has no documentation")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::env;
use std::fs;

use aws_event_cache_aws_setup::{
    Document, Key, Options, Plan, PlanError, Recorder, cloudformation, policies, terraform,
};
use aws_event_cache_catalog::Catalog;
use serde_json::Value;
use support::{accounts, example, of_intake, plan, repository, text};

/// As `deploy/aws` is generated.
fn shipped() -> Vec<Document> {
    let (catalog, config) = (Catalog::shipped(), example());
    let options = Options {
        endpoint: Some("https://spinnaker-gate.example.com/webhooks/aws-event-cache".to_owned()),
        ..Options::default()
    };
    let plan = plan(&config, &catalog, options);
    let all = [("cloudformation", cloudformation(&plan)), ("terraform", terraform(&plan)), ("policy", policies(&plan))];
    let below = |(folder, documents): (&str, Vec<Document>)| {
        documents.into_iter().map(|d| Document { path: format!("{folder}/{}", d.path), ..d }).collect::<Vec<_>>()
    };
    all.into_iter().flat_map(below).collect()
}

#[test]
fn the_generated_aws_side_is_fresh() {
    let folder = repository().join("deploy/aws");
    for document in shipped() {
        let path = folder.join(&document.path);
        if env::var_os("UPDATE_DOCS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &document.text).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        assert!(written == document.text, "deploy/aws/{} is out of date: cargo xtask docs", document.path);
    }
}

#[test]
fn no_generated_file_is_left_over() {
    let documents = shipped();
    let folder = repository().join("deploy/aws");
    for part in ["cloudformation", "terraform", "terraform/hub", "terraform/member", "policy"] {
        for file in
            fs::read_dir(folder.join(part)).unwrap().map(|file| file.unwrap().path()).filter(|path| path.is_file())
        {
            let path = file.strip_prefix(&folder).unwrap().to_str().unwrap();
            assert!(documents.iter().any(|document| document.path == path), "{path} is generated no more");
        }
    }
}

/// Plans of every shape: topic, queue, both; several hubs; keys and recorders.
fn shapes() -> Vec<(&'static str, Options)> {
    let topic = "{sns: {topics: [arn:aws:sns:eu-west-1:111122223333:t]}}";
    let queue = "{sqs: {queues: [{url: https://sqs.eu-west-1.amazonaws.com/111122223333/q}]}}";
    let both = "{sns: {topics: [arn:aws:sns:eu-west-1:111122223333:t]}, sqs: {queues: [{url: https://sqs.eu-west-1.amazonaws.com/111122223333/q}]}}";
    let hubs = "{sns: {topics: [arn:aws:sns:eu-west-1:111122223333:t, arn:aws:sns:us-west-2:111122223333:t]}}";
    let key = Key::Existing("arn:aws:kms:eu-west-1:111122223333:key/0a0b0c0d".to_owned());
    let organization = Some("o-a1b2c3d4e5".to_owned());
    vec![
        (topic, Options::default()),
        (queue, Options { key: Key::None, recorder: Recorder::Create, ..Options::default() }),
        (both, Options { key, organization, ..Options::default() }),
        (hubs, Options { recorder: Recorder::None, ..Options::default() }),
    ]
}

#[test]
fn every_terraform_file_is_hcl() {
    let catalog = Catalog::shipped();
    for (intake, options) in shapes() {
        let config = of_intake(intake);
        for document in terraform(&plan(&config, &catalog, options)) {
            let parsed = hcl::parse(&document.text);
            assert!(parsed.is_ok(), "{}: {}", document.path, parsed.unwrap_err());
        }
    }
}

#[test]
fn terraform_forwards_the_same_patterns_as_cloudformation() {
    let catalog = Catalog::shipped();
    let plan = plan(&example(), &catalog, Options::default());
    let documents = terraform(&plan);
    let rules: hcl::Body = hcl::parse(text(&documents, "member/rules.tf")).unwrap();
    let template = cloudformation(&plan);
    let member = text(&template, "member.yaml");
    let locals = rules.blocks().next().unwrap();
    for rule in &plan.rules {
        let group = if rule.config { "config_rules" } else { "event_rules" };
        let group = locals.body.attributes().find(|attribute| attribute.key.as_str() == group).unwrap();
        let entry = entry(&group.expr, &rule.id);
        let call = field(entry, "pattern");
        let hcl::Expression::FuncCall(call) = call else { panic!("{call:?}") };
        assert_eq!(value(&call.args[0]), rule.pattern, "{}", rule.id);
        assert!(member.contains(&format!("Name: !Sub \"${{Prefix}}-{}\"", rule.id)), "{}", rule.id);
    }
}

fn entry<'e>(expression: &'e hcl::Expression, key: &str) -> &'e hcl::Expression {
    field(expression, key)
}

fn field<'e>(expression: &'e hcl::Expression, key: &str) -> &'e hcl::Expression {
    let hcl::Expression::Object(fields) = expression else { panic!("{expression:?}") };
    let of = |found: &hcl::expr::ObjectKey| match found {
        hcl::expr::ObjectKey::Identifier(name) => name.as_str() == key,
        hcl::expr::ObjectKey::Expression(hcl::Expression::String(name)) => name == key,
        _ => false,
    };
    fields.iter().find(|(found, _)| of(found)).map(|(_, value)| value).unwrap_or_else(|| panic!("no {key}"))
}

fn value(expression: &hcl::Expression) -> Value {
    match expression {
        hcl::Expression::Object(fields) => {
            let key = |key: &hcl::expr::ObjectKey| match key {
                hcl::expr::ObjectKey::Identifier(name) => name.to_string(),
                hcl::expr::ObjectKey::Expression(hcl::Expression::String(name)) => name.clone(),
                other => panic!("{other:?}"),
            };
            Value::Object(fields.iter().map(|(name, of)| (key(name), value(of))).collect())
        }
        hcl::Expression::Array(items) => Value::Array(items.iter().map(value).collect()),
        hcl::Expression::String(text) => Value::from(text.as_str()),
        hcl::Expression::Bool(flag) => Value::from(*flag),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_member_and_every_hub_has_its_module_and_provider() {
    let catalog = Catalog::shipped();
    let config = example();
    let plan = plan(&config, &catalog, Options::default());
    let documents = terraform(&plan);
    let body: hcl::Body = hcl::parse(text(&documents, "main.tf")).unwrap();
    let modules = body.blocks().filter(|block| block.identifier() == "module").count();
    let providers = body.blocks().filter(|block| block.identifier() == "provider").count();
    assert_eq!((modules, providers), (plan.members.len() + plan.hubs.len(), plan.members.len()));
    let script = text(&cloudformation(&plan), "deploy.sh").to_owned();
    for place in &plan.members {
        assert!(script.contains(place.account.as_str()) && script.contains(place.region.as_str()), "{place}");
    }
}

#[test]
fn iam_is_heard_of_where_it_tells_even_if_nobody_reads_there() {
    let catalog = Catalog::shipped();
    let plan = plan(&example(), &catalog, Options::default());
    let places: Vec<String> = plan.only_global.iter().map(ToString::to_string).collect();
    assert_eq!(places, ["111122223333/us-east-1", "444455556666/us-east-1"]);
    assert!(plan.only_global.is_subset(&plan.members));
}

#[test]
fn events_go_to_the_hub_of_their_own_region_if_there_is_one() {
    let catalog = Catalog::shipped();
    let config =
        of_intake("{sns: {topics: [arn:aws:sns:us-west-2:111122223333:t, arn:aws:sns:eu-west-1:444455556666:t]}}");
    let plan = plan(&config, &catalog, Options::default());
    let hubs: Vec<String> = plan.members.iter().map(|place| plan.hub_of(place).place.region.to_string()).collect();
    let members: Vec<&str> = plan.members.iter().map(|place| place.region.as_str()).collect();
    assert_eq!((members, hubs), (vec!["eu-west-1", "us-east-1"], vec!["eu-west-1".to_owned(), "us-west-2".to_owned()]));
}

#[test]
fn what_cannot_be_set_up_is_said_with_the_key_to_change() {
    let catalog = Catalog::shipped();
    let problem = |intake: &str, options: Options| {
        let config = of_intake(intake);
        Plan::new(&config, &catalog, &accounts(&config), false, options).err().map(|error| error.to_string())
    };
    let none = problem("{sns: {enabled: true, accounts: [\"111122223333\"]}}", Options::default()).unwrap();
    assert!(none.contains("intake.sns.topics") && none.contains("intake.sqs.queues"), "{none}");
    let china = problem("{sns: {topics: [arn:aws-cn:sns:cn-north-1:111122223333:t]}}", Options::default()).unwrap();
    assert!(china.contains("partitions") && china.contains("cn-north-1"), "{china}");
    let options = Options { endpoint: Some("http://gate.example.com".to_owned()), ..Options::default() };
    let config = of_intake("{sns: {topics: [arn:aws:sns:eu-west-1:111122223333:t]}}");
    assert!(matches!(Plan::new(&config, &catalog, &[], false, options), Err(PlanError::Option(_))));
}

/// Statements of an IAM policy.
fn statements(policy: &Value) -> &Vec<Value> {
    assert_eq!(policy["Version"], "2012-10-17");
    policy["Statement"].as_array().unwrap()
}

fn list(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().map(|item| item.as_str().unwrap()).collect(),
        other => panic!("{other}"),
    }
}

#[test]
fn policies_are_narrow() {
    let catalog = Catalog::shipped();
    let mut seen = 0;
    for (intake, options) in shapes() {
        let config = of_intake(intake);
        for document in policies(&plan(&config, &catalog, options)) {
            let policy: Value = serde_json::from_str(&document.text).unwrap();
            for statement in statements(&policy) {
                seen += 1;
                narrow(&document.path, statement);
            }
        }
    }
    assert!(seen > 20, "{seen}");
}

/// Allowed is only what is named: no action beyond all measure, no resource but in a key's own policy and for reads that AWS lets nobody narrow, and the whole
/// world only under a condition.
fn narrow(path: &str, statement: &Value) {
    let of = format!("{path} {}", statement["Sid"]);
    if statement["Effect"] == "Deny" {
        return;
    }
    let (actions, resources) = (list(&statement["Action"]), list(&statement["Resource"]));
    let own_key = path.ends_with("key.json");
    for action in &actions {
        assert!(action.contains(':') && (!action.contains('*') || own_key && *action == "kms:*"), "{of}: {action}");
    }
    let reads = |action: &&str| {
        let verb = action.split(':').nth(1).unwrap();
        ["Describe", "Get", "List"].iter().any(|word| verb.starts_with(word))
    };
    if resources.contains(&"*") {
        assert!(own_key || actions.iter().all(reads), "{of}: on everything");
    }
    let everybody = statement["Principal"] == "*" || statement["Principal"]["AWS"] == "*";
    assert!(!everybody || statement.get("Condition").is_some(), "{of}: everybody");
    let service = statement["Principal"].get("Service").is_some();
    assert!(!service || own_key || statement.get("Condition").is_some(), "{of}: a service on behalf of anybody");
}

#[test]
fn the_service_may_do_nothing_but_receive() {
    let catalog = Catalog::shipped();
    let config = of_intake("{sqs: {queues: [{url: https://sqs.eu-west-1.amazonaws.com/111122223333/q}]}}");
    let documents = policies(&plan(&config, &catalog, Options { key: Key::None, ..Options::default() }));
    let policy: Value = serde_json::from_str(text(&documents, "reader.json")).unwrap();
    let [statement] = statements(&policy).as_slice() else { panic!("{policy}") };
    assert_eq!(statement["Resource"], "arn:aws:sqs:eu-west-1:111122223333:q");
    assert_eq!(
        list(&statement["Action"]),
        ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"]
    );
}
