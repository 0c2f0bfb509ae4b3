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
        do throws(HostError) {
            try await connection.editDomain(target.uuid, deadline: end - .now) {
                (definition) throws(HostError) in
                try target.check(definition)
                try checkSources(definition, of: machine)
                patch.apply(to: &definition)
            }
        } catch {
            throw error.isNotFound ? .surprise("VirtualMachine/\(target.id) has no domain") : error
        }
        try await setAutostart(machine, deadline: end - .now)
        if try await connection.domainState(target.uuid, deadline: end - .now).isActive { return }
        try await rename(machine, deadline: end - .now)
    }

    /// What a disk of ours is read from must be a volume: going back to one from an external snapshot would lose what
    /// the guest wrote since.
    private func checkSources(_ definition: XMLElement, of machine: VirtualMachine) throws(HostError) {
        let spec = DomainReading(identity: identity)
            .spec(definition, host: host, state: .off, autostart: machine.spec.autostart)
        // An adopted volume's file has a name of its own.
        let wanted = machine.spec.disks.reduce(into: [:]) { $0[$1.name] = $1.path }
        for disk in spec?.disks ?? [] where disk.volume == nil && wanted[disk.name] != nil {
            if let path = disk.path, path != wanted[disk.name] {
                throw .surprise("the disk \(disk.name) is \(path), no volume of this fleet")
            }
        }
    }

    /// Says whether libvirt starts the machine with the host.
    public func setAutostart(_ machine: VirtualMachine, deadline: Duration) async throws(HostError) {
        let end = ContinuousClock.now + deadline
        let record = try await ours(machine, deadline: end - .now)
        guard record.autostart != machine.spec.autostart else { return }
        try await connection.setDomainAutostart(record.uuid, machine.spec.autostart, deadline: end - .now)
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
