import ArgumentParser
import Foundation
import Manifests
import Model
import Planning
import Reconciler

/// A valid fleet with its sources, as every command but `init` and `doctor` starts from one.
struct FleetInput {
    private(set) var manifest: FleetManifest
    let sources: SourceIndex
    let files: ImageFiles?
    /// Where the values of secrets are.
    private(set) var secrets: SecretSource?
    let digest: ManifestDigest

    /// Reads and checks the whole fleet. Everything that is wrong is told at once.
    /// - Throws: `ExitCode` with `invalid` when it is not valid.
    static func load(
        _ options: FleetOptions, format: OutputFormat = .text, invalid: Int32 = Exit.couldNotRun,
        failure: Int32 = Exit.couldNotRun
    ) throws -> FleetInput {
        let read = try readFolder(options.path, format, failure, prefix: prefix(below: options.path))
        let result = ManifestReader.read(read)
        guard let loaded = result.loaded else {
            try tell(result.diagnostics, format)
            throw ExitCode(invalid)
        }
        let files = options.files.map { ImageFiles($0) }
        let (manifest, problems) = ImageFiles.fill(loaded.manifest, from: files)
        let placed = problems.map { $0.placed(in: loaded.sources) }
        try tell(result.diagnostics + placed, format)
        if placed.contains(where: { $0.severity == .error }) { throw ExitCode(invalid) }
        return FleetInput(
            manifest: manifest, sources: loaded.sources, files: files, digest: ManifestDigest(options.path, read))
    }

    /// Reads and checks the whole fleet, and reads its secrets for their digests.
    /// - Throws: `ExitCode` with `invalid` when it is not valid or a secret cannot be used.
    static func load(
        _ options: FleetOptions, _ secrets: SecretOptions, format: OutputFormat = .text,
        invalid: Int32 = Exit.couldNotRun, failure: Int32 = Exit.couldNotRun
    ) async throws -> FleetInput {
        var input = try load(options, format: format, invalid: invalid, failure: failure)
        input.secrets = secrets.source
        let (manifest, problems) = await SecretSource.fill(input.manifest, from: input.secrets)
        try tell(problems.map { $0.placed(in: input.sources) }, format)
        guard problems.isEmpty else { throw ExitCode(invalid) }
        input.manifest = manifest
        return input
    }

    /// The files of a folder of manifests. One that cannot be read is no fleet.
    static func readFolder(
        _ path: String, _ format: OutputFormat, _ failure: Int32 = Exit.couldNotRun, prefix: String = ""
    ) throws -> [SourceFile] {
        do throws(ManifestFolderError) {
            return try ManifestFolder.read(path, prefix: prefix)
        } catch {
            try tell(error.diagnostics, format)
            throw ExitCode(failure)
        }
    }

    /// What stands before the paths of the files in a folder, so that messages name files as the reader's shell would.
    static func prefix(below path: String) -> String {
        var path = path[...]
        while path.hasPrefix("./") { path = path.dropFirst(2).drop { $0 == "/" } }
        while path.count > 1, path.hasSuffix("/") { path = path.dropLast() }
        return path.isEmpty || path == "." ? "" : path == "/" ? "/" : path + "/"
    }

    /// The plan with the places in the manifests that its problems are about.
    func located(_ plan: Plan) -> Plan { plan.placed(in: sources) }

    /// The targets by identity; what was named on the command line may be a name.
    /// - Throws: `ExitCode` when one is not in the manifests.
    func identities(of targets: [ResourceID]) throws -> Set<ResourceID> {
        var names: [ResourceID: ResourceID] = [:]
        func add(_ kind: ResourceKind, _ all: [Metadata]) {
            for metadata in all { names[ResourceID(kind, metadata.name)] = ResourceID(kind, metadata.identity) }
        }
        add(.host, manifest.hosts.map(\.metadata))
        add(.storagePool, manifest.pools.map(\.metadata))
        add(.image, manifest.images.map(\.metadata))
        add(.network, manifest.networks.map(\.metadata))
        add(.volume, manifest.volumes.map(\.metadata))
        add(.virtualMachine, manifest.machines.map(\.metadata))
        add(.snapshot, manifest.snapshots.map(\.metadata))
        let disks = manifest.machines.flatMap { machine in
            machine.spec.disks.map { ResourceID(.volume, "\(machine.metadata.identity).\($0.name)") }
        }
        let known = Set(names.values).union(disks)
        return try targets.reduce(into: []) { result, target in
            guard let found = known.contains(target) ? target : names[target] else {
                Console.error("error[unknown-target]: there is no \(TerminalText.safe("\(target)")) in the manifests")
                throw ExitCode(Exit.couldNotRun)
            }
            result.insert(found)
        }
    }

    static func tell(_ diagnostics: [Diagnostic], _ format: OutputFormat) throws {
        switch format {
        case .text:
            for diagnostic in diagnostics { Console.error("\(diagnostic)") }
        case .json:
            if diagnostics.contains(where: { $0.severity == .error }) {
                Console.output(try JSONOutput.document(["diagnostics": diagnostics]))
            }
        }
    }
}
