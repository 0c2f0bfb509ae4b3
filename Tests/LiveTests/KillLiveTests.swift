import Testing

extension LiveTests {
    /// Four of the places where `make campaign` kills an apply of the office.
    @Suite struct KillLiveTests {
        /// With several steps under way, as they are by default.
        @Test func stepsThatRunBesideEachOtherConverge() async throws {
            try await withFleet("office") { office in
                try await office.writeOffice()
                let trial = try await KillTrial(office, parallelism: 4)
                for part in [3, 2] {
                    let place = trial.events.count / part
                    try await trial.kill(at: "event \(place)") { _, count in count == place }
                }
            }
        }

        @Test func theNextRunConverges() async throws {
            try await withFleet("office") { office in
                try await office.writeOffice()
                let trial = try await KillTrial(office)
                for step in ["Image/tiny/import", "Network/office/create-vxlan", "artist/define", "file-server/start"] {
                    try await trial.kill(at: step) { event, _ in
                        event.what == .stepStarted && event.step.contains(step)
                    }
                }
            }
        }
    }
}
