import Foundation
import Hosts
import Logging
public import Model
public import Planning

/// How patient a run is.
public struct RunSettings: Sendable {
    /// How long one step may take.
    public var stepDeadline: Duration
    /// How long one call of an observation may take.
    public var observationDeadline: Duration
    /// How long a guest has to end by itself before it is forced.
    public var grace: Duration
    /// How many steps may run at once.
    public var parallelism: Int

    /// How patient a run is; without arguments as the command line is by default.
    public init(
        stepDeadline: Duration = .seconds(300), observationDeadline: Duration = .seconds(30),
        grace: Duration = .seconds(60), parallelism: Int = 4
    ) {
        self.stepDeadline = stepDeadline
        self.observationDeadline = observationDeadline
        self.grace = grace
        self.parallelism = parallelism
    }
}

/// A fleet whose hosts are within reach, as far as they answer. Where observing and performing meet.
public struct ConnectedFleet: Sendable {
    /// What the manifests want, digests of images and secrets filled in.
    public let manifest: FleetManifest
    let identity: Identity
    let settings: RunSettings
    let files: ImageFiles?
    let secrets: SecretSource?
    let sessions: [String: HostSession]
    let failures: [String: HostInventory]
    private let log = Logger(label: "infra.reconciler")

    /// Reaches every host at once. A host that does not answer is unknown, and the rest goes on.
    ///
    /// - Parameters:
    ///   - files: Where the bytes of images are; only steps need them.
    ///   - secrets: Where the values of secrets are; only steps need them. Their digests are in the manifest.
    ///   - headStart: What was begun before the manifests were read.
    public init(
        _ manifest: FleetManifest, files: ImageFiles?, secrets: SecretSource? = nil,
        settings: RunSettings = RunSettings(), headStart: HeadStart? = nil
    ) async {
        self.manifest = manifest
        self.files = files
        self.secrets = secrets
        self.settings = settings
        let identity = Identity(fleet: manifest.fleet.uuid)
        self.identity = identity
        let deadline = settings.observationDeadline
        var sessions: [String: HostSession] = [:]
        var failures: [String: HostInventory] = [:]
        await withTaskGroup(of: (KVMHost, Result<HostSession, HostError>).self) { group in
            for host in manifest.hosts {
                group.addTask {
                    do throws(HostError) {
                        let session = try await HostSession(
                            host, identity: identity, deadline: deadline, headStart: headStart)
                        return (host, .success(session))
                    } catch {
                        return (host, .failure(error))
                    }
                }
            }
            for await (host, result) in group {
                switch result {
                case .success(let session): sessions[host.metadata.identity] = session
                case .failure(let error): failures[host.metadata.identity] = Observer.unreachable(host, error)
                }
            }
        }
        self.sessions = sessions
        self.failures = failures
    }

    /// What is on every host, by the host's identity.
    public func observe() async -> [String: HostInventory] {
        let observer = Observer(identity: identity, deadline: settings.observationDeadline)
        var result = failures
        await withTaskGroup(of: HostInventory.self) { group in
            for session in sessions.values {
                let manifest = manifest
                group.addTask { await observer.observe(session, manifest) }
            }
            for await inventory in group { result[inventory.host.metadata.identity] = inventory }
        }
        return result
    }

    /// What is on every host, looked at as closely as an import needs.
    public func observeForImport() async -> [HostInventory] {
        let observer = Observer(identity: identity, deadline: settings.observationDeadline)
        var result = Array(failures.values)
        for session in sessions.values {
            result.append(await observer.observe(session, manifest, isImporting: true))
        }
        return result
    }

    /// Observes and plans.
    public func plan(_ options: PlanOptions) async -> Plan {
        Planner.plan(manifest, observed: await observe(), options: options)
    }

    /// Runs the body while this controller alone may change the hosts. Locks are taken in the order of the hosts'
    /// UUIDs, and all are freed however the body ends.
    /// - Throws: `HostError.locked` with what the holder says of itself.
    func locked<Value: Sendable>(
        timeout: Duration, _ body: (_ isHeld: @escaping @Sendable () -> Bool) async throws(HostError) -> Value
    ) async throws(HostError) -> Value {
        let holder = HostLock.Holder(fleet: manifest.fleet.metadata.name, identity: identity)
        var ordered: [(uuid: UUID, session: HostSession)] = []
        for session in sessions.values {
            ordered.append((try await HostFacts.uuid(commands: session.commands), session))
        }
        ordered.sort { $0.uuid.lowercased < $1.uuid.lowercased }
        var locks: [HostLock] = []
        do throws(HostError) {
            for entry in ordered {
                locks.append(try await HostLock.take(on: entry.session.commands, as: holder, timeout: timeout))
            }
            log.debug("locks held", metadata: ["hosts": "\(ordered.map(\.session.id))"])
            let held = locks
            let value = try await body { held.allSatisfy(\.isHeld) }
            for lock in locks.reversed() { await lock.release() }
            return value
        } catch {
            for lock in locks.reversed() { await lock.release() }
            throw error
        }
    }
}
