import Model

/// How loads of hosts are compared. Lower scores are better.
struct LoadScale {
    let strategy: Fleet.PlacementStrategy
    private let meanCPU: Double
    private let meanMemory: Double

    init(_ strategy: Fleet.PlacementStrategy, _ accounts: [Ledger.Account]) {
        self.strategy = strategy
        func mean(_ amounts: [UInt64]) -> Double {
            let known = amounts.filter { $0 < .max && $0 > 0 }
            return known.isEmpty ? 1 : known.reduce(0) { $0 + Double($1) } / Double(known.count)
        }
        meanCPU = mean(accounts.map(\.allowedCPU))
        meanMemory = mean(accounts.map(\.allowedMemory))
    }

    /// How much of a host is promised; more than 1 when that is too much already.
    func share(_ account: Ledger.Account) -> (cpu: Double, memory: Double) {
        (Self.ratio(account.cpu, account.allowedCPU), Self.ratio(account.memory, account.allowedMemory))
    }

    /// The larger part of an average host that a machine takes.
    func size(_ need: Ledger.Need) -> Double { max(Double(need.cpu) / meanCPU, Double(need.memory) / meanMemory) }

    /// How good a host with that load is for a machine.
    ///
    /// Spreading keeps the sum of the squares of all shares least, weighed by the size of the hosts: of two hosts the
    /// one wins whose scarcer part the machine takes less of. Packing takes the fullest.
    func score(
        _ need: Ledger.Need, cpuShare: Double, memoryShare: Double, load: Double, allowedCPU: UInt64,
        allowedMemory: UInt64
    ) -> Double {
        switch strategy {
        case .spread:
            Double(need.cpu) / meanCPU * (2 * cpuShare + Self.ratio(need.cpu, allowedCPU))
                + Double(need.memory) / meanMemory * (2 * memoryShare + Self.ratio(need.memory, allowedMemory))
        case .pack: -load
        }
    }

    private static func ratio(_ part: UInt64, _ whole: UInt64) -> Double {
        whole == .max ? 0 : whole == 0 ? (part == 0 ? 0 : .infinity) : Double(part) / Double(whole)
    }
}
