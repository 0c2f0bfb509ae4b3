import Model
import Planning

/// How the hosts are, and what differs from the manifests.
struct StatusReport: Encodable {
    /// A resource that is not as declared.
    struct Drift: Encodable {
        var host: String
        var resource: ResourceID
        var reasons: [String]
    }

    /// A machine as it is now.
    struct Machine: Encodable {
        /// What it has of the host.
        struct Size: Encodable, Equatable {
            var cpu: Int
            var memory: ByteCount

            init(_ spec: VirtualMachine.Spec) {
                cpu = spec.cpu.count
                memory = spec.memory.size
            }

            var text: String { "\(cpu) CPU, \(memory)" }
        }

        var name: String
        var host: String
        var state: VirtualMachine.State
        var cpu: Int
        var memory: ByteCount
        /// What it has from its next start on, where that is something else.
        var nextStart: Size?

        init(_ machine: VirtualMachine, on host: String) {
            let now = Size(machine.status?.live ?? machine.spec)
            let next = Size(machine.spec)
            name = machine.metadata.name
            self.host = host
            state = machine.status?.state ?? .off
            cpu = now.cpu
            memory = now.memory
            nextStart = next == now ? nil : next
        }

        var text: String {
            "\(name): \(state.rawValue), \(cpu) CPU, \(memory)"
                + (nextStart.map { "; \($0.text) from its next start on" } ?? "")
        }
    }

    var fleet: String
    var hosts: [KVMHost]
    /// What keeps disks of several hosts from being used twice, by host, where pools are to have that.
    var leases: [String: Leases]
    /// What the hosts remember of the word that another one is off, by that one.
    var fences: [String: Fence]
    /// What FRR says for the fleet, by host.
    var evpn: [String: EVPN]
    var machines: [Machine]
    var drifts: [Drift]
    var blocked: [Blocked]
    var problems: [Diagnostic]
    var notes: [Diagnostic]
    var capacity: [Capacity]
    var foreign: [String: [ForeignObject]]
    var retained: [Volume]

    var isConverged: Bool { drifts.isEmpty && blocked.isEmpty && problems.isEmpty }

    init(plan: Plan, observed: [String: HostInventory]) {
        fleet = plan.fleetName
        let inventories = observed.sorted { $0.key < $1.key }.map(\.value)
        hosts = inventories.map(\.host)
        leases = observed.compactMapValues(\.leases)
        fences = observed.compactMapValues(\.fence)
        evpn = observed.compactMapValues(\.evpn)
        machines = inventories.flatMap { inventory in
            inventory.machines.map { Machine($0, on: inventory.host.metadata.identity) }
        }
        drifts = ResourceSteps.grouping(plan.steps).map { group in
            Drift(
                host: group.host, resource: group.resource,
                reasons: group.steps.flatMap { step in
                    step.changes.isEmpty
                        ? [step.reason]
                        : step.changes.map { "\($0.field) is \($0.old ?? "nothing"), declared \($0.new ?? "nothing")" }
                })
        }
        blocked = plan.blocked
        problems = plan.problems
        notes = plan.notes
        capacity = plan.capacity
        foreign = plan.foreign
        retained = plan.retained
    }

    var text: String {
        var lines = ["Fleet \(fleet): " + (isConverged ? "converged" : "not converged")]
        for host in hosts {
            let fence = fences[host.metadata.identity]
            guard let status = host.status else {
                lines.append("Host \(host.metadata.name): not observed" + (fence.map { "; " + $0.unseenText } ?? ""))
                continue
            }
            lines.append(
                "Host \(host.metadata.name): \(status.cpu) CPU, \(status.memory.rounded), "
                    + "\(status.accelerator.rawValue) (\(TerminalText.safe(status.acceleratorReason))), "
                    + "libvirt \(status.libvirtVersion)")
            if let fence { lines.append("  " + TerminalText.safe(fence.text)) }
            if let leases = leases[host.metadata.identity] { lines.append("  " + TerminalText.safe(leases.text)) }
            if let evpn = evpn[host.metadata.identity] {
                let neighbors =
                    evpn.neighbors.isEmpty ? "none" : evpn.neighbors.map(\.description).joined(separator: ", ")
                lines.append("  EVPN: AS \(evpn.asn), neighbours \(neighbors)")
            }
        }
        for machine in machines {
            lines.append("  " + TerminalText.safe(machine.text))
        }
        lines += drifts.map {
            TerminalText.safe("drift: \($0.resource) on \($0.host): \($0.reasons.joined(separator: "; "))")
        }
        for group in BlockedGroup.grouping(blocked) {
            lines.append(TerminalText.safe("blocked: \(group.first.place): \(group.first.reason)"))
            if let likewise = group.likewise { lines.append("  " + TerminalText.safe(likewise)) }
        }
        lines += problems.map { TerminalText.safe("\($0)") }
        lines += notes.map { TerminalText.safe("\($0)") }
        lines += retained.map {
            "retained: Volume/\($0.metadata.identity), \($0.spec.size)"
                + ($0.status?.mark?.deleted.map { ", deleted, stays until \($0.until)" } ?? "")
        }
        for (host, objects) in foreign.sorted(by: { $0.key < $1.key }) {
            lines += objects.map {
                let owner = $0.owner.isEmpty ? "" : " (\($0.owner))"
                return TerminalText.safe("foreign: \($0.kind.rawValue) \($0.name)\(owner) on \(host)")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension Leases {
    /// For a reader.
    fileprivate var text: String {
        obstacle.map { "leases: none, \($0)" } ?? "leases: on \(held.count) disk\(held.count == 1 ? "" : "s")"
    }
}

extension Fence {
    /// For a reader, of a host that does not answer.
    fileprivate var unseenText: String { isOver ? "was fenced, and answered since" : text }

    /// For a reader.
    fileprivate var text: String {
        let names = machines.isEmpty ? "no machine" : machines.keys.sorted().joined(separator: ", ")
        return isOver
            ? "fenced, and answers again: the next apply ends that once nothing of \(names) is both here and elsewhere"
            : "fenced; elsewhere may start: \(names)"
    }
}
