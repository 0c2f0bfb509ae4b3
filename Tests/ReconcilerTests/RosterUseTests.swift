import Foundation
import Model
import Testing

@testable import Planning
@testable import Reconciler

/// How much of pools was in use is remembered for a few days, and what is told from that.
@Suite struct RosterUseTests {
    private static let day: Int64 = 86_400
    private let begin = Moment(seconds: 20_000 * Self.day)
    private let fleet = FleetManifest(fleet: Fleet(metadata: Metadata(name: "office"), uuid: UUID()))

    private func pool(used: UInt64, of size: UInt64 = 100) -> StoragePool.Status {
        StoragePool.Status(
            host: "a", uuid: UUID(), name: "disks", capacity: .gibibytes(size), available: .gibibytes(size - used))
    }

    private func entry(used: UInt64, at moment: Moment) throws -> Roster.Entry {
        let pool = StoragePool(
            metadata: Metadata(name: "disks"), spec: .init(path: "/disks"), status: pool(used: used, of: 1000))
        let host = KVMHost(
            metadata: Metadata(name: "a"),
            status: .init(
                uuid: UUID(), hostname: "a", cpu: 1, memory: .gibibytes(1), accelerator: .tcg, acceleratorReason: "",
                libvirtVersion: "9.0.0"))
        let roster = Roster(fleet, ["a": HostInventory(host: host, pools: [pool])], now: moment)
        return try #require(roster.hosts["a"])
    }

    @Test func theFirstLookOfADayIsKeptForEightDays() throws {
        var known: Roster.Entry?
        for hour in stride(from: Int64(0), to: 24 * 12, by: 6) {
            known = try entry(used: UInt64(hour), at: begin.adding(hour * 3600)).following(known)
        }
        let uses = try #require(known?.use?["disks"])
        #expect(uses.map(\.at) == (4..<12).map { begin.adding($0 * Self.day) })
        #expect(uses.map(\.used) == (4..<12).map { .gibibytes($0 * 24) })
        // A clock that went back: what it will say is forgotten.
        let back = try entry(used: 7, at: begin.adding(5 * Self.day - 1)).following(known)
        #expect(back.use?["disks"]?.map(\.at) == [begin.adding(4 * Self.day)])
    }

    @Test func whatIsRememberedIsThereAfterALook() throws {
        let known = try entry(used: 3, at: begin)
        let data = try JSONEncoder().encode(known)
        #expect(try JSONDecoder().decode(Roster.Entry.self, from: data) == known)
        let host = KVMHost(metadata: Metadata(name: "a"))
        var roster = Roster(fleet, [:], now: begin)
        roster.hosts["a"] = known
        let judged = RosterRules.judged([Sighting(inventory: HostInventory(host: host), roster: roster)])
        #expect(judged["a"]?.earlierUse == ["disks": [PoolUse(at: begin, used: .gibibytes(3))]])
    }

    @Test func aStraightLineTellsWhenItIsFull() throws {
        let earlier = [
            PoolUse(at: begin, used: .gibibytes(10)), PoolUse(at: begin.adding(Self.day), used: .gibibytes(49)),
        ]
        let now = begin.adding(4 * Self.day)
        let forecast = try #require(PoolForecast(pool(used: 50), at: now, earlier: earlier))
        #expect(forecast.since == begin && forecast.bytesPerDay == ByteCount.gibibytes(10).bytes)
        #expect(forecast.days == 5 && forecast.fullAt == now.adding(5 * Self.day))
        // One that is full is so now.
        #expect(PoolForecast(pool(used: 100), at: now, earlier: earlier)?.fullAt == now)
    }

    @Test func whatSaysNothingIsNoForecast() {
        let use = [PoolUse(at: begin, used: .gibibytes(10))]
        #expect(PoolForecast(pool(used: 50), at: begin.adding(3599), earlier: use) == nil)
        #expect(PoolForecast(pool(used: 50), at: begin.adding(3600), earlier: use) != nil)
        #expect(PoolForecast(pool(used: 50), at: begin.adding(-Self.day), earlier: use) == nil)
        #expect(PoolForecast(pool(used: 50), at: begin.adding(3600), earlier: []) == nil)
        let later = begin.adding(Self.day)
        #expect(PoolForecast(pool(used: 10), at: later, earlier: use) == nil)
        #expect(PoolForecast(pool(used: 9), at: later, earlier: use) == nil)
        // A GiB in ten days, and a thousand are free.
        let slow = pool(used: 11, of: 1011)
        #expect(PoolForecast(slow, at: begin.adding(10 * Self.day), earlier: use) == nil)
        var unseen = pool(used: 50)
        unseen.available = nil
        #expect(PoolForecast(unseen, at: later, earlier: use) == nil)
    }
}
