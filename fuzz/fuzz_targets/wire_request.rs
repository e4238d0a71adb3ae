//! A request to AWS: whether it is a call, how it is signed, and for whom. The input is its text, with a service's routes and without.

#![no_main]

use std::sync::LazyLock;

use aws_event_cache_fuzz::request;
use aws_event_cache_wire::{
    Routes, Signature, account_of, acts_for_operation, amz_date, attempt, call, security_token, signature, write_key,
};
use libfuzzer_sys::fuzz_target;

static ROUTES: LazyLock<Routes> = LazyLock::new(|| {
    Routes::new([
        ("List", "GET /v1/things/"),
        ("Get", "GET /v1/things/{Name}"),
        ("Put", "PUT /v1/things/{Name}/parts/{Part}"),
        ("File", "GET /v1/files/{Path+}"),
    ])
    .expect("invariant: routes of the right form")
});

fuzz_target!(|data: &[u8]| {
    let Some((head, body)) = request(data) else { return };
    if let Signature::V4 { credential } = signature(&head) {
        assert!(credential.date.len() == 8 && !credential.region.contains('/') && !credential.service.contains('/'));
        if let Some(account) = account_of(credential.key_id) {
            assert_eq!(account.as_str().len(), 12);
        }
    }
    let _ = (amz_date(&head.headers), attempt(&head.headers), security_token(&head.headers));
    let _ = acts_for_operation(&head.headers);
    for routes in [None, Some(&*ROUTES)] {
        let Ok(call) = call(&head, body, routes) else { continue };
        assert!(!call.operation.is_empty() && call.parameters.len() <= 20_000);
        for (path, _) in call.parameters.iter() {
            assert!(call.parameters.get(path).is_some() && !call.parameters.items(path).is_empty());
        }
        assert!(call.parameters.to_cloudtrail().is_object() || !call.parameters.is_empty());
        let mut key = Vec::new();
        write_key(&mut key, &head, "host", &call, None);
        let whole = key.len();
        key.clear();
        write_key(&mut key, &head, "host", &call, Some("NextToken"));
        assert!(key.len() <= whole);
    }
});
