import Foundation
import Hosts
import Model
import Testing
@testable import Drivers

/// This process works on the files of its own machine; on other hosts programs do. Both do the same.
@Suite struct LocalFilesTests {
    private let driver: StorageDriver
    private let commands = CommandRunner()
    private let folder = "/var/lib/infra/files-\(UInt32.random(in: 0 ... .max))"
    private let mark = FileMark(data: Data(#"{"fleet":"none","odd":"\\ é"}"#.utf8))
    private static let trees = #"""
        for tree in own programs; do
            mkdir -p "$1/$tree"; cd "$1/$tree"
            printf new >plain.staged; printf new >taken.staged; printf old >taken; ln -s elsewhere linked.staged
            printf kept >elsewhere; mkdir folder.staged; mkfifo fifo.staged; printf new >blocked.staged; ln -s nowhere blocked
            printf x >marked; setfattr -n user.infra -v '{"fleet":"f"}' marked; printf x >'odd name'
            setfattr -n user.infra -v '' 'odd name'; chmod 644 plain.staged
        done
        """#

    init() async throws {
        driver = StorageDriver(
            commands: commands,
            connection: try await LibvirtConnection.open(uri: "test:///default", deadline: .seconds(10)), host: "a",
            identity: Identity(fleet: UUID()))
        try await sh(Self.trees)
    }

    @discardableResult private func sh(_ script: String) async throws -> String {
        try await commands.run("bash", ["-euc", script, "test", folder]).text
    }

    /// Names, kinds, modes, contents and marks of a tree.
    private func state(_ tree: String) async throws -> String {
        try await sh(
            "cd \"$1/\(tree)\""
                + #"; find . -printf '%p %y %m %l\n' | sort; find . -type f | sort | xargs -d '\n' sha256sum; "#
                + "find . -type f | sort | xargs -d '\\n' getfattr -d -m user.infra")
    }

    private func outcome(_ body: () async throws -> Void) async -> String {
        do {
            try await body()
            return "done"
        } catch HostError.surprise(let words) {
            return words.replacing("\(folder)/own/", with: "").replacing("\(folder)/programs/", with: "")
        } catch {
            return "failed"
        }
    }

    @Test func bothSeeTheSame() async throws {
        let names = [
            "plain.staged", "marked", "odd name", "linked.staged", "folder.staged", "fifo.staged", "none", "blocked",
        ]
        for name in names {
            let (own, programs) = (
                try LocalFiles.target("\(folder)/own/\(name)"),
                try await driver.targetByCommand("\(folder)/programs/\(name)")
            )
            #expect(own == programs, "\(name)")
        }
        #expect(try LocalFiles.target("\(folder)/own/marked") == .file(FileMark(data: Data(#"{"fleet":"f"}"#.utf8))))
        try await sh(#"rm -r "$1""#)
    }

    @Test func bothFinishTheSame() async throws {
        var said: [String: String] = [:]
        for name in ["plain", "taken", "linked", "folder", "fifo", "blocked", "none"] {
            let (own, programs) = ("\(folder)/own/\(name)", "\(folder)/programs/\(name)")
            said[name] = await outcome { try LocalFiles.finish(own, staged: own + ".staged", mark: mark, mode: 0o600) }
            let other = await outcome {
                try await driver.finishByCommand(programs, staged: programs + ".staged", mark: mark, mode: 0o600)
            }
            #expect(said[name] == other, "\(name)")
        }
        #expect(said.filter { $0.value == "done" }.keys.sorted() == ["plain"])
        #expect(said["taken"] == "taken is there already")
        let own = try await state("own")
        #expect(own == (try await state("programs")))
        #expect(own.contains("./plain f 600") && own.contains(#"user.infra="{"#))
        try await sh(#"[[ $(cat "$1/own/taken") == old && $(cat "$1/own/elsewhere") == kept ]]; rm -r "$1""#)
    }

    /// What was given up while it was written through gets no name.
    @Test func whatIsGivenUpGetsNoName() async throws {
        let path = "\(folder)/own/plain"
        #expect(throws: HostError.self) {
            try LocalFiles.finish(path, staged: path + ".staged", mark: mark, mode: 0o600) { false }
        }
        #expect(try LocalFiles.target(path) == .missing)
        try await sh(#"rm -r "$1""#)
    }

    @Test func bothRemoveTheSame() async throws {
        for name in ["plain.staged", "linked.staged", "folder.staged", "fifo.staged", "none.staged"] {
            let own = await outcome { try LocalFiles.removeUnfinished("\(folder)/own/\(name)") }
            let programs = await outcome {
                try await driver.run(StorageScripts.removeStaged, ["\(folder)/programs/\(name)"])
            }
            #expect(own == programs, "\(name)")
        }
        for name in ["elsewhere", "marked", "blocked", "folder.staged", "fifo.staged", "none"] {
            let own = await outcome { try LocalFiles.remove("\(folder)/own/\(name)") }
            let programs = await outcome { try await driver.run(StorageScripts.remove, ["\(folder)/programs/\(name)"]) }
            #expect(own == programs && (own == "done") == ["elsewhere", "marked"].contains(name), "\(name)")
        }
        let own = try await state("own")
        #expect(own == (try await state("programs")))
        #expect(!own.contains("plain.staged") && own.contains("linked.staged l"))
        #expect(!own.contains("./elsewhere") && !own.contains("./marked") && own.contains("./blocked l"))
        try await sh(#"rm -r "$1""#)
    }

    /// A caller that ends says nothing of the disk: this process goes on to read what lies there.
    @Test func theEndOfTheCallerIsNoHungDisk() async throws {
        let (begun, release) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        try #require(driver.mayRead([folder]))
        let work = Task {
            try await driver.byItself("held", deadline: .seconds(600)) { () throws(HostError) in
                begun.signal()
                release.wait()
            }
        }
        try await BlockingCalls(threads: 1).run("begun", deadline: .seconds(60)) { begun.wait() }
        work.cancel()
        await #expect(throws: HostError.deadline(call: "held")) { try await work.value }
        #expect(driver.mayRead([folder]))
        release.signal()
        try await sh(#"rm -r "$1""#)
    }

    /// Nobody writes while another has the right to.
    @Test func whoHasTheLockIsWaitedFor() async throws {
        let locks = "\(folder)/locks"
        try await sh(#"mkdir "$1/locks""#)
        let here = CommandRunner(lockFolder: locks)
        let other = open("\(locks)/\(HostLock.workFile)", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        #expect(flock(other, LOCK_EX | LOCK_NB) == 0)
        #expect(throws: HostError.self) { try here.writing(patience: .zero) { () throws(HostError) in } }
        #expect(flock(other, LOCK_UN) == 0)
        // While it writes, nobody else gets the right.
        let free = try here.writing(patience: .zero) { () throws(HostError) in flock(other, LOCK_EX | LOCK_NB) }
        #expect(free != 0)
        #expect(flock(other, LOCK_EX | LOCK_NB) == 0)
        close(other)
        try await sh(#"rm -r "$1""#)
    }
}
