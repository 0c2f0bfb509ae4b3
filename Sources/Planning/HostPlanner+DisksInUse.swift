import Model

/// Disks that are to be another machine's, while the one that has them now runs.
extension HostPlanner {
    /// Puts each start behind the steps after which nobody else runs with the machine's disks. Where there are none, or each of two
    /// waits for the other, what was planned of the machine is taken back.
    mutating func holdDisksInUse() {
        var isHeld = true
        while isHeld {
            isHeld = false
            let waits = waitsForDisks()
            for (machine, disks) in waits.sorted(by: { $0.key < $1.key }) {
                let resource = ResourceID(.virtualMachine, machine)
                guard let disk = disks.first(where: { $0.release == nil }) ?? exchange(of: machine, disks, waits) else {
                    continue
                }
                steps.removeAll { $0.resource == resource }
                let user = "VirtualMachine/\(disk.user)"
                block(
                    resource,
                    disk.doubt
                        ?? (disk.release == nil
                            ? "\(user) runs with its disk \(disk.path), and goes on with it"
                            : "it and \(user) run and wait for disks of each other: stop one of them first"))
                isHeld = true
            }
            // What moves between pools may have waited for one of them.
            if isHeld { holdPoolMoves() }
        }
        for (machine, disks) in waitsForDisks() {
            let starts = Self.starts.map { id(ResourceID(.virtualMachine, machine), $0) }
            for index in steps.indices where starts.contains(steps[index].id) {
                steps[index].after += disks.compactMap(\.release)
            }
        }
    }

    /// A disk that a machine starts with, and the machine that runs with it now.
    private struct DiskInUse {
        let path: String
        let user: String
        /// The step after which it does not; nil when there is none.
        let release: String?
        /// Why it may run with it, when that was not seen.
        var doubt: String?
    }

    private static let starts = ["start", "restart"]

    /// What machines that are to start wait for, by machine.
    private func waitsForDisks() -> [String: [DiskInUse]] {
        var users: [String: String] = [:]
        for machine in observed.machines where machine.status?.state.isActive == true {
            for path in (machine.status?.live ?? machine.spec).disks.compactMap(\.path) {
                users[path] = machine.metadata.identity
            }
        }
        let planned = users.isEmpty ? [] : Set(steps.map(\.id))
        return steps.reduce(into: [:]) { waits, step in
            let machine: VirtualMachine
            switch step.operation {
            case .startMachine(let started), .restartMachine(let started): machine = started
            default: return
            }
            let name = machine.metadata.identity
            for disk in machine.spec.disks {
                guard let path = disk.path else { continue }
                guard let user = users[path] else {
                    if let doubt = doubt(aboutUserOf: disk.volume ?? "\(name).\(disk.name)", path) {
                        waits[name, default: []].append(DiskInUse(path: path, user: "", release: nil, doubt: doubt))
                    }
                    continue
                }
                guard user != name else { continue }
                let release =
                    transit.departing[user]?.step
                    ?? ["stop", "restart", "drop"].map { id(ResourceID(.virtualMachine, user), $0) }.first(
                        where: planned.contains)
                waits[name, default: []].append(DiskInUse(path: path, user: user, release: release))
            }
        }
    }

    /// Why a volume that is there may be in use though nobody was seen to run with it: a machine could not be observed, and it is
    /// no other machine's own disk. Nil when it is in nobody's use.
    func doubt(aboutUserOf volume: String, _ path: String) -> String? {
        guard !observed.unknown.isEmpty, observed.volumes.contains(where: { $0.status?.path == path }) else {
            return nil
        }
        let owner = volume.split(separator: ".").dropLast().first
        let area = observed.unknown.first { area in
            guard area.area == .compute, let machine = area.resource else { return area.area == .compute }
            return (owner == nil || owner.map(String.init) == machine.id) && !observed.holds(machine)
        }
        return area.map { area in
            let user = area.resource.map { "\($0)" } ?? "a machine"
            return "\(user) may run with \(path), and could not be observed: \(area.reason)"
        }
    }

    /// The disk for which a machine waits for one that waits for it, be it by way of others.
    private func exchange(of machine: String, _ disks: [DiskInUse], _ waits: [String: [DiskInUse]]) -> DiskInUse? {
        disks.first { disk in
            var reached: Set<String> = []
            var next = [disk.user]
            while let user = next.popLast() {
                guard user != machine else { return true }
                guard reached.insert(user).inserted else { continue }
                // One that only stops waits for nobody's disk.
                let isRestarted = steps.contains { $0.id == id(ResourceID(.virtualMachine, user), "restart") }
                next += isRestarted ? waits[user]?.map(\.user) ?? [] : []
            }
            return false
        }
    }
}
