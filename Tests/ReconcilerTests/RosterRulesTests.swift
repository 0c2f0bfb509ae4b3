import Foundation
import Model
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
        Roster(fleet, hosts.reduce(into: [:]) { $0[$1.host.metadata.identity] = $1 })
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
        known.fences = ["b": Roster.Fence(uuid: uuids.b, machines: ["db", "web"])]
        #expect(judged(known, known) == Fence(machines: ["db", "web"]))
        #expect(judged(known, known, silent: false) == Fence(machines: ["db", "web"], isOver: true))
        // One that was off meanwhile remembers a word that no longer holds; one that is new remembers no host.
        #expect(judged(known, without) == nil)
        #expect(judged(without, known) == nil)
        #expect(judged(known, nil) == Fence(machines: ["db", "web"]))
        #expect(judged(known, roster(a)) == Fence(machines: ["db", "web"]))
        var other = known
        other.fences?["b"]?.machines = ["web", "cache"]
        #expect(judged(known, other) == Fence(machines: ["web"]))
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
        let (silent, over) = (Fence(machines: ["db"]), Fence(machines: ["db"], isOver: true))
        #expect(fenced(a, host("b", nil), silent) == ["b"])
        #expect(fenced(a, host("b", nil), over) == ["b"])
        #expect(fenced(a, b, over) == ["b"])
        #expect(fenced(a, host("b", uuids.b), over) == [])
        #expect(fenced(host("a", uuids.a), b, over) == [])
        #expect(fenced(a, b, nil) == [])
    }
}
