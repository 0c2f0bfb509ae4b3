import Foundation
import Model

extension Doctor {
    /// Whether FRR can carry networks by EVPN. Nothing is missing where no FRR is installed: only such networks need it.
    func routing() async throws(HostError) -> [Finding] {
        let script = #"""
            command -v vtysh >/dev/null || { echo missing; exit; }
            [[ -f /etc/frr/frr.conf ]] && echo file
            grep -q '^! infra:.* begin$' /etc/frr/frr.conf 2>/dev/null && echo used
            vtysh -c 'show daemons' 2>/dev/null || true
            """#
        let text = try await commands.run("bash", ["-c", script], deadline: .seconds(10)).text
        return [Self.routingFinding(Set(text.split(whereSeparator: \.isWhitespace).map(String.init)))]
    }

    static func routingFinding(_ words: Set<String>) -> Finding {
        let check = "frr"
        if words.contains("missing") {
            return Finding(.ok, check, "FRR is not installed, which only networks with flooding: evpn need")
        }
        guard words.isSuperset(of: ["zebra", "bgpd"]) else {
            let message = "FRR's zebra or bgpd does not run"
            guard words.contains("used") else {
                return Finding(.ok, check, message + ", which only networks with flooding: evpn need")
            }
            return Finding(
                .problem, check, message + ", and a network is carried by EVPN",
                remedy: "write bgpd=yes in /etc/frr/daemons, then systemctl restart frr")
        }
        guard words.contains("file") else {
            return Finding(
                .warning, check, "FRR has no /etc/frr/frr.conf, so EVPN is not kept when it starts anew",
                remedy: "vtysh -c 'write integrated'")
        }
        return Finding(.ok, check, "FRR's zebra and bgpd run, with /etc/frr/frr.conf")
    }
}
