import Model
import Testing

extension LiveTests {
    /// A running guest is changed: only what the manifest says, only as far as the run allows.
    @Suite struct EditLiveTests {
        @Test func aRunningGuestIsPatched() async throws {
            try await withFleet("edit") { fleet in
                try fleet.writeBase(vni: 7710)
                try fleet.write(
                    "second.yaml",
                    """
                    apiVersion: infra/v1
                    kind: Network
                    metadata: {name: second}
                    spec: {bridge: {}, subnet: {cidr: 10.78.0.0/24}}

                    """)
                try fleet.writeMachine("edited", address: 11, "console: {vnc: {}}")
                #expect(try await fleet.apply().status == 0)
                let console = GuestConsole("edited", of: fleet)
                try await console.tells("edited up 10.77.0.11")
                try await fillDisk(console)
                try await editByHand()
                #expect(try await fleet.apply().output == "No changes.\n")
                let before = try await Virsh.definition("edited")
                let contents = try await contents(fleet)

                try fleet.edit("edited.yaml", "memory: 128MiB", "memory: 192MiB")
                try fleet.edit("edited.yaml", "size: 64MiB", "size: 96MiB")
                try fleet.edit(
                    "edited.yaml", "  cloudInit: {}",
                    "    - {name: eth1, network: second, address: 10.78.0.11}\n  cloudInit: {}")
                let process = try await Virsh.process("edited")
                let live = try await fleet.apply()
                #expect(live.status == 3, "\(live)")
                #expect(live.lastLine == "No changes within --allow live; 1 deferred.", "\(live)")
                try await console.tells("vda 100663296")
                #expect(try await Virsh.process("edited") == process)
                try await onlyWasChanged(fleet, before)

                let seen = console.lines().count
                let restarted = try await fleet.apply("--allow", "restart")
                #expect(restarted.status == 0 && restarted.lastLine == "No changes.", "\(restarted)")
                #expect(try await Virsh.process("edited") != process)
                try await onlyWasChanged(fleet, before)
                let told = try await console.tells("its memory", after: seen) { $0.hasPrefix("infra-guest: memory ") }
                #expect((128 << 20..<192 << 20).contains(Int(told.split(separator: " ").last ?? "") ?? 0), "\(told)")
                try await console.tells("edited up 10.77.0.11 10.78.0.11", after: seen)
                #expect(try await self.contents(fleet) == contents)
                let password = try await sh("virsh dumpxml --security-info edited | grep -c \"passwd='byhand'\"")
                #expect(password == "1")
            }
        }

        /// Writes random bytes, the last of them at the old end, so that a checksum has something to tell.
        private func fillDisk(_ console: GuestConsole) async throws {
            let seen = console.lines().count
            try await console.type(
                "dd if=/dev/urandom of=/dev/vda bs=1M seek=40 count=24 conv=notrunc,fsync && echo infra-guest: filled")
            try await console.tells("filled", after: seen)
        }

        /// What the guest sees of the disk's first 64 MiB.
        private func contents(_ fleet: TestFleet) async throws -> String {
            try await sh(
                #"""
                qemu-img convert -U -f qcow2 -O raw "$1"/edited.root.*.qcow2 "$2/contents.raw"
                head -c 67108864 "$2/contents.raw" | sha256sum
                """#, fleet.pool, fleet.home)
        }

        /// What a person or another tool sets with virsh.
        private func editByHand() async throws {
            try await sh(
                #"""
                virsh metadata edited --live --config --uri https://other.example/ns --key other \
                    --set '<owner name="somebody"><note>keep</note></owner>'
                virsh dumpxml --inactive --security-info edited |
                    sed -e "s,<domain ,<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0' ," \
                        -e "s,<graphics type='vnc',& passwd='byhand'," \
                        -e "s,</domain>,<qemu:commandline><qemu:env name='BY_HAND' value='1'/></qemu:commandline></domain>," \
                        >/tmp/edited.xml
                virsh define /tmp/edited.xml
                rm /tmp/edited.xml
                """#)
        }

        /// Every line of the definition is as it was, addresses, aliases and what was set by hand among them, except
        /// those about memory; what is new is one interface.
        private func onlyWasChanged(_ fleet: TestFleet, _ before: String) async throws {
            let after = try await Virsh.definition("edited").split(separator: "\n")
            let difference = after.difference(from: before.split(separator: "\n"))
            let gone = difference.removals.map(\.line)
            #expect(gone.count == 3, "\(gone)")
            #expect(gone.allSatisfy { $0.contains("memory") || $0.contains("currentMemory") }, "\(gone)")
            let new = difference.insertions.map(\.line).filter { !$0.lowercased().contains("memory") }
            // As a difference of lines it may begin with the end of the interface before it.
            let expected = ["<interface type='bridge'>", "<alias name='ua-nic-eth1'/>", "</interface>"]
            #expect(new.count == 9 && expected.allSatisfy(new.contains), "\(new)")
        }
    }
}

extension CollectionDifference<Substring>.Change {
    fileprivate var line: String {
        switch self {
        case .insert(_, let element, _), .remove(_, let element, _):
            String(element.drop { $0 == " " })
        }
    }
}
