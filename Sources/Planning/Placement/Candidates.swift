import Model

/// The machines that are to be placed, with all that decides where. Each is looked at once, in the order in which they lie: a
/// machine is large, and in a fleet of thousands the look is what takes the time.
struct Candidates {
    struct Candidate {
        /// Its place among the machines.
        let machine: Int
        let id: String
        let need: Ledger.Need
        let wishes: Kinship.Wishes
        let size: Double
        /// Machines of a group have the same hosts to choose from.
        let group: Int
        /// How many those are.
        let choice: Int
    }

    struct Group: Hashable {
        let hosts: HostSet
        let pool: Int?
    }

    /// What decides to which group a machine belongs.
    private struct Choice: Hashable {
        let wants: Reach.Wants
        let pool: Int?
    }

    /// In the order in which they came.
    private(set) var all: [Candidate] = []
    private(set) var groups: [Group] = []
    private var known: [Group: Int] = [:]
    private var chosen: [Choice: (group: Int, count: Int)] = [:]

    /// The group of machines that want that, and how many hosts it has.
    ///
    /// - Parameter hosts: finds the hosts that have it.
    private mutating func group(_ choice: Choice, _ hosts: (Reach.Wants) -> HostSet) -> (group: Int, count: Int) {
        // Sets of many hosts take long to compare, and most machines want the same.
        if let before = chosen[choice] { return before }
        let group = Group(hosts: hosts(choice.wants), pool: choice.pool)
        let index = known[group] ?? groups.count
        if index == groups.count {
            known[group] = index
            groups.append(group)
        }
        let found = (index, group.hosts.count)
        chosen[choice] = found
        return found
    }

    /// Adds a machine.
    ///
    /// - Parameter place: its place among the machines.
    mutating func add(_ machine: VirtualMachine, at place: Int, to placement: inout Placement) {
        let need = placement.ledger.need(of: machine)
        let choice = Choice(wants: placement.wants(of: machine, need), pool: placement.ledger.onlyPool(of: need))
        let found = group(choice) { placement.reach.hosts(for: $0) }
        all.append(
            Candidate(
                machine: place, id: machine.metadata.identity, need: need,
                wishes: placement.kinship.wishes(of: machine), size: placement.scale.size(need), group: found.group,
                choice: found.count))
    }
}

extension Ledger {
    /// The pool whose space a tree of hosts bounds: the only one, unless what one host takes of it is gone on others.
    fileprivate func onlyPool(of need: Need) -> Int? {
        guard need.disks.count == 1, !pools[need.disks[0].pool].spec.shared else { return nil }
        return need.disks[0].pool
    }
}
