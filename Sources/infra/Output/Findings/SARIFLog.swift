import Foundation
import Manifests
import Model

/// Findings as SARIF 2.1.0 (OASIS), as code scanning services and editors read it.
struct SARIFLog: Encodable {
    struct Text: Encodable { var text: String }

    struct Rule: Encodable {
        struct Properties: Encodable { var tags: [String] }

        var id: String
        var shortDescription: Text
        var help: Text
        var properties: Properties
    }

    struct Driver: Encodable {
        var name = "infra"
        var version = Version.current
        var semanticVersion = Version.current
        var rules: [Rule]
    }

    struct Tool: Encodable { var driver: Driver }

    struct BaseID: Encodable { var description: Text }

    struct Run: Encodable {
        var tool: Tool
        var columnKind = "utf16CodeUnits"
        var originalUriBaseIds = ["SRCROOT": BaseID(description: Text(text: "The folder of the repository."))]
        var results: [SARIFResult]
    }

    // JSON wants this name.
    private enum CodingKeys: String, CodingKey {
        case schema = "$schema"
        case version
        case runs
    }

    var schema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
    var version = "2.1.0"
    var runs: [Run]

    init(_ fleets: [ValidatedFleet]) {
        var rules = FindingCode.all.map {
            Rule(
                id: $0.code, shortDescription: Text(text: $0.summary), help: Text(text: $0.help),
                properties: Rule.Properties(tags: [$0.knowledge.rawValue]))
        }
        var indices = rules.enumerated().reduce(into: [:]) { $0[$1.element.id] = $1.offset }
        let root = SourceRoot()
        var fingerprints = SARIFResult.Fingerprints()
        var results: [SARIFResult] = []
        for fleet in fleets {
            var places = FindingPlaces(fleet)
            for diagnostic in fleet.diagnostics {
                if indices[diagnostic.code] == nil {
                    indices[diagnostic.code] = rules.count
                    rules.append(
                        Rule(
                            id: diagnostic.code, shortDescription: Text(text: diagnostic.code),
                            help: Text(text: diagnostic.help ?? diagnostic.message),
                            properties: Rule.Properties(tags: [])))
                }
                results.append(
                    SARIFResult(
                        diagnostic, rule: indices[diagnostic.code], at: places.place(of: diagnostic), root,
                        &fingerprints))
            }
        }
        runs = [Run(tool: Tool(driver: Driver(rules: rules)), results: results)]
    }
}
