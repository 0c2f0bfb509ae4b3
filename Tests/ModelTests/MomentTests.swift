import Model
import Testing

@Suite struct MomentTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", Int64(0)), ("2000-02-29T23:59:59Z", 951_868_799),
        ("2026-11-30T02:00:00Z", 1_796_004_000),
        ("2100-03-01T00:00:00Z", 4_107_542_400), ("1969-12-31T23:59:59Z", -1),
    ])
    func aMomentIsReadAndWritten(text: String, seconds: Int64) throws {
        let moment = try #require(Moment(text))
        #expect(moment.seconds == seconds)
        #expect(moment.description == text)
        #expect(Moment(moment.word) == moment)
        #expect(moment.midnight.description == text.prefix(11) + "00:00:00Z")
    }

    @Test(arguments: [
        "", "2026-02-29T00:00:00Z", "2026-11-31T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-30T24:00:00Z",
        "2026-11-30T02:60:00Z", "2026-11-30 02:00:00Z", "2026-11-30T02:00:00", "20261130T020000Z", "20261130t020000z ",
    ])
    func whatIsNoMomentIsNone(text: String) { #expect(Moment(text) == nil) }

    /// A disk of a machine has two parts in its identity, and no name holds a dot.
    @Test func onlyAPartOfASnapshotIsNamedAsOne() throws {
        let moment = try #require(Moment("2026-11-30T02:00:00Z"))
        let id = Snapshot.Part.volume("nightly", moment, disk: "root")
        #expect(id == "nightly.20261130t020000z.root")
        let name = try #require(Snapshot.Part.named(by: id))
        #expect(name.snapshot == "nightly" && name.moment == moment && name.disk == "root")
        for other in [
            "web.root", "web", "a.b.c", "nightly.2026-11-30T02:00:00Z.root", "nightly.20261130t020000z.root.x",
        ] {
            #expect(Snapshot.Part.named(by: other) == nil, "\(other)")
        }
    }
}
