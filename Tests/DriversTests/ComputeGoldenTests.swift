import Foundation
import Model
import TestSupport
import Testing

@testable import Drivers
@testable import Hosts

/// Cases in `Tests/Cases/domains/<case>`: `machine.json` is what is wanted, `domain.xml` what is defined for it (or,
/// without a `machine.json`, what was found), `observed.json` what is read from that. A new case needs no code;
/// `RECORD=1` writes what is wanted now.
@Suite struct ComputeGoldenTests {
    static let folder = Lab.repository.appending(path: "Tests/Cases/domains")
    static let cases = ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
    static let isRecording = ProcessInfo.processInfo.environment["RECORD"] == "1"
    static let validator = "/usr/bin/virt-xml-validate"

    @Test func thereAreCases() { #expect(Self.cases.count >= 4) }

    @Test(arguments: cases) func definition(_ name: String) throws {
        let folder = Self.folder.appending(path: name)
        guard let machine = try? Data(contentsOf: folder.appending(path: "machine.json")) else { return }
        let domain = DomainPatch(
            machine: try JSONDecoder().decode(VirtualMachine.self, from: machine), identity: ComputeFixtures.identity
        ).newDomain()
        let file = folder.appending(path: "domain.xml")
        if Self.isRecording { try Data((domain.indented() + "\n").utf8).write(to: file) }
        #expect(try Self.read(file) == XMLElement(parsing: domain.xmlText, from: name, keepingBlanks: false))
    }

    @Test(arguments: cases) func observation(_ name: String) throws {
        let folder = Self.folder.appending(path: name)
        let domain = try Self.read(folder.appending(path: "domain.xml"))
        let uuid = try #require(domain.first("uuid").flatMap { UUID(uuidString: $0.text) })
        let record = DomainRecord(
            name: domain.first("name")?.text ?? "", uuid: uuid, state: .off, autostart: false,
            definitions: .success(.init(persistent: domain, live: nil)))
        let reading = DomainReading(identity: ComputeFixtures.identity)
        let observation = Finding.collected([Finding(record, reading: reading, host: "server-1")])
        let file = folder.appending(path: "observed.json")
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        if Self.isRecording { try encoder.encode(observation).write(to: file) }
        let expected = try JSONDecoder().decode(ComputeObservation.self, from: Data(contentsOf: file))
        #expect(observation == expected)
    }

    @Test(
        .enabled(if: FileManager.default.isExecutableFile(atPath: validator), "needs libxml2-utils' virt-xml-validate"))
    func everyDefinitionFitsLibvirtsSchema() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "infra-domains-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for seed in 0..<60 {
            let old = ComputeFixtures.random(UInt64(seed))
            var domain = DomainPatch(machine: old, identity: ComputeFixtures.identity).newDomain()
            // Half of them with the marks of a change.
            if seed % 2 == 1 {
                let new = ComputeFixtures.random(UInt64(seed + 10_000))
                DomainPatch(machine: new, identity: ComputeFixtures.identity).apply(to: &domain)
            }
            let file = folder.appending(path: "\(seed).xml")
            try Data(domain.xmlText.utf8).write(to: file)
            let process = Process()
            process.executableURL = URL(filePath: Self.validator)
            process.arguments = [file.path, "domain"]
            let output = Pipe()
            process.standardError = output
            process.standardOutput = output
            try process.run()
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            #expect(process.terminationStatus == 0, "seed \(seed): \(text)")
        }
    }

    private static func read(_ file: URL) throws -> XMLElement {
        try XMLElement(
            parsing: String(contentsOf: file, encoding: .utf8), from: file.lastPathComponent, keepingBlanks: false)
    }
}
