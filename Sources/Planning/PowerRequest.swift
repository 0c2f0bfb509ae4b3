public import Model

/// What somebody asks of machines beside what the manifests say: `infra start`, `stop` and `restart`. It never goes against a
/// manifest, which the next apply would hold to.
public struct PowerRequest: Hashable, Sendable {
    /// What is to become of the machines.
    public enum Verb: String, Sendable {
        /// They are to run.
        case start
        /// They are to be off.
        case stop
        /// They are to stop and start from their definitions.
        case restart
    }

    /// What is asked.
    public var verb: Verb
    /// Of which machines, by identity.
    public var machines: Set<String>
    /// Whether it is done: then a machine that runs is as it is to be after a restart.
    var isDone = false

    /// A request.
    public init(_ verb: Verb, of machines: Set<String>) {
        self.verb = verb
        self.machines = machines
    }

    /// The same once its steps were done.
    var done: PowerRequest {
        var request = self
        request.isDone = true
        return request
    }

    /// Whether a machine is to be restarted although it runs with all that is declared.
    func restarts(_ machine: String) -> Bool { verb == .restart && !isDone && machines.contains(machine) }

    /// The fleet as it would be if the manifests said what is asked, and what refuses that.
    public func applied(to fleet: FleetManifest) -> (fleet: FleetManifest, problems: [Diagnostic]) {
        var fleet = fleet
        var problems: [Diagnostic] = []
        for index in fleet.machines.indices where machines.contains(fleet.machines[index].metadata.identity) {
            let machine = fleet.machines[index]
            if let problem = refusal(of: machine) {
                problems.append(problem)
                continue
            }
            fleet.machines[index].spec.ignoreChanges.removeAll { $0 == "power" }
            fleet.machines[index].spec.power = verb == .stop ? .stopped : .running
        }
        return (fleet, problems)
    }

    /// The steps that change a machine's power as asked, and all that these wait for.
    func steps(of all: [Step]) -> [Step] {
        let known = all.reduce(into: [:]) { $0[$1.id] = $1 }
        var open = all.filter(changesPower)
        var kept: Set<String> = []
        while let step = open.popLast() {
            guard kept.insert(step.id).inserted else { continue }
            open += step.after.compactMap { known[$0] }
        }
        return all.filter { kept.contains($0.id) }
    }

    private func changesPower(_ step: Step) -> Bool {
        switch step.operation {
        case .startMachine(let machine), .stopMachine(let machine), .restartMachine(let machine):
            machines.contains(machine.metadata.identity)
        default: false
        }
    }

    private func refusal(of machine: VirtualMachine) -> Diagnostic? {
        let declared = machine.spec.ignoreChanges.contains("power") ? .manual : machine.spec.power
        let (fights, next): (Bool, String) =
            switch verb {
            case .stop: (declared == .running, "start it again")
            case .start, .restart: (declared == .stopped, "stop it again")
            }
        guard fights else { return nil }
        let wanted = verb == .stop ? "stopped to keep it off" : "running to have it run"
        return Diagnostic(
            code: "power",
            "its manifest says `power: \(declared.rawValue)`, and the next apply would \(next)",
            help: "write power: \(wanted), or power: manual to start and stop it by command",
            resource: ResourceID(.virtualMachine, machine.metadata.identity), field: "spec.power")
    }
}
