import Foundation
public import Hosts
public import Model

extension ComputeDriver {
    /// Defines a new machine and says whether libvirt starts it with the host.
    ///
    /// - Throws: `HostError.surprise` when its UUID or its name is taken by anything else than this machine.
    public func define(_ machine: VirtualMachine, deadline: Duration) async throws(HostError) {
        let target = try target(machine)
        try checkPlacement(machine)
        let end = ContinuousClock.now + deadline
        if let present = try await connection.domain(target.uuid, deadline: end - .now) {
            try check(present, target)
            throw .surprise("domain \(present.name) is there already")
        }
        if try await connection.domainUUID(named: machine.metadata.name, deadline: end - .now) != nil {
            throw .surprise("another domain is called \(machine.metadata.name) already")
        }
        do throws(HostError) {
            try await connection.defineDomain(
                DomainPatch(machine: machine, identity: identity).newDomain(), deadline: end - .now)
        } catch {
            // Between the look and the effect.
            throw error.isTaken ? .surprise("\(error)") : error
        }
        try await connection.setDomainAutostart(target.uuid, machine.spec.autostart, deadline: end - .now)
    }

    /// Patches the persistent definition: only what we manage, only where it differs, the mark included. A machine that
    /// is off gets its new name too; one that runs keeps the old one until it is restarted.
    ///
    /// - Throws: `HostError.surprise` when the domain is not there or not ours any more.
    public func update(_ machine: VirtualMachine, deadline: Duration) async throws(HostError) {
        let target = try target(machine)
        try checkPlacement(machine)
        let end = ContinuousClock.now + deadline
        let patch = DomainPatch(machine: machine, identity: identity)
        let folders = Set(try await connection.storagePools(deadline: end - .now).compactMap(\.folder))
        do throws(HostError) {
            guard try await connection.domainState(target.uuid, deadline: end - .now) != .saved else {
                throw HostError.surprise(
                    "VirtualMachine/\(target.id) is saved by now, and a change would not fit its memory")
            }
            try await connection.editDomain(target.uuid, deadline: end - .now) {
                (definition) throws(HostError) in
                try target.check(definition)
                try checkSources(definition, of: machine, folders: folders)
                patch.apply(to: &definition)
            }
        } catch {
            throw error.isNotFound ? .surprise("VirtualMachine/\(target.id) has no domain") : error
        }
        try await setAutostart(machine, deadline: end - .now)
        if try await connection.domainState(target.uuid, deadline: end - .now).isActive { return }
        try await rename(machine, deadline: end - .now)
    }

    /// What a disk of ours is read from must be a volume: going back to one from an external snapshot, or from wherever
    /// the disk was moved, would lose what the guest wrote since.
    private func checkSources(
        _ definition: XMLElement, of machine: VirtualMachine, folders: Set<String>
    ) throws(HostError) {
        let named = DeviceNaming(definition).applied(to: definition)
        // An adopted volume's file has a name of its own.
        let wanted = machine.spec.disks.reduce(into: [:]) { $0[$1.name] = $1.path }
        for device in named.first("devices")?.elements("disk") ?? [] {
            guard let name = device.aliasName(DeviceAlias.diskPrefix), let volume = wanted[name],
                let path = DomainReading.source(of: device), path != volume
            else { continue }
            let parts = path.split(separator: "/", omittingEmptySubsequences: false)
            guard folders.contains(parts.dropLast().joined(separator: "/")),
                identity.volume(inFileName: parts.last.map { String($0) } ?? "") != nil
            else { throw .surprise("the disk \(name) is \(CommandText.printable(path)), no volume of this fleet") }
        }
    }

    /// A guest that is asked to stop for its removal must not find out that it has to stay.
    ///
    /// - Throws: `HostError.surprise` when it has snapshots, which libvirt does not let go with it.
    public func checkRemoval(_ machine: VirtualMachine, deadline: Duration) async throws(HostError) {
        let record = try await ours(machine, deadline: deadline)
        guard try await connection.domainSnapshotCount(record.uuid, deadline: deadline) > 0 else { return }
        throw .surprise("domain \(record.name) has snapshots, which hold data; it is not stopped, remove them before")
    }

    /// Says whether libvirt starts the machine with the host.
    public func setAutostart(_ machine: VirtualMachine, deadline: Duration) async throws(HostError) {
        let end = ContinuousClock.now + deadline
        let record = try await ours(machine, deadline: end - .now)
        guard record.autostart != machine.spec.autostart else { return }
        try await connection.setDomainAutostart(record.uuid, machine.spec.autostart, deadline: end - .now)
    }

    /// Sets what a running machine's interface may send and receive; its definition says so already.
    ///
    /// - Throws: `HostError.surprise` when the machine does not run or has no such interface.
    public func setBandwidth(
        _ machine: VirtualMachine, interface: String, deadline: Duration
    ) async throws(HostError) {
        let end = ContinuousClock.now + deadline
        let record = try await ours(machine, deadline: end - .now)
        guard let live = try record.definitions.get().live else {
            throw .surprise("domain \(record.name) does not run")
        }
        let alias = DeviceAlias.interface(interface)
        let device = DeviceNaming(live).applied(to: live).first("devices")?.elements.first {
            $0.name == "interface" && $0.alias == alias
        }
        guard let mac = device?.first("mac")?["address"],
            let wanted = machine.spec.interfaces.first(where: { $0.name == interface })
        else { throw .surprise("domain \(record.name) has no interface \(interface)") }
        try await connection.setDomainBandwidth(record.uuid, device: mac, wanted.bandwidth, deadline: end - .now)
    }

    /// Undefines a machine that is off. Its disks and its NVRAM stay. One that is gone already is a success.
    ///
    /// - Throws: `HostError.surprise` when it runs, or is not ours any more; what libvirt says when a managed save image
    ///   or snapshots, which hold a guest's data, would go with it.
    public func undefine(_ machine: VirtualMachine, deadline: Duration) async throws(HostError) {
        let target = try target(machine)
        let end = ContinuousClock.now + deadline
        guard let record = try await connection.domain(target.uuid, deadline: end - .now) else { return }
        try check(record, target)
        guard !record.state.isActive else { throw .surprise("domain \(record.name) runs") }
        try await connection.undefineDomain(target.uuid, deadline: end - .now)
    }

    /// Gives a machine that is off the name it is to have.
    ///
    /// - Throws: `HostError.surprise` when the name is taken.
    func rename(_ machine: VirtualMachine, deadline: Duration) async throws(HostError) {
        let end = ContinuousClock.now + deadline
        let record = try await ours(machine, deadline: end - .now)
        guard record.name != machine.metadata.name else { return }
        do throws(HostError) {
            try await connection.renameDomain(record.uuid, to: machine.metadata.name, deadline: end - .now)
        } catch {
            throw error.isTaken ? .surprise("\(error)") : error
        }
    }

    /// A definition with holes would be filled by libvirt as it likes.
    private func checkPlacement(_ machine: VirtualMachine) throws(HostError) {
        let isPlaced =
            machine.spec.accelerator != nil
            && machine.spec.disks.allSatisfy { $0.path != nil && $0.format != nil }
            && machine.spec.interfaces.allSatisfy { $0.bridge != nil && $0.mac != nil }
            && machine.spec.boot.map { $0.kernelPath != nil } ?? true
        guard isPlaced else { throw .surprise("VirtualMachine/\(machine.metadata.identity) is not placed") }
    }
}
