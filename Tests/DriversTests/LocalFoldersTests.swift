import Foundation
import Hosts
import Model
import Testing
@testable import Drivers

/// This process reads the folders of its own machine; on other hosts programs do. Both say the same.
@Suite struct LocalFoldersTests {
    private let driver: StorageDriver
    private let commands = CommandRunner()
    private let folder = "/var/lib/infra/look-\(UInt32.random(in: 0 ... .max))"

    init() async throws {
        driver = StorageDriver(
            commands: commands,
            connection: try await LibvirtConnection.open(uri: "test:///default", deadline: .seconds(10)), host: "a",
            identity: Identity(fleet: UUID()))
    }

    private func sh(_ script: String) async throws {
        try await commands.run("bash", ["-euc", script, "test", folder])
    }

    @Test func bothSayTheSame() async throws {
        try await sh(
            #"""
            mkdir -p "$1/one" "$1/two" "$1/empty"; cd "$1/one"
            for size in 0 1 1023 1024 1025 70000; do head -c "$size" /dev/urandom >"$size.qcow2"; done
            head -c 5000 /dev/urandom >other.raw; truncate --size 1G thin.raw
            mkdir sub.qcow2; touch sub.qcow2/deeper; ln -s 70000.qcow2 link.qcow2; ln -s nowhere dangling; mkfifo fifo.qcow2
            touch 'a b' $'tab\there' $'line\nbreak' $'not-\xff-text' '# file: x' .hidden 'back\slash'
            cp 70000.qcow2 $'odd\n name.qcow2'
            setfattr -n user.infra -v '{"fleet":"none"}' 1024.qcow2 'a b' $'line\nbreak' $'not-\xff-text' 'back\slash'
            setfattr -n user.infra -v '' other.raw
            setfattr -n user.other -v 'x' 1025.qcow2
            printf '# file: long\nuser.infra="%s"\n' "$(head -c 3000 /dev/zero | tr '\0' y)" >"$1/two/dump"
            cd "$1/two" && touch long && setfattr --restore=dump
            ln -s two "$1/moved"
            """#)
        let folders = ["one", "two", "empty", "moved"].map { "\(folder)/\($0)" }
        let (own, programs) = (try LocalFolders.list(folders), try await driver.lookByCommand(folders))
        #expect(own.files.count == 24 && own.marks.count == 8 && own.headers.count == 4)
        #expect(own.files == programs.files)
        #expect(own.marks == programs.marks)
        #expect(own.headers.mapValues { Array($0) } == programs.headers.mapValues { Array($0) })
        #expect(own.space.mapValues(\.capacity) == programs.space.mapValues(\.capacity))
        #expect(Set(own.space.keys) == Set(folders))
        try await sh(#"rm -r "$1""#)
    }

    @Test func moreThanAPoolHasIsNotHeld() async throws {
        try await sh(#"mkdir -p "$1"; cd "$1"; touch a b c; head -c 2048 /dev/zero >d.qcow2"#)
        #expect(throws: HostError.self) { try LocalFolders.list([folder], limit: 1024) }
        #expect(try LocalFolders.list([folder], limit: 1024 + 4 * 64).files.count == 4)
        try await sh(#"rm -r "$1""#)
    }

    /// What another machine or a daemon serves is left to programs, also below a link.
    @Test func onlyLocalFileSystemsAreReadSo() async throws {
        try await sh(#"mkdir -p "$1/disk" "$1/net/below"; ln -s net "$1/link""#)
        let table = """
            21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
            22 21 0:30 / \(folder)/net rw - nfs4 server:/disks rw
            23 21 0:31 / /mnt/a\040b rw - fuse.sshfs host: rw
            """
        let systems = LocalFileSystems(mountinfo: table)
        #expect(systems.hold(folder) && systems.hold(folder + "/disk"))
        for path in ["/net", "/net/below", "/link", "/link/below", "/missing", "/disk/../net"] {
            #expect(!systems.hold(folder + path), "\(path)")
        }
        #expect(!systems.hold("/mnt/a b") && !systems.hold("relative"))
        #expect(!LocalFileSystems(mountinfo: table.replacing("ext4", with: "fuse")).hold(folder))
        #expect(!LocalFileSystems(mountinfo: "").hold(folder))
        try await sh(#"rm -r "$1""#)
    }

    @Test func aMissingFolderIsNamedAndTheOthersAreRead() async throws {
        try await sh(#"mkdir -p "$1"; touch "$1/file""#)
        let (listing, unread) = try await driver.list([folder, folder + "-x"])
        #expect(listing.files.map(\.name) == ["file"])
        #expect(unread.map(\.folder) == [folder + "-x"])
        #expect(unread.first?.reason.contains("No such file or directory") == true)
        try await sh(#"rm -r "$1""#)
    }
}
