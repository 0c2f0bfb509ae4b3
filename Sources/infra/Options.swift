public import ArgumentParser
import Foundation
public import Model
import Planning
import Reconciler

/// How results are written.
enum OutputFormat: String, CaseIterable, ExpressibleByArgument {
    case text
    case json
}

extension Disruption: ExpressibleByArgument {}

extension ResourceID: ExpressibleByArgument {
    /// Reads `Kind/id`.
    public init?(argument: String) { self.init(argument) }
}

/// Which fleet.
struct FleetOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "The folder of manifests, or one file; the current folder if left out. It holds the whole fleet.",
            valueName: "path"), completion: .directory)
    var named: String?

    var path: String { named ?? "." }

    @OptionGroup var images: ImageOptions

    var files: String? { images.files }
}

/// Where image files are.
struct ImageOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The folder of image files. Nothing outside it is read.",
            discussion: "An Image's `file` is relative to it.", valueName: "dir"),
        completion: .directory)
    var files: String?
}

/// Where the values of secrets are.
struct SecretOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The folder of secret files. Nothing outside it is read.",
            discussion: "A secretRef's `file` is relative to it.", valueName: "dir"),
        completion: .directory)
    var secrets: String?

    @Option(
        help: ArgumentHelp("The identity file for age-encrypted secrets; `age` decrypts them.", valueName: "file"),
        completion: .file())
    var ageIdentity: String?

    var source: SecretSource? { SecretSource(folder: secrets, identity: ageIdentity) }
}

/// How results are written, for commands that know more than text.
struct FormatOptions: ParsableArguments {
    @Option(help: "How results are written: text or json.")
    var format = OutputFormat.text
}

/// What a plan may do.
struct PlanningOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The most disturbing class that is allowed: none, live, restart, stop or data-loss.", valueName: "class"))
    var allow = Disruption.live

    @Option(
        help: ArgumentHelp(
            "Only this resource and what it refers to; nothing is removed. May be repeated.", valueName: "Kind/id"))
    var target: [ResourceID] = []

    @Flag(help: "Also remove stored images that nothing uses and no manifest names.")
    var unusedImages = false

    @Option(
        help: ArgumentHelp(
            "Also copy the file of this volume, or of the disk <machine>.<disk>, without its zeros. May be repeated.",
            discussion: "Nothing may run with it. What guests discard is given back as they run.",
            valueName: "Volume/id"))
    var sparsify: [ResourceID] = []

    @OptionGroup var deletion: DeletionOptions

    /// Whether all of them are as they are when nobody states them.
    var areDefaults: Bool { allow == .live && target.isEmpty && !unusedImages && sparsify.isEmpty && !deletion.isSaid }

    /// Between commits there is nobody to narrow it for.
    func commitOptions() throws -> PlanOptions {
        guard target.isEmpty, !unusedImages, sparsify.isEmpty, !deletion.isSaid else {
            Console.error(
                "error[target]: --target, --unused-images, --sparsify, --delete-now and --purge-deleted do not go with --from"
            )
            throw ExitCode(Exit.couldNotRun)
        }
        return PlanOptions(allowance: allow)
    }

    func options(_ input: FleetInput) throws -> PlanOptions {
        guard sparsify.allSatisfy({ $0.kind == .volume }) else {
            Console.error("error[sparsify]: only volumes are copied without their zeros: --sparsify Volume/<id>")
            throw ExitCode(Exit.couldNotRun)
        }
        return PlanOptions(
            allowance: allow, targets: try input.identities(of: target), removesUnusedImages: unusedImages,
            sparsified: Set(try input.identities(of: sparsify).map(\.id)), now: .now,
            // With a target nothing goes.
            rotatesSnapshots: target.isEmpty && input.manifest.fleet.policy.rotateSnapshots,
            keepsDeleted: !deletion.deleteNow, purgesDeleted: deletion.purgeDeleted)
    }
}

/// What becomes of deleted volumes, against what the fleet says.
struct DeletionOptions: ParsableArguments {
    @Flag(help: "Volumes that are deleted are gone at once, whatever Fleet.spec.deletedVolumes says.")
    var deleteNow = false

    @Flag(help: "Also remove what deleted volumes have left, before its time; that is data-loss.")
    var purgeDeleted = false

    var isSaid: Bool { deleteNow || purgeDeleted }
}

/// How hosts are reached.
struct ReachOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The folder of ssh keys and known_hosts; ~/.ssh if left out. No other key is used.",
            discussion: "A Host's `connect.ssh.identity` is relative to it.", valueName: "dir"),
        completion: .directory)
    var sshKeys: String?

    var keys: SSHKeys { SSHKeys(sshKeys) }
}

/// How patient a run is.
struct RunOptions: ParsableArguments {
    @OptionGroup var reach: ReachOptions

    @Option(help: ArgumentHelp("How long one step may take: 30s, 5m, 1h.", valueName: "duration"))
    var timeout = DurationArgument(seconds: 300)

    @Option(help: ArgumentHelp("How many steps may run at once.", valueName: "count"))
    var parallelism = 4

    @Option(
        help: ArgumentHelp(
            "How long a guest has to end by itself before it is forced.", valueName: "duration"))
    var grace = DurationArgument(seconds: 60)

    func validate() throws {
        guard (1...64).contains(parallelism) else { throw ValidationError("--parallelism is 1 to 64") }
    }

    var settings: RunSettings {
        RunSettings(
            stepDeadline: timeout.duration, observationDeadline: min(timeout.duration, .seconds(30)),
            grace: grace.duration, parallelism: parallelism, sshKeys: reach.keys)
    }
}

/// What an apply asks and waits for.
struct ApplyOptions: ParsableArguments {
    @Flag(name: [.customLong("yes"), .customShort("y"), .customLong("auto-approve")], help: "Do not ask.")
    var yes = false

    @Option(
        help: ArgumentHelp("How long to wait for another controller that holds a host's lock.", valueName: "duration"))
    var lockTimeout = DurationArgument(seconds: 0)
}

/// A length of time: a whole number and `ms`, `s`, `m` or `h`.
struct DurationArgument: ExpressibleByArgument {
    let duration: Duration
    let defaultValueDescription: String

    init(seconds: Int) {
        duration = .seconds(seconds)
        defaultValueDescription = seconds > 0 && seconds % 60 == 0 ? "\(seconds / 60)m" : "\(seconds)s"
    }

    init?(argument: String) {
        let units: [(String, Int64)] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)]
        guard let (unit, factor) = units.first(where: { argument.hasSuffix($0.0) }),
            let count = Int64(argument.dropLast(unit.count)), count >= 0, count <= 1_000_000
        else { return nil }
        duration = .milliseconds(count * factor)
        defaultValueDescription = argument
    }
}
