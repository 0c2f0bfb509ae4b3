import Hosts
import Model

/// A fleet's part of FRR's configuration as text, as vtysh(1) writes it and frr.conf keeps it.
///
/// FRR keeps no comments in what runs, so there ours is what names the fleet's peer group, whose description also tells
/// what else was written for the fleet. In the file it stands between two comments.
struct FRRConfiguration {
    let identity: Identity

    /// A line within `router bgp`, and the address family it stands in, if any.
    struct Line: Hashable {
        var family: String
        var text: String
    }

    /// `router bgp` of the default VRF. A file may have it in several places.
    struct Router: Hashable {
        var asn: Int
        var lines: [Line]

        /// Whether neighbours are IPv4 unicast ones unless they say otherwise.
        var activatesUnicast: Bool { !lines.contains { $0.text == FRRConfiguration.quiet } }
    }

    static let unicast = "ipv4 unicast"
    static let evpn = "l2vpn evpn"
    static let quiet = "no bgp default ipv4-unicast"
    static let advertising = "advertise-all-vni"

    private var group: String { "neighbor \(identity.peerGroup)" }

    /// What stands in FRR for the fleet.
    func lines(_ wanted: EVPN, activatesUnicast: Bool) -> [Line] {
        let mark =
            identity.firewallMark + (wanted.ownsRouter ? " router" : "")
            + (wanted.ownsAdvertising ? " advertising" : "")
        let router = wanted.ownsRouter ? ["bgp router-id \(wanted.address)", Self.quiet] : []
        let own =
            ["peer-group", "remote-as \(wanted.asn)", "description \(mark)", "update-source \(wanted.address)"].map {
                "\(group) \($0)"
            } + wanted.neighbors.map { "neighbor \($0) peer-group \(identity.peerGroup)" }
        let isQuiet = wanted.ownsRouter || !activatesUnicast
        return (router + own).map { Line(family: "", text: $0) }
            + (isQuiet ? [] : [Line(family: Self.unicast, text: "no \(group) activate")])
            + [Line(family: Self.evpn, text: "\(group) activate")]
            + (wanted.ownsAdvertising ? [Line(family: Self.evpn, text: Self.advertising)] : [])
    }

    /// What a configuration says for the fleet, and of a router that is somebody's.
    func read(_ router: Router?) -> (ours: EVPN?, foreign: BGPRouter?) {
        guard let router else { return (nil, nil) }
        let advertises = router.lines.contains(Line(family: Self.evpn, text: Self.advertising))
        guard router.lines.contains(where: isOurs) else {
            return (nil, BGPRouter(asn: router.asn, advertises: advertises, neighbors: strangers(router)))
        }
        let marks = value("description", router)?.split(separator: " ").map(String.init)
        let isMarked = marks?.first == identity.firewallMark
        // What was cut off before it was marked is ours when there is nothing else.
        let isAlone = router.lines.allSatisfy { isOurs($0) || isOfRouter($0) }
        let ownsRouter = isMarked ? marks?.contains("router") == true : isAlone
        let ownsAdvertising = isMarked ? marks?.contains("advertising") == true : isAlone
        let address = value("update-source", router).flatMap { IPAddress($0) }
        var seen = EVPN(
            asn: router.asn, address: address ?? IPAddress(ipv4: 0, 0, 0, 0), neighbors: neighbors(router),
            ownsRouter: ownsRouter, ownsAdvertising: ownsAdvertising)
        let written = Set(lines(seen, activatesUnicast: router.activatesUnicast))
        let mine = Set(router.lines.filter { isOurs($0) || written.contains($0) })
        seen.isIntact = mine == written
        return (
            seen,
            ownsRouter
                ? nil
                : BGPRouter(
                    asn: router.asn, advertises: advertises && !ownsAdvertising, neighbors: strangers(router))
        )
    }

    /// What vtysh reads to come from what runs to what is wanted; nil for nothing of the fleet's.
    ///
    /// - Throws: `.surprise` where that would end a router with lines of somebody else, or take over a neighbour of theirs.
    func commands(from router: Router?, to wanted: EVPN?) throws(HostError) -> [String] {
        let seen = read(router).ours
        guard let wanted else {
            guard let router, let seen else { return [] }
            if seen.ownsRouter, isAlone(router, seen) { return ["no router bgp \(router.asn)"] }
            return block(
                router.asn,
                neighbors(router).map { Line(family: "", text: "no neighbor \($0) peer-group \(identity.peerGroup)") }
                    + (seen.ownsAdvertising ? [Line(family: Self.evpn, text: "no \(Self.advertising)")] : [])
                    + [Line(family: "", text: "no \(group) peer-group")])
        }
        var commands: [String] = []
        var before = router
        if let router, router.asn != wanted.asn {
            guard let seen, seen.ownsRouter, isAlone(router, seen) else {
                throw .surprise("FRR's router bgp is AS \(router.asn) and has lines of somebody else")
            }
            commands.append("no router bgp \(router.asn)")
            before = nil
        }
        if let before, let neighbor = strangers(before).first(where: wanted.neighbors.contains) {
            throw .surprise("FRR has neighbor \(neighbor) already, which is not the fleet's")
        }
        let activates = before?.activatesUnicast ?? true
        let lines = lines(wanted, activatesUnicast: activates)
        let settings = Set(lines.map { Self.setting($0.text) })
        let extra = (before?.lines ?? []).filter { isOurs($0) && !settings.contains(Self.setting($0.text)) }
        // A peer group is made before anything is said about it; neighbours leave it before it is another one's.
        return commands
            + block(wanted.asn, extra.map { Line(family: $0.family, text: Self.opposite($0.text)) } + lines)
    }

    /// As a part of a file.
    func block(_ asn: Int, _ lines: [Line]) -> [String] {
        var text = ["router bgp \(asn)"]
        text += lines.filter { $0.family.isEmpty }.map { " \($0.text)" }
        for family in [Self.unicast, Self.evpn] {
            let inner = lines.filter { $0.family == family }
            guard !inner.isEmpty else { continue }
            text += [" address-family \(family)"] + inner.map { "  \($0.text)" } + [" exit-address-family"]
        }
        return text + ["exit"]
    }

    func isOurs(_ line: Line) -> Bool {
        line.text.split(separator: " ").contains { $0 == identity.peerGroup }
    }

    /// Lines that only the whole router has.
    func isOfRouter(_ line: Line) -> Bool {
        line.text == Self.quiet || line.text.hasPrefix("bgp router-id ")
            || line == Line(family: Self.evpn, text: Self.advertising)
    }

    private func isAlone(_ router: Router, _ seen: EVPN) -> Bool {
        router.lines.allSatisfy { isOurs($0) || isOfRouter($0) && (seen.ownsAdvertising || $0.family.isEmpty) }
    }

    private func neighbors(_ router: Router) -> [IPAddress] {
        router.lines.compactMap { line -> IPAddress? in
            let words = line.text.split(separator: " ")
            guard words.count == 4, words[0] == "neighbor", words[2] == "peer-group", words[3] == identity.peerGroup
            else { return nil }
            return IPAddress(String(words[1]))
        }.sorted()
    }

    /// Addresses of which something is said that is not ours.
    private func strangers(_ router: Router) -> [IPAddress] {
        let named = router.lines.compactMap { line -> IPAddress? in
            let words = line.text.split(separator: " ")
            return words.count > 2 && words[0] == "neighbor" ? IPAddress(String(words[1])) : nil
        }
        return Set(named).subtracting(neighbors(router)).sorted()
    }

    private func value(_ name: String, _ router: Router) -> String? {
        let start = "\(group) \(name) "
        return router.lines.first { $0.family.isEmpty && $0.text.hasPrefix(start) }.map {
            String($0.text.dropFirst(start.count))
        }
    }

    /// The words that say what a line sets; a later one replaces the first.
    private static func setting(_ text: String) -> String {
        let words = text.split(separator: " ")
        let isOfNeighbor = words.count == 4 && words[2] == "peer-group"
        return (isOfNeighbor ? words[...] : words.prefix(words.first == "no" ? 4 : 3)).joined(separator: " ")
    }

    private static func opposite(_ text: String) -> String {
        text.hasPrefix("no ") ? String(text.dropFirst(3)) : "no \(text)"
    }
}
