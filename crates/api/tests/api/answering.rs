//! The answer arm seen through the API: what it saved, how it is doing, and how it is held back.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_answer::{Answered, Savings, Upstream};
use aws_event_cache_api::{AnswerArm, document};
use aws_event_cache_model::{AccountId, Accounts, AnswerMode, Region, ServiceName, Setting, Timestamp};
use serde_json::{Value, json};

use crate::engine_and_store::compare;
use crate::support::{Api, NOW, Setup};

fn books() -> Value {
    let now = Timestamp::from_second(NOW).unwrap();
    let savings = Savings::new(now);
    let (account, region) = (AccountId::new("111122223333").unwrap(), Region::new("eu-west-1").unwrap());
    let line = savings.meter(&account, &region, &ServiceName::new("test").unwrap(), "ListWidgets");
    for how in [Answered::Miss, Answered::Hit, Answered::Hit, Answered::Collapsed] {
        line.answered(how, 2_000);
    }
    line.upstream(Upstream::Ok, Duration::from_millis(30));
    serde_json::to_value(savings.snapshot(now)).unwrap()
}

fn on() -> Api {
    let books = books();
    let report: Arc<dyn Fn() -> Value + Send + Sync> = Arc::new(|| json!({"mode": "observe"}));
    Api::with(Setup {
        answer: Some(AnswerArm { savings: Arc::new(move || books.clone()), report }),
        ..Setup::default()
    })
}

#[tokio::test]
async fn the_books_are_shown_exactly_as_documented() {
    let books = on().get("/v1/savings").await.expect(200).json;
    assert_eq!(
        books["total"],
        json!({
            "asked": 4, "made": 1, "avoided": 3, "hits": 2, "staleHits": 0, "collapsed": 1, "misses": 1, "bypassed": 0, "writes": 0, "refused": 0,
            "throttled": 0, "failed": 0, "bytes": 8_000, "meanCallMs": 30
        })
    );
    assert_eq!(books["operations"][0]["names"], json!(["prod", "prod-ecs"]));
    let document: Value = serde_json::from_str(&document()).unwrap();
    compare(&document, &document["components"]["schemas"]["Savings"], &books, "savings");
    assert_eq!(on().get("/v1/answer").await.expect(200).json, json!({"mode": "observe"}));
}

#[tokio::test]
async fn while_it_is_off_there_is_nothing_to_show_and_the_answer_says_which_key_turns_it_on() {
    for path in ["/v1/savings", "/v1/answer"] {
        let answer = Api::new().get(path).await.expect(404).json;
        assert!(answer["error"].as_str().unwrap().contains("answer.mode"), "{answer}");
    }
}

#[tokio::test]
async fn an_override_holds_it_back_and_never_lets_it_go_further() {
    let api = on();
    for (mode, set) in [("pass", AnswerMode::Pass), ("observe", AnswerMode::Observe)] {
        let body = json!({"answer": mode, "kind": "widgets", "for": "2h", "reason": "a doubt"});
        let answer = api.post("/v1/overrides", body).await.expect(201).json;
        assert_eq!((&answer["answer"], &answer["kind"]), (&json!(mode), &json!("widget")));
        assert_eq!(api.told(|told| told.overrides.last().unwrap().setting.clone()), Setting::Answer(set));
    }
    let audit = api.told(|told| told.audit[0].detail.clone());
    assert!(audit.contains("answer pass for account all, region all, kind widget"), "{audit}");
    for (wrong, says) in [("serve", "answer.mode lets it serve"), ("off", "pass or observe"), ("", "pass or observe")] {
        let answer = api.post("/v1/overrides", json!({"answer": wrong, "for": "1h"})).await.expect(422).json;
        assert_eq!(answer["field"], "answer");
        assert!(answer["error"].as_str().unwrap().contains(says), "{answer}");
    }
    let misspelt = api.post("/v1/overrides", json!({"answer": "pas", "for": "1h"})).await.expect(422).json;
    assert_eq!(misspelt["nearest"], "pass");
    let both = api.post("/v1/overrides", json!({"answer": "pass", "budget": 0.5, "for": "1h"})).await.expect(422).json;
    assert!(both["error"].as_str().unwrap().contains("exactly one of"), "{both}");
    let list = api.get("/v1/overrides").await.expect(200).json;
    let id = list["overrides"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(api.delete(&format!("/v1/overrides/{id}")).await.expect(200).json["answer"], "pass");
}

#[tokio::test]
async fn it_can_be_held_back_for_accounts_that_clouddriver_does_not_serve() {
    let api = Api::with(Setup { accounts: Accounts::new([]), ..Setup::default() });
    let place = json!({"answer": "pass", "account": "999900001111", "region": "eu-north-1", "for": "1h"});
    let answer = api.post("/v1/overrides", place).await.expect(201).json;
    assert_eq!((&answer["account"], &answer["region"]), (&json!("999900001111"), &json!("eu-north-1")));
    for (body, field) in [
        (json!({"answer": "pass", "account": "nobody", "for": "1h"}), "account"),
        (json!({"answer": "pass", "region": "here & there", "for": "1h"}), "region"),
        (json!({"answer": "pass", "kind": "wigdet", "for": "1h"}), "kind"),
    ] {
        assert_eq!(api.post("/v1/overrides", body.clone()).await.expect(422).json["field"], field, "{body}");
    }
    // By Spinnaker's name as well, where it is one.
    let answer = on().post("/v1/overrides", json!({"answer": "pass", "account": "prod", "for": "1h"})).await;
    assert_eq!(answer.expect(201).json["account"], "111122223333");
}

#[tokio::test]
async fn a_full_set_of_overrides_never_stands_in_the_way_of_passing_everything() {
    let api = on();
    for _ in 0..256 {
        api.post("/v1/overrides", json!({"answer": "observe", "for": "1h"})).await.expect(201);
    }
    api.post("/v1/overrides", json!({"answer": "observe", "for": "1h"})).await.expect(422);
    api.post("/v1/overrides", json!({"answer": "pass", "for": "1h"})).await.expect(201);
}
