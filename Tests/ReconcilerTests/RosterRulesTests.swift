import Foundation
import Model
import Planning
import Testing

@testable import Reconciler

/// What hosts remember of each other against what was seen.
@Suite struct RosterRulesTests {
    private let fleet = FleetManifest(fleet: Fleet(metadata: Metadata(name: "racks"), uuid: UUID()))
    private let uuids = (a: UUID(), b: UUID(), c: UUID())

    private func host(_ name: String, _ uuid: UUID?, machines: [String] = [], running: Bool = true) -> HostInventory {
        var host = KVMHost(metadata: Metadata(name: name))
        host.status = uuid.map {
            KVMHost.Status(
                uuid: $0, hostname: name, cpu: 1, memory: .gibibytes(1), accelerator: .tcg, acceleratorReason: "",
                libvirtVersion: "9.0.0")
        }
        let unknown = uuid == nil ? [UnknownArea(.host, reason: "no answer")] : []
        return HostInventory(
            host: host,
            machines: machines.map { id in
                VirtualMachine(
                    metadata: Metadata(name: id),
                    spec: VirtualMachine.Spec(
                        cpu: VirtualMachine.CPU(count: 1), memory: VirtualMachine.Memory(size: .gibibytes(1))),
                    status: VirtualMachine.Status(host: name, uuid: UUID(), state: running ? .running : .off))
            }, unknown: unknown)
    }

    /// As the last apply wrote it on each host.
    private func roster(_ hosts: HostInventory...) -> Roster {
        Roster(fleet, hosts.reduce(into: [:]) { $0[$1.host.metadata.identity] = $1 }, now: Moment(seconds: 0))
    }

    private func reasons(_ inventory: HostInventory?) -> [String] { inventory?.unknown.map(\.reason) ?? ["not there"] }

    @Test func whatIsAsItWasIsKnown() {
        let (a, b) = (host("a", uuids.a, machines: ["web"]), host("b", uuids.b))
        let known = roster(a, b)
        let judged = RosterRules.judged([Sighting(inventory: a, roster: known), Sighting(inventory: b, roster: known)])
        #expect(judged == ["a": a, "b": b])
    }

    @Test func anotherMachineUnderAHostsName() {
        let (a, b) = (host("a", uuids.a), host("b", uuids.b, machines: ["db"]))
        // b was installed anew, so it remembers nothing; a does.
        let judged = RosterRules.judged([
            Sighting(inventory: a, roster: roster(a, b)), Sighting(inventory: host("b", uuids.c)),
        ])
        #expect(judged["a"] == a)
        #expect(reasons(judged["b"]).first?.contains("the last apply knew \(uuids.b.lowercased)") == true)
        #expect(judged["b"]?.isUnknown == true)
        #expect(judged["b"]?.lastSeen == ["db"])
    }

    @Test func oneMachineUnderTwoNames() {
        let judged = RosterRules.judged([
            Sighting(inventory: host("a", uuids.a)), Sighting(inventory: host("b", uuids.a)),
            Sighting(inventory: host("c", uuids.c)),
        ])
        #expect(reasons(judged["a"]) == ["it and Host/b are one machine, \(uuids.a.lowercased); keep one of them"])
        #expect(judged["a"]?.isUnknown == true && judged["b"]?.isUnknown == true)
        #expect(judged["c"]?.unknown == [])
    }

    @Test func aHostThatLeftWithMachinesOnIt() {
        let (a, b, c) = (host("a", uuids.a), host("b", uuids.b, machines: ["db", "web"]), host("c", uuids.c))
        let judged = RosterRules.judged([Sighting(inventory: a, roster: roster(a, b, c))])
        #expect(judged["b"]?.isUnknown == true)
        #expect(judged["b"]?.lastSeen == ["db", "web"])
        let reason = reasons(judged["b"]).first
        #expect(reason?.contains("left the manifests while 2 machines were on it (db, web)") == true)
        // Nothing was on c.
        #expect(judged["c"] == nil)
    }

    @Test func aHostOfAnotherNameIsNotLost() {
        let (a, b) = (host("a", uuids.a), host("b", uuids.b, machines: ["db"]))
        let known = roster(a, b)
        let judged = RosterRules.judged([
            Sighting(inventory: a, roster: known),
            Sighting(inventory: host("bee", uuids.b, machines: ["db"]), roster: known),
        ])
        #expect(judged.keys.sorted() == ["a", "bee"])
        #expect(judged.values.flatMap(\.unknown).isEmpty)
    }

    @Test func whatWasOnASilentHostIsRemembered() {
        let (a, b) = (host("a", uuids.a), host("b", uuids.b, machines: ["db"]))
        let judged = RosterRules.judged([
            Sighting(inventory: a, roster: roster(a, b)), Sighting(inventory: host("b", nil)),
            Sighting(inventory: host("c", nil)),
        ])
        #expect(judged["b"]?.lastSeen == ["db"])
        #expect(judged["c"]?.lastSeen == nil)
        #expect(judged["a"]?.lastSeen == nil)
    }

    @Test func aMachineThatRunsTwice() {
        let judged = RosterRules.judged([
            Sighting(inventory: host("a", uuids.a, machines: ["web", "db"])),
            Sighting(inventory: host("b", uuids.b, machines: ["web"])),
            Sighting(inventory: host("c", uuids.c, machines: ["db"], running: false)),
        ])
        for id in ["a", "b"] {
            #expect(judged[id]?.unknown.map(\.resource) == [ResourceID(.virtualMachine, "web")])
            #expect(reasons(judged[id]).first?.contains("it runs on a and b at once") == true)
        }
        #expect(judged["c"]?.unknown == [])
    }

    /// The operator's word that a host is off counts while all others that remember the host remember the word, and of that
    /// machine alone.
    @Test func aFenceCountsWhileAllRememberIt() {
        let (a, b, c) = (host("a", uuids.a), host("b", uuids.b, machines: ["db", "web"]), host("c", uuids.c))
        var known = roster(a, b, c)
        func judged(_ first: Roster, _ second: Roster?, silent: Bool = true) -> Fence? {
            RosterRules.judged([
                Sighting(inventory: a, roster: first), Sighting(inventory: c, roster: second),
                // It was off when the word was written.
                silent
                    ? Sighting(inventory: host("b", nil), isSilent: true)
                    : Sighting(inventory: b, roster: roster(a, b, c)),
            ])["b"]?.fence
        }
        #expect(judged(known, known) == nil)
        let without = known
        let disks = ["db": ["db.root"], "web": ["web.root"]]
        known.hosts["b"]?.leases = disks
        known.fences = ["b": Roster.Fence(uuid: uuids.b, leases: disks)]
        #expect(judged(known, known) == Fence(machines: disks))
        #expect(judged(known, known, silent: false) == Fence(machines: disks, isOver: true))
        // One that was off meanwhile remembers a word that no longer holds; one that is new remembers no host.
        #expect(judged(known, without) == nil)
        #expect(judged(without, known) == nil)
        #expect(judged(known, nil) == Fence(machines: disks))
        #expect(judged(known, roster(a)) == Fence(machines: disks))
        var other = known
        other.fences?["b"]?.leases = ["web": ["web.root"], "cache": [], "db": ["db.root", "db.data"]]
        #expect(judged(known, other) == Fence(machines: ["web": ["web.root"]]))
        // What was noted of the machines since counts.
        other = known
        other.hosts["b"]?.leases = ["db": ["db.root"], "web": ["web.root", "web.data"]]
        #expect(judged(known, other) == Fence(machines: ["db": ["db.root"]]))
        // Once one knows that it is over it is, though the host is silent again.
        other.fences?["b"]?.isOver = true
        #expect(judged(known, other)?.isOver == true)
        #expect(judged(other, known)?.isOver == true)
        // One of the old form names no disks: it frees nothing.
        other = known
        other.fences?["b"]?.leases = nil
        #expect(judged(known, other) == Fence(machines: [:]))
        other.fences?["b"]?.uuid = uuids.c
        #expect(judged(known, other) == nil)
    }

    /// The word ends when the host answers and has nothing of what is elsewhere.
    @Test func aFenceEndsWhenTheHostIsClean() {
        let (a, b) = (host("a", uuids.a, machines: ["db"]), host("b", uuids.b, machines: ["db"], running: false))
        func fenced(_ a: HostInventory, _ b: HostInventory, _ fence: Fence?) -> Set<String> {
            var b = b
            b.fence = fence
            return ConnectedFleet.fenced(["a": a, "b": b])
        }
        let disks = ["db": ["db.root"]]
        let (silent, over) = (Fence(machines: disks), Fence(machines: disks, isOver: true))
        #expect(fenced(a, host("b", nil), silent) == ["b"])
        #expect(fenced(a, host("b", nil), over) == ["b"])
        #expect(fenced(a, b, over) == ["b"])
        #expect(fenced(a, host("b", uuids.b), over) == [])
        #expect(fenced(host("a", uuids.a), b, over) == [])
        #expect(fenced(a, b, nil) == [])
    }

    /// What no longer holds goes whatever else is unknown, and what was not looked at stays.
    @Test func whatNoLongerHoldsIsForgotten() {
        let (a, b, c) = (host("a", uuids.a), host("b", uuids.b, machines: ["db"]), host("c", nil))
        var known = roster(a, b, host("c", uuids.c, machines: ["web"]))
        known.hosts["b"]?.leases = ["db": ["db.root"]]
        known.hosts["c"]?.leases = ["web": ["web.root"]]
        known.fences = ["b": Roster.Fence(uuid: uuids.b, leases: [:]), "c": Roster.Fence(uuid: uuids.c, leases: [:])]
        var (seen, silent) = (b, c)
        seen.fence = Fence(machines: [:], isOver: true)
        silent.fence = Fence(machines: [:])
        let rules = LeaseRules(fleet)
        var told = known
        let isNew = told.forget(whatDiffersFrom: ["a": a, "b": seen, "c": silent], rules)
        #expect(told.hosts["b"]?.leases == [:] && told.hosts["c"]?.leases == ["web": ["web.root"]])
        #expect(told.fences?["b"]?.isOver == true && told.fences?["c"]?.isOver == nil)
        let isMore = told.forget(whatDiffersFrom: ["a": a, "b": seen, "c": silent], rules)
        #expect(isNew && !isMore)
    }

    /// A fleet with leases, and its host b with a machine that runs with a disk in their pool.
    private func leased() -> (FleetManifest, HostInventory) {
        var fleet = fleet
        fleet.pools = [StoragePool(metadata: Metadata(name: "disks"), spec: StoragePool.Spec(path: "/srv/disks"))]
        fleet.pools[0].spec.shared = true
        fleet.pools[0].spec.leases = true
        var b = host("b", uuids.b, machines: ["db"])
        let path = "/srv/disks/db.root.qcow2"
        b.machines[0].spec.disks = [.init(name: "root", volume: "db.root", path: path)]
        b.volumes = [
            Volume(
                metadata: Metadata(name: "db.root"), spec: Volume.Spec(pool: "disks", size: .gibibytes(1)),
                status: Volume.Status(
                    host: "b", uuid: UUID(), path: path,
                    mark: Volume.Mark(fleet: fleet.fleet.uuid, id: "db.root", deletion: .retain)))
        ]
        b.leases = Leases(held: [path])
        return (fleet, b)
    }

    /// What could not be observed is as it was remembered; what was seen without its leases is not.
    @Test func whatIsUnknownIsNotForgotten() {
        let (fleet, b) = leased()
        let rules = LeaseRules(fleet)
        let known = Roster(fleet, ["b": b], now: Moment(seconds: 0))
        let had = ["db": ["db.root"]]
        #expect(known.hosts["b"]?.leases == had)
        func after(_ edit: (inout HostInventory) -> Void) -> [String: [String]]? {
            var (roster, seen) = (known, b)
            edit(&seen)
            roster.forget(whatDiffersFrom: ["b": seen], rules)
            return roster.hosts["b"]?.leases
        }
        let machine = ResourceID(.virtualMachine, "db")
        let hidden = [UnknownArea(.storage, reason: "a disk does not answer")]
        // Unknown.
        #expect(after { _ in } == had)
        #expect(after { ($0.machines, $0.unknown) = ([], [UnknownArea(.compute, reason: "no answer")]) } == had)
        #expect(
            after { ($0.machines, $0.unknown) = ([], [UnknownArea(.compute, resource: machine, reason: "odd")]) } == had
        )
        #expect(after { ($0.volumes, $0.unknown) = ([], hidden) } == had)
        #expect(after { $0.leases = Leases(obstacle: "could not be asked", isUnknown: true) } == had)
        // Known to be otherwise.
        #expect(after { $0.machines = [] } == [:])
        #expect(after { $0.volumes = [] } == [:])
        #expect(after { $0.leases = Leases() } == [:])
        #expect(after { $0.leases = Leases(obstacle: "libvirt has no lock manager") } == [:])
        #expect(after { ($0.leases, $0.unknown) = (Leases(), hidden) } == [:])
        #expect(after { $0.machines[0].status?.state = .saved } == [:])
        let more = VirtualMachine.Disk(name: "data", volume: "data", path: "/elsewhere/data.qcow2")
        #expect(after { ($0.unknown, $0.machines[0].spec.disks) = (hidden, [more]) } == [:])
        #expect(after { ($0.unknown, $0.machines[0].spec.disks) = (hidden, $0.machines[0].spec.disks + [more]) } == [:])
        #expect(
            after {
                $0.leases = Leases(obstacle: "could not be asked", isUnknown: true)
                $0.machines[0].spec.disks.append(more)
            } == [:])
    }

    /// Rosters of before are read, and free nothing.
    @Test func rostersOfBeforeAreRead() throws {
        let text = """
            {"version": 1, "fleet": "racks",
             "hosts": {"b": {"uuid": "\(uuids.b.uuidString)", "machines": ["db"], "leased": ["db"]}},
             "fences": {"b": {"uuid": "\(uuids.b.uuidString)", "machines": ["db"]}}}
            """
        let old = try JSONDecoder().decode(Roster.self, from: Data(text.utf8))
        #expect(old.hosts["b"]?.machines == ["db"] && old.hosts["b"]?.leases == nil)
        let judged = RosterRules.judged([
            Sighting(inventory: host("a", uuids.a), roster: old), Sighting(inventory: host("b", nil), isSilent: true),
        ])
        #expect(judged["b"]?.fence == Fence(machines: [:]))
        #expect(judged["b"]?.lastSeen == ["db"] && judged["b"]?.lastSeenVolumes == nil)
    }

    /// Volumes that no other host reaches are remembered beside the machines.
    @Test func volumesOfASilentHostAreRemembered() {
        var fleet = fleet
        fleet.pools = [
            StoragePool(metadata: Metadata(name: "own"), spec: StoragePool.Spec(path: "/a")),
            StoragePool(metadata: Metadata(name: "all"), spec: StoragePool.Spec(path: "/b")),
        ]
        fleet.pools[1].spec.shared = true
        var b = host("b", uuids.b)
        b.volumes = ["own", "all"].map {
            Volume(metadata: Metadata(name: "data-" + $0), spec: Volume.Spec(pool: $0, size: .gibibytes(1)))
        }
        let known = Roster(fleet, ["a": host("a", uuids.a), "b": b], now: Moment(seconds: 0))
        let judged = RosterRules.judged([
            Sighting(inventory: host("a", uuids.a), roster: known), Sighting(inventory: host("b", nil), isSilent: true),
        ])
        #expect(judged["b"]?.lastSeenVolumes == ["data-own"])
    }
}
