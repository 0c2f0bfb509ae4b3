import Foundation
import Hosts
import Model
import TestSupport
import Testing

@testable import Drivers

/// Real pools of a lab host; what the driver did is read by `virsh`, `qemu-img`, `getfattr` and `stat`.
@Suite(.enabled(if: Lab.isHere, "needs a lab host"), .serialized) struct StorageLiveTests {
    let lab: StorageLab

    init() async throws { lab = try await StorageLab() }

    @Test func poolsComeAndGo() async throws {
        try await lab.driver.createPool(lab.pool, roots: ["/var/lib/infra"])
        try await lab.driver.createPool(lab.pool, roots: ["/var/lib/infra"])
        let seen = await lab.driver.observe(wanted: [lab.pool])
        #expect(seen.unknown.isEmpty)
        #expect(seen.pools.map(\.status?.active) == [true])
        #expect((seen.pools.first?.status?.available?.bytes ?? 0) > 1 << 20)
        #expect(seen.pools.first?.spec == lab.pool.spec)
        #expect(try await lab.sh("stat -c '%a %U' \(lab.path)") == "711 root")
        #expect(
            try await lab.sh(
                "virsh -q pool-info \(lab.name) | grep -E 'State|Autostart|Persistent' | tr -s ' ' | tr '\\n' ' '")
                == "State: running Persistent: yes Autostart: yes")

        _ = try await lab.sh(
            "touch \(lab.path)/theirs; virsh pool-destroy \(lab.name); virsh pool-autostart --disable \(lab.name)")
        let stopped = await lab.driver.observe(wanted: [lab.pool])
        #expect(stopped.pools.map(\.status?.active) == [false])
        #expect(stopped.unknown.map(\.resource) == [ResourceID(.storagePool, "disks")])
        try await lab.driver.startPool(lab.pool)
        #expect(await lab.driver.observe(wanted: []).pools.map(\.status?.autostart) == [true])

        try await lab.driver.removePool(lab.pool)
        try await lab.driver.removePool(lab.pool)
        #expect(try await lab.sh("virsh pool-list --all --name | grep -c \(lab.name); ls \(lab.path)") == "0\ntheirs")
        await #expect(throws: HostError.self) { try await lab.driver.startPool(lab.pool) }
        try await lab.clean()
    }

    @Test("hostile storage: /dev/sda, /etc/shadow, pool/../x, links on the way")
    func hostileFoldersAreRefused() async throws {
        _ = try await lab.sh(
            "mkdir -p \(lab.path)-x/open && ln -s \(lab.path)-x \(lab.path)-link && chmod 777 \(lab.path)-x/open")
        for path in [
            "/etc", "/dev/sda", "/etc/shadow", "/var/lib/infra/../../../etc", "\(lab.path)-link/sub",
            "\(lab.path)-x/open",
            "relative", "\(lab.path)\n", "/var/lib/infra", "/var/lib/infrastructure",
        ] {
            var pool = lab.pool
            pool.spec.backend = .directory(path: path)
            await #expect(throws: HostError.self, "\(path)") {
                try await lab.driver.createPool(pool, roots: ["/var/lib/infra"])
            }
        }
        #expect(
            try await lab.sh("virsh pool-list --all --name | grep -c \(lab.name) || true; find \(lab.path)-x | wc -l")
                == "0\n2")
        try await lab.clean()
    }

    @Test func aFileSystemWithoutAttributesIsRefused() async throws {
        _ = try await lab.sh("mkdir -p \(lab.path)-proc; mount -t ramfs -o mode=0711 none \(lab.path)-proc")
        var pool = lab.pool
        pool.spec.backend = .directory(path: lab.path + "-proc/disks")
        let error = await #expect(throws: HostError.self) {
            try await lab.driver.createPool(pool, roots: ["/var/lib/infra"])
        }
        #expect("\(try #require(error))".contains("takes no user.* attributes"))
        _ = try await lab.sh("umount \(lab.path)-proc")
        try await lab.clean()
    }

    @Test func volumesFromAnImage() async throws {
        try await lab.driver.createPool(lab.pool, roots: ["/var/lib/infra"])
        let image = try await lab.image(
            "qcow2", "qemu-img create -q -f qcow2 FILE 16M && qemu-io -c 'write -P 7 0 1M' FILE >/dev/null")
        try await lab.driver.importImage(image, from: lab.file)
        try await lab.driver.importImage(image, from: lab.file)
        let imagePath = try #require(image.status?.path)
        #expect(
            try await lab.sh("stat -c '%a' \(imagePath); sha256sum <\(imagePath) | cut -c1-64")
                == "444\n\(image.spec.sha256 ?? "")")
        // A link, a folder, other bytes: nothing is stored.
        await #expect(throws: HostError.self) {
            var other = image
            other.spec.sha256 = String(repeating: "0", count: 64)
            other.status?.path = lab.path + "/" + lab.identity.imageFileName(sha256: other.spec.sha256 ?? "", .qcow2)
            try await lab.driver.importImage(other, from: lab.file)
        }

        let linked = lab.volume("web.root", size: 32 << 20, origin: image, linked: true)
        let copy = lab.volume("copy", size: 32 << 20, origin: image, linked: false)
        let raw = lab.volume("raw", size: 8 << 20, format: .raw)
        let rawCopy = lab.volume("rawcopy", size: 16 << 20, format: .raw, origin: image, linked: false)
        for volume in [linked, copy, raw, rawCopy] {
            try await lab.driver.createVolume(volume)
            try await lab.driver.createVolume(volume)
        }
        let seen = await lab.driver.observe(wanted: [lab.pool])
        #expect(seen.unknown.isEmpty && seen.foreign.allSatisfy { $0.kind == .pool })
        #expect(seen.images.map(\.status) == [image.status])
        #expect(seen.volumes.map(\.metadata.name) == ["copy", "raw", "rawcopy", "web.root"])
        for volume in [copy, raw, rawCopy, linked] {
            let found = try #require(seen.volumes.first { $0.metadata.name == volume.metadata.name })
            #expect(found.spec.size == volume.spec.size && found.spec.format == volume.spec.format)
            #expect(found.status?.mark == volume.status?.mark && found.status?.backing == volume.status?.backing)
            #expect(found.status?.uuid == volume.status?.uuid && found.status?.staged == false)
        }
        let path = try #require(linked.status?.path)
        #expect(
            try await lab.sh(
                "qemu-img info --output=json \(path) | jq -r '.\"virtual-size\", .format, .\"full-backing-filename\", .\"backing-filename-format\"'; stat -c %a \(path)"
            )
                == "33554432\nqcow2\n\(imagePath)\nqcow2\n600")
        #expect(
            try await lab.sh(
                "getfattr --only-values -n user.infra --absolute-names \(path) | jq -c '[.id,.deletion,.origin,.retained]'"
            )
                == "[\"web.root\",\"retain\",\"\(image.spec.sha256 ?? "")\",false]")
        #expect(
            try await lab.sh("qemu-io -f raw -r -c 'read -P 7 0 1M' \(rawCopy.status?.path ?? "") | head -1").contains(
                "1048576/1048576"))
        await #expect(throws: HostError.surprise("\(path) is a layer over \(imagePath)")) {
            try await lab.driver.removeImage(image)
        }

        var grown = linked
        grown.spec.size = ByteCount(64 << 20)
        try await lab.driver.growVolume(grown)
        try await lab.driver.growVolume(grown)
        await #expect(throws: HostError.self) { try await lab.driver.growVolume(linked) }
        grown.status?.mark?.deletion = .delete
        await #expect(throws: HostError.self) { try await lab.driver.removeVolume(grown) }
        try await lab.driver.markVolume(grown)
        #expect(await lab.driver.observe(wanted: []).volumes.last?.spec.size == ByteCount(64 << 20))
        try await lab.driver.removeVolume(grown)
        try await lab.driver.removeVolume(grown)
        // What is not ours may be one, too, and of any name.
        let stranger = lab.path + "/stranger"
        _ = try await lab.sh("qemu-img create -q -f qcow2 -b \(imagePath) -F qcow2 \(stranger) 16M")
        await #expect(throws: HostError.surprise("\(stranger) is a layer over \(imagePath)")) {
            try await lab.driver.removeImage(image)
        }
        _ = try await lab.sh("rm \(stranger)")
        try await lab.driver.removeImage(image)
        #expect(try await lab.sh("ls \(lab.path) | wc -l") == "3")
        try await lab.clean()
    }

    @Test("hostile storage: a qcow2 with a backing file, an external data file, json: backing, tables that cannot be")
    func hostileImagesAreRefused() async throws {
        try await lab.driver.createPool(lab.pool, roots: ["/var/lib/infra"])
        let backed = "qemu-img create -q -u -f qcow2 -b /etc/shadow -F raw FILE 1M"
        let hostile = [
            (backed, "has a backing file"),
            (
                "qemu-img create -q -u -f qcow2 -b 'json:{\"driver\":\"nbd\",\"host\":\"192.0.2.1\"}' -F raw FILE 1M",
                "has a backing file"
            ),
            ("qemu-img create -q -f qcow2 -o data_file=FILE.data,data_file_raw=on FILE 1M", "external data file"),
            (
                "qemu-img create -q -f qcow2 --object secret,id=s,data=x -o encrypt.format=aes,encrypt.key-secret=s FILE 1M",
                "encrypted"
            ),
            ("qemu-img create -q -f vmdk FILE 1M", "not qcow2"), ("head -c 4096 /dev/urandom >FILE", "not qcow2"),
            ("printf 'QFI\\373' >FILE", "not qcow2"),
            (
                "qemu-img create -q -f qcow2 FILE 1M; printf '\\x80' | dd of=FILE bs=1 seek=79 conv=notrunc status=none",
                "features that are not known"
            ),
            (
                "qemu-img create -q -f qcow2 FILE 1M; printf '\\x40' | dd of=FILE bs=1 seek=24 conv=notrunc status=none",
                "it holds a disk of 4611686018428436480 bytes"
            ),
            (
                "qemu-img create -q -f qcow2 FILE 1M; printf '\\x7f' | dd of=FILE bs=1 seek=40 conv=notrunc status=none",
                "its header says what cannot be so"
            ),
            ("qemu-img create -q -f qcow2 FILE 1G; truncate -s 128K FILE", "its header says what cannot be so"),
        ]
        for (command, words) in hostile {
            let image = try await lab.image("qcow2", command)
            let error = await #expect(throws: HostError.self, "\(command)") {
                try await lab.driver.importImage(image, from: lab.file)
            }
            #expect("\(try #require(error))".contains(words))
        }
        #expect(try await lab.sh("ls -A \(lab.path) | wc -l") == "0")
        // What qemu-img makes is none of these.
        for options in [
            "compat=0.10", "cluster_size=512", "cluster_size=2M", "extended_l2=on", "compression_type=zstd",
        ] {
            let plain = try await lab.image("qcow2", "qemu-img create -q -f qcow2 -o \(options) FILE 3G")
            try await lab.driver.importImage(plain, from: lab.file)
            try await lab.driver.removeImage(plain)
        }
        // Bytes that look like qcow2 are stored as what was stated.
        let raw = try await lab.image("raw", backed)
        try await lab.driver.importImage(raw, from: lab.file)
        let volume = lab.volume("r", size: 1 << 20, format: .raw, origin: raw, linked: false)
        try await lab.driver.createVolume(volume)
        #expect(try await lab.sh("cmp -n 1000 \(lab.file) \(volume.status?.path ?? "") && echo same") == "same")
        // And a guest that wrote such a header has a disk of the size of its file.
        #expect(
            await lab.driver.observe(wanted: []).volumes.map {
                [$0.spec.size.bytes, $0.status?.backing == nil ? 0 : 1]
            } == [[1 << 20, 0]])
        // A symbolic link on the controller is not followed.
        _ = try await lab.sh("ln -sf \(lab.file) \(lab.file).link; rm -f \(raw.status?.path ?? "")")
        await #expect(throws: HostError.self) {
            try await lab.driver.importImage(raw, from: lab.file + ".link")
        }
        try await lab.clean()
    }

    @Test func foreignFilesStay() async throws {
        try await lab.driver.createPool(lab.pool, roots: ["/var/lib/infra"])
        let volume = lab.volume("web", size: 1 << 20)
        let image = try await lab.image("raw", "echo hello >FILE")
        let seed = lab.path + "/" + lab.identity.seedFileName(machine: "web")
        let paths = [
            try #require(volume.status?.path), seed, lab.path + "/notes.txt", lab.path + "/$'odd\\nname\\xff'",
        ]
        _ = try await lab.sh(
            paths.map { "echo theirs >\($0)" }.joined(separator: "\n")
                + "\nsetfattr -n user.infra -v '{\"fleet\":\"11111111-2222-3333-4444-555555555555\",\"id\":\"web\"}' \(paths[0])"
                + "\nmkdir \(lab.path)/folder; ln -s /etc/shadow \(image.status?.path ?? "")")
        let before = try await lab.sh(
            "cd \(lab.path) && find . | sort | xargs -d '\\n' stat -c '%i %y %s %a %F'; getfattr -d -R .")
        let contents = SeedContents(metaData: "a", userData: "b", networkConfig: "c")
        let driver = lab.driver
        let steps: [() async throws -> Void] = [
            { try await driver.createVolume(volume) }, { try await driver.growVolume(volume) },
            { try await driver.markVolume(volume) }, { try await driver.removeVolume(volume) },
            {
                try await driver.writeSeed(
                    path: seed, machine: "web", contents: contents, userData: contents.userData, salt: "s")
            },
            { try await driver.removeSeed(path: seed, machine: "web") },
            { try await driver.importImage(image, from: lab.file) }, { try await driver.removeImage(image) },
            { try await driver.removeStaged(lab.path + "/notes.txt") }, { try await driver.removeStaged(paths[0]) },
            { try await driver.removeStaged("/etc/passwd.staged") },
        ]
        for (index, step) in steps.enumerated() {
            await #expect(throws: HostError.self, "step \(index)") { try await step() }
        }
        #expect(
            try await lab.sh(
                "cd \(lab.path) && find . | sort | xargs -d '\\n' stat -c '%i %y %s %a %F'; getfattr -d -R .") == before
        )
        let seen = await lab.driver.observe(wanted: [lab.pool])
        #expect(seen.unknown.isEmpty && seen.volumes.isEmpty && seen.images.isEmpty && seen.seeds.isEmpty)
        let files = seen.foreign.filter { $0.kind == .file }
        #expect(files.count == 6)
        #expect(files.contains { $0.name.hasSuffix("odd\\u{a}name\u{fffd}") })
        #expect(files.first { $0.name == paths[0] }?.owner == "fleet 11111111")
        try await lab.clean()
    }

    /// What is read from the headers is what libvirt says; where they are odd, libvirt is asked.
    @Test func headersAreReadAsLibvirtReadsThem() async throws {
        try await lab.driver.createPool(lab.pool, roots: ["/var/lib/infra"])
        let below = lab.path + "/" + String(repeating: "below", count: 40)
        let far = "/" + (1...6).map { "\($0)" + String(repeating: "x", count: 120) }.joined(separator: "/")
        let commands = [
            "plain": "FILE 3M", "old": "-o compat=0.10 FILE 5M", "layer": "-u -b \(below) -F raw FILE 4M",
            "relative": "-u -b below -F raw FILE 4M", "far": "-u -b \(far) -F raw FILE 4M",
            "remote": "-u -b nbd://192.0.2.1:1/x -F raw FILE 4M",
            "external": "-o data_file=FILE.data,data_file_raw=on FILE 6M",
        ]
        let odd = [
            "text": "echo text >FILE", "short": "head -c 500 /dev/zero >FILE",
            "zeros": "truncate -s 2M FILE", "vmdk": "qemu-img create -q -f vmdk FILE 2M",
        ]
        let all = commands.mapValues { "qemu-img create -q -f qcow2 " + $0 }.merging(odd) { first, _ in first }
        // One by one, since an odd one sends the whole pool to libvirt, and all of them at once.
        for kept in all.keys.sorted().map({ [$0] }) + [all.keys.sorted()] {
            for id in kept {
                let path = try #require(lab.volume(id, size: 1).status?.path)
                let mark = try FileMark(Volume.Mark(fleet: lab.identity.fleet, id: id, deletion: .retain))
                _ = try await lab.sh(try #require(all[id]).replacing("FILE", with: path))
                try await lab.commands.run("setfattr", ["--restore=-"], input: .bytes(mark.dump(path: path)))
            }
            let seen = await lab.driver.observe(wanted: [lab.pool])
            let uuid = try #require(seen.pools.first?.status?.uuid)
            try await lab.connection.refreshStoragePool(uuid, deadline: .seconds(20))
            let volumes = try await lab.connection.storageVolumes(inPool: uuid, deadline: .seconds(20))
            let told = Dictionary(uniqueKeysWithValues: volumes.map { ($0.path, $0) })
            #expect(seen.volumes.count == kept.count && seen.unknown.isEmpty, "\(kept): \(seen.unknown)")
            for volume in seen.volumes {
                let record = try #require(told[volume.status?.path ?? ""])
                #expect(volume.spec.size.bytes == record.capacity, "\(volume.metadata.name)")
                #expect(volume.status?.backing == record.backing, "\(volume.metadata.name)")
            }
            let sizes = try await lab.sh(
                "virsh pool-info --bytes \(lab.name) | grep -E 'Capacity|Available' | tr -dc '0-9\n'")
            #expect(
                seen.pools.first?.status?.capacity.map { "\($0.bytes)" }
                    == sizes.split(separator: "\n").first.map(String.init))
            if kept.count == 1 { _ = try await lab.sh("rm -f \(lab.path)/*") }
        }
        try await lab.clean()
    }

    /// A folder that is gone leaves the other pool known.
    @Test func aFolderThatIsGoneIsUnknown() async throws {
        let other = StorageLab(lab, pool: "other")
        try await lab.driver.createPool(lab.pool, roots: ["/var/lib/infra"])
        try await other.driver.createPool(other.pool, roots: ["/var/lib/infra"])
        let volume = lab.volume("web", size: 1 << 20)
        try await lab.driver.createVolume(volume)
        _ = try await lab.sh("rmdir \(other.path)")
        let seen = await lab.driver.observe(wanted: [lab.pool, other.pool])
        #expect(seen.unknown.map(\.resource) == [ResourceID(.storagePool, "other")])
        #expect(seen.volumes.map(\.status?.path) == [volume.status?.path])
        try await other.clean()
        try await lab.clean()
    }

    @Test func whatACrashLeftIsSeenAndRemoved() async throws {
        try await lab.driver.createPool(lab.pool, roots: ["/var/lib/infra"])
        let volume = lab.volume("web", size: 1 << 20)
        let path = try #require(volume.status?.path)
        let image = try await lab.image("raw", "echo hello >FILE")
        let seed = lab.path + "/" + lab.identity.seedFileName(machine: "web")
        _ = try await lab.sh(
            "for f in \(path) \(image.status?.path ?? "") \(seed).0a1b2c3d; do echo half >$f.staged; done")
        let seen = await lab.driver.observe(wanted: [lab.pool])
        #expect(seen.unknown.isEmpty && seen.foreign.allSatisfy { $0.kind == .pool })
        #expect(seen.volumes.map(\.status?.staged) == [true])
        #expect(seen.images.map(\.status?.staged) == [true, true])
        for leftover in seen.volumes.compactMap(\.status?.path) + seen.images.compactMap(\.status?.path) {
            try await lab.driver.removeStaged(leftover)
        }
        #expect(try await lab.sh("ls -A \(lab.path) | wc -l") == "0")
        // Between the final name and the removal of the other one: the volume is whole.
        try await lab.driver.createVolume(volume)
        _ = try await lab.sh("ln \(path) \(path).staged")
        try await lab.driver.removeStaged(path + ".staged")
        #expect(await lab.driver.observe(wanted: []).volumes.map(\.status?.mark) == [volume.status?.mark])
        // Half a file does not hinder the next try.
        _ = try await lab.sh("rm \(path); echo half >\(path).staged")
        try await lab.driver.createVolume(volume)
        #expect(try await lab.sh("ls -A \(lab.path)") == lab.identity.volumeFileName("web", .qcow2))
        try await lab.clean()
    }

    @Test func seeds() async throws {
        try await lab.driver.createPool(lab.pool, roots: ["/var/lib/infra"])
        let path = lab.path + "/" + lab.identity.seedFileName(machine: "web")
        var contents = SeedContents(
            metaData: "instance-id: ä\n", userData: "#cloud-config\npassword: s3cret\n", networkConfig: "version: 2\n")
        // What a killed run left goes; what another is at work in stays.
        _ = try await lab.sh("mkdir -p /run/infra/seed.left/files /run/infra/seed.held")
        let held = open("/run/infra/seed.held", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        #expect(flock(held, LOCK_EX | LOCK_NB) == 0)
        try await lab.driver.writeSeed(
            path: path, machine: "web", contents: contents, userData: contents.userData, salt: "5a17")
        #expect(try await lab.sh("ls /run/infra | grep '^seed'") == "seed.held")
        close(held)
        #expect(
            try await lab.sh("stat -c '%a' \(path); isoinfo -d -i \(path) | grep -c 'Volume id: cidata'") == "600\n1")
        #expect(try await lab.sh("isoinfo -J -x /user-data -i \(path)") == "#cloud-config\npassword: s3cret")
        #expect(
            try await lab.sh("isoinfo -R -x /network-config -i \(path); isoinfo -R -x /meta-data -i \(path)")
                == "version: 2\ninstance-id: ä")
        let seen = await lab.driver.observe(wanted: []).seeds
        #expect(seen == ["web": VirtualMachine.Seed(path: path, digest: contents.digest(salt: "5a17"), salt: "5a17")])
        let inode = try await lab.sh("stat -c %i \(path)")
        try await lab.driver.writeSeed(
            path: path, machine: "web", contents: contents, userData: contents.userData, salt: "other")
        #expect(try await lab.sh("stat -c %i \(path)") == inode)
        contents.userData = "#cloud-config\n"
        try await lab.driver.writeSeed(
            path: path, machine: "web", contents: contents, userData: contents.userData, salt: "other")
        #expect(try await lab.sh("isoinfo -R -x /user-data -i \(path)") == "#cloud-config")
        await #expect(throws: HostError.self) { try await lab.driver.removeSeed(path: path, machine: "db") }
        try await lab.driver.removeSeed(path: path, machine: "web")
        #expect(try await lab.sh("ls -A \(lab.path) | wc -l; find /run/infra -name 'seed*' | wc -l") == "0\n0")
        try await lab.clean()
    }
}
