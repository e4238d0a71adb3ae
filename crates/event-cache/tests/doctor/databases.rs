//! What we may do at the lock store: real databases with users who may not write.

use std::collections::BTreeSet;
use std::path::Path;

use aws_event_cache_testkit::{MariaDb, Redis};
use redis::cmd;
use serde_json::Value;
use sqlx::{Connection, Executor, MySqlConnection};
use tempfile::TempDir;

use crate::support::catalog;
use crate::support::scheduler::connect;
use crate::support::service::prepared;
use crate::world::{ACCOUNT, nobody};

/// Far in the future, in milliseconds: the lock does not end while a test looks at it.
const LATER: i64 = 4_000_000_000_000;

/// The findings about the lock store alone: verdict and code. Nothing else of the world is there.
async fn lock_store(folder: &TempDir, catalog: &Path, section: &str) -> BTreeSet<(String, String)> {
    let file = folder.path().join("config.yaml");
    let text = format!(
        "accounts: {{discover: false, list: [{{name: prod, accountId: \"{ACCOUNT}\", regions: [eu-west-1]}}]}}\n\
         clouddriver: {{lockStore: {section}}}\ndrive: {{mode: observe}}\ncatalog: {{folder: {}}}\nstore: {{path: {}/state.redb}}\n",
        catalog.display(),
        folder.path().display()
    );
    std::fs::write(&file, text).unwrap();
    let mut command = prepared(&["doctor", "--json", "--server", &format!("http://{}", nobody()), "--config"]);
    command.arg(&file).env("AWS_EC2_METADATA_DISABLED", "true").env_remove("AWS_ACCESS_KEY_ID");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let all = report["findings"].as_array().unwrap().iter().filter(|finding| finding["hop"] == "lock-store");
    all.map(|finding| (word(finding, "verdict"), word(finding, "code"))).collect()
}

fn said(verdict: &str, code: &str) -> BTreeSet<(String, String)> {
    [(verdict.to_owned(), code.to_owned())].into()
}

#[tokio::test]
async fn a_redis_user_with_the_documented_rights_is_enough_and_one_without_scripts_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = catalog::write(folder.path());
    let redis = Redis::start().unwrap();
    let mut connection = connect(&redis.url()).await;
    for agent in crate::world::agents(&catalog) {
        let _: () = cmd("SET")
            .arg(agent)
            .arg("clouddriver-1")
            .arg("PX")
            .arg(600_000)
            .query_async(&mut connection)
            .await
            .unwrap();
    }
    // What docs/operating.md lists, and the same without what writes. Scripts are asked for nothing that they would have to write, so `SET` and `DEL` alone cannot be missed.
    for (user, rights) in [
        ("writer", "+get +pttl +set +del +type +exists +eval +evalsha +script|load +ping +info"),
        ("reader", "+get +pttl +type +exists +ping +info"),
    ] {
        let mut set = cmd("ACL");
        set.arg("SETUSER").arg(user).arg("on").arg(">secret").arg("~*");
        set.arg(rights.split(' ').collect::<Vec<_>>());
        let _: () = set.query_async(&mut connection).await.unwrap();
    }
    let as_user = |user: &str| format!("{{redis: '{}', username: {user}, password: secret}}", redis.url());
    assert_eq!(lock_store(&folder, &catalog, &as_user("writer")).await, said("good", "lock-store-sound"));
    assert_eq!(lock_store(&folder, &catalog, &as_user("reader")).await, said("broken", "lock-store-problem"));
}

#[tokio::test]
async fn a_database_user_who_may_not_write_locks_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = catalog::write(folder.path());
    let database = MariaDb::start().unwrap();
    // As root, since the server's ordinary user may not grant.
    let root = format!("mysql://root@127.0.0.1:{}/clouddriver", database.port());
    let mut connection = MySqlConnection::connect(&root).await.unwrap();
    let table = "CREATE TABLE cats_agent_locks (agent_name varchar(500) NOT NULL PRIMARY KEY, owner_id varchar(255) NOT NULL, lock_acquired bigint NOT NULL, lock_expiry bigint NOT NULL)";
    connection.execute(table).await.unwrap();
    for agent in crate::world::agents(&catalog) {
        let row = sqlx::query("INSERT INTO cats_agent_locks VALUES (?, 'clouddriver-1', 1, ?)").bind(agent).bind(LATER);
        row.execute(&mut connection).await.unwrap();
    }
    for statement in [
        "CREATE USER writer@'%' IDENTIFIED BY 'secret'",
        "GRANT SELECT, UPDATE, DELETE ON cats_agent_locks TO writer@'%'",
        "CREATE USER reader@'%' IDENTIFIED BY 'secret'",
        "GRANT SELECT ON cats_agent_locks TO reader@'%'",
    ] {
        connection.execute(statement).await.unwrap();
    }
    let place = format!("jdbc:mysql://127.0.0.1:{}/clouddriver?useSSL=false", database.port());
    let as_user = |user: &str| format!("{{sql: '{place}', username: {user}, password: secret}}");
    assert_eq!(lock_store(&folder, &catalog, &as_user("writer")).await, said("good", "lock-store-sound"));
    assert_eq!(lock_store(&folder, &catalog, &as_user("reader")).await, said("broken", "lock-store-denied"));
}
