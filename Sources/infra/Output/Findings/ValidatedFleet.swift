import Manifests
import Model
import Reconciler

/// One fleet as `infra validate` found it.
struct ValidatedFleet {
    /// The folder or file as it was given.
    let path: String
    /// What was read.
    let files: [SourceFile]
    /// The fleet; nil if and only if there is an error among the diagnostics.
    let manifest: FleetManifest?
    /// All that is to be told about it.
    let diagnostics: [Diagnostic]
    /// Whether its files could be read at all.
    let isReadable: Bool

    /// Reads and checks a folder, or one file, as a fleet of its own.
    init(_ path: String, images: ImageFiles?, secrets: SecretSource? = nil) {
        self.path = path
        do throws(ManifestFolderError) {
            files = try ManifestFolder.read(path, prefix: FleetInput.prefix(below: path))
            isReadable = true
        } catch {
            files = []
            isReadable = false
            diagnostics = error.diagnostics
            manifest = nil
            return
        }
        let result = ManifestReader.read(files)
        guard let loaded = result.loaded else {
            diagnostics = result.diagnostics
            manifest = nil
            return
        }
        let (filled, unfit) = ImageFiles.fill(loaded.manifest, from: images)
        let problems = unfit + (secrets?.check(loaded.manifest) ?? [])
        diagnostics = result.diagnostics + problems.map { $0.placed(in: loaded.sources) }
        manifest = problems.contains { $0.severity == .error } ? nil : filled
    }

    /// How many things are wrong.
    var errors: Int { diagnostics.count { $0.severity == .error } }

    /// `fleet office, 9 resources`; nil for one that is not valid.
    var summary: String? {
        manifest.map { manifest in
            let count = Self.resources(manifest)
            return "fleet \(manifest.fleet.metadata.name), \(count) resource\(count == 1 ? "" : "s")"
        }
    }

    /// How many documents a fleet has.
    static func resources(_ manifest: FleetManifest) -> Int {
        1 + manifest.hosts.count + manifest.pools.count + manifest.images.count + manifest.networks.count
            + manifest.volumes.count + manifest.machines.count
    }
}
