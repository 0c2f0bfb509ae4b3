import Foundation
import Hosts
import Model
import Testing

@testable import Drivers

@Suite struct ComputePatchTests {
    private let identity = ComputeFixtures.identity

    private func definition(_ machine: VirtualMachine) -> XMLElement {
        DomainPatch(machine: machine, identity: identity).newDomain()
    }

    private func patched(_ domain: XMLElement, to machine: VirtualMachine) -> XMLElement {
        var domain = domain
        DomainPatch(machine: machine, identity: identity).apply(to: &domain)
        return domain
    }

    @Test func newDefinitionsReadAsDeclared() {
        for seed in 0..<500 {
            let machine = ComputeFixtures.random(UInt64(seed))
            #expect(
                ComputeFixtures.read(definition(machine), as: machine) == ComputeFixtures.readable(machine),
                "seed \(seed)")
        }
    }

    /// What looks like the end of an element or the begin of QEMU's own arguments is text, and reads back equal.
    @Test(
        "hostile XML: </title><qemu:commandline>, ]]> in a value",
        arguments: [
            "</title><qemu:commandline><qemu:arg value='-S'/></qemu:commandline>", "]]>", "<![CDATA[x]]>", "&lt;",
            "'\"><!--",
            "</cmdline></os><devices/>",
        ])
    func markupInValuesIsText(_ text: String) throws {
        var machine = ComputeFixtures.artist()
        machine.spec.boot = .init(kernel: nil, commandLine: text, kernelPath: "/k", initrdPath: nil)
        let domain = definition(machine)
        let parsed = try XMLElement(parsing: pretty(domain), from: "test")
        #expect(parsed.xmlText.contains("commandline") == false || text.contains("commandline"))
        #expect(parsed.elements("commandline").isEmpty && parsed.elements("devices").count == 1)
        #expect(parsed.first("os")?.first("cmdline")?.text == text)
        #expect(ComputeFixtures.read(parsed, as: machine)?.boot?.commandLine == text)
    }

    @Test func patchedDefinitionsReadAsDeclared() {
        for seed in 0..<500 {
            let old = ComputeFixtures.random(UInt64(seed))
            let new = ComputeFixtures.random(UInt64(seed + 10_000))
            let domain = patched(definition(old), to: new)
            #expect(
                ComputeFixtures.read(domain, as: new) == ComputeFixtures.readable(new), "seed \(seed)")
            #expect(MachineMark(domain: domain) == MachineMark(new, identity: identity), "seed \(seed)")
        }
    }

    @Test func aLogicalVolumeIsABlockDevice() throws {
        let file = ComputeFixtures.artist()
        var logical = file
        logical.spec.disks[0].path = "/dev/vg0/i-c58f90df-artist.root"
        logical.spec.disks[0].format = .raw
        for domain in [definition(logical), patched(definition(file), to: logical)] {
            let disk = try #require(device(logical.spec.disks[0].name, of: domain))
            #expect(disk["type"] == "block" && disk.first("driver")?["type"] == "raw")
            #expect(disk.first("source")?["dev"] == logical.spec.disks[0].path && disk.first("source")?["file"] == nil)
            #expect(disk.first("driver")?["discard"] == "unmap")
            #expect(ComputeFixtures.read(domain, as: logical)?.disks[0].path == logical.spec.disks[0].path)
        }
        let back = try #require(device(file.spec.disks[0].name, of: patched(definition(logical), to: file)))
        #expect(back["type"] == "file" && back.first("source")?["dev"] == nil)
    }

    private func device(_ name: String, of domain: XMLElement) -> XMLElement? {
        domain.first("devices")?.elements("disk").first { $0.alias == DeviceAlias.disk(name) }
    }

    @Test func nothingToPatchChangesNoByte() throws {
        for seed in 0..<200 {
            let machine = ComputeFixtures.random(UInt64(seed))
            let text = pretty(definition(machine))
            let domain = try XMLElement(parsing: text, from: "test")
            #expect(patched(domain, to: machine).xmlText == domain.xmlText, "seed \(seed)")
        }
    }

    /// What a person, libvirt and other tools have put in stays through any change, node for node.
    @Test func foreignNodesStay() throws {
        for seed in 0..<200 {
            let old = ComputeFixtures.random(UInt64(seed))
            let new = ComputeFixtures.random(UInt64(seed + 10_000))
            var domain = definition(old)
            domain.attributes.append(.init("xmlns:qemu", "http://libvirt.org/schemas/domain/qemu/1.0"))
            domain.edit("metadata") {
                $0.insert(
                    XMLElement("other:app", namespace: "urn:o", [.init("xmlns:other", "urn:o"), .init("x", "1")]))
            }
            domain.insert(XMLElement("memtune", [], [XMLElement("hard_limit", text: "9")]))
            domain.insert(XMLElement("unheard-of", text: "x"))
            domain.edit("devices") { devices in
                devices.insert(XMLElement("hostdev", [.init("type", "pci")]))
                devices.insert(
                    XMLElement("disk", [.init("type", "file")], [XMLElement("target", [.init("dev", "vda")])]))
                devices.insert(XMLElement("watchdog", [.init("model", "itco")]))
                address(of: &devices)
            }
            domain.children.append(.comment("kept"))
            domain.children.append(.element(XMLElement("qemu:commandline", text: "-s")))
            let after = patched(domain, to: new)
            for name in ["memtune", "unheard-of", "qemu:commandline", "clock", "uuid", "name"] {
                #expect(after.first(name) == domain.first(name), "seed \(seed)")
            }
            #expect(after.children.contains(.comment("kept")), "seed \(seed)")
            #expect(after.first("metadata")?.first("other:app") == domain.first("metadata")?.first("other:app"))
            let devices = try #require(after.first("devices"))
            for device in domain.first("devices")?.elements.filter(isKept) ?? [] {
                #expect(devices.elements.contains(device), "seed \(seed): \(device.xmlText)")
            }
            keepsAddresses(domain, after, seed)
        }
    }

    /// Gives each device an address, as libvirt does at define.
    private func address(of devices: inout XMLElement) {
        for index in devices.children.indices {
            guard case .element(var device) = devices.children[index] else { continue }
            device.insert(XMLElement("address", [.init("type", "test"), .init("n", String(index))]))
            devices.children[index] = .element(device)
        }
    }

    private func isKept(_ device: XMLElement) -> Bool {
        !["serial", "graphics"].contains(device.name)
            && !(device.alias?.hasPrefix("ua-disk-") ?? false) && !(device.alias?.hasPrefix("ua-nic-") ?? false)
            && device.alias != DeviceAlias.seed
    }

    /// Each device that stays has the address that it had, unless it moved to another bus; new ones have none.
    private func keepsAddresses(_ before: XMLElement, _ after: XMLElement, _ seed: Int) {
        let old = Dictionary(
            before.first("devices")?.elements.compactMap { device in device.alias.map { ($0, device) } } ?? [],
            uniquingKeysWith: { first, _ in first })
        for device in after.first("devices")?.elements.filter({ $0.alias != nil }) ?? [] {
            let was = old[device.alias ?? ""]
            let moved = was?.first("target")?["bus"] != device.first("target")?["bus"]
            #expect(
                device.first("address") == (moved ? nil : was?.first("address")),
                "seed \(seed): \(device.xmlText)")
        }
    }

    @Test func devicesNobodyKnowsGoOnRequest() throws {
        var machine = ComputeFixtures.artist()
        var domain = definition(machine)
        domain.edit("devices") { devices in
            devices.insert(
                XMLElement(
                    "disk", [.init("type", "file"), .init("device", "disk")],
                    [XMLElement("source", [.init("file", "/x")]), XMLElement("target", [.init("dev", "vdb")])]))
            devices.insert(
                XMLElement(
                    "interface", [.init("type", "bridge")],
                    [
                        XMLElement("mac", [.init("address", "52:54:00:00:00:01")]),
                        XMLElement("source", [.init("bridge", "b")]),
                    ]))
        }
        #expect(
            UnmanagedDevice.descriptions([domain, domain]) == [
                "disk vdb (/x)", "interface 52:54:00:00:00:01 on b",
            ])
        #expect(UnmanagedDevice.descriptions([patched(domain, to: machine)]).count == 2)
        machine.spec.unmanagedDevices = .remove
        #expect(UnmanagedDevice.descriptions([patched(domain, to: machine)]).isEmpty)
    }

    /// libvirt refuses both kinds of boot order at once, and states the one unasked.
    @Test func bootOrderReplacesLibvirtsOwn() {
        var machine = ComputeFixtures.artist()
        machine.spec.disks[0].bootOrder = nil
        var domain = definition(machine)
        domain.edit("os") { $0.insert(XMLElement("boot", [.init("dev", "hd")])) }
        #expect(patched(domain, to: machine).first("os")?.first("boot") != nil)
        #expect(patched(domain, to: ComputeFixtures.artist()).first("os")?.first("boot") == nil)
    }

    /// A device of ours that somebody made into something else shows as missing, and is mended in place.
    @Test func changedDevicesAreMendedInPlace() throws {
        let machine = ComputeFixtures.artist()
        var domain = definition(machine)
        domain.edit("devices") { devices in
            devices.editFirst(where: { $0.alias == "ua-disk-root" }) { $0.edit("target") { $0["bus"] = "usb" } }
            devices.editFirst(where: { $0.alias == "ua-nic-eth0" }) { $0.edit("model") { $0["type"] = "rtl8139" } }
        }
        let seen = try #require(ComputeFixtures.read(domain, as: machine))
        #expect(seen.disks.isEmpty && seen.interfaces.isEmpty)
        let mended = patched(domain, to: machine)
        #expect(ComputeFixtures.read(mended, as: machine) == ComputeFixtures.readable(machine))
        #expect(mended.first("devices")?.elements.count == domain.first("devices")?.elements.count)
    }

    @Test func thereAreSpareRootPorts() {
        let ports = definition(ComputeFixtures.artist()).first("devices")?.elements.count {
            $0["model"] == "pcie-root-port"
        }
        #expect(ports == 2 + 5 + 8)
    }

    private func pretty(_ element: XMLElement) -> String { element.indented() }
}

extension XMLElement {
    /// One element a line, for golden files.
    func indented(_ indent: String = "") -> String {
        let elements = children.filter { node in
            if case .text = node { false } else { true }
        }
        guard !elements.isEmpty, elements.count == children.count else { return indent + xmlText }
        var head = self
        head.children = []
        let lines = elements.map { node in
            if case .element(let element) = node { return element.indented(indent + "  ") }
            var holder = XMLElement("x")
            holder.children = [node]
            return indent + "  " + holder.xmlText.dropFirst(3).dropLast(4)
        }
        return indent + head.xmlText.dropLast(2) + ">\n" + lines.joined(separator: "\n") + "\n\(indent)</\(name)>"
    }
}
