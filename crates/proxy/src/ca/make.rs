//! Making a root and its intermediate.

use std::net::IpAddr;

use aws_event_cache_model::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, GeneralSubtree, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256,
};
use time::OffsetDateTime;

use super::folder::Files;
use super::{CaError, Names, Subject, subject};
use crate::hosts::AWS_SUFFIXES;

/// How long a root lasts. Replacing it means visiting every client, so it is long; its key is gone, so that nobody can misuse it meanwhile.
const YEARS: i64 = 5;

/// Certificates count from a little before they are made, since clients' clocks differ from ours.
pub(super) const BACKDATED_SECONDS: i64 = 3_600;

/// Makes both. The root's key lives in this function only.
pub(super) fn make(names: &Names, now: Timestamp) -> Result<Files, CaError> {
    let root_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let root = params("root", now, 1)?;
    let root_certificate = root.self_signed(&root_key)?;
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut intermediate = params("intermediate", now, 0)?;
    intermediate.name_constraints = Some(constraints(names)?);
    intermediate.use_authority_key_identifier_extension = true;
    let certificate = intermediate.signed_by(&key, &Issuer::from_params(&root, root_key))?;
    Ok(Files { root: root_certificate.pem(), intermediate: certificate.pem(), key: key.serialize_pem() })
}

fn params(what: &str, now: Timestamp, below: u8) -> Result<CertificateParams, CaError> {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    // The date tells two roots in a trust store apart.
    let date = now.strftime("%Y-%m-%d");
    name.push(DnType::CommonName, format!("AWS Event Cache {what} {date}"));
    params.distinguished_name = name;
    params.not_before = moment(now, -BACKDATED_SECONDS)?;
    params.not_after = moment(now, YEARS * 365 * 86_400)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// A time in the certificates' own type.
pub(super) fn moment(now: Timestamp, seconds: i64) -> Result<OffsetDateTime, CaError> {
    OffsetDateTime::from_unix_timestamp(now.as_second().saturating_add(seconds))
        .map_err(|_| CaError::Make(rcgen::Error::Time))
}

fn constraints(names: &Names) -> Result<NameConstraints, CaError> {
    let mut permitted: Vec<GeneralSubtree> =
        AWS_SUFFIXES.iter().map(|&suffix| GeneralSubtree::DnsName(suffix.to_owned())).collect();
    let mut addresses = false;
    for name in names.suffixes.iter().chain(&names.own) {
        permitted.push(match subject(name)? {
            Subject::Dns(name) => GeneralSubtree::DnsName(name),
            Subject::Ip(address) => {
                addresses = true;
                GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(
                    address,
                    if address.is_ipv4() { 32 } else { 128 },
                ))
            }
        });
    }
    // A constraint on names says nothing of addresses: without one of its own the authority could sign for any.
    let any = |address: IpAddr| GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, 0));
    let none = vec![any([0; 4].into()), any([0; 16].into())];
    Ok(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: if addresses { Vec::new() } else { none } })
}
