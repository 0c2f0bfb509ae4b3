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
    /// The controller's ssh keys.
    public var sshKeys: SSHKeys

    /// How patient a run is; without arguments as the command line is by default.
    public init(
        stepDeadline: Duration = .seconds(300), observationDeadline: Duration = .seconds(30),
        grace: Duration = .seconds(60), parallelism: Int = 4, sshKeys: SSHKeys = SSHKeys()
    ) {
        self.stepDeadline = stepDeadline
        self.observationDeadline = observationDeadline
        self.grace = grace
        self.parallelism = parallelism
        self.sshKeys = sshKeys
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
    /// Where each observation is noted.
    let lastSights: LastSights?
    let log = Logger(label: "infra.reconciler")

    /// Reaches every host at once. A host that does not answer is unknown, and the rest goes on.
    ///
    /// - Parameters:
    ///   - files: Where the bytes of images are; only steps need them.
    ///   - secrets: Where the values of secrets are; only steps need them. Their digests are in the manifest.
    ///   - headStart: What was begun before the manifests were read.
    ///   - lastSights: Where each observation is noted.
    public init(
        _ manifest: FleetManifest, files: ImageFiles?, secrets: SecretSource? = nil,
        settings: RunSettings = RunSettings(), headStart: HeadStart? = nil, lastSights: LastSights? = nil
    ) async {
        self.lastSights = lastSights
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
                guard !host.spec.offline else {
                    failures[host.metadata.identity] = Observer.offline(host)
                    continue
                }
                group.addTask {
                    do throws(HostError) {
                        let session = try await HostSession(
                            host, identity: identity, keys: settings.sshKeys, deadline: deadline, headStart: headStart)
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

    /// What is on every host, by the host's identity, and what hosts that left the manifests were last known to have.
    public func observe() async -> [String: HostInventory] { await observe(without: [:]) }

    /// What is on every host.
    /// - Parameter lost: Hosts that are not asked any more, with the reason.
    func observe(without lost: [String: HostError]) async -> [String: HostInventory] {
        let observer = Observer(identity: identity, deadline: settings.observationDeadline)
        var sightings = failures.values.map { Sighting(inventory: $0, isSilent: true) }
        await withTaskGroup(of: HostSight.self) { group in
            for session in sessions.values {
                if let error = lost[session.id] {
                    sightings.append(Sighting(inventory: Observer.unreachable(session.host, error)))
                    continue
                }
                let manifest = manifest
                group.addTask { await observer.look(session, manifest) }
            }
            for await sight in group {
                sightings.append(sight.sighting)
                lastSights?.note(sight)
            }
        }
        return RosterRules.judged(await withoutMoving(sightings))
    }

    /// What is on every host, looked at as closely as an import needs.
    public func observeForImport() async -> [HostInventory] {
        let observer = Observer(identity: identity, deadline: settings.observationDeadline)
        var sightings = failures.values.map { Sighting(inventory: $0, isSilent: true) }
        for session in sessions.values {
            sightings.append(await observer.look(session, manifest, isImporting: true).sighting)
        }
        let asked = Set(sightings.map(\.inventory.host.metadata.identity))
        return RosterRules.judged(sightings).filter { asked.contains($0.key) }.sorted { $0.key < $1.key }.map(\.value)
    }

    /// Observes and plans.
    public func plan(_ options: PlanOptions) async -> Plan {
        Planner.plan(manifest, observed: await observe(), options: options)
    }
}
