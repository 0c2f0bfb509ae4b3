import Foundation
import Model
import TestSupport
import Testing

extension LiveTests {
    /// What a person made by hand becomes ours as it is, and is then changed by the manifests.
    @Suite struct AdoptionLiveTests {
        @Test func aHandMadeDomainIsAdoptedAndChanged() async throws {
            try await withHandMade { made in
                let definitions = try await made.definitions()
                let process = try await made.process()
                let links = try await made.links()
                let imported = try await made.importAll()
                #expect(imported.status == 0, "\(imported)")
                #expect(!imported.error.contains("would also change"), "\(imported)")
                #expect(imported.error.contains("not imported: link br-down: it is down"), "\(imported)")
                // Reading is all it did.
                #expect(try await made.definitions() == definitions)
                #expect(try await made.marks() == "")

                let plan = try await made.infra("plan")
                #expect(plan.lastLine == "Plan: 4 to import, 0 to add, 0 to change, 0 to destroy.", "\(plan)")
                let applied = try await made.infra("apply", "--yes", "--allow", "none")
                #expect(applied.status == 0, "\(applied)")
                let next = try await made.infra("plan", "--detailed-exitcode")
                #expect(next.status == 0 && next.lastLine == "No changes.", "\(next)")
                #expect(try await made.process() == process)
                #expect(try await made.links() == links)
                #expect(try await made.unmarked() == definitions)

                // A definition without the metadata takes the mark off; the next apply sets it again.
                try await sh(
                    #"""
                    virsh dumpxml --inactive --security-info "$1" | sed '/<infra:machine/,/<.infra:machine>/d' |
                        virsh define /dev/stdin >/dev/null
                    """#, made.domain)
                let again = try await made.infra("apply", "--yes", "--allow", "none")
                #expect(again.status == 0, "\(again)")
                #expect(again.output.contains("Plan: 1 to import, 0 to add, 0 to change, 0 to destroy."), "\(again)")
                #expect(try await made.unmarked() == definitions)

                try made.edit("machines.yaml", "memory: 128MiB", "memory: 160MiB")
                try made.edit(
                    "machines.yaml", "interfaces: [", "interfaces: [{name: eth9, network: br-hand}, ")
                try made.edit("storage.yaml", "size: 32MiB", "size: 48MiB")
                let grown = try await made.infra("apply", "--yes")
                #expect(grown.status == 3 && grown.output.contains("1 deferred"), "\(grown)")
                #expect(try await made.process() == process)
                #expect(try await made.diskSize() == "50331648")
                let restarted = try await made.infra("apply", "--yes", "--allow", "restart", "--grace", "1s")
                #expect(restarted.status == 0, "\(restarted)")
                #expect(try await made.process() != process)
                let live = try await sh(#"virsh dumpxml "$1""#, made.domain)
                for part in [
                    "<memory unit='KiB'>163840</memory>", "bus='0x00' slot='0x0a'", "bus='0x00' slot='0x0b'",
                    "<other:note xmlns:other=\"urn:other\" keep=\"yes\">$(id)</other:note>",
                    "<qemu:env name='HAND' value='made'/>", "<alias name='ua-disk-vda'/>", "<boot dev='hd'/>",
                    "<title>&lt;/title&gt;&lt;b&gt;</title>", "device='cdrom'",
                ] {
                    #expect(live.contains(part), "\(part)\n\(live)")
                }
                #expect(live.components(separatedBy: "<interface type='bridge'>").count == 3)
                #expect(try await made.infra("plan").lastLine == "No changes.")

                let gone = try await made.infra("destroy", "--yes", "--allow", "stop", "--grace", "1s")
                #expect(gone.status == 0, "\(gone)")
                #expect(try await !Virsh.all().contains(made.domain))
                // Its disk, the pool and the bridge stay; the pool and the bridge are nobody's again.
                #expect(try await sh(#"cd "$1"; ls"#, made.folder) == made.file)
                #expect(try await sh(#"virsh pool-info "$1" | grep -c running"#, made.pool) == "1")
                #expect(try await sh("cat /sys/class/net/br-hand/ifalias") == "")
                #expect(try await sh(#"getfattr --absolute-names -d "$1""#, made.folder) == "")
            }
        }

        /// Once it is one fleet's, no other takes it: not by import, and not by naming it.
        @Test func anotherFleetsIsNotAdopted() async throws {
            try await withHandMade { made in
                #expect(try await made.importAll().status == 0)
                let applied = try await made.infra("apply", "--yes")
                #expect(applied.status == 0, "\(applied)")
                let definitions = try await made.definitions()
                let other = made.home + "/other"
                let imported = try await Program.run(Program.infra, ["import", "--out", other])
                #expect(imported.status == 0, "\(imported)")
                #expect(imported.error.contains("it belongs to fleet "), "\(imported)")
                #expect(imported.error.contains("There is nothing here that can be imported."), "\(imported)")
                // The manifests of the first, as another fleet.
                try await sh(
                    #"cp -r "$1" "$2"; sed -i -E 's/id: "?[0-9a-f-]{36}"?/id: "'"$3"'"/' "$2/fleet.yaml""#,
                    made.manifests, made.home + "/stolen", UUID().lowercased)
                let stolen = try await Program.run(Program.infra, ["plan", made.home + "/stolen"])
                #expect(stolen.status == 1 && stolen.output.contains("error[adopt-foreign]"), "\(stolen)")
                let refused = try await Program.run(Program.infra, ["apply", "--yes", made.home + "/stolen"])
                #expect(refused.status != 0, "\(refused)")
                #expect(try await made.definitions() == definitions)
            }
        }

        @Test func snapshotsUEFIAndTransientDomainsAreNamed() async throws {
            try await withHandMade { made in
                try await sh(
                    #"""
                    virsh snapshot-create-as "$1" one >/dev/null
                    virsh define /dev/stdin >/dev/null <<TEXT
                    <domain type='qemu'><name>hand-efi</name><memory>65536</memory>
                    <os><type>hvm</type><loader readonly='yes' type='pflash'>/nowhere</loader></os>
                    <features><acpi/></features></domain>
                    TEXT
                    virsh create /dev/stdin >/dev/null <<TEXT
                    <domain type='qemu'><name>hand-transient</name><memory>65536</memory><os><type>hvm</type></os></domain>
                    TEXT
                    """#, made.domain)
                let imported = try await made.importAll()
                for reason in [
                    "it has 1 snapshot, whose definitions lack the mark", "domain hand-efi: it starts by UEFI",
                    "domain hand-transient: it is transient",
                ] {
                    #expect(imported.error.contains(reason), "\(reason)\n\(imported)")
                }
                let text = try String(contentsOfFile: made.manifests + "/fleet.yaml", encoding: .utf8)
                #expect(text.contains("#   domain hand-efi: it starts by UEFI"), "\(text)")
                // Named by hand all the same, it is not adopted.
                let uuid = try await sh(#"virsh domuuid "$1""#, made.domain)
                try Data(
                    """
                    apiVersion: infra/v1
                    kind: VirtualMachine
                    metadata: {name: stubborn, uuid: \(uuid)}
                    spec: {cpu: 1, memory: 128MiB, console: {serial: {log: false}}}

                    """.utf8
                ).write(to: URL(filePath: made.manifests + "/stubborn.yaml"))
                let applied = try await made.infra("apply", "--yes")
                #expect(applied.status == 1 && applied.output.contains("it has 1 snapshot"), "\(applied)")
                #expect(try await !Virsh.definition(made.domain).contains("urn:infra:v1"))
            }
        }

        /// A VXLAN link and the bridge above it, made by hand, become a network of the fleet by a commit, and are changed by
        /// the next one. Nobody applies.
        @Test func aHandMadeTunnelIsAdoptedAndChangedByCommits() async throws {
            try await withWatched("tunnel") { watched in
                let fleet = watched.fleet
                try await withHandMadeTunnel {
                    let before = try await links()
                    try await importHost(into: fleet)
                    let first = try await watched.commit("As it is")
                    try await watched.push()
                    try await watched.watching { watcher in
                        let planned = try await watcher.next("planned", of: first)
                        #expect(
                            planned.description.contains("Plan: 1 to import, 0 to add, 0 to change, 0 to destroy."),
                            "\(planned)")
                        try await watcher.next("converged", of: first)
                        // Only the marks are new.
                        #expect(try await links() == before)
                        let mark = fleet.identity.linkAlias(ResourceID(.network, "br-tun"))
                        #expect(try await aliases() == "\(mark)\n\(mark)")

                        let file = try await sh(#"cd "$1"; grep -l 'kind: Network' *.yaml"#, fleet.manifests)
                        try fleet.edit(file, "198.51.100.7", "198.51.100.8")
                        let second = try await watched.commit("Another peer")
                        try await watched.push()
                        try await watcher.next("converged", of: second)
                        #expect(try await links() == before.replacing("198.51.100.7", with: "198.51.100.8"))
                        #expect(try await aliases() == "\(mark)\n\(mark)")
                        // What drifts is mended like anything else of the fleet's.
                        try await sh("ip link set vx-tun mtu 1300")
                        try await watcher.next("converged", of: second)
                        #expect(try await links() == before.replacing("198.51.100.7", with: "198.51.100.8"))
                    }
                }
            }
        }

        @Test func whatIsHandMadeIsChangedByCommits() async throws {
            try await withWatched("handed") { watched in
                let fleet = watched.fleet
                try await withHandMade { made in
                    let process = try await made.process()
                    let links = try await made.links()
                    let definitions = try await made.definitions()
                    try await importHost(into: fleet)
                    let first = try await watched.commit("As it is")
                    try await watched.push()
                    try await watched.watching { watcher in
                        try await watcher.next("converged", of: first)
                        #expect(try await made.unmarked() == definitions)
                        // A disk in its pool grows under the guest, and another one comes beside it.
                        try fleet.edit("storage.yaml", "size: 32MiB", "size: 48MiB")
                        try fleet.write(
                            "more.yaml",
                            """
                            apiVersion: infra/v1
                            kind: Volume
                            metadata: {name: more}
                            spec: {pool: old-pool, size: 8MiB}
                            """)
                        let second = try await watched.commit("A bigger disk, and one more")
                        try await watched.push()
                        try await watcher.next("converged", of: second)
                    }
                    #expect(try await made.diskSize() == "50331648")
                    #expect(try await sh(#"ls "$1" | grep -c '^more\.'"#, made.folder) == "1")
                    #expect(try await made.process() == process)
                    #expect(try await made.links() == links)
                }
            }
        }

        /// What is on the host as manifests of that fleet.
        private func importHost(into fleet: TestFleet) async throws {
            try await sh(
                #"""
                infra=$1 folder=$2
                "$infra" import --host local --out "$folder/imported"
                sed -i -E "s/id: \"?[0-9a-f-]{36}\"?/id: $3/" "$folder/imported/fleet.yaml"
                mv "$folder"/imported/*.yaml "$folder/manifests"
                """#, Program.infra, fleet.home, fleet.id.lowercased)
        }

        private func withHandMadeTunnel(_ body: () async throws -> Void) async throws {
            let remove = "for link in vx-tun br-tun; do ip link del $link 2>/dev/null || true; done"
            do {
                try await sh(
                    #"""
                    ip link add br-tun address 52:54:00:aa:bb:09 type bridge
                    ip link set br-tun mtu 1400 up
                    ip link add vx-tun type vxlan id 7791 dstport 4789 local "$1"
                    ip link set vx-tun mtu 1400 master br-tun up
                    bridge fdb append 00:00:00:00:00:00 dev vx-tun dst 198.51.100.7
                    """#, TestFleet.underlay)
                try await body()
            } catch {
                _ = try? await sh(remove)
                throw error
            }
            try await sh(remove)
        }

        /// What a mark does not change of both links: their numbers above all, since a link that is made anew has another.
        private func links() async throws -> String {
            try await sh(
                #"""
                for link in br-tun vx-tun; do
                    ip -details -json link show dev $link | jq -c '.[0] | [.ifindex, .ifname, .mtu, .address, .master,
                        .operstate, .linkinfo.info_data.id, .linkinfo.info_data.port, .linkinfo.info_data.local]'
                done
                bridge -json fdb show dev vx-tun | jq -c '[.[] | select(.dst) | [.mac, .dst]] | sort'
                """#)
        }

        private func aliases() async throws -> String {
            try await sh("cat /sys/class/net/br-tun/ifalias /sys/class/net/vx-tun/ifalias")
        }
    }
}
