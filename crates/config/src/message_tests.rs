//! Mistakes that people make, and what they are told.

use std::time::Duration;

use aws_event_cache_catalog::Coverage;
use aws_event_cache_model::{AccountId, Accounts, AnswerMode, KindId};
use proptest::prelude::*;

use crate::config::Config;
use crate::kinds::{KnownKind, KnownKinds};
use crate::mistake::{ConfigErrors, Mistake};
use crate::outside::Outside;
use crate::schema;
use crate::{CacheStore, CeilingFrom, Effective, LockStore, Scheduler};

fn kinds() -> KnownKinds {
    let kind = |id: &str, alias: &str, ceiling: u64| KnownKind {
        id: KindId::new(id).unwrap(),
        aliases: vec![alias.to_owned()],
        coverage: if id == "widget" { Coverage::Full } else { Coverage::Partial },
        floor: Duration::from_secs(30),
        ceiling: Duration::from_secs(ceiling),
    };
    KnownKinds(vec![kind("widget", "AWS::Test::Widget", 3600), kind("gadget", "AWS::Test::Gadget", 120)])
}

fn outside() -> Outside<'static> {
    Outside::new(
        |name| (name == "PASSWORD").then(|| "hunter2-hunter2-hunter2".to_owned()),
        |path| match path.to_str() {
            Some("/secret") => Ok("from-the-file\n".to_owned()),
            _ => Err(format!("the file {} cannot be read: no such file", path.display())),
        },
    )
}

fn parse(text: &str) -> Result<(Config, Vec<Mistake>), ConfigErrors> {
    Config::parse("c.yaml", text, &outside(), &kinds())
}

/// Enough to be valid, so that only what a test adds is reported.
const BASE: &str = "clouddriver: {url: http://cd:7002, lockStore: {redis: redis://r:6379}}\nintake: {sns: {topics: [arn:aws:sns:eu-west-1:111122223333:t]}}\n";

fn with(text: &str) -> String {
    format!("{BASE}{text}")
}

fn errors(text: &str) -> String {
    match parse(text) {
        Ok(_) => "no mistake".to_owned(),
        Err(errors) => errors.to_string(),
    }
}

#[track_caller]
fn says(text: &str, expected: &str) {
    assert_eq!(errors(text), expected.trim());
}

fn warnings(text: &str) -> Vec<String> {
    parse(text).unwrap_or_else(|errors| panic!("{errors}")).1.iter().map(ToString::to_string).collect()
}

#[test]
fn a_misspelt_key_is_told_its_nearest_and_several_are_told_at_once() {
    says(
        &with("environments: {production: {cadence: {flor: 30s, hot_for: 1m, celing: 5}}}"),
        "
c.yaml:3:39: environments.production.cadence.flor: is not a known key; did you mean `floor`?
c.yaml:3:50: environments.production.cadence.hot_for: is not a known key; did you mean `hotFor`?
c.yaml:3:63: environments.production.cadence.celing: is not a known key; did you mean `ceiling`?",
    );
}

#[test]
fn an_unknown_key_that_is_near_nothing_is_told_where_it_belongs_or_what_there_is() {
    says(
        &with("listen: 1\nfoo: 1\nserver.plaintext: true"),
        "
c.yaml:3:1: listen: is not a known key; it belongs elsewhere: `answer.listen` or `server.listen`
c.yaml:4:1: foo: is not a known key; known here are environment, environments, accounts, clouddriver, drive, answer, intake, server, store, catalog, log
c.yaml:5:1: server.plaintext: is not a known key; keys are nested here: `server: {plaintext: …}`",
    );
}

#[test]
fn names_of_clouddriver_and_spring_are_told_what_they_are_called_here() {
    says(
        &with(
            "sql: {table-namespace: x, connectionPools: {default: {jdbcUrl: a}}}\nredis: {connection: redis://x}\ninterval: 30\nlogging.level: info",
        ),
        "
c.yaml:3:7: sql.table-namespace: is called `clouddriver.lockStore.tableNamespace` here
c.yaml:3:55: sql.connectionPools.default.jdbcUrl: is called `clouddriver.lockStore.sql` here
c.yaml:4:9: redis.connection: is called `clouddriver.lockStore.redis` here
c.yaml:5:1: interval: is called `environments.<environment>.cadence.floor` here
c.yaml:6:1: logging.level: is called `log.level` here",
    );
}

#[test]
fn an_environment_without_a_profile_is_told_the_nearest() {
    says(
        &with("environment: prodction\naccounts: {environments: [{match: 'a*', environment: stagin}]}\nenvironments: {sandbox: {like: dev}, 'bad name': {}}"),
        "
c.yaml:3:14: environment: \"prodction\" has no profile; there are development, production, sandbox, staging; did you mean `production`?
c.yaml:4:54: accounts.environments[0].environment: \"stagin\" has no profile; there are development, production, sandbox, staging; did you mean `staging`?
c.yaml:5:32: environments.sandbox.like: \"dev\" is not one of production, staging, development; did you mean `development`?
c.yaml:5:38: environments.bad name: \"bad name\" cannot name an environment: 1 to 64 letters, digits, - or _",
    );
}

#[test]
fn numbers_that_contradict_each_other_are_told_at_the_one_that_the_file_gives() {
    says(
        &with("environments: {production: {cadence: {ceiling: 20s}, debounce: {idle: 3s}, heartbeat: {silentAfter: 59s}}}"),
        "
c.yaml:3:48: environments.production.cadence.ceiling: 20s is less than floor, 30s
c.yaml:3:48: environments.production.cadence.ceiling: 20s is less than hotCeiling, 1m
c.yaml:3:71: environments.production.debounce.idle: 3s is more than max, 2s
c.yaml:3:101: environments.production.heartbeat.silentAfter: 59s is less than lateAfter, 1m
c.yaml:3:101: environments.production.heartbeat.silentAfter: 59s must be more than intake.heartbeat.expectedEvery, 1m: every stream would count as lost",
    );
}

#[test]
fn values_out_of_range_and_kinds_that_are_none_are_told_what_would_do() {
    says(
        &with("environments: {production: {budget: {share: 50%, operatorShare: 2}, unwatched: [widgt, nonsense], kinds: {Gadget: {ceiling: 10s}}, cadence: {floor: 30}}}"),
        "
c.yaml:3:45: environments.production.budget.share: \"50%\" is not a number from 0.01 to 1; write 0.5
c.yaml:3:65: environments.production.budget.operatorShare: \"2\" is not a number from 0 to 0.9
c.yaml:3:81: environments.production.unwatched: \"widgt\" is not a kind in the catalogue; did you mean `widget`?
c.yaml:3:88: environments.production.unwatched: \"nonsense\" is not a kind in the catalogue; `aws-event-cache kinds` lists them
c.yaml:3:125: environments.production.kinds.Gadget.ceiling: 10s is less than cadence.floor, 30s
c.yaml:3:149: environments.production.cadence.floor: \"30\" has no unit; write 30s for seconds or 30m for minutes",
    );
}

#[test]
fn wrong_shapes_are_told_what_belongs_there() {
    says(
        &with("environments: {production: {cadence: 30s, unwatched: widget}}\ndrive: [enforce]\nstore: state.redb"),
        "
c.yaml:3:38: environments.production.cadence: must be a section of keys, not a single value
c.yaml:3:54: environments.production.unwatched: must be a list of kinds, as `aws-event-cache kinds` lists them, not a single value; write [widget]
c.yaml:4:8: drive: must be a section of keys, not a list
c.yaml:5:8: store: must be a section of keys, not a single value",
    );
}

#[test]
fn account_ids_that_lost_their_zero_are_told_so_and_missing_keys_are_named() {
    says(
        &with("accounts: {discover: yes, list: [{name: a, accountId: 12345678901, regions: [us-west]}, {name: a, accountId: '012345678901', regions: [], provider: gcp}, {acountId: 1}]}"),
        "
c.yaml:3:22: accounts.discover: \"yes\" is not true or false; did you mean `true`?
c.yaml:3:55: accounts.list[0].accountId: \"12345678901\" has 11 digits, an AWS account id has 12; a leading zero may have been lost on the way, since it stands without quotes: write \"012345678901\"
c.yaml:3:78: accounts.list[0].regions[0]: \"us-west\" is not an AWS region such as eu-west-1
c.yaml:3:96: accounts.list[1].name: \"a\" is listed twice; first in line 3
c.yaml:3:135: accounts.list[1].regions: holds no region, so the account would never be refreshed
c.yaml:3:149: accounts.list[1].provider: \"gcp\" is not one of aws, ecs
c.yaml:3:155: accounts.list[2].name: must be given: Spinnaker's name of the account
c.yaml:3:155: accounts.list[2].accountId: must be given: an AWS account id: 12 digits in quotes
c.yaml:3:155: accounts.list[2].regions: must be given: a list of AWS regions such as us-west-2
c.yaml:3:156: accounts.list[2].acountId: is not a known key; did you mean `accountId`?",
    );
}

#[test]
fn an_open_address_without_tokens_and_tls_is_refused_with_the_reason() {
    says(
        &with("server: {listen: 0.0.0.0:8080}"),
        "
c.yaml:3:18: server.listen: 0.0.0.0:8080 can be reached from other machines, and without server.tokens everybody there could drive Clouddriver; list tokens, or listen on 127.0.0.1
c.yaml:3:18: server.listen: 0.0.0.0:8080 can be reached from other machines, and without TLS tokens could be read on the way; set server.tls, or server.plaintext: true if a mesh or ingress encrypts",
    );
    let token = format!("tokens: [{{name: a, role: read, sha256: '{}'}}]", "0".repeat(64));
    for fine in
        ["{listen: 127.0.0.1:1}", "{listen: '[::1]:1'}", &format!("{{listen: 0.0.0.0:1, plaintext: true, {token}}}")]
    {
        assert_eq!(errors(&with(&format!("server: {fine}"))), "no mistake", "{fine}");
    }
}

#[test]
fn tokens_that_cannot_be_told_apart_or_stand_in_plain_text_are_refused_without_showing_them() {
    let hash = "0".repeat(64);
    says(
        &with(&format!(
            "server:\n  tokens:\n  - {{name: a, role: oper, sha256: letmein}}\n  - {{name: a, role: read, sha256: '{hash}'}}\n  - {{name: b, role: read, sha256: '{hash}'}}\n"
        )),
        "
c.yaml:5:21: server.tokens[0].role: \"oper\" is not one of read, refresh, operate, admin; did you mean `operate`?
c.yaml:5:35: server.tokens[0].sha256: is not 64 hexadecimal digits; it is made by: printf %s \"$TOKEN\" | sha256sum
c.yaml:6:12: server.tokens[1].name: is used twice; first in line 5
c.yaml:7:35: server.tokens[2].sha256: is the same token as in line 6, so nobody could tell their holders apart",
    );
}

#[test]
fn texts_that_are_no_configuration_at_all_get_one_message() {
    says("a: [1\nb: 2\n", "c.yaml:2:2: this is not valid YAML: illegal placement of ':' indicator");
    says("- a\n- b\n", "c.yaml:1:1: must be a section of keys, not a list");
    says("just text", "c.yaml:1:1: must be a section of keys, not a single value");
    says(
        "",
        "c.yaml: clouddriver.url: must be given, since accounts.discover is on; set it, or turn discovery off and list the accounts",
    );
}

#[test]
fn passwords_are_never_shown() {
    let text = "clouddriver: {url: 'http://u:hunter2@cd:7002', lockStore: {redis: 'http://:hunter2@x', sql: 'jdbc:mysql://u:hunter2@db/cd', password: {file: /none}}}";
    let said = errors(text);
    assert!(!said.contains("hunter2"), "{said}");
    says(
        text,
        "
c.yaml:1:20: clouddriver.url: holds a user or password, which would show up in logs
c.yaml:1:67: clouddriver.lockStore.redis: is not a redis:// or rediss:// URL such as redis://spin-redis:6379
c.yaml:1:93: clouddriver.lockStore.sql: holds a user or password; set username and password instead
c.yaml:1:93: clouddriver.lockStore.sql: stands beside redis: give the one whose scheduler is on in Clouddriver
c.yaml:1:135: clouddriver.lockStore.password: the file /none cannot be read: no such file",
    );
}

#[test]
fn clouddriver_without_what_is_needed_is_explained() {
    says(
        "clouddriver: {url: spin-clouddriver:7002, lockStore: {}, stockTimeout: 30s}",
        "
c.yaml:1:20: clouddriver.url: \"spin-clouddriver:7002\" is not an http or https URL such as http://spin-clouddriver-caching:7002; write http://spin-clouddriver:7002
c.yaml:1:54: clouddriver.lockStore: must hold redis, sql or plugin
c.yaml:1:72: clouddriver.stockTimeout: must be longer than stockInterval, or running agents cannot be told from waiting ones",
    );
    says(
        "accounts: {discover: false, file: /x}",
        "c.yaml:1:1: clouddriver.url: must be given, or clouddriver.lockStore: there is nothing to drive",
    );
    says(
        &with("accounts: {discover: false}"),
        "c.yaml:3:22: accounts.discover: nothing says which accounts there are: set discover, list or file",
    );
}

#[test]
fn intake_settings_that_cannot_work_are_explained() {
    let text = with("").replace(
        "topics: [arn:aws:sns:eu-west-1:111122223333:t]",
        "topics: ['arn:aws:sqs:eu-west-1:111122223333:q'], paths: [v1], maxAge: 120, rawDelivery: {secret: short}, certificates: {pinned: [/secret], chain: name_only}",
    );
    says(
        &text,
        "
c.yaml:2:25: intake.sns.topics[0]: \"arn:aws:sqs:eu-west-1:111122223333:q\" is not the ARN of an SNS topic, such as arn:aws:sns:eu-west-1:111122223333:changes; queues belong under intake.sqs.queues
c.yaml:2:74: intake.sns.paths[0]: \"v1\" is not a path such as /v1/sns (letters, digits, - _ . ~ and /, none at its end)
c.yaml:2:87: intake.sns.maxAge: \"120\" has no unit; write 120s for seconds or 120m for minutes
c.yaml:2:105: intake.sns.rawDelivery.username: must be given: a user name
c.yaml:2:105: intake.sns.rawDelivery.password: must be given: a password, as {file: PATH} or {env: NAME}
c.yaml:2:114: intake.sns.rawDelivery.secret: must be at least 16 letters, digits, - or _
c.yaml:2:145: intake.sns.certificates.pinned: /secret is not named SimpleNotificationService-<32 hexadecimal digits>.pem, as SNS names it
c.yaml:2:163: intake.sns.certificates.chain: \"name_only\" is not one of required, name-only; did you mean `name-only`?",
    );
}

#[test]
fn queues_and_heartbeat_are_checked_against_what_they_depend_on() {
    let text = with("").replace("intake: {", "intake: {heartbeat: {expectedEvery: 5m}, sqs: {queues: [{url: 'http://localhost:1/q'}, {}, {url: 'https://sqs.us-west-2.amazonaws.com/1/q', region: eu-west-1}]}, ");
    says(
        &text,
        "
c.yaml:2:37: intake.heartbeat.expectedEvery: 5m is not less than environments.production.heartbeat.silentAfter, 5m: every stream would count as lost
c.yaml:2:57: intake.sqs.queues[0].region: must be given, since the URL does not tell it
c.yaml:2:88: intake.sqs.queues[1].url: must be given: the URL of a queue, such as https://sqs.us-west-2.amazonaws.com/123456789012/changes
c.yaml:2:149: intake.sqs.queues[2].region: is eu-west-1, but the URL says us-west-2",
    );
}

#[test]
fn words_that_are_none_are_told_the_nearest() {
    says(
        &with("log: {level: inof, format: xml}\ndrive: {mode: enforced}\na: 1\na: 2"),
        "
c.yaml:3:14: log.level: \"inof\" is not a level (off, error, warn, info, debug, trace), or several for parts: info,aws_event_cache_intake=debug; did you mean `info`?
c.yaml:3:28: log.format: \"xml\" is not one of json, text
c.yaml:4:15: drive.mode: \"enforced\" is not one of enforce, observe, off; did you mean `enforce`?
c.yaml:5:1: a: is not a known key; known here are environment, environments, accounts, clouddriver, drive, answer, intake, server, store, catalog, log
c.yaml:6:1: the key \"a\" stands here a second time; first in line 5",
    );
}

#[test]
fn what_is_only_doubtful_is_a_warning() {
    let said = warnings(
        "clouddriver: {url: http://cd:7002, lockStore: {sql: jdbc:mysql://db/cd, username: u, password: hunter2}}\n",
    );
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said.iter().any(|w| w.contains("lockStore.password: stands here in plain text")), "{said:?}");
    assert!(said.iter().any(|w| w.contains("intake: nothing can be heard")), "{said:?}");
    assert!(!said.concat().contains("hunter2"));
    let said = warnings(&with("environments: {production: {kinds: {widget: {ceiling: 20m}}}}"));
    assert_eq!(
        said,
        ["c.yaml:3:55: environments.production.kinds.widget.ceiling: 20m has no effect: cadence.ceiling is 10m"]
    );
    assert!(warnings("clouddriver: {url: http://cd:7002}\nintake: {sqs: {queues: [{url: 'https://sqs.us-west-2.amazonaws.com/1/q'}]}}\n")[0].contains("lockStore: is not set"));
}

#[test]
fn secrets_come_from_files_and_the_environment() {
    let store = |password: &str| {
        let text = format!(
            "clouddriver: {{url: http://cd:7002, lockStore: {{sql: jdbc:mysql://db/cd, password: {password}}}}}\n"
        );
        match parse(&text).unwrap_or_else(|errors| panic!("{errors}")).0.clouddriver.lock_store {
            Some(LockStore::Locks(locks)) => locks.password.unwrap(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(store("{file: /secret}").expose(), "from-the-file");
    assert_eq!(store("{env: PASSWORD}").expose(), "hunter2-hunter2-hunter2");
    says(
        "clouddriver: {url: http://cd:7002, lockStore: {sql: jdbc:mysql://db/cd, password: {env: PASWORD}}}\n",
        "c.yaml:1:83: clouddriver.lockStore.password: the environment variable PASWORD is not set",
    );
}

#[test]
fn the_plugin_needs_a_url_and_stands_alone() {
    let plugin = |text: &str| format!("clouddriver: {{url: http://cd:7002, lockStore: {text}}}\n");
    says(
        &plugin("{plugin: {}, redis: redis://r:6379}"),
        "c.yaml:1:56: clouddriver.lockStore.plugin: stands beside redis: give the lock store, which can hold agents longer, or the plugin where its locks cannot be driven",
    );
    says(
        &plugin("{plugin: {urls: [], secret: short}, username: u}"),
        "
c.yaml:1:63: clouddriver.lockStore.plugin.urls: holds no URL; leave it out to use clouddriver.url
c.yaml:1:75: clouddriver.lockStore.plugin.secret: must be at least 16 printable ASCII characters without spaces
c.yaml:1:93: clouddriver.lockStore.username: belongs to redis or sql and has no meaning for plugin",
    );
    says(
        "accounts: {discover: false, file: /x}\nclouddriver: {lockStore: {plugin: {}}}",
        "c.yaml:2:35: clouddriver.lockStore.plugin.urls: must be given, or clouddriver.url: there is nothing to ask",
    );
    says(
        &plugin("{plugin: {urls: ['http://a:7002', 'http://a:7002/']}}"),
        "c.yaml:1:63: clouddriver.lockStore.plugin.urls: holds http://a:7002/ twice",
    );
    let (config, warnings) = parse(&plugin("{plugin: {secret: {env: PASSWORD}}}")).unwrap_or_else(|e| panic!("{e}"));
    assert!(!warnings.iter().any(|warning| warning.to_string().contains("lockStore")), "{warnings:?}");
    let Some(LockStore::Plugin(plugin)) = config.clouddriver.lock_store else { panic!() };
    assert_eq!(plugin.urls.iter().map(|url| url.as_str()).collect::<Vec<_>>(), ["http://cd:7002/"]);
    assert_eq!(plugin.secret.unwrap().expose(), "hunter2-hunter2-hunter2");
    assert_eq!(config.clouddriver.cache_store, CacheStore::Sql);
}

#[test]
fn the_relays_secret_must_fit_into_a_header_and_need_something_to_guard() {
    says(
        &BASE.replace("{sns:", "{relaySecret: 'seventeen letters', sns:"),
        "c.yaml:2:23: intake.relaySecret: must be at least 16 printable ASCII characters without spaces",
    );
    let text = BASE.replace("{sns: {", "{relaySecret: {env: PASSWORD}, sns: {enabled: false, ");
    assert!(warnings(&text).iter().any(|w| w.contains("relaySecret: has no effect")), "{:?}", warnings(&text));
    let (config, _) =
        parse(&BASE.replace("{sns:", "{relaySecret: {env: PASSWORD}, sns:")).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(config.intake.relay_secret.unwrap().expose(), "hunter2-hunter2-hunter2");
}

#[test]
fn the_smallest_configuration_has_every_default() {
    let (config, warnings) = parse(BASE).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(warnings, []);
    assert_eq!(config.fallback.as_str(), "production");
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.intake.sns.paths, ["/v1/sns", "/webhooks/aws-event-cache"]);
    assert_eq!(config.clouddriver.stock, aws_event_cache_model::StockPolling::default());
    assert_eq!(config.clouddriver.cache_store, CacheStore::Redis);
    let Some(LockStore::Locks(locks)) = config.clouddriver.lock_store else { panic!() };
    assert_eq!(locks.scheduler, Scheduler::Redis);
}

#[test]
fn a_profile_of_ones_own_begins_where_it_says() {
    let (config, _) = parse(&with(
        "environments: {sandbox: {like: development, debounce: {idle: 2s}}, mine: {cadence: {ceiling: 7m}}}",
    ))
    .unwrap();
    let profile = |name: &str| config.profiles.iter().find(|(n, _)| n.as_str() == name).unwrap().1.clone();
    assert_eq!(
        profile("sandbox"),
        aws_event_cache_model::Profile { debounce_idle: Duration::from_secs(2), ..profile("development") }
    );
    assert_eq!(
        profile("mine"),
        aws_event_cache_model::Profile { ceiling: Duration::from_secs(420), ..profile("production") }
    );
}

const ACCOUNTS: &str = "
accounts:
  environments: [{match: 'dev*', environment: development}]
  list:
  - {name: prod, accountId: '111122223333', regions: [us-west-2]}
  - {name: dev-1, accountId: '444455556666', regions: [us-west-2, eu-west-1]}
environments: {production: {unwatched: [gadget]}, development: {kinds: {gadget: {ceiling: 20m}}}}
";

#[test]
fn the_effective_numbers_name_what_set_them() {
    let (config, _) = parse(&with(ACCOUNTS)).unwrap_or_else(|errors| panic!("{errors}"));
    let effective = Effective::of(&config, &kinds(), &Accounts::new(config.accounts.list.clone()));
    let shown: Vec<String> = effective
        .places
        .iter()
        .flat_map(|p| {
            p.kinds.iter().map(move |k| {
                format!("{} {} {} {} {:?} {:?}", p.account, p.region, p.environment, k.kind, k.ceiling, k.watched)
            })
        })
        .collect();
    assert_eq!(
        shown,
        [
            "111122223333 us-west-2 production widget 600s true",
            "111122223333 us-west-2 production gadget 120s false",
            "444455556666 eu-west-1 development widget 3600s true",
            "444455556666 eu-west-1 development gadget 1200s true",
            "444455556666 us-west-2 development widget 3600s true",
            "444455556666 us-west-2 development gadget 1200s true",
        ]
    );
    let from: Vec<CeilingFrom> =
        effective.places.iter().take(2).flat_map(|p| p.kinds.iter().map(|k| k.ceiling_from)).collect();
    assert_eq!(from, [CeilingFrom::Profile, CeilingFrom::Catalogue, CeilingFrom::Profile, CeilingFrom::ProfileOfKind]);
    let hot: Vec<u64> = effective.places[0].kinds.iter().map(|k| k.hot_ceiling.as_secs()).collect();
    assert_eq!(hot, [600, 60], "a fully covered kind is not polled more while hot");
    let json = serde_json::to_value(&effective).unwrap();
    assert_eq!(json["places"][0]["kinds"][0]["ceiling"], "10m");
    assert_eq!(json["profiles"]["development"]["debounceIdle"], "1s");
}

#[test]
fn environments_of_discovered_accounts_follow_list_rules_and_default() {
    let (config, _) = parse(&with(ACCOUNTS)).unwrap();
    let id = AccountId::new("777788889999").unwrap();
    assert_eq!(config.environment_of("dev-9", &id).as_str(), "development");
    assert_eq!(config.environment_of("other", &id).as_str(), "production");
    assert_eq!(config.environment_of("prod", &id).as_str(), "production");
}

#[test]
fn a_reload_tells_what_changed_and_what_must_wait_for_a_restart() {
    let (old, _) = parse(&with(ACCOUNTS)).unwrap();
    let new = with(ACCOUNTS)
        .replace("ceiling: 20m", "ceiling: 30m")
        .replace("eu-west-1]", "eu-west-2]")
        .replace("redis://r:6379", "redis://:hunter2@r:6379")
        + "drive: {mode: observe}\nstore: {path: /x}\n";
    let (new, _) = parse(&new).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(Config::reloadable_difference(&old, &old), []);
    let changes: Vec<String> = Config::reloadable_difference(&old, &new)
        .iter()
        .map(|c| format!("{} {:?} {:?} {:?}", c.key, c.old.as_deref(), c.new.as_deref(), c.effect))
        .collect();
    assert_eq!(
        changes,
        [
            "accounts.list None None Reload",
            "clouddriver.lockStore.redis None None Restart",
            "drive.mode Some(\"enforce\") Some(\"observe\") Reload",
            "environments.development.kinds.gadget.ceiling Some(\"20m\") Some(\"30m\") Reload",
            "store.path Some(\"/var/lib/aws-event-cache/state.redb\") Some(\"/x\") Restart",
        ]
    );
    assert_eq!(old.accounts.list.len(), 2);
}

#[test]
fn a_missing_file_is_named() {
    let errors = Config::load(std::path::Path::new("/nowhere/config.yaml"), &outside()).unwrap_err();
    assert!(errors.to_string().starts_with("/nowhere/config.yaml: cannot be read: "), "{errors}");
}

#[test]
fn mistakes_in_the_operators_catalogue_are_told_at_its_key_besides_all_others() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("kinds")).unwrap();
    std::fs::write(folder.path().join("kinds/widget.yaml"), "titel: Widget\n").unwrap();
    let file = folder.path().join("c.yaml");
    std::fs::write(&file, with(&format!("catalog: {{folder: {}}}\nfoo: 1\n", folder.path().display()))).unwrap();
    let errors = Config::load(&file, &outside()).unwrap_err();
    assert!(errors.0.iter().any(|m| m.key == "catalog.folder" && m.problem.contains("titel")), "{errors}");
    assert!(errors.0.iter().any(|m| m.key == "foo"), "{errors}");
}

/// A schema path whose last name is not a wildcard, and that name with one letter changed, added, dropped or swapped.
fn slips() -> impl Strategy<Value = (&'static str, String)> {
    let paths: Vec<&'static str> = schema::keys().map(|k| k.path).filter(|p| !p.ends_with(['*', ']'])).collect();
    (proptest::sample::select(paths), 0usize..64, proptest::char::range('a', 'z'), 0u8..4).prop_map(
        |(path, at, letter, how)| {
            let mut name: Vec<char> = path.rsplit('.').next().unwrap().chars().collect();
            let at = at % name.len();
            match how {
                0 => name[at] = letter,
                1 => name.insert(at, letter),
                2 => drop(name.remove(at)),
                _ => name.swap(at, (at + 1).min(path.rsplit('.').next().unwrap().len() - 1)),
            }
            (path, name.into_iter().collect())
        },
    )
}

/// The file that holds only this key, with the wildcards named.
fn only(path: &str, last: &str) -> String {
    let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
    let mut text = String::new();
    let mut pattern = String::new();
    let mut closers = Vec::new();
    for name in parent.split('.').filter(|name| !name.is_empty()) {
        pattern = crate::section::join(&pattern, name);
        let item = name.strip_suffix("[]");
        // The name under which a wildcard appears must itself be valid there: an environment's or a kind's.
        let shown = match name {
            "*" if pattern.ends_with("kinds.*") => "widget",
            "*" => "production",
            _ => item.unwrap_or(name),
        };
        text.push_str(&format!("{shown}: {}{{", if item.is_some() { "[" } else { "" }));
        closers.push(if item.is_some() { "}]" } else { "}" });
    }
    text.push_str(&format!("{last}: 1"));
    closers.iter().rev().for_each(|closer| text.push_str(closer));
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_misspelt_key_is_always_reported_with_its_nearest((path, slip) in slips()) {
        let siblings = schema::names_under(path.rsplit_once('.').map_or("", |(parent, _)| parent));
        // A name of two letters with a slip may be as near to another; then any of them is right.
        prop_assume!(!slip.is_empty() && !siblings.contains(&slip.as_str()) && slip.chars().all(char::is_alphanumeric));
        let text = only(path, &slip);
        let errors = parse(&text).unwrap_err();
        // Another key of that name may be missing elsewhere.
        let mut unknown = errors.0.iter().filter(|m| !m.problem.starts_with("must be given"));
        let told = unknown.find(|m| m.key.rsplit('.').next() == Some(slip.as_str()));
        let told = told.unwrap_or_else(|| panic!("{text}\n{errors}"));
        let elsewhere = told.problem.starts_with("is called");
        let distance = |word: &str| strsim::damerau_levenshtein(&slip.to_lowercase(), &word.to_lowercase());
        let least = siblings.iter().map(|s| distance(s)).min().unwrap();
        match &told.nearest {
            Some(word) => prop_assert_eq!(distance(word), least, "{} {}", slip, word),
            None => prop_assert!(elsewhere, "{}\n{}", text, errors),
        }
    }

    #[test]
    fn reading_never_panics_on_arbitrary_text(text in any::<String>()) {
        drop(parse(&text));
    }

    #[test]
    fn reading_never_panics_on_text_made_of_our_own_words(words in proptest::collection::vec(word(), 0..60)) {
        let text = words.concat();
        drop(parse(&text));
        drop(parse(&format!("{BASE}{text}")));
    }

    #[test]
    fn every_value_at_every_key_is_taken_or_reported_but_never_panics(
        path in proptest::sample::select(schema::keys().map(|k| k.path).filter(|p| !p.ends_with(['*', ']'])).collect::<Vec<_>>()),
        value in value(),
    ) {
        let text = only(path, path.rsplit('.').next().unwrap()).replacen(": 1", &format!(": {value}"), 1);
        drop(parse(&text));
    }
}

/// Words and marks of which YAML files of ours are made.
fn word() -> impl Strategy<Value = String> {
    let mut words: Vec<String> =
        schema::keys().map(|k| k.path.rsplit('.').next().unwrap_or_default().replace("[]", "")).collect();
    let marks = [
        ": ", "\n", "\n  ", "\n    ", "- ", "{", "}", "[", "]", ", ", "'", "\"", "&a ", "*a", "<<: ", "#", "|\n",
        "30s", "0x1f", "~", "!!str ", "é", "\t", "---\n",
    ];
    words.extend(marks.map(str::to_owned));
    proptest::sample::select(words)
}

fn value() -> impl Strategy<Value = String> {
    let known = [
        "[]",
        "{}",
        "~",
        "30s",
        "-1",
        "1e400",
        "nan",
        "[1, [2]]",
        "{file: /secret}",
        "{env: NONE}",
        "{file: [x]}",
        "''",
        "' '",
        "0.0.0.0:1",
        "*",
        "\"\\0\"",
        "99999999999999999999h",
        "[{}]",
        "redis://",
        "jdbc:mysql:",
        "https://",
    ];
    prop_oneof![
        proptest::sample::select(known.map(str::to_owned).to_vec()),
        "[a-z0-9:/.@%-]{0,20}".prop_map(|text| format!("'{text}'"))
    ]
}

/// The answer arm switched on, with more of its keys.
fn answer(more: &str) -> String {
    with(&format!("answer: {{mode: observe{more}}}\n"))
}

#[test]
fn the_answer_arm_is_off_unless_somebody_says_otherwise() {
    assert_eq!(parse(BASE).unwrap().0.answer.mode, None);
    let (config, warnings) = parse(&answer("")).unwrap();
    assert_eq!((config.answer.mode, warnings), (Some(AnswerMode::Observe), Vec::new()));
    assert_eq!((config.answer.memory, config.answer.largest_answer), (512 << 20, 32 << 20));
}

#[test]
fn a_proxy_that_others_reach_needs_credentials_or_the_operators_word() {
    let reached = errors(&answer(", listen: '0.0.0.0:8090'"));
    assert!(reached.contains("answer.credentials, or answer.plaintext: true"), "{reached}");
    assert_eq!(errors(&answer(", listen: '0.0.0.0:8090', plaintext: true")), "no mistake");
    assert_eq!(errors(&answer(", listen: '[::1]:8090'")), "no mistake");
    // Off it is not opened, so that nothing can be reached.
    assert_eq!(errors(&with("answer: {listen: '0.0.0.0:8090'}\n")), "no mistake");
    let credentials = ", listen: '0.0.0.0:8090', credentials: {username: clouddriver, password: {env: PASSWORD}}";
    let [warning] = warnings(&answer(credentials)).try_into().unwrap();
    assert!(warning.contains("session tokens"), "{warning}");
    assert_eq!(warnings(&answer(&format!("{credentials}, plaintext: true"))), Vec::<String>::new());
}

#[test]
fn mistakes_about_the_answer_arm_are_told_together_with_what_was_meant() {
    says(
        &answer(
            ", memory: 512MB, largestAnswer: 64, admission: 20m, staleIfErorr: 5m, kinds: {wigdet: serve}, accounts: {'12345678901': serve, prod: sreve}",
        ),
        r#"
c.yaml:3:33: answer.memory: "512MB" is not a size from 16MiB to 1TiB, such as 64KiB, 512MiB or 2GiB; write 512MiB
c.yaml:3:55: answer.largestAnswer: "64" has no unit; write 64MiB, or 64B if bytes are meant
c.yaml:3:70: answer.admission: "20m" is not a time from 1m to 15m, such as 30s, 5m, 250ms or 2h
c.yaml:3:75: answer.staleIfErorr: is not a known key; did you mean `staleIfError`?
c.yaml:3:101: answer.kinds.wigdet: is not a kind in the catalogue; did you mean `widget`?
c.yaml:3:128: answer.accounts.12345678901: is not an AWS account id (12 digits in quotes)
c.yaml:3:156: answer.accounts.prod: "sreve" is not one of pass, observe, serve; did you mean `serve`?
"#,
    );
    for (more, expected) in [
        (", listen: '8090'", "write 127.0.0.1:8090"),
        (", listen: '127.0.0.1:8080'", "is taken by server.listen"),
        (", mode: on", "a second time"),
        (", memory: 16MiB", "would not fit into memory"),
        (", names: [proxy.example.com]", "needs answer.ca"),
        (", ca: /x, names: ['http://proxy']", "without scheme and port"),
        (", credentials: {username: 'a:b', password: {env: PASSWORD}}", "holds a colon"),
        (", credentials: {username: a}", "answer.credentials.password: must be given"),
        (", hosts: {suffixes: ['*.example.com']}", "write example.com; everything below it counts as well"),
        (", hosts: {suffixes: [com]}", "top-level domain"),
        (", hosts: {tunnel: ['*']}", "an open one"),
        (", hosts: {tunnel: ['https://github.com/x']}", "write github.com"),
        (", hosts: {tunnel: ['github.com:0']}", "is not a host"),
        (", hosts: {tunnelPrivate: [internal]}", "is not a network"),
        (", upstream: {endpoint: 'http://x:5000/path'}", "has a path"),
        (", upstream: {proxy: {env: PASSWORD}}", "is not an http:// URL"),
        (", keys: {AKIA: '111122223333'}", "is not an access key id"),
        (", budget: {share: 80%}", "write 0.8"),
        (", budget: {hold: 30s}", "is not a time from 0s to 10s"),
        (", kinds: {widget: serve, 'AWS::Test::Widget': pass}", "is widget again, under another name"),
        (", accounts: [prod]", "must be a section with one entry for each account"),
        (", port: 8090", "is called `answer.listen` here"),
        (", tls: {}", "is called `answer.ca` here"),
    ] {
        let said = errors(&answer(more));
        assert!(said.contains(expected), "{more}: {said}");
    }
}

#[test]
fn no_secret_of_the_answer_arm_is_shown() {
    let plain = ", credentials: {username: u, password: hunter2}, upstream: {proxy: 'http://u:hunter2@proxy:3128'}";
    let (config, warnings) = parse(&answer(plain)).unwrap();
    assert_eq!(warnings.len(), 2, "both stand in plain text");
    assert!(!format!("{config:?}{warnings:?}").contains("hunter2"));
    let (changed, _) = parse(&answer(&plain.replace("hunter2", "hunter3"))).unwrap();
    let difference = Config::reloadable_difference(&config, &changed);
    assert_eq!(difference.len(), 2);
    assert!(!format!("{difference:?}").contains("hunter"));
}

#[test]
fn an_account_that_is_nowhere_is_told_from_one_that_may_be_discovered() {
    assert_eq!(errors(&answer(", accounts: {prdo: serve}")), "no mistake");
    let listed = "accounts: {discover: false, list: [{name: prod, accountId: '111122223333', regions: [eu-west-1]}]}\n";
    let said = errors(&format!("{}{listed}", answer(", accounts: {prdo: serve, '444455556666': pass}")));
    assert!(said.contains("answer.accounts.prdo") && said.ends_with("did you mean `prod`?"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn the_answer_arm_alone_needs_neither_clouddriver_nor_accounts() {
    let alone = "drive: {mode: off}\nanswer: {mode: serve}\n";
    assert_eq!(errors(alone), "no mistake");
    assert_eq!(errors(&format!("{alone}accounts: {{discover: false}}\n")), "no mistake");
    let asked = errors(&format!("{alone}accounts: {{discover: true}}\n"));
    assert!(asked.contains("accounts.discover is on"), "{asked}");
    // With the drive arm it is as it was.
    assert!(errors("answer: {mode: serve}\n").contains("clouddriver.url"));
    assert!(errors("drive: {mode: off}\n").contains("clouddriver.url"));
}

#[test]
fn modes_accounts_kinds_and_budget_take_effect_at_once_and_the_listener_at_the_next_start() {
    let (old, _) = parse(&answer("")).unwrap();
    let new = "answer: {mode: serve, accounts: {a: pass}, kinds: {widget: pass}, passFile: /x, budget: {share: 0.5}, listen: '127.0.0.1:9', memory: 1GiB}\n";
    let (new, _) = parse(&with(new)).unwrap();
    let changed = Config::reloadable_difference(&old, &new);
    let with_effect = |effect: schema::Effect| -> Vec<&str> {
        changed.iter().filter(|c| c.effect == effect).map(|c| c.key.as_str()).collect()
    };
    let at_once = ["answer.accounts.a", "answer.budget.share", "answer.kinds.widget", "answer.mode", "answer.passFile"];
    assert_eq!(with_effect(schema::Effect::Reload), at_once);
    assert_eq!(with_effect(schema::Effect::Restart), ["answer.listen", "answer.memory"]);
}

#[test]
fn of_an_accounts_and_a_kinds_mode_the_more_cautious_holds_and_each_stands_in_place_of_the_default() {
    let text = "answer: {mode: observe, accounts: {prod: serve, '444455556666': pass}, kinds: {gadget: serve}}\n";
    let answer = parse(&with(text)).unwrap().0.answer;
    let (one, other) = (AccountId::new("111122223333").unwrap(), AccountId::new("444455556666").unwrap());
    let (widget, gadget) = (KindId::new("widget").unwrap(), KindId::new("gadget").unwrap());
    let prod = ["prod".to_owned()];
    for (account, names, kind, mode) in [
        (&one, &prod[..], &widget, AnswerMode::Serve),
        (&one, &[][..], &widget, AnswerMode::Observe),
        (&one, &[][..], &gadget, AnswerMode::Serve),
        (&other, &[][..], &gadget, AnswerMode::Pass),
        (&other, &prod[..], &widget, AnswerMode::Pass),
    ] {
        assert_eq!(answer.mode_of(account, names, kind), Some(mode), "{account} {names:?} {kind}");
    }
    assert_eq!(parse(BASE).unwrap().0.answer.mode_of(&one, &prod, &widget), None);
}
