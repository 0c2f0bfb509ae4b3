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
            """#)
        let folders = ["one", "two", "empty"].map { "\(folder)/\($0)" }
        let (own, programs) = (try LocalFolders.list(folders), try await driver.lookByCommand(folders))
        #expect(own.files.count == 22 && own.marks.count == 7 && own.headers.count == 4)
        #expect(own.files == programs.files)
        #expect(own.marks == programs.marks)
        #expect(own.headers.mapValues { Array($0) } == programs.headers.mapValues { Array($0) })
        #expect(own.space.mapValues(\.capacity) == programs.space.mapValues(\.capacity))
        #expect(Set(own.space.keys) == Set(folders))
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
