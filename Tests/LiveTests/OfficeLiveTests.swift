import Foundation
import Model
import TestSupport
import Testing

extension LiveTests {
    /// The example, at its full size, on the host it is made for.
    @Suite struct OfficeLiveTests {
        static let addresses = ["secretary-1": 11, "secretary-2": 12, "artist": 13, "file-server": 14]

        @Test func convergesAndIsMended() async throws {
            try await withFleet("office") { office in
                try await office.writeOffice()
                let first = try await office.apply()
                #expect(first.status == 0 && first.lastLine == "No changes.", "\(first)")
                // A lab host has no KVM, and the office asks for what there is.
                let reason = "no KVM: there is no /dev/kvm"
                #expect(
                    first.output.contains("Host/server-1: guests run by TCG, many times slower than by KVM: \(reason)"),
                    "\(first)")
                let second = try await office.apply()
                #expect(second.status == 0 && second.output == "No changes.\n", "\(second)")
                let guests = Set(Self.addresses.keys)
                #expect(try await Virsh.running() == guests)
                try await allReachEachOther(office, guests)

                var processes: [String: String] = [:]
                for guest in guests { processes[guest] = try await Virsh.process(guest) }
                let foreign = office.pool + "/holiday.raw"
                let before = try await sh(
                    #"head -c 100000 /dev/urandom >"$1"; stat -c '%i %a %s %Y' "$1"; sha256sum "$1""#, foreign)
                let tunnel = try await sh(
                    #"basename "$(dirname "$(grep -l "^infra:$1:Network/office$" /sys/class/net/iv*/ifalias)")""#,
                    office.id.lowercased)
                try await sh(#"virsh destroy secretary-2; ip link del "$1""#, tunnel)

                let status = try await office.infra("status")
                #expect(status.status == 1)
                let lines = status.output.split(separator: "\n")
                let drifts = lines.filter { $0.hasPrefix("drift: ") }.map { $0.split(separator: " ")[1] }
                #expect(drifts == ["Network/office", "VirtualMachine/secretary-2"], "\(status)")
                #expect(lines.filter { $0.hasPrefix("foreign: ") } == ["foreign: file \(foreign) on server-1"])
                #expect(!status.output.contains("blocked: "), "\(status)")
                #expect(
                    lines.contains { $0.hasPrefix("Host server-1: ") && $0.contains("tcg (\(reason))") }, "\(status)")

                let seen = GuestConsole("secretary-2", of: office).lines().count
                let mended = try await office.apply()
                #expect(mended.status == 0 && mended.lastLine == "No changes.", "\(mended)")
                #expect(try await Virsh.running() == guests)
                #expect(
                    try await sh(#"ip -d -j link show "$1" | jq -r '.[].linkinfo.info_data.id'"#, tunnel) == "10010")
                #expect(try await sh(#"stat -c '%i %a %s %Y' "$1"; sha256sum "$1""#, foreign) == before)
                for guest in guests where guest != "secretary-2" {
                    #expect(try await Virsh.process(guest) == processes[guest], "\(guest)")
                }
                for last in [11, 13, 14] {
                    try await GuestConsole("secretary-2", of: office)
                        .tells("secretary-2 reaches 10.20.0.\(last)", after: seen)
                }
            }
        }

        @Test func doesNotFitWithoutOvercommit() async throws {
            try await withFleet("office") { office in
                try await office.writeOffice()
                try office.edit("fleet.yaml", "{cpu: 1.25, memory: 1.25}", "{cpu: 1.0, memory: 1.0}")
                let before = try await HostState.objects()
                let plan = try await office.infra("plan")
                #expect(plan.status == 1)
                #expect(plan.output.contains("): 1 CPU missing"), "\(plan)")
                #expect(plan.output.contains("): 2 GiB missing") || plan.output.contains("): 2GiB missing"), "\(plan)")
                let apply = try await office.apply("--allow", "data-loss")
                #expect(apply.status == 4 && apply.output.contains("GiB missing"), "\(apply)")
                #expect(try await HostState.objects().changes(since: before) == [])
                // The same fleet fits once the overcommit is back.
                try office.edit("fleet.yaml", "{cpu: 1.0, memory: 1.0}", "{cpu: 1.25, memory: 1.25}")
                #expect(try await office.infra("plan").status == 0)
            }
        }

        private func allReachEachOther(_ office: TestFleet, _ guests: Set<String>) async throws {
            for guest in guests {
                for (other, last) in Self.addresses where other != guest {
                    try await GuestConsole(guest, of: office).tells("\(guest) reaches 10.20.0.\(last)")
                }
            }
        }
    }
}

extension TestFleet {
    /// The example's manifests under this fleet's identity, with their pool in its folder.
    func writeOffice() async throws {
        let example = Lab.repository.appending(path: "Examples/office").path(percentEncoded: false)
        try await sh(#"cp "$1"/*.yaml "$2""#, example, manifests)
        let old = try read("fleet.yaml").firstMatch(of: /id: ([0-9a-f-]{36})/)?.output.1
        guard let old else { throw Failure("the office has no id") }
        try edit("fleet.yaml", String(old), id.lowercased)
        try edit("fleet.yaml", "/var/lib/infra/disks", pool)
    }
}
