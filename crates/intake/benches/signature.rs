//! The whole signature check of a message against the bare verification of aws-lc-rs, on the same message and key in the same run.
//!
//! The whole check takes an envelope that has been read: it puts the signed bytes together, decodes the signature and verifies. Goal: at least 80 % of
//! the bare verification's rate. `read-and-check` adds the strict reading of the envelope.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on must fail")]
#![allow(missing_docs, reason = "criterion's macros write undocumented functions")]

use std::hint::black_box;

use aws_event_cache_intake::{Envelope, SigningCertificate};
use aws_event_cache_model::Timestamp;
use aws_event_cache_signer::{Message, Signer, TestRoot, Version};
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use criterion::{Criterion, criterion_group, criterion_main};
use x509_parser::pem::parse_x509_pem;

const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:cache-events";

/// About 3.5 KB, like a change notification of AWS Config.
fn text() -> String {
    include_str!("../tests/fixtures/config-item.json").to_owned() + &" ".repeat(1200)
}

fn check(criterion: &mut Criterion) {
    let now: Timestamp = "2026-05-04T09:20:00Z".parse().unwrap();
    let signer = Signer::new(&TestRoot::new(now).unwrap()).unwrap();
    let names = ["sns.amazonaws.com".to_owned()];
    let certificate = SigningCertificate::from_pem(signer.certificate_pem(), &names, now).unwrap();
    let (_, pem) = parse_x509_pem(signer.certificate_pem().as_bytes()).unwrap();
    let leaf = pem.parse_x509().unwrap();
    for (version, algorithm, name) in [
        (Version::V1, &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, "version-1-sha1"),
        (Version::V2, &RSA_PKCS1_2048_8192_SHA256, "version-2-sha256"),
    ] {
        let body = signer.sign(&Message::notification(TOPIC, &text(), now), version).unwrap();
        let signature = STANDARD.decode(body.fields["Signature"].as_str().unwrap()).unwrap();
        let body = body.to_json();
        let envelope = Envelope::parse(&body).unwrap();
        let bytes = envelope.signed_bytes();
        let key = ParsedPublicKey::new(algorithm, &leaf.public_key().subject_public_key.data).unwrap();
        let mut group = criterion.benchmark_group(format!("signature/{name}"));
        group.bench_function("bare-aws-lc-rs", |b| {
            b.iter(|| key.verify_sig(black_box(&bytes), black_box(&signature)).unwrap())
        });
        group.bench_function("whole-check", |b| b.iter(|| certificate.verify(black_box(&envelope)).unwrap()));
        group.bench_function("read-and-check", |b| {
            b.iter(|| certificate.verify(&Envelope::parse(black_box(&body)).unwrap()).unwrap());
        });
        group.finish();
    }
}

criterion_group!(benches, check);
criterion_main!(benches);
