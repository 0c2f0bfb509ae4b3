import Foundation
import Model
import Testing

@Suite struct IdentityTests {
    let identity = Identity(
        fleet: UUID(
            uuid: (0x6f, 0x0a, 0x1d, 0x52, 0x3c, 0x0e, 0x4b, 0x3e, 0x9a, 0x57, 0x0d, 0x3c, 0x9b, 0x7e, 0x5f, 0x11)))

    /// The RFC's own DNS namespace, and the value Python's uuid5(NAMESPACE_DNS, "python.org") prints.
    @Test func versionFiveIsTheStandardOne() throws {
        let dns = try #require(UUID(uuidString: "6ba7b810-9dad-11d1-80b4-00c04fd430c8"))
        #expect(Identity.uuid5(dns, "python.org").lowercased == "886313e1-3b8a-5372-9b90-0c9aee199e5d")
    }

    @Test func fileNamesReadBack() throws {
        let name = identity.volumeFileName("artist.root", .qcow2)
        let volume = try #require(identity.volume(inFileName: name))
        #expect(volume.id == "artist.root")
        #expect(volume.format == .qcow2)
        let other = Identity(fleet: UUID())
        #expect(other.volume(inFileName: name) == nil)
        let digest = String(repeating: "ab", count: 32)
        let image = try #require(identity.image(inFileName: identity.imageFileName(sha256: digest, .raw)))
        #expect(image.sha256 == digest)
        #expect(other.image(inFileName: identity.imageFileName(sha256: digest, .raw)) == nil)
        #expect(identity.machine(inSeedFileName: identity.seedFileName(machine: "artist")) == "artist")
        #expect(identity.machine(inSeedFileName: name) == nil)
    }

    @Test func aVolumeHasTwoFileNames() throws {
        for id in ["web", "web.root", "x-b", "x-b.root", "x.b"] {
            for format in Volume.Format.allCases {
                let names = [false, true].map { identity.volumeFileName(id, format, isSecond: $0) }
                #expect(Set(names).count == 2)
                for name in names {
                    let read = try #require(identity.volume(inFileName: name))
                    #expect(read.id == id && read.format == format)
                }
                let paths = names.map { "/disks/\($0)" }
                #expect(identity.otherPath(of: paths[0]) == paths[1] && identity.otherPath(of: paths[1]) == paths[0])
                let status = paths.map { Volume.Status(host: "a", uuid: UUID(), path: $0) }
                #expect(!status[0].isSecond && status[1].isSecond)
                #expect(identity.volume(inFileName: names[1].replacing("-b.", with: "-b-b.")) == nil)
                #expect(identity.volume(inFileName: names[1].replacing("-b.", with: "-c.")) == nil)
            }
        }
        #expect(identity.otherPath(of: "/dev/vg0/\(identity.logicalVolumeName("web.root"))") == nil)
        #expect(identity.otherPath(of: "/disks/web-b.qcow2") == nil)
    }

    @Test func linkNamesFitTheKernel() {
        #expect(identity.bridgeName("office").utf8.count == 13)
        #expect(identity.bridgeName("office").dropFirst(2) == identity.tunnelName("office").dropFirst(2))
        let alias = identity.linkAlias(ResourceID(.network, "office"))
        #expect(identity.resource(inLinkAlias: alias) == ResourceID(.network, "office"))
        #expect(Identity(fleet: UUID()).resource(inLinkAlias: alias) == nil)
    }

    @Test func derivedAddressesAreUnicast() {
        let address = identity.macAddress(machine: UUID(), interface: "eth0")
        #expect(address.description.hasPrefix("52:"))
        #expect(!address.isMulticast)
    }
}
