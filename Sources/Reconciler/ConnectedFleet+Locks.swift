import Foundation
import Hosts
import Logging
import Model

/// The hosts that this controller alone may change, for as long as it is so.
struct HeldLocks: Sendable {
    fileprivate(set) var locks: [String: HostLock] = [:]
    /// Hosts that could not be reached when the locks were taken. Nothing is done on them.
    fileprivate(set) var lost: [String: HostError] = [:]

    /// Whether that host's lock is surely held.
    func isHeld(_ host: String) -> Bool { locks[host]?.isHeld ?? false }

    /// Whether there is a host left that may be changed.
    var isAnyHeld: Bool { locks.values.contains(where: \.isHeld) }
}

extension ConnectedFleet {
    /// Runs the body while this controller alone may change the hosts. Locks are taken in the order of the hosts' UUIDs,
    /// and all are freed however the body ends. A host that does not answer is left out, and the rest goes on.
    /// - Throws: `HostError.locked` with what the holder says of itself.
    func locked<Value: Sendable>(
        timeout: Duration, _ body: (HeldLocks) async throws(HostError) -> Value
    ) async throws(HostError) -> Value {
        let holder = HostLock.Holder(fleet: manifest.fleet.metadata.name, identity: identity)
        var held = HeldLocks()
        let ordered = await uuids(&held.lost)
        do throws(HostError) {
            var taken: [UUID: HostLock] = [:]
            for entry in ordered {
                // One machine under two names has one lock.
                if let lock = taken[entry.uuid] {
                    held.locks[entry.session.id] = lock
                    continue
                }
                do throws(HostError) {
                    let lock = try await HostLock.take(
                        on: entry.session.commands, as: holder, timeout: timeout)
                    taken[entry.uuid] = lock
                    held.locks[entry.session.id] = lock
                } catch {
                    guard error.isSilence, sessions.count > 1 else { throw error }
                    held.lost[entry.session.id] = error
                }
            }
            if held.locks.isEmpty, let error = held.lost.sorted(by: { $0.key < $1.key }).first?.value { throw error }
            log.debug("locks held", metadata: ["hosts": "\(held.locks.keys.sorted())"])
            let value = try await body(held)
            await release(held, ordered)
            return value
        } catch {
            await release(held, ordered)
            throw error
        }
    }

    private func release(_ held: HeldLocks, _ ordered: [(uuid: UUID, session: HostSession)]) async {
        for entry in ordered.reversed() { await held.locks[entry.session.id]?.release() }
    }

    /// The hosts within reach by what they are, not by what they are called: every controller takes them in this order.
    private func uuids(_ lost: inout [String: HostError]) async -> [(uuid: UUID, session: HostSession)] {
        var ordered: [(uuid: UUID, session: HostSession)] = []
        await withTaskGroup(of: (HostSession, Result<UUID, HostError>).self) { group in
            for session in sessions.values {
                group.addTask {
                    do throws(HostError) {
                        return (session, .success(try await HostFacts.uuid(commands: session.commands)))
                    } catch {
                        return (session, .failure(error))
                    }
                }
            }
            for await (session, result) in group {
                switch result {
                case .success(let uuid): ordered.append((uuid, session))
                case .failure(let error): lost[session.id] = error
                }
            }
        }
        return ordered.sorted { $0.uuid.lowercased < $1.uuid.lowercased }
    }
}

extension HostError {
    /// Whether it says nothing but that the host does not answer.
    var isSilence: Bool {
        switch self {
        case .unreachable, .deadline: true
        case .libvirt, .surprise, .command, .unreadable, .locked: false
        }
    }
}
