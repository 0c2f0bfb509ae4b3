import Hosts
import Model

extension FRRConfiguration {
    /// `router bgp` of the default VRF in a configuration as FRR writes it, all places joined; nil when there is none.
    static func router(in text: String) -> Router? {
        var router: Router?
        var isInside = false
        var family = ""
        for line in text.split(separator: "\n") {
            guard let asn = asn(of: line) else {
                guard isInside, !line.hasPrefix("!") else { continue }
                guard line.hasPrefix(" ") else {
                    isInside = false
                    continue
                }
                let words = line.split(separator: " ")
                if words.first == "address-family" {
                    family = words.dropFirst().joined(separator: " ")
                } else if words == ["exit-address-family"] {
                    family = ""
                } else if let first = words.first, first != "!" {
                    router?.lines.append(Line(family: family, text: words.joined(separator: " ")))
                }
                continue
            }
            (isInside, family) = (true, "")
            if router == nil { router = Router(asn: asn, lines: []) }
        }
        return router
    }

    /// The file with the fleet's part as wanted; every other byte is as it was.
    func file(_ text: String, with wanted: EVPN?) -> String {
        let rest = withoutOurs(text)
        guard let wanted else { return rest }
        let activates = Self.router(in: rest)?.activatesUnicast ?? true
        let part = [begin] + block(wanted.asn, lines(wanted, activatesUnicast: activates)) + [end]
        return rest + (rest.isEmpty || rest.hasSuffix("\n") ? "" : "\n") + part.joined(separator: "\n") + "\n"
    }

    private var begin: String { "! \(identity.firewallMark) begin" }
    private var end: String { "! \(identity.firewallMark) end" }

    /// The file without the marked part, and without what FRR itself has saved of it (`write memory` keeps no comment).
    private func withoutOurs(_ text: String) -> String {
        let seen = read(Self.router(in: text)).ours
        let isAlone = Self.router(in: text)?.lines.allSatisfy { isOurs($0) || isOfRouter($0) } == true
        var kept: [Substring] = []
        var (isMarked, isInside, family) = (false, false, "")
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line == begin { isMarked = true }
            defer { if line == end { isMarked = false } }
            guard !isMarked, line != end else { continue }
            if Self.asn(of: line) != nil {
                (isInside, family) = (true, "")
            } else if isInside, !line.hasPrefix(" "), !line.hasPrefix("!") {
                isInside = false
                if line == "exit", seen?.ownsRouter == true, isAlone { continue }
            }
            let words = line.split(separator: " ")
            if words.first == "address-family" { family = words.dropFirst().joined(separator: " ") }
            let said = Line(family: family, text: words.joined(separator: " "))
            if isInside, let seen {
                if seen.ownsRouter, isAlone { continue }
                if isOurs(said) || seen.ownsAdvertising && said == Line(family: Self.evpn, text: Self.advertising) {
                    continue
                }
            }
            kept.append(line)
        }
        return kept.joined(separator: "\n")
    }

    private static func asn(of line: Substring) -> Int? {
        let words = line.split(separator: " ")
        guard line.hasPrefix("router bgp "), words.count == 3 else { return nil }
        return Int(words[2])
    }
}
