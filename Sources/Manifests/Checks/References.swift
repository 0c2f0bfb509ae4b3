import Model

/// Replaces the names by which resources refer to each other with identities, and reports names of nothing.
struct References {
    private let register: Register
    private(set) var report: CheckReport

    init(register: Register, report: CheckReport) {
        self.register = register
        self.report = report
    }

    mutating func resolved(_ pools: [StoragePool]) -> [StoragePool] {
        var pools = pools
        for index in pools.indices {
            resolve(.host, &pools[index].spec.hosts, pools[index].resourceID, "spec.hosts")
            if case .iscsi(var iscsi) = pools[index].spec.backend, var manage = iscsi.manage {
                resolve(.host, &manage.host, pools[index].resourceID, "spec.iscsi.manage.host")
                iscsi.manage = manage
                pools[index].spec.backend = .iscsi(iscsi)
            }
            if case .lvm(var lvm) = pools[index].spec.backend {
                resolve(.storagePool, &lvm.images, pools[index].resourceID, "spec.lvm.images")
                pools[index].spec.backend = .lvm(lvm)
            }
        }
        return pools
    }

    mutating func resolved(_ networks: [Network]) -> [Network] {
        var networks = networks
        for index in networks.indices {
            resolve(.host, &networks[index].spec.hosts, networks[index].resourceID, "spec.hosts")
            if var vlan = networks[index].spec.vlan {
                resolve(.host, &vlan.host, networks[index].resourceID, "spec.vlan.host")
                networks[index].spec.vlan = vlan
            }
        }
        return networks
    }

    mutating func resolved(_ volumes: [Volume]) -> [Volume] {
        var volumes = volumes
        for index in volumes.indices {
            let owner = volumes[index].resourceID
            resolve(.storagePool, &volumes[index].spec.pool, owner, "spec.pool")
            resolve(.image, &volumes[index].spec.image, owner, "spec.image")
            resolve(source: &volumes[index].spec.source, owner, "spec.from.volume")
            resolve(.snapshot, &volumes[index].spec.snapshot, owner, "spec.from.snapshot")
        }
        return volumes
    }

    mutating func resolved(_ snapshots: [Snapshot]) -> [Snapshot] {
        var snapshots = snapshots
        for index in snapshots.indices {
            let owner = snapshots[index].resourceID
            resolve(.virtualMachine, &snapshots[index].spec.machine, owner, "spec.machine")
            resolve(source: &snapshots[index].spec.volume, owner, "spec.volume")
            resolve(.storagePool, &snapshots[index].spec.pool, owner, "spec.pool")
        }
        return snapshots
    }

    mutating func resolved(_ machines: [VirtualMachine]) -> [VirtualMachine] {
        var machines = machines
        for index in machines.indices { resolve(&machines[index]) }
        return machines
    }

    private mutating func resolve(_ machine: inout VirtualMachine) {
        let owner = machine.resourceID
        resolve(.host, &machine.spec.host, owner, "spec.host")
        if machine.spec.boot != nil {
            resolve(.image, &machine.spec.boot, \.kernel, owner, "spec.boot.kernel")
            resolve(.image, &machine.spec.boot, \.initrd, owner, "spec.boot.initrd")
        }
        for index in machine.spec.disks.indices {
            let disk = machine.spec.disks[index].name
            var field: String { "spec.disks[\(disk)]" }
            resolve(.volume, &machine.spec.disks[index].volume, owner, field + ".volume")
            guard var declared = machine.spec.disks[index].declared else { continue }
            resolve(.storagePool, &declared.pool, owner, field + ".pool")
            resolve(.image, &declared.image, owner, field + ".image")
            resolve(source: &declared.source, owner, field + ".from.volume")
            resolve(.snapshot, &declared.snapshot, owner, field + ".from.snapshot")
            machine.spec.disks[index].declared = declared
        }
        for index in machine.spec.interfaces.indices {
            let interface = machine.spec.interfaces[index].name
            resolve(
                .network, &machine.spec.interfaces[index].network, owner, "spec.interfaces[\(interface)].network")
        }
    }

    /// A volume with a document of its own, or `<machine>.<disk>`.
    private mutating func resolve(source: inout String?, _ owner: ResourceID, _ field: @autoclosure () -> String) {
        guard let name = source else { return }
        guard let dot = name.firstIndex(of: ".") else {
            resolve(.volume, &source, owner, field())
            return
        }
        var machine = String(name[..<dot])
        resolve(.virtualMachine, &machine, owner, field())
        source = machine + name[dot...]
    }

    private mutating func resolve(
        _ kind: ResourceKind, _ boot: inout VirtualMachine.DirectBoot?,
        _ path: WritableKeyPath<VirtualMachine.DirectBoot, String?>, _ owner: ResourceID, _ field: String
    ) {
        guard var name = boot?[keyPath: path] else { return }
        resolve(kind, &name, owner, field)
        boot?[keyPath: path] = name
    }

    private mutating func resolve(
        _ kind: ResourceKind, _ names: inout [String], _ owner: ResourceID, _ field: String
    ) {
        for index in names.indices { resolve(kind, &names[index], owner, "\(field)[\(index)]") }
    }

    private mutating func resolve(
        _ kind: ResourceKind, _ name: inout String?, _ owner: ResourceID, _ field: @autoclosure () -> String
    ) {
        guard var wanted = name else { return }
        resolve(kind, &wanted, owner, field())
        name = wanted
    }

    private mutating func resolve(
        _ kind: ResourceKind, _ name: inout String, _ owner: ResourceID, _ field: @autoclosure () -> String
    ) {
        if let identity = register.identity(kind, name) {
            name = identity
            return
        }
        // What could not be read may be just what is missing.
        guard !register.isPartial else { return }
        let wanted = name
        let register = register
        report.error(
            owner, field(), "unknown-reference", "no \(kind.rawValue) is named \(Wording.quoted(wanted))",
            help: Self.suggestion(register, kind, wanted))
    }

    private static func suggestion(_ register: Register, _ kind: ResourceKind, _ name: String) -> String {
        let names = register.names(kind)
        guard !names.isEmpty else { return "there is no \(kind.rawValue)" }
        let renamed = names.first { register.identity(kind, $0) == name }
        let nearest = renamed ?? Spelling.nearest(to: name, in: names)
        return (nearest.map { "did you mean \($0)? " } ?? "") + "there is \(Wording.alternatives(names))"
    }
}
