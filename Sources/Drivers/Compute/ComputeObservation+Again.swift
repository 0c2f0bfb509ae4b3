public import Foundation
import Model

extension ComputeObservation {
    /// This observation with some of its domains as they were seen later; those that were not found then are gone.
    public func replacing(_ uuids: Set<UUID>, by later: ComputeObservation) -> ComputeObservation {
        var result = self
        func isOld(_ uuid: UUID?) -> Bool { uuid.map { uuids.contains($0) } ?? false }
        let old = Set(machines.filter { isOld($0.status?.uuid) }.map(\.metadata.identity))
        result.machines = (machines.filter { !isOld($0.status?.uuid) } + later.machines)
            .sorted { $0.metadata.identity < $1.metadata.identity }
        result.taps = taps.filter { !old.contains($0.machine) } + later.taps
        result.foreign = (foreign.filter { !isOld($0.uuid.flatMap { UUID(uuidString: $0) }) } + later.foreign)
            .sorted { $0.name < $1.name }
        result.adoptable = (adoptable.filter { !isOld($0.status?.uuid) } + later.adoptable)
            .sorted { $0.metadata.name < $1.metadata.name }
        result.unknown = (unknown + later.unknown).sorted { $0.reason < $1.reason }
        return result
    }
}
