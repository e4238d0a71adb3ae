//! Addresses at which a blind tunnel may end: public ones, and those that the operator names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// May a tunnel end there?
///
/// Never at this machine, the link, the cloud's metadata service, or the network that we stand in, unless it is listed: whoever may use the proxy would
/// otherwise reach with our place in the network what it cannot reach itself.
pub(crate) fn is_allowed(address: IpAddr, listed: &[IpNet]) -> bool {
    let address = embedded(address);
    is_public(address) || listed.iter().any(|net| net.contains(&address))
}

/// Is it neither this machine nor on its link, where metadata services are? AWS's own names may lead to interface endpoints with private addresses.
pub(crate) fn is_elsewhere(address: IpAddr) -> bool {
    match embedded(address) {
        IpAddr::V4(v4) => is_public_v4(v4) || v4.is_private() || is_shared(v4),
        // Interface endpoints have no unique-local addresses; the metadata service has.
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// The IPv4 address inside an IPv6 one: mapped (`::ffff:0:0/96`), NAT64 (`64:ff9b::/96`) or 6to4 (`2002::/16`).
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return v4.into();
    }
    let four = |a: u16, b: u16| IpAddr::V4(Ipv4Addr::from(u32::from(a) << 16 | u32::from(b)));
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, a, b] | [0x2002, a, b, ..] => four(a, b),
        _ => address,
    }
}

/// IANA's special-purpose registries, RFC 6890 and its successors.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    let is_benchmark = a == 198 && (18..20).contains(&b);
    let is_protocol = a == 192 && b == 0 && c == 0;
    let is_this_network = a == 0;
    let is_reserved = a >= 240;
    let is_special =
        v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast() || v4.is_documentation();
    !(is_special || is_shared(v4) || is_benchmark || is_protocol || is_this_network || is_reserved)
}

/// Carriers' networks, and some clouds' own services.
fn is_shared(v4: Ipv4Addr) -> bool {
    let [a, b, ..] = v4.octets();
    a == 100 && (64..128).contains(&b)
}

fn is_public_v6(v6: Ipv6Addr) -> bool {
    // Global unicast is 2000::/3; of it, documentation, ORCHID, Teredo and the like are left out. fd00:ec2::254 is EC2's metadata service.
    let [first, second, ..] = v6.segments();
    let is_global = first & 0xe000 == 0x2000;
    let is_documentation = (first == 0x2001 && second == 0xdb8) || first == 0x3fff;
    let is_protocol = first == 0x2001 && second < 0x200;
    is_global && !is_documentation && !is_protocol
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_reached_unasked() {
        for text in [
            "127.0.0.1",
            "127.255.255.254",
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "192.0.0.192",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fd00:ec2::254",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
            "::7f00:1",
        ] {
            assert!(!is_allowed(text.parse().unwrap(), &[]), "{text}");
        }
        for text in ["52.94.1.1", "1.1.1.1", "2600:1f00::1", "2a05:d000::1", "64:ff9b::3454:101"] {
            assert!(is_allowed(text.parse().unwrap(), &[]), "{text}");
        }
    }

    #[test]
    fn awss_names_may_lead_to_private_addresses_but_not_to_the_link() {
        for (text, elsewhere) in [
            ("10.1.2.3", true),
            ("52.94.1.1", true),
            ("169.254.169.254", false),
            ("127.0.0.1", false),
            ("fd00:ec2::254", false),
            ("0.0.0.0", false),
            ("100.64.0.1", true),
        ] {
            assert_eq!(is_elsewhere(text.parse().unwrap()), elsewhere, "{text}");
        }
    }

    #[test]
    fn listed_networks_are_reached() {
        let listed: [IpNet; 2] = ["10.1.0.0/16".parse().unwrap(), "127.0.0.1/32".parse().unwrap()];
        for (text, allowed) in [
            ("10.1.2.3", true),
            ("10.2.0.1", false),
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("::ffff:10.1.2.3", true),
        ] {
            assert_eq!(is_allowed(text.parse().unwrap(), &listed), allowed, "{text}");
        }
    }
}
