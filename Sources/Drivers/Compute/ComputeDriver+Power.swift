import Foundation
public import Hosts
public import Model

extension ComputeDriver {
    /// How often a machine that is shutting down is looked at.
    private static let pollInterval = Duration.milliseconds(200)
    /// How often it is asked again: a guest that is still booting does not hear the first time.
    private static let askInterval = Duration.seconds(5)

    /// Starts a machine that is off, and resumes one that is paused: by somebody, by a start that is under way still, or
    /// by a move that was cut off.
    ///
    /// - Parameters:
    ///   - others: the other hosts. One of which a move has left the guest paused here may run there.
    ///   - unasked: the other hosts that nobody could ask.
    /// - Throws: `HostError.surprise` when a paused one is, or may be, on another host as well.
    public func start(
        _ machine: VirtualMachine, others: [ComputeDriver] = [], unasked: [String] = [], deadline: Duration
    ) async throws(HostError) {
        let end = ContinuousClock.now + deadline
        let record = try await ours(machine, deadline: end - .now)
        if record.state == .running { return }
        do throws(HostError) {
            if record.state == .paused {
                if let host = unasked.first {
                    throw .surprise(
                        "domain \(record.name) is paused, and may run on host \(host), which does not answer")
                }
                for other in others {
                    guard try await other.connection.domain(record.uuid, deadline: end - .now) != nil else { continue }
                    throw .surprise("domain \(record.name) is paused here and on host \(other.host) as well")
                }
                try await connection.resumeDomain(record.uuid, deadline: end - .now)
            } else {
                try await connection.startDomain(record.uuid, deadline: end - .now)
            }
        } catch {
            // Somebody was quicker.
            guard error.isInvalidInState,
                try await connection.domainState(record.uuid, deadline: end - .now) == .running
            else { throw error }
        }
        guard machine.spec.ready == .running else { return }
        // A disk that fails at the first read leaves a guest that was started paused, and one that crashes is off again.
        let state = try await connection.domainState(record.uuid, deadline: end - .now)
        guard state == .running else { throw .surprise("domain \(record.name) was started and is \(state.rawValue)") }
    }

    /// Stops a machine: asks the guest, and ends it when it still runs after the grace period. One that is paused cannot
    /// hear and is ended at once.
    ///
    /// - Parameters:
    ///   - grace: how long the guest may take.
    ///   - deadline: for each of libvirt's answers.
    ///   - isHeld: whether this controller is still the one that may change the host, asked before each effect: the guest
    ///     takes longer than a controller may be silent.
    /// - Throws: `HostError.surprise` when the host may not be changed any more.
    public func stop(
        _ machine: VirtualMachine, grace: Duration, deadline: Duration, isHeld: @Sendable () -> Bool = { true }
    ) async throws(HostError) {
        let record = try await ours(machine, deadline: deadline)
        if record.state == .running {
            let end = ContinuousClock.now + grace
            var nextAsk = ContinuousClock.now
            while ContinuousClock.now < end {
                if ContinuousClock.now >= nextAsk {
                    try goOn(isHeld)
                    try await ask(record.uuid, deadline: deadline)
                    nextAsk += Self.askInterval
                }
                if try await isOff(record.uuid, deadline: deadline) { return }
                await pause(min(Self.pollInterval, end - .now))
            }
        }
        try goOn(isHeld)
        try await end(record.uuid, graceful: true, deadline: deadline)
    }

    private func goOn(_ isHeld: @Sendable () -> Bool) throws(HostError) {
        guard isHeld() else { throw .surprise("the host's lock was lost meanwhile; nothing more is done") }
    }

    /// Stops a machine as `stop` does, gives it its new name if it has one, and starts it from its persistent
    /// definition.
    public func restart(
        _ machine: VirtualMachine, grace: Duration, deadline: Duration, isHeld: @Sendable () -> Bool = { true }
    ) async throws(HostError) {
        // A name that is taken is found before anything is stopped for it.
        let record = try await ours(machine, deadline: deadline)
        let holder = try await connection.domainUUID(named: machine.metadata.name, deadline: deadline)
        guard holder == nil || holder == record.uuid else {
            throw .surprise("another domain is called \(machine.metadata.name) already")
        }
        try await stop(machine, grace: grace, deadline: deadline, isHeld: isHeld)
        try goOn(isHeld)
        try await rename(machine, deadline: deadline)
        try goOn(isHeld)
        try await start(machine, deadline: deadline)
    }

    /// Ends a machine at once, as if its power were cut.
    public func forceOff(_ machine: VirtualMachine, deadline: Duration) async throws(HostError) {
        let record = try await ours(machine, deadline: deadline)
        guard record.state.isActive else { return }
        try await end(record.uuid, graceful: false, deadline: deadline)
    }

    /// Sleeps whether or not the caller is cancelled: a guest that was asked to stop gets the time it was promised.
    private func pause(_ duration: Duration) async {
        try? await Task.detached { try await Task.sleep(for: duration) }.value
    }

    private func ask(_ uuid: UUID, deadline: Duration) async throws(HostError) {
        do throws(HostError) {
            try await connection.shutDownDomain(uuid, deadline: deadline)
        } catch {
            // It went off by itself, or it cannot hear: the grace period decides.
            guard case .libvirt = error else { throw error }
        }
    }

    private func end(_ uuid: UUID, graceful: Bool, deadline: Duration) async throws(HostError) {
        do throws(HostError) {
            try await connection.destroyDomain(uuid, graceful: graceful, deadline: deadline)
        } catch {
            guard case .libvirt = error, try await isOff(uuid, deadline: deadline) else { throw error }
        }
    }

    /// Gone is off: a domain without a persistent definition goes with its process.
    private func isOff(_ uuid: UUID, deadline: Duration) async throws(HostError) -> Bool {
        do throws(HostError) {
            return try await !connection.domainState(uuid, deadline: deadline).isActive
        } catch {
            if error.isNotFound { return true }
            throw error
        }
    }
}
