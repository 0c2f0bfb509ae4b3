import Foundation
import Model
import Testing

@testable import Drivers
@testable import Hosts

/// What tgtd says of its targets.
@Suite struct TargetTests {
    private static func unit(_ number: Int, _ path: String, type: String = "disk") -> String {
        """
                LUN: \(number)
                    Type: \(type)
                    SCSI ID: IET     0001000\(number)
                    Size: 34 MB, Block size: 512
                    Online: Yes
                    Backing store type: rdwr
                    Backing store path: \(path)
                    Backing store flags: 

        """
    }

    /// As tgtd 1.0.85 writes it.
    private static let text = """
        Target 1: iqn.2026-01.example:disks
            System information:
                Driver: iscsi
                State: ready
            I_T nexus information:
                I_T nexus: 3
                    Initiator: iqn.2008-11.org.linux-kvm:6f0a1d52-3c0e-4b3e-9a57-0d3c9b7e5f11 alias: none
                    Connection: 0
                        IP Address: 192.0.2.11
            LUN information:
        \(unit(0, "None", type: "controller"))\(unit(16_383, "/srv/with space: and colon"))\(unit(2, "/srv/two.raw"))\
            Account information:
                backup
            ACL information:
                ALL
        Target 12: iqn.2026-01.example:other
            System information:
                Driver: iscsi
            LUN information:
        \(unit(0, "None", type: "controller"))
        """

    @Test func targetsAreRead() throws {
        let targets = try TargetListing(Self.text).targets
        #expect(targets.map(\.number) == [1, 12])
        #expect(
            targets.map(\.contents) == [
                ISCSITarget(
                    name: "iqn.2026-01.example:disks",
                    units: [
                        ISCSITarget.Unit(number: 2, path: "/srv/two.raw"),
                        ISCSITarget.Unit(number: 16_383, path: "/srv/with space: and colon"),
                    ]), ISCSITarget(name: "iqn.2026-01.example:other"),
            ])
        #expect(
            targets.map(\.initiators) == [
                ["iqn.2008-11.org.linux-kvm:6f0a1d52-3c0e-4b3e-9a57-0d3c9b7e5f11"], [],
            ])
        #expect(try TargetListing("").targets.isEmpty)
    }

    @Test(arguments: ["tgtd is busy\n", "Target x: y\n", "            Backing store path: /a\n"])
    func otherWordsAreNoAnswer(text: String) { #expect(throws: HostError.self) { try TargetListing(text) } }
}
