use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::*;

fn now() -> Timestamp {
    "2026-05-04T09:20:00Z".parse().unwrap()
}

fn later(days: u64) -> Timestamp {
    now().saturating_add(std::time::Duration::from_secs(days * 86_400)).unwrap()
}

fn names() -> Names {
    Names { suffixes: vec!["aws.example".into()], own: vec!["event-cache.spinnaker.svc".into(), "10.0.0.7".into()] }
}

/// Does a client that trusts the bundle accept this leaf for this name?
fn accepted(bundle: &Path, leaf: &Leaf, name: &str, at: Timestamp) -> bool {
    let mut roots = rustls::RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(bundle).unwrap() {
        roots.add(root.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(at.as_second().unsigned_abs()));
    let name = ServerName::try_from(name.to_owned()).unwrap();
    verifier.verify_server_cert(&leaf.chain[0], &leaf.chain[1..], &name, &[], time).is_ok()
}

#[test]
fn leafs_are_accepted_for_awss_names_and_our_own_and_end_in_a_week() {
    let folder = tempfile::tempdir().unwrap();
    let shown = init(folder.path(), &names(), now()).unwrap();
    let authority = Authority::load(folder.path(), &[], now()).unwrap();
    for name in [
        "ec2.eu-west-1.amazonaws.com",
        "ec2.cn-north-1.amazonaws.com.cn",
        "x.aws.example",
        "event-cache.spinnaker.svc",
        "10.0.0.7",
    ] {
        let leaf = authority.leaf(&[name.to_owned()], now()).unwrap();
        assert!(accepted(&shown.bundle, &leaf, name, now()), "{name}");
        assert!(accepted(&shown.bundle, &leaf, name, later(6)), "{name}");
        assert!(!accepted(&shown.bundle, &leaf, name, later(7)), "{name}");
        assert!(!accepted(&shown.bundle, &leaf, "sts.amazonaws.com", now()), "{name}");
    }
}

#[test]
fn the_intermediate_cannot_sign_for_anybody_else() {
    let folder = tempfile::tempdir().unwrap();
    let shown = init(folder.path(), &Names::default(), now()).unwrap();
    let mut authority = Authority::load(folder.path(), &[], now()).unwrap();
    for name in ["bank.example", "evilamazonaws.com", "10.0.0.7"] {
        assert!(matches!(authority.leaf(&[name.to_owned()], now()), Err(CaError::NotPermitted(_))), "{name}");
    }
    // Even if we would: clients see the constraint.
    authority.allow_anything_for_test();
    for name in ["bank.example", "10.0.0.7"] {
        let leaf = authority.leaf(&[name.to_owned()], now()).unwrap();
        assert!(!accepted(&shown.bundle, &leaf, name, now()), "{name}");
    }
}

#[test]
fn the_roots_key_is_nowhere_and_the_rest_is_for_the_owner_alone() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("ca");
    init(&folder, &Names::default(), now()).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let mut files: Vec<(String, u32)> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), mode(&entry.path())))
        .collect();
    files.sort();
    let expected = [
        ("1-intermediate.key", 0o600),
        ("1-intermediate.pem", 0o600),
        ("1-root.pem", 0o600),
        ("ca.pem", 0o644),
        ("current", 0o600),
    ];
    assert_eq!(files, expected.map(|(name, mode)| (name.to_owned(), mode)));
}

#[test]
fn a_rotation_cuts_nobody_off() {
    let folder = tempfile::tempdir().unwrap();
    let first = init(folder.path(), &Names::default(), now()).unwrap();
    let name = "ec2.eu-west-1.amazonaws.com";
    let old_bundle = folder.path().join("old.pem");
    std::fs::copy(&first.bundle, &old_bundle).unwrap();

    let rotated = rotate(folder.path(), &Names::default(), later(1)).unwrap();
    assert_eq!((rotated.current.number, rotated.next.as_ref().map(|next| next.number)), (1, Some(2)));
    let leaf = Authority::load(folder.path(), &[], later(1)).unwrap().leaf(&[name.to_owned()], later(1)).unwrap();
    assert!(accepted(&old_bundle, &leaf, name, later(1)), "clients that have not got the new bundle yet");
    assert!(accepted(&rotated.bundle, &leaf, name, later(1)), "clients that have");
    assert!(matches!(rotate(folder.path(), &Names::default(), later(1)), Err(CaError::RotationUnderWay(_))));

    let switched = switch(folder.path(), later(2)).unwrap();
    assert_eq!((switched.current.number, switched.next), (2, None));
    assert_ne!(switched.current.fingerprint, first.current.fingerprint);
    let new = Authority::load(folder.path(), &[], later(2)).unwrap().leaf(&[name.to_owned()], later(2)).unwrap();
    assert!(accepted(&switched.bundle, &new, name, later(2)));
    assert!(accepted(&switched.bundle, &leaf, name, later(2)), "a proxy that was not restarted yet");
    assert!(matches!(switch(folder.path(), later(2)), Err(CaError::NothingToSwitchTo(_))));

    rotate(folder.path(), &Names::default(), later(3)).unwrap();
    assert!(!folder.path().join("1-root.pem").exists());
}

#[test]
fn an_init_that_crashed_is_done_again_and_one_that_did_not_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("1-intermediate.key"), "half").unwrap();
    std::fs::write(folder.path().join("7-notes.txt"), "mine").unwrap();
    assert!(matches!(show(folder.path(), now()), Err(CaError::Absent(_))));
    let first = init(folder.path(), &Names::default(), now()).unwrap();
    assert!(matches!(init(folder.path(), &Names::default(), now()), Err(CaError::Exists(_))));
    assert_eq!(show(folder.path(), now()).unwrap(), first);
    assert!(folder.path().join("7-notes.txt").exists());
}

#[test]
fn what_cannot_work_is_said_at_start() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Authority::load(folder.path(), &[], now()), Err(CaError::Absent(_))));
    init(folder.path(), &Names::default(), now()).unwrap();
    assert!(matches!(Authority::load(folder.path(), &["proxy.example".into()], now()), Err(CaError::NotPermitted(_))));
    assert!(matches!(Authority::load(folder.path(), &[], later(6 * 365)), Err(CaError::Ended(_))));
    std::fs::write(folder.path().join("1-intermediate.pem"), "nonsense").unwrap();
    assert!(matches!(Authority::load(folder.path(), &[], now()), Err(CaError::Damaged { .. })));
    assert!(matches!(
        init(&folder.path().join("x"), &Names { own: vec!["a b".into()], ..Names::default() }, now()),
        Err(CaError::Name(_))
    ));
}

#[test]
fn a_key_of_another_certificate_is_noticed_at_start() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    init(one.path(), &Names::default(), now()).unwrap();
    init(two.path(), &Names::default(), now()).unwrap();
    std::fs::copy(two.path().join("1-intermediate.key"), one.path().join("1-intermediate.key")).unwrap();
    assert!(matches!(Authority::load(one.path(), &[], now()), Err(CaError::Damaged { .. })));
}
