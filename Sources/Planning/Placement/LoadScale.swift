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

    /// What a machine weighs, by which hosts are compared for it.
    func weight(_ need: Ledger.Need) -> Weight {
        Weight(
            cpu: need.cpu, memory: need.memory, cpuAmount: Double(need.cpu), memoryAmount: Double(need.memory),
            cpuSize: Double(need.cpu) / meanCPU,
            memorySize: Double(need.memory) / meanMemory, packs: strategy == .pack)
    }

    /// A machine as hosts are compared for it.
    struct Weight {
        let cpu: UInt64
        /// In bytes.
        let memory: UInt64
        fileprivate let cpuAmount: Double
        fileprivate let memoryAmount: Double
        /// The part of an average host.
        fileprivate let cpuSize: Double
        fileprivate let memorySize: Double
        fileprivate let packs: Bool

        /// How good a host with that load is for the machine; of several hosts, how good the best of them can be at most:
        /// then the shares are the least, `leastLoad` the least sum of both of one host, `load` and what is allowed the most.
        ///
        /// Spreading keeps the sum of the squares of all shares least, weighed by the size of the hosts: of two hosts the
        /// one wins whose scarcer part the machine takes less of. Packing takes the fullest.
        func score(
            cpuShare: Double, memoryShare: Double, load: Double, leastLoad: Double, allowedCPU: Double,
            allowedMemory: Double
        ) -> Double {
            if packs { return -load }
            // What the least sum exceeds the sum of the leasts by is at best a share of what weighs less.
            let rest = max(0, leastLoad - cpuShare - memoryShare - Self.rounding)
            return cpuSize * (2 * cpuShare + LoadScale.ratio(cpuAmount, allowedCPU))
                + memorySize * (2 * memoryShare + LoadScale.ratio(memoryAmount, allowedMemory))
                + 2 * min(cpuSize, memorySize) * rest
        }

        /// More than sums of shares differ by for being rounded; of one host no rest is left.
        private static let rounding = 1e-9
    }

    /// An amount that may be promised, infinite where that is without limit.
    static func limit(_ amount: UInt64) -> Double { amount == .max ? .infinity : Double(amount) }

    private static func ratio(_ part: UInt64, _ whole: UInt64) -> Double { ratio(Double(part), limit(whole)) }

    fileprivate static func ratio(_ part: Double, _ whole: Double) -> Double {
        whole == 0 ? (part == 0 ? 0 : .infinity) : part / whole
    }
}
