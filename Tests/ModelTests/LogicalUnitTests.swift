import Model
import Testing

/// The paths of logical units.
@Suite struct LogicalUnitTests {
    @Test(arguments: ["192.0.2.7", "san.example", "2001:db8::7"], [0, 1, 16_383])
    func aPathReadsAsItWasWritten(portal: String, number: Int) {
        let unit = StoragePool.LogicalUnit(
            target: .init(portal: portal, port: 3261, target: "iqn.2026-01.example:disks"), number: number)
        #expect(StoragePool.LogicalUnit(path: unit.path) == unit)
        #expect(StoragePool.LogicalUnit.isPath(unit.path))
    }

    @Test(arguments: [
        "/var/lib/infra/disks/x.raw", "iscsi://", "iscsi://a/b/1", "iscsi://a:1/b", "iscsi://a:1/b/c/1",
        "iscsi://a:1/b/01",
        "iscsi://a:01/b/1", "iscsi://a:1/b/x", "ISCSI://a:1/b/1",
    ]) func otherTextIsNone(text: String) { #expect(StoragePool.LogicalUnit(path: text) == nil) }
}
