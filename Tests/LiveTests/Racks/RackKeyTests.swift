import Foundation
import Testing

extension RackTests {
    /// A host whose key is not the right one is not spoken to, and the rest goes on.
    @Suite struct RackKeyTests {
        private let one = RackHost.all[0]
        private let two = RackHost.all[1]

        /// A plan of two hosts of which the second cannot be used.
        private func plan(
            _ name: String, ssh: String, keys: (RackFleet) async throws -> String? = { _ in nil },
            _ check: (Ended, RackFleet) async throws -> Void
        ) async throws {
            try await withRacks(name) { fleet in
                try fleet.writeBase(networks: ["net": 6010])
                try fleet.writeHost(one, ssh: "hostKey: \"\(try one.hostKey)\"")
                try fleet.writeHost(two, ssh: ssh)
                try fleet.writeMachine("first", on: one, network: "net", address: 11, power: "stopped")
                try fleet.writeMachine("second", on: two, network: "net", address: 12, power: "stopped")
                try await check(try await fleet.infra("plan", keys: try await keys(fleet)), fleet)
            }
        }

        @Test func aPinnedKeyThatIsNotTheHosts() async throws {
            try await plan("pinned", ssh: "hostKey: \"\(try one.hostKey)\"") { plan, _ in
                #expect(plan.output.contains("Host/rack-2"), "\(plan)")
                #expect(
                    plan.output.contains("presents another key than its manifest's hostKey, but SHA256:"), "\(plan)")
                // Nothing of the first waits for it but what is new: whether that is on the second is not known.
                #expect(plan.output.contains("StoragePool/disks on rack-1"), "\(plan)")
                #expect(!plan.output.contains("on rack-2\n"), "\(plan)")
            }
        }

        @Test func aHostThatNobodyKnowsIsNotTrusted() async throws {
            try await plan("unknown", ssh: "") { fleet in
                try await sh(
                    #"""
                    cp "$1/id_ed25519" "$2/empty"
                    grep -v host-2 "$1/known_hosts" >"$2/empty/known_hosts"
                    """#, try keysOfLab(), fleet.home)
                return fleet.home + "/empty"
            } _: { plan, fleet in
                #expect(plan.output.contains("known_hosts has no key of root@192.0.2.12"), "\(plan)")
                let known = try String(contentsOfFile: fleet.home + "/empty/known_hosts", encoding: .utf8)
                #expect(!known.contains("host-2") && !known.contains(two.address))
            }
        }

        @Test func noKnownHostsAndNoPinIsRefused() async throws {
            try await plan("nothing", ssh: "") { fleet in
                try await sh(#"cp "$1/id_ed25519" "$2/empty""#, try keysOfLab(), fleet.home)
                return fleet.home + "/empty"
            } _: { plan, _ in
                #expect(plan.output.contains("its manifest pins no hostKey, and known_hosts of"), "\(plan)")
            }
        }

        @Test func aKeyThatOthersCanReadOrThatIsALinkIsRefused() async throws {
            try await plan("loose", ssh: "identity: loose, hostKey: \"\(try two.hostKey)\"") { fleet in
                try await sh(
                    #"""
                    cp "$1/id_ed25519" "$2/empty"
                    install -m 0644 "$1/id_ed25519" "$2/empty/loose"
                    """#, try keysOfLab(), fleet.home)
                return fleet.home + "/empty"
            } _: { plan, fleet in
                #expect(plan.output.contains("the key loose can be read by others; give the file mode 0600"), "\(plan)")
                try await sh(#"ln -sf id_ed25519 "$1/empty/loose""#, fleet.home)
                let next = try await fleet.infra("plan", keys: fleet.home + "/empty")
                #expect(next.output.contains("the key loose is a link"), "\(next)")
            }
        }

        /// A key that the host does not let in, and no agent or other key in its place.
        @Test func onlyTheNamedKeyIsTried() async throws {
            try await plan("stranger", ssh: "identity: stranger, hostKey: \"\(try two.hostKey)\"") { fleet in
                try await sh(
                    #"""
                    cp "$1/id_ed25519" "$2/empty"
                    ssh-keygen -q -t ed25519 -N '' -f "$2/empty/stranger"
                    """#, try keysOfLab(), fleet.home)
                return fleet.home + "/empty"
            } _: { plan, _ in
                #expect(plan.output.contains("Permission denied (publickey)"), "\(plan)")
            }
        }
    }
}
