import Foundation
import Hosts
import Model
import TestSupport
import Testing

@testable import Drivers

/// What somebody did to a domain since the plan was made, found before the effect.
extension ComputeLiveTests {
    /// Defines the domain anew as a person with an editor would.
    private func redefine(_ edit: (inout XMLElement) -> Void) throws {
        var domain = try dump("--inactive", "--security-info")
        edit(&domain)
        try Data(domain.xmlText.utf8).write(to: URL(filePath: "/tmp/guard.xml"))
        try Shell.run("virsh", "define", "/tmp/guard.xml")
    }

    private func editRoot(_ domain: inout XMLElement, _ edit: (inout XMLElement) -> Void) {
        domain.edit("devices") { $0.editFirst(where: { $0.alias == "ua-disk-root" }, edit) }
    }

    @Test func aDiskThatIsReadFromElsewhereStays() async throws {
        try await withDriver { driver in
            var machine = try machine()
            try await driver.define(machine, deadline: deadline)
            let elsewhere = "/var/lib/infra/compute/live.snapshot"
            try redefine { editRoot(&$0) { $0.edit("source") { $0["file"] = elsewhere } } }
            let before = try Shell.run("virsh", "dumpxml", "--inactive", "live")
            machine.spec.memory = .init(size: .mebibytes(96))
            await #expect(throws: HostError.surprise("the disk root is \(elsewhere), no volume of this fleet")) {
                try await driver.update(machine, deadline: deadline)
            }
            #expect(try Shell.run("virsh", "dumpxml", "--inactive", "live") == before)
        }
    }

    @Test func aDiskWithoutItsAliasIsNotTakenTwice() async throws {
        try await withDriver { driver in
            let machine = try machine()
            try await driver.define(machine, deadline: deadline)
            let before = try Shell.run("virsh", "domblklist", "live", "--inactive")
            try redefine { editRoot(&$0) { $0.remove("alias") } }
            try await driver.update(machine, deadline: deadline)
            #expect(try Shell.run("virsh", "domblklist", "live", "--inactive") == before)
            #expect(try Shell.run("virsh", "dumpxml", "--inactive", "live").contains("<alias name='ua-disk-root'/>"))
        }
    }

    @Test func aNameThatIsTakenStopsNothing() async throws {
        try await withDriver { driver in
            var machine = try machine()
            try await driver.define(machine, deadline: deadline)
            try await driver.start(machine, deadline: deadline)
            let other =
                "<domain type='qemu'><name>other</name><memory unit='MiB'>32</memory><os><type>hvm</type></os></domain>"
            try Data(other.utf8).write(to: URL(filePath: "/tmp/guard.xml"))
            try Shell.run("virsh", "define", "/tmp/guard.xml")
            machine.metadata = Metadata(name: "other", id: "live")
            let number = try Shell.run("virsh", "domid", "live")
            await #expect(throws: HostError.surprise("another domain is called other already")) {
                try await driver.restart(machine, grace: .zero, deadline: deadline)
            }
            #expect(try Shell.run("virsh", "domid", "live") == number)
        }
    }

    @Test func snapshotsKeepAMachineFromItsRemoval() async throws {
        try await withDriver { driver in
            var machine = try machine()
            machine.spec.disks.removeFirst()
            try await driver.define(machine, deadline: deadline)
            try await driver.checkRemoval(machine, deadline: deadline)
            try Shell.run("virsh", "snapshot-create-as", "live", "before")
            await #expect(
                throws: HostError.surprise(
                    "domain live has snapshots, which hold data; it is not stopped, remove them before")
            ) { try await driver.checkRemoval(machine, deadline: deadline) }
            try Shell.run("virsh", "snapshot-delete", "live", "before")
            try await driver.checkRemoval(machine, deadline: deadline)
        }
    }

    @Test func whoLostTheLockEndsNothing() async throws {
        try await withDriver { driver in
            let machine = try machine()
            try await driver.define(machine, deadline: deadline)
            try await driver.start(machine, deadline: deadline)
            let lost = HostError.surprise("the host's lock was lost meanwhile; nothing more is done")
            await #expect(throws: lost) {
                try await driver.stop(machine, grace: .zero, deadline: deadline, isHeld: { false })
            }
            await #expect(throws: lost) {
                try await driver.restart(machine, grace: .seconds(1), deadline: deadline, isHeld: { false })
            }
            #expect(try Shell.run("virsh", "domstate", "live").contains("running"))
        }
    }

    @Test func whatIsSavedIsSeenAndLeftAsItIs() async throws {
        try await withDriver { driver in
            var machine = try machine()
            try await driver.define(machine, deadline: deadline)
            try await driver.start(machine, deadline: deadline)
            try Shell.run("virsh", "managedsave", "live")
            #expect(try await observed(driver).status?.state == .saved)
            let before = try Shell.run("virsh", "dumpxml", "--inactive", "live")
            machine.spec.memory = .init(size: .mebibytes(96))
            await #expect(
                throws: HostError.surprise(
                    "VirtualMachine/live is saved by now, and a change would not fit its memory")
            ) { try await driver.update(machine, deadline: deadline) }
            await #expect(throws: HostError.self) { try await driver.undefine(machine, deadline: deadline) }
            #expect(try Shell.run("virsh", "dumpxml", "--inactive", "live") == before)
            #expect(try Shell.run("virsh", "list", "--all", "--managed-save").contains("saved"))
            try await driver.start(machine, deadline: deadline)
            #expect(try Shell.run("virsh", "domstate", "--reason", "live").contains("restored"))
        }
    }
}
