import Model
import Testing

extension LiveTests {
    /// Power, names, start with the host, the display, and a boot without a disk.
    @Suite struct MachineLiveTests {
        @Test func powerAutostartNameAndDisplay() async throws {
            try await withFleet("machine") { fleet in
                try fleet.writeBase(vni: 7780)
                try fleet.writeMachine(
                    "before", address: 11, "power: stopped\nautostart: false\nconsole: {vnc: {port: 5999}}")
                #expect(try await fleet.apply().lastLine == "No changes.")
                #expect(try await Virsh.state("before") == "shut off")
                #expect(try await sh("virsh dominfo before").contains(/Autostart: +disable/))
                #expect(try await Virsh.definition("before").contains("<graphics type='vnc' port='5999'"))
                let uuid = try await sh("virsh domuuid before")
                let disk = try await sh("virsh domblklist before")

                try fleet.edit("before.yaml", "{name: before}", "{name: after, id: before}")
                try fleet.edit("before.yaml", "autostart: false", "autostart: true")
                #expect(try await fleet.apply().lastLine == "No changes.")
                #expect(try await Virsh.all() == ["after"])
                #expect(try await sh("virsh domuuid after") == uuid)
                #expect(try await sh("virsh domblklist after") == disk)
                #expect(try await sh("virsh dominfo after").contains(/Autostart: +enable/))

                try fleet.edit("before.yaml", "power: stopped", "power: running")
                #expect(try await fleet.apply().lastLine == "No changes.")
                #expect(try await sh("virsh vncdisplay after") == "127.0.0.1:99")
                let console = GuestConsole("after", of: fleet, machine: "before")
                try await console.tells("after up 10.77.0.11")
                let shown = try await Program.run(Program.infra, ["console", "before", "--log", fleet.manifests])
                #expect(shown.output.contains("infra-guest: after up 10.77.0.11"), "\(shown)")

                // The guest is asked, and ends by itself.
                try fleet.edit("before.yaml", "power: running", "power: stopped")
                #expect(try await fleet.apply().status == 3)
                #expect(try await Virsh.state("after") == "running")
                #expect(try await fleet.apply("--allow", "stop").lastLine == "No changes.")
                #expect(try await Virsh.state("after") == "shut off")
                #expect(console.lines().contains("infra-guest: after powering off"))
            }
        }

        @Test func aKernelIsBootedDirectly() async throws {
            try await withFleet("direct") { fleet in
                try await sh(#"cp "$1"/vmlinuz "$1"/initrd "$2""#, TestFleet.guest, fleet.files)
                try fleet.writeBase(vni: 7781)
                for (name, file) in [("kernel", "vmlinuz"), ("initrd", "initrd")] {
                    try fleet.write(
                        "\(name).yaml",
                        """
                        apiVersion: infra/v1
                        kind: Image
                        metadata: {name: guest-\(name)}
                        spec: {file: \(file), format: \(name)}

                        """)
                }
                let commandLine = "console=ttyS0 no_timer_check quiet infra.test=direct"
                try fleet.writeMachine(
                    "direct", address: 11,
                    "boot: {kernel: guest-kernel, initrd: guest-initrd, cmdline: \(commandLine)}")
                try fleet.edit("direct.yaml", ", image: tiny", "")
                #expect(try await fleet.apply().lastLine == "No changes.")
                let console = GuestConsole("direct", of: fleet)
                try await console.tells("direct up 10.77.0.11")
                let seen = console.lines().count
                try await console.type("echo \"infra-guest: $(cat /proc/cmdline)\"")
                try await console.tells(commandLine, after: seen)
                #expect(try await sh(#"ls "$1" | grep -c '\.kernel$\|\.initrd$'"#, fleet.pool) == "2")
            }
        }

        @Test func aChangedSeedTakesEffectAtTheNextStart() async throws {
            try await withFleet("seed") { fleet in
                try fleet.writeBase(vni: 7782)
                try fleet.writeMachine("seeded", address: 11)
                #expect(try await fleet.apply().lastLine == "No changes.")
                let console = GuestConsole("seeded", of: fleet)
                try await console.tells("seeded up 10.77.0.11")
                let process = try await Virsh.process("seeded")
                let uuid = try await sh("virsh domuuid seeded")
                try await console.tells("seeded instance \(uuid)")

                try fleet.edit("seeded.yaml", "cloudInit: {}", "cloudInit: {hostname: sown, rerun: \"1\"}")
                let plan = try await fleet.infra("plan")
                #expect(plan.output.contains("takes effect at next boot or rerun"), "\(plan)")
                #expect(try await fleet.apply().lastLine == "No changes.")
                #expect(try await Virsh.process("seeded") == process)
                let seen = console.lines().count
                try await sh("virsh destroy seeded")
                #expect(try await fleet.apply().lastLine == "No changes.")
                try await console.tells("sown instance \(uuid)-1", after: seen)
                try await console.tells("sown up 10.77.0.11", after: seen)
            }
        }
    }
}
