import Foundation
import Model
import TestSupport

/// A fleet of a test's own: an identity, a folder of manifests and one for a pool.
struct TestFleet: Sendable {
    let name: String
    let id: UUID
    /// All that the fleet has on the host's disks lies below.
    let home: String

    var identity: Identity { Identity(fleet: id) }
    var manifests: String { home + "/manifests" }
    var files: String { home + "/files" }
    var pool: String { home + "/disks" }

    /// Makes the folders, with the test guest's disk among the image files.
    init(_ name: String, id: UUID = UUID()) async throws {
        self.name = name
        self.id = id
        home = "/var/lib/infra/\(name)-\(Identity(fleet: id).fleet8)"
        try await sh(
            #"mkdir -p "$1/manifests" "$1/files"; cp "$2/tiny.qcow2" "$1/files""#, home, Self.guest)
    }

    /// The test guest: `tiny.qcow2`, `vmlinuz`, `initrd`.
    static let guest = Lab.repository.appending(path: ".build/guest").path(percentEncoded: false)

    /// Writes a manifest.
    func write(_ file: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(filePath: manifests + "/" + file))
    }

    func read(_ file: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(filePath: manifests + "/" + file)), as: UTF8.self)
    }

    /// Edits a manifest as a person would. What is replaced has to be there.
    func edit(_ file: String, _ old: String, _ new: String) throws {
        let text = try read(file)
        guard text.contains(old) else { throw Failure("\(file) has no \(old):\n\(text)") }
        try write(file, text.replacing(old, with: new))
    }

    func remove(_ file: String) throws { try FileManager.default.removeItem(atPath: manifests + "/" + file) }

    /// Runs the program on the fleet: `infra <words> --files … <manifests>`.
    func infra(_ words: String...) async throws -> Ended {
        try await Program.run(Program.infra, words + ["--files", files, manifests])
    }

    /// `infra apply --yes` with more options.
    func apply(_ options: String...) async throws -> Ended { try await change("apply", options) }

    /// `infra destroy --yes` with more options.
    func destroy(_ options: String...) async throws -> Ended { try await change("destroy", options) }

    /// A command that changes hosts, with `--yes` and more options.
    func change(_ command: String, _ options: [String]) async throws -> Ended {
        try await Program.run(Program.infra, [command, "--yes"] + options + ["--files", files, manifests])
    }

    /// The same with `--format json`; hands over its events as they come.
    func watch(
        _ command: String, _ options: [String], event: (StepEvent, Program.Process) async throws -> Void
    ) async throws -> Ended {
        let arguments = [command, "--yes", "--format", "json"] + options + ["--files", files, manifests]
        return try await Program.watch(arguments) { line, process in
            if let told = StepEvent(line: line) { try await event(told, process) }
        }
    }
}

/// What `apply --format json` tells of a step.
struct StepEvent: Hashable, Sendable {
    enum What: String, CaseIterable { case stepStarted, stepProgress, stepDone, stepFailed, stepSkipped }

    let what: What
    /// `host/Kind/id/operation`.
    let step: String

    init?(line: String) {
        struct Named: Decodable { let step: String }
        guard let event = try? JSONDecoder().decode([String: Named].self, from: Data(line.utf8)),
            let (key, value) = event.first, let what = What(rawValue: key)
        else { return nil }
        self.what = what
        step = value.step
    }
}
