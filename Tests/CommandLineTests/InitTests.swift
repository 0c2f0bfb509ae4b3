import Foundation
import Testing

/// `infra init`: what it writes is a fleet of its own.
@Suite struct InitTests {
    /// A folder that is gone afterwards.
    private func withFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "infra-init-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder)
    }

    private func text(_ folder: URL, _ file: String) throws -> String {
        try String(contentsOf: folder.appending(path: file), encoding: .utf8)
    }

    private func id(_ text: String) throws -> String {
        String(try #require(text.firstMatch(of: /id: ([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})/)).1)
    }

    private func isValid(_ folder: String, in parent: URL) async throws -> Bool {
        let result = try await Infra.run(["validate", folder], in: parent.path)
        return result.status == 0 && result.error.isEmpty
    }

    @Test func aFirstFleetIsValidAndItsOwn() async throws {
        try await withFolder { folder in
            var ids: Set<String> = []
            for name in ["shop", "lab"] {
                let made = try await Infra.run(["init", name], in: folder.path)
                #expect(made.status == 0 && made.error.isEmpty, "\(made)")
                #expect(
                    made.output
                        == ["fleet.yaml", "vm.yaml"].map { "Wrote \(folder.path)/\(name)/\($0)\n" }.joined(), "\(made)")
                #expect(try await isValid(name, in: folder))
                let fleet = try text(folder, "\(name)/fleet.yaml")
                #expect(fleet.contains("name: \(name)\n"))
                ids.insert(try id(fleet))
            }
            #expect(ids.count == 2)
            let named = try await Infra.run(["init", "--name", "other", "third"], in: folder.path)
            #expect(try named.status == 0 && text(folder, "third/fleet.yaml").contains("name: other\n"), "\(named)")
        }
    }

    /// Word for word, comments too, but for the id wherever it stands and the line that tells editors of a schema.
    @Test func aCopyIsAnotherFleet() async throws {
        let old = "6f0a1d52-3c0e-4b3e-9a57-0d3c9b7e5f11"
        let fleet = """
            # yaml-language-server: $schema=../Schemas/infra-v1.schema.json
            # The fleet of the shop, \(old).
            apiVersion: infra/v1
            kind: Fleet
            metadata: {name: shop, id: \(old.uppercased())}   # never change it

            """
        let network = """
            apiVersion: infra/v1
            kind: Network
            # joined by \(old) alone
            metadata: {name: lan}
            spec: {bridge: {}}

            """
        try await withFolder { folder in
            let source = folder.appending(path: "shop/networks")
            try FileManager.default.createDirectory(at: source, withIntermediateDirectories: true)
            try Data(fleet.utf8).write(to: folder.appending(path: "shop/fleet.yaml"))
            try Data(network.utf8).write(to: source.appending(path: "lan.yaml"))
            var ids: Set<String> = [old]
            for copy in ["one", "two"] {
                let made = try await Infra.run(["init", "--from", "shop", copy], in: folder.path)
                #expect(made.status == 0 && made.error.isEmpty, "\(made)")
                #expect(try await isValid(copy, in: folder))
                let new = try id(text(folder, "\(copy)/fleet.yaml"))
                ids.insert(new)
                let lines = fleet.split(separator: "\n", omittingEmptySubsequences: false).dropFirst()
                let expected = lines.joined(separator: "\n").replacing(old.uppercased(), with: new)
                #expect(try text(folder, "\(copy)/fleet.yaml") == expected.replacing(old, with: new))
                #expect(try text(folder, "\(copy)/networks/lan.yaml") == network.replacing(old, with: new))
            }
            #expect(ids.count == 3)
            #expect(try text(folder, "shop/fleet.yaml") == fleet)
        }
    }

    @Test(arguments: ["office", "racks", "lvm"]) func theExamplesCanBeCopied(_ example: String) async throws {
        try await withFolder { folder in
            let source = CommandLineCases.folder.appending(path: "../../../Examples/\(example)").standardizedFileURL
            let made = try await Infra.run(["init", "--from", source.path, "copy"], in: folder.path)
            #expect(made.status == 0, "\(made)")
            #expect(try await isValid("copy", in: folder))
        }
    }
}
