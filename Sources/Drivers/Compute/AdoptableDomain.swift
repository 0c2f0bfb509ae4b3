import Foundation
import Hosts
import Model

/// A domain without our mark in our words, or why it cannot be told in them.
struct AdoptableDomain {
    /// The domain; nil when there is an obstacle.
    let machine: VirtualMachine?
    /// Why no manifest can adopt it.
    let obstacle: String?

    init(
        _ record: DomainRecord, _ definitions: DomainRecord.Definitions, owner: String, reading: DomainReading,
        host: String
    ) {
        let domain = definitions.persistent
        if let obstacle = Self.obstacle(to: record, domain, owner) {
            (machine, self.obstacle) = (nil, obstacle)
            return
        }
        let naming = DeviceNaming(foreign: domain)
        let named = naming.applied(to: domain)
        guard let spec = reading.spec(named, host: host, state: record.state, autostart: record.autostart) else {
            (machine, obstacle) = (nil, "its definition is not understood")
            return
        }
        let running = definitions.live.map { naming.applied(to: $0) }
        let live = running.flatMap { reading.liveSpec($0, persistent: spec) }
        machine = VirtualMachine(
            metadata: Metadata(name: record.name), spec: spec,
            status: VirtualMachine.Status(
                host: host, uuid: record.uuid, state: record.state, live: live == spec ? nil : live,
                links: running.map { reading.links($0, persistent: spec) } ?? [:],
                unmanaged: UnmanagedDevice.descriptions([named] + [running].compactMap(\.self))))
        obstacle = nil
    }

    /// What keeps a mark off it, or would make the first change to it lose something.
    static func obstacle(to record: DomainRecord, _ domain: XMLElement, _ owner: String) -> String? {
        if !owner.isEmpty { return "it belongs to \(owner)" }
        guard record.isPersistent else { return "it is transient: it is gone when it stops, and a mark with it" }
        guard ["kvm", "qemu"].contains(domain["type"]) else { return "its type is \(domain["type"] ?? "unknown")" }
        guard let os = domain.first("os"), os.first("type")?.text == "hvm" else { return "it is no full machine" }
        if os["firmware"] == "efi" || os.first("nvram") != nil || os.first("loader")?["type"] == "pflash" {
            return "it starts by UEFI"
        }
        if let kernel = os.first("kernel")?.text { return "it boots the kernel \(kernel), which is no Image" }
        for graphics in domain.first("devices")?.elements("graphics") ?? [] where graphics["type"] == "vnc" {
            let listens = graphics.elements("listen")
            if listens.count > 1 || listens.contains(where: { $0["type"] != "address" }) || graphics["socket"] != nil {
                return "its VNC display listens on something else than one address"
            }
        }
        return nil
    }
}
