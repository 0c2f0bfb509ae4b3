import Crypto
import Foundation
import Model

/// A finding in a SARIF log.
struct SARIFResult: Encodable {
    struct ArtifactLocation: Encodable {
        var uri: String
        var uriBaseId: String?
    }

    struct Region: Encodable {
        var startLine: Int
        var startColumn: Int
        var endColumn: Int?
    }

    struct PhysicalLocation: Encodable {
        var artifactLocation: ArtifactLocation
        var region: Region
    }

    struct LogicalLocation: Encodable { var fullyQualifiedName: String }

    struct Location: Encodable {
        var physicalLocation: PhysicalLocation
        var logicalLocations: [LogicalLocation]?
    }

    var ruleId: String
    var ruleIndex: Int?
    var level: Diagnostic.Severity
    var message: SARIFLog.Text
    var locations: [Location]
    var partialFingerprints: [String: String]

    init(
        _ diagnostic: Diagnostic, rule: Int?, at place: FindingPlaces.Place, _ root: SourceRoot,
        _ fingerprints: inout Fingerprints
    ) {
        ruleId = diagnostic.code
        ruleIndex = rule
        level = diagnostic.severity
        message = SARIFLog.Text(text: diagnostic.message + (diagnostic.help.map { "; \($0)" } ?? ""))
        let relative = root.relative(place.path)
        let artifact = ArtifactLocation(
            uri: relative.map(Self.encoded) ?? "file://" + Self.encoded(root.absolute(place.path)),
            uriBaseId: relative == nil ? nil : "SRCROOT")
        let name = diagnostic.resource.map { "\($0)" + (diagnostic.field.map { "/\($0)" } ?? "") }
        locations = [
            Location(
                physicalLocation: PhysicalLocation(
                    artifactLocation: artifact,
                    region: Region(startLine: place.line, startColumn: place.column, endColumn: place.endColumn)),
                logicalLocations: name.map { [LogicalLocation(fullyQualifiedName: $0)] })
        ]
        partialFingerprints = ["finding/v1": fingerprints.next(diagnostic, artifact.uri)]
    }

    /// A path as the path of a URI (RFC 3986): all but unreserved characters and slashes in percent form.
    private static func encoded(_ path: String) -> String {
        path.utf8.reduce(into: "") { result, byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x2f, 0x5f, 0x7e:
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default: result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
    }

    /// Digests by which a service knows a finding again after lines above it moved.
    struct Fingerprints {
        private var seen: [String: Int] = [:]

        /// Of what is wrong where, without lines and columns; equal ones are numbered.
        mutating func next(_ diagnostic: Diagnostic, _ uri: String) -> String {
            let parts = [
                diagnostic.code, uri, diagnostic.resource.map { "\($0)" } ?? "", diagnostic.field ?? "",
                diagnostic.message,
            ]
            let text = parts.map { "\($0.utf8.count):\($0)" }.joined()
            let digest = SHA256.hash(data: Data(text.utf8)).prefix(16).map {
                ($0 < 16 ? "0" : "") + String($0, radix: 16)
            }.joined()
            seen[digest, default: 0] += 1
            return "\(digest):\(seen[digest, default: 1])"
        }
    }
}
