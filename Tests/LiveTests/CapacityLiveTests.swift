import Foundation
import Model
import Testing

extension LiveTests {
    /// What pools have, and when they are full.
    @Suite struct CapacityLiveTests {
        /// What an apply noted of its pools is what `infra capacity` tells a forecast from.
        @Test func aPoolThatFillsHasAForecast() async throws {
            try await withFleet("forecast") { fleet in
                try fleet.writeBase(vni: 7794)
                #expect(try await fleet.apply().lastLine == "No changes.")
                let known = "/var/lib/infra/\(fleet.id.lowercased).json"
                func edit(_ to: String) async throws { try await sh(#"sed -i -E "$2" "$1""#, known, to) }
                let young = try await fleet.infra("capacity")
                #expect(young.status == 0 && !young.output.contains("full in about"), "\(young)")
                // As if the apply had been nine days ago, and the disk empty.
                let noted = try await sh(#"grep -oE '"at":"[^"]*"' "$1" | cut -d '"' -f 4"#, known)
                let then = try #require(Moment(noted)?.adding(-9 * 86_400), "\(noted)")
                try await edit(#"s/"at":[^,]*,"used":[0-9]+/"at":"\#(then.description)","used":4096/"#)
                let text = try await fleet.infra("capacity")
                #expect(
                    text.output.contains("a day as since \(then.description.prefix(10))"), "\(text)")
                struct Answer: Decodable {
                    struct Report: Decodable { var hosts: [Row] }
                    struct Row: Decodable {
                        struct Forecast: Decodable { var days: Int }
                        var used: UInt64?
                        var forecast: Forecast?
                    }
                    var capacity: Report
                }
                let answer = try JSONDecoder().decode(
                    Answer.self, from: Data(try await fleet.infra("capacity", "--format", "json").output.utf8))
                let rows = answer.capacity.hosts.filter { $0.forecast != nil }
                #expect(rows.count == 1 && (rows.first?.used ?? 0) > 4096)
                // The next apply keeps that look and adds its own.
                #expect(try await fleet.apply().lastLine == "No changes.")
                #expect(try await sh(#"grep -o '"at":' "$1" | wc -l"#, known) == "2")
            }
        }
    }
}
