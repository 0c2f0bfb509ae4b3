import Foundation
import Hosts
import Model
import TestSupport
import Testing

@testable import Drivers

/// The compute driver on a real libvirt, each effect seen by `virsh`.
@Suite(.serialized, .enabled(if: Lab.isHere, "needs a lab host"))
struct ComputeLiveTests {
    let deadline = Duration.seconds(30)
    let identity = ComputeFixtures.identity

    /// Runs the body with a driver, and leaves no domain of the test behind.
    func withDriver(_ body: (ComputeDriver) async throws -> Void) async throws {
        clean()
        let connection = try await LibvirtConnection.open(uri: "qemu:///system", deadline: deadline)
        do {
            try await body(ComputeDriver(connection: connection, host: "server-1", identity: identity))
        } catch {
            clean()
            throw error
        }
        clean()
        try await connection.close(deadline: deadline)
    }

    private func clean() {
        for name in ["live", "live-2", "foreign", "other"] {
            _ = try? Shell.run("virsh", "destroy", name)
            _ = try? Shell.run("virsh", "undefine", name)
        }
        _ = try? Shell.run("ip", "link", "del", "tb-compute")
    }

    /// A machine with a seed, two disks and one interface on a bridge of the test's own.
    func machine() throws -> VirtualMachine {
        try Shell.run("ip", "link", "add", "tb-compute", "type", "bridge")
        try Shell.run("ip", "link", "set", "tb-compute", "mtu", "1450", "up")
        let folder = "/var/lib/infra/compute"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var machine = ComputeFixtures.bare("live")
        machine.spec.disks = [
            ComputeFixtures.disk("data", of: "live", bus: .scsi, format: .raw),
            ComputeFixtures.disk("root", of: "live", order: 1),
        ]
        for index in machine.spec.disks.indices {
            let disk = machine.spec.disks[index]
            let path = folder + "/" + identity.volumeFileName("live.\(disk.name)", disk.format ?? .raw)
            try? FileManager.default.removeItem(atPath: path)
            try Shell.run("qemu-img", "create", "-q", "-f", disk.format?.rawValue ?? "", path, "16M")
            machine.spec.disks[index].path = path
        }
        let seed = folder + "/" + identity.seedFileName(machine: "live")
        try Data(count: 4096).write(to: URL(filePath: seed))
        machine.spec.seed = .init(path: seed)
        machine.spec.interfaces = [interface("eth0")]
        machine.spec.console = .init(serialLogPath: "/var/log/libvirt/qemu/live.console.log", vnc: .init())
        machine.spec.protect = true
        return machine
    }

    private func interface(_ name: String) -> VirtualMachine.Interface {
        var interface = ComputeFixtures.interface(name, of: "live", network: "office")
        interface.bridge = "tb-compute"
        return interface
    }

    func observed(_ driver: ComputeDriver) async throws -> VirtualMachine {
        let observation = await driver.observe(deadline: deadline)
        #expect(observation.unknown.isEmpty)
        return try #require(observation.machines.first { $0.metadata.identity == "live" })
    }

    func dump(_ arguments: String...) throws -> XMLElement {
        let text = try Shell.run(["virsh", "dumpxml", "live"] + arguments)
        return try XMLElement(parsing: text, from: "virsh dumpxml", keepingBlanks: false)
    }

    private func readable(_ machine: VirtualMachine, running: Bool) -> VirtualMachine.Spec {
        var spec = ComputeFixtures.readable(machine)
        spec.power = running ? .running : .stopped
        return spec
    }

    @Test func aMachineLivesAndDies() async throws {
        try await withDriver { driver in
            var machine = try machine()
            machine.spec.autostart = true
            try await driver.define(machine, deadline: deadline)
            var seen = try await observed(driver)
            #expect(seen.spec == readable(machine, running: false))
            #expect(seen.status?.state == .off && seen.status?.unmanaged == [])
            #expect(seen.status?.protected == true && seen.status?.uuid == machine.status?.uuid)
            #expect(try Shell.run("virsh", "dominfo", "live").contains("Autostart:      enable"))
            machine.spec.autostart = false
            try await driver.setAutostart(machine, deadline: deadline)
            #expect(try Shell.run("virsh", "dominfo", "live").contains("Autostart:      disable"))

            await #expect(throws: HostError.self) { try await driver.define(machine, deadline: deadline) }
            let before = try Shell.run("virsh", "dumpxml", "--inactive", "--security-info", "live")
            try await driver.update(machine, deadline: deadline)
            #expect(try Shell.run("virsh", "dumpxml", "--inactive", "--security-info", "live") == before)

            try await driver.start(machine, deadline: deadline)
            try await driver.start(machine, deadline: deadline)
            #expect(try Shell.run("virsh", "domstate", "live").contains("running"))
            seen = try await observed(driver)
            #expect(seen.spec == readable(machine, running: true))
            #expect(seen.status?.live == nil && seen.status?.state == .running)
            await #expect(throws: HostError.surprise("domain live runs")) {
                try await driver.undefine(machine, deadline: deadline)
            }
            // No guest hears the power button here: the grace period passes.
            try await driver.stop(machine, grace: .seconds(1), deadline: deadline)
            try await driver.stop(machine, grace: .seconds(1), deadline: deadline)
            #expect(try Shell.run("virsh", "domstate", "live").contains("shut off"))
            try await driver.undefine(machine, deadline: deadline)
            try await driver.undefine(machine, deadline: deadline)
            #expect(try !Shell.run("virsh", "list", "--all", "--name").contains("live"))
            await #expect(throws: HostError.surprise("VirtualMachine/live has no domain")) {
                try await driver.start(machine, deadline: deadline)
            }
        }
    }

    /// Made by `Tests/Lab/guest-image .build/guest`.
    static let guest = Lab.repository.appending(path: ".build/guest")
    static let hasGuest = FileManager.default.fileExists(atPath: guest.appending(path: "initrd").path)

    @Test(.enabled(if: hasGuest, "needs the guest in .build/guest"))
    func aGuestIsAskedToStop() async throws {
        try await withDriver { driver in
            var machine = try machine()
            machine.spec.memory = .init(size: .mebibytes(128))
            let log = "/var/log/libvirt/qemu/live.console.log"
            machine.spec.boot = .init(
                kernel: nil, commandLine: "console=ttyS0 no_timer_check quiet panic=-1",
                kernelPath: Self.guest.appending(path: "vmlinuz").path,
                initrdPath: Self.guest.appending(path: "initrd").path)
            machine.spec.disks[1].bootOrder = nil
            try? FileManager.default.removeItem(atPath: log)
            try await driver.define(machine, deadline: deadline)
            try await driver.start(machine, deadline: deadline)
            // At once, long before the guest can hear: it has to be asked again.
            try await driver.stop(machine, grace: .seconds(90), deadline: deadline)
            #expect(try Shell.run("virsh", "domstate", "--reason", "live").contains("shut off (shutdown)"))
            let console = try String(contentsOfFile: log, encoding: .utf8)
            #expect(console.contains("powering off"))
        }
    }

    @Test func aPatchKeepsWhatOthersDid() async throws {
        try await withDriver { driver in
            var machine = try machine()
            try await driver.define(machine, deadline: deadline)
            try handEdit()
            try await driver.start(machine, deadline: deadline)
            let before = try dump("--inactive", "--security-info")

            machine.spec.memory = .init(size: .mebibytes(96))
            machine.spec.interfaces.append(interface("eth1"))
            try await driver.update(machine, deadline: deadline)
            let after = try dump("--inactive", "--security-info")

            var seen = try await observed(driver)
            #expect(seen.spec == readable(machine, running: true))
            #expect(seen.status?.live?.memory.size == .mebibytes(64))
            #expect(seen.status?.live?.interfaces.map(\.name) == ["eth0"])
            #expect(seen.status?.unmanaged == ["interface 52:54:00:00:77:01 on tb-compute"])

            #expect(after.first("qemu:commandline") == before.first("qemu:commandline"))
            #expect(after.first("qemu:commandline") != nil)
            #expect(after.first("metadata")?.first("app:note") == before.first("metadata")?.first("app:note"))
            #expect(after.first("metadata")?.first("app:note") != nil)
            let devices = try #require(after.first("devices")?.elements)
            #expect(devices.first { $0.name == "graphics" }?["passwd"] == "geheim")
            for device in before.first("devices")?.elements ?? [] { #expect(devices.contains(device)) }
            let added = devices.filter { $0.alias == "ua-nic-eth1" }
            #expect(added.count == 1 && added.first?.first("address") != nil)
            #expect(devices.count == (before.first("devices")?.elements.count ?? 0) + 1)

            try await driver.restart(machine, grace: .zero, deadline: deadline)
            seen = try await observed(driver)
            #expect(seen.status?.state == .running && seen.status?.live == nil)
            let live = try dump().first("devices")?.elements ?? []
            for device in devices where device.alias?.hasPrefix("ua-") == true {
                let now = live.first { $0.alias == device.alias }
                #expect(now?.first("address") == device.first("address"), "\(device.xmlText)")
            }
        }
    }

    /// What a person does with virsh: a command line for QEMU, a password, metadata, an interface.
    private func handEdit() throws {
        var domain = try dump("--inactive", "--security-info")
        let namespace = "http://libvirt.org/schemas/domain/qemu/1.0"
        domain.attributes.append(.init("xmlns:qemu", namespace))
        domain.insert(
            XMLElement(
                "qemu:commandline", [],
                [
                    XMLElement("qemu:arg", [.init("value", "-name")]),
                    XMLElement("qemu:arg", [.init("value", "by hand")]),
                ]))
        domain.edit("metadata") {
            $0.insert(XMLElement("app:note", [.init("xmlns:app", "urn:app"), .init("by", "hand")]))
        }
        domain.edit("devices") { devices in
            devices.editFirst(where: { $0.name == "graphics" }) { $0["passwd"] = "geheim" }
            devices.insert(
                XMLElement(
                    "interface", [.init("type", "bridge")],
                    [
                        XMLElement("mac", [.init("address", "52:54:00:00:77:01")]),
                        XMLElement("source", [.init("bridge", "tb-compute")]),
                        XMLElement("model", [.init("type", "virtio")]),
                    ]))
        }
        try Data(domain.xmlText.utf8).write(to: URL(filePath: "/tmp/hand-edit.xml"))
        try Shell.run("virsh", "define", "/tmp/hand-edit.xml")
    }

    @Test func aNewNameComesWithTheRestart() async throws {
        try await withDriver { driver in
            var machine = try machine()
            try await driver.define(machine, deadline: deadline)
            try await driver.start(machine, deadline: deadline)
            machine.metadata = Metadata(name: "live-2", id: "live")
            try await driver.update(machine, deadline: deadline)
            #expect(try await observed(driver).metadata.name == "live")
            try await driver.restart(machine, grace: .zero, deadline: deadline)
            #expect(try await observed(driver).metadata == machine.metadata)
            #expect(try Shell.run("virsh", "domstate", "live-2").contains("running"))
            try await driver.forceOff(machine, deadline: deadline)
            try await driver.forceOff(machine, deadline: deadline)
            machine.metadata = Metadata(name: "live")
            try await driver.update(machine, deadline: deadline)
            #expect(try await observed(driver).metadata == machine.metadata)
        }
    }

    @Test func disksOnlyGrow() async throws {
        try await withDriver { driver in
            let machine = try machine()
            try await driver.define(machine, deadline: deadline)
            await #expect(throws: HostError.surprise("domain live does not run")) {
                try await driver.growDisk(machine: machine, disk: "root", to: .mebibytes(32), deadline: deadline)
            }
            try await driver.start(machine, deadline: deadline)
            for disk in ["root", "data"] {
                try await driver.growDisk(machine: machine, disk: disk, to: .mebibytes(32), deadline: deadline)
                try await driver.growDisk(machine: machine, disk: disk, to: .mebibytes(32), deadline: deadline)
                await #expect(throws: HostError.surprise("the disk has 32MiB, more than 16MiB; it is not shrunk")) {
                    try await driver.growDisk(machine: machine, disk: disk, to: .mebibytes(16), deadline: deadline)
                }
                let path = try #require(machine.spec.disks.first { $0.name == disk }?.path)
                #expect(try Shell.run("qemu-img", "info", "-U", path).contains("virtual size: 32 MiB"))
            }
            await #expect(throws: HostError.surprise("domain live has no disk nope")) {
                try await driver.growDisk(machine: machine, disk: "nope", to: .mebibytes(32), deadline: deadline)
            }
        }
    }

    @Test func foreignDomainsAreLeftAlone() async throws {
        try await withDriver { driver in
            let machine = try machine()
            let other = ComputeDriver(
                connection: driver.connection, host: "server-1", identity: Identity(fleet: UUID()))
            // The same name, no mark.
            let definition = """
                <domain type='qemu'><name>live</name><memory unit='MiB'>32</memory><os><type>hvm</type></os><devices>
                <interface type='bridge'><mac address='52:54:00:00:77:02'/><source bridge='tb-compute'/></interface>
                </devices></domain>
                """
            try Data(definition.utf8).write(to: URL(filePath: "/tmp/foreign.xml"))
            try Shell.run("virsh", "define", "/tmp/foreign.xml")
            let before = try Shell.run("virsh", "dumpxml", "--inactive", "live")
            let foreign = await driver.observe(deadline: deadline).foreign
            #expect(foreign.map(\.name) == ["live"])
            #expect(foreign.first?.macs == [try #require(MACAddress("52:54:00:00:77:02"))])
            #expect(foreign.first?.cpu == nil)
            await #expect(throws: HostError.surprise("another domain is called live already")) {
                try await driver.define(machine, deadline: deadline)
            }
            #expect(try Shell.run("virsh", "dumpxml", "--inactive", "live") == before)
            try Shell.run("virsh", "undefine", "live")

            try await driver.define(machine, deadline: deadline)
            let seen = await other.observe(deadline: deadline)
            #expect(seen.machines.isEmpty)
            #expect(seen.foreign.first?.owner == "fleet \(identity.fleet.lowercased)")
            let start = { @Sendable (machine: VirtualMachine, deadline: Duration) async throws(HostError) in
                try await other.start(machine, deadline: deadline)
            }
            for step in [other.update, other.undefine, start, other.forceOff] {
                await #expect(throws: HostError.self) { try await step(machine, deadline) }
            }
            #expect(try Shell.run("virsh", "domstate", "live").contains("shut off"))
        }
    }

    @Test func aHungLibvirtdMeetsTheDeadline() async throws {
        try await withDriver { driver in
            let machine = try machine()
            try await driver.define(machine, deadline: deadline)
            let text = try String(contentsOfFile: "/run/libvirtd.pid", encoding: .utf8)
            let process = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
            kill(process, SIGSTOP)
            let start = ContinuousClock.now
            await #expect(throws: HostError.self) { try await driver.start(machine, deadline: .milliseconds(300)) }
            let unknown = await driver.observe(deadline: .milliseconds(300)).unknown
            await #expect(throws: HostError.deadline(call: "virConnectOpen")) {
                try await LibvirtConnection.open(uri: "qemu:///system", deadline: .milliseconds(300))
            }
            let took = ContinuousClock.now - start
            kill(process, SIGCONT)
            #expect(took < .seconds(3))
            #expect(unknown.map(\.area) == [.compute] && unknown.first?.resource == nil)
            #expect(try await observed(driver).metadata.name == "live")
        }
    }
}

/// Other tools than ours, to see what ours did.
enum Shell {
    struct Failure: Error {
        let command: [String]
        let output: String
    }

    @discardableResult static func run(_ command: String...) throws -> String { try run(command) }

    static func run(_ command: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(command: command, output: text) }
        return text
    }
}
