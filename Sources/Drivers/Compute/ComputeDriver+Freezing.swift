import Foundation
public import Hosts
public import Model

extension ComputeDriver {
    /// Does something while a running machine's file systems are frozen, where there is an agent in the guest.
    ///
    /// - Throws: `HostError.surprise` when the machine has another disk there.
    public func whileFrozen(
        _ machine: VirtualMachine, disk: String, is source: Volume, deadline: Duration,
        _ body: () async throws(HostError) -> Void
    ) async throws(HostError) {
        let now = try await live(machine, disk, deadline: deadline)
        guard now.path == source.status?.path else {
            throw .surprise("the disk \(disk) of domain \(now.domain) is \(now.path) now")
        }
        try await whileFrozen(now.uuid, body)
    }

    func whileFrozen(
        _ uuid: UUID, _ body: () async throws(HostError) -> Void
    ) async throws(HostError) {
        var isFrozen = true
        do throws(HostError) {
            try await connection.freezeDomain(uuid, deadline: .seconds(20))
        } catch {
            // Without an agent the copy is what a power failure would leave. An answer that is late may be a yes.
            if case .libvirt = error { isFrozen = false }
        }
        let result: Result<Void, HostError>
        do throws(HostError) {
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        if isFrozen { try await thaw(uuid) }
        try result.get()
    }

    /// A guest goes on even if the task that froze it is cancelled. Harmless when it was not frozen.
    func thaw(_ uuid: UUID) async throws(HostError) {
        let work = Task { () -> HostError? in
            var last: HostError?
            for _ in 0..<6 {
                do throws(HostError) {
                    try await connection.thawDomain(uuid, deadline: .seconds(20))
                    return nil
                } catch {
                    last = error
                }
            }
            return last
        }
        if let error = await work.value { throw error }
    }
}
