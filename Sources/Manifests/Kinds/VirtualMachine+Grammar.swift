import Model

extension VirtualMachine {
    static let grammar = Document.grammar(
        .virtualMachine, "a VirtualMachine", VirtualMachine(metadata: Metadata(name: ""), spec: empty),
        [
            .required("metadata", \.metadata, Metadata.adoptableGrammar.form, "Name, identity and labels."),
            .required("spec", \.spec, specGrammar.form, "The guest's hardware and what it is told."),
        ])

    static let recorded = grammar.adding([
        .optional("status", \.status, statusGrammar.form, "What was observed.")
    ])

    private static let empty = Spec(cpu: CPU(count: 0), memory: Memory(size: ByteCount(0)))

    static let specGrammar = Record(
        "a VirtualMachine's spec", empty,
        [
            .optional(
                "host", \.host, .name, sample: "other", "The host it runs on; where placement allows if left out."),
            .group("placement", placementGrammar, "Which hosts may have it; any if left out."),
            .required("cpu", \.cpu, cpuGrammar, "Processors: a number, or {count, max}."),
            .required("memory", \.memory, memoryGrammar, "Memory: a size, or {size, max}."),
            .optional(
                "accelerator", \.accelerator, .word(), sample: .tcg,
                "What runs its code; the host's choice if left out."),
            .constant("firmware", "bios", "What starts it.", reserved: ["uefi"]),
            .optional(
                "boot", \.boot, directBootGrammar.form, sample: DirectBoot(kernel: "other"),
                "Boot of a Linux kernel without a boot loader."),
            .defaulted(
                "disks", \.disks,
                .named(Disk.form, Disk.title, by: \.name, sample: Disk(name: "added", volume: "other")), to: [],
                "Disks. One with pool and size is a Volume of its own, named <machine>.<disk>."),
            .defaulted(
                "interfaces", \.interfaces,
                .named(
                    Interface.grammar.form, Interface.grammar.title, by: \.name,
                    sample: Interface(name: "added", network: "other")),
                to: [], "Network interfaces."),
            .optional(
                "cloudInit", \.cloudInit, CloudInit.grammar.form, sample: CloudInit(hostname: "other"),
                "What cloud-init is told; no seed if left out, {} for one that says only the name and the network."),
            .optional("seed", \.seed, seedGrammar.form, stage: .placed, "The seed on its CD-ROM."),
            .group("console", consoleGrammar, "Serial console and display."),
            .defaulted("power", \.power, .word(), to: .running, "Whether it is to run; manual leaves it as it is."),
            .defaulted("autostart", \.autostart, .boolean, to: true, "Whether it starts with the host."),
            .defaulted(
                "ready", \.ready, .word(reserved: ["agent", "address", "tcp:"]), to: .running,
                "When a start counts as done."),
            .defaulted(
                "protect", \.protect, .boolean, to: false, "Whether steps that stop it or lose its data are errors."),
            .defaulted(
                "unmanagedDevices", \.unmanagedDevices, .word(), to: .keep,
                "What becomes of devices that the manifest does not know."),
            .defaulted(
                "ignoreChanges", \.ignoreChanges,
                .list("field paths", of: .line("a field path", limit: 256), sample: "power"),
                to: [], "Fields that are not compared, by their path below spec, such as memory.size."),
        ], reserved: ["hostSelector", "secureBoot", "tpm", "devices", "snapshots", "template"],
        together: [("not", .members([("required", .array([.string("host"), .string("placement")]))]))]
    ) { _, decoding, node in
        guard decoding.mode == .manifest, decoding.tree.value(of: "host", in: node) != nil,
            let placement = decoding.tree.value(of: "placement", in: node)
        else { return }
        decoding.fail(placement, "conflict", "placement and host exclude each other", help: "keep one of them")
    }

    private static let directBootGrammar = Record(
        "a direct boot", DirectBoot(kernel: nil),
        [
            .optional("kernel", \.kernel, .name, required: true, sample: "other", "The kernel's Image."),
            .optional("initrd", \.initrd, .name, sample: "other", "The initrd's Image."),
            .defaulted(
                "cmdline", \.commandLine, .line("a command line", limit: 2000), to: "", "The kernel's command line."),
            .optional("kernelPath", \.kernelPath, .observed, stage: .placed, "Where the kernel is stored."),
            .optional("initrdPath", \.initrdPath, .observed, stage: .placed, "Where the initrd is stored."),
        ])

    static let seedGrammar = Record(
        "a seed", Seed(path: ""),
        [
            .required("path", \.path, .observed, "The absolute path."),
            .optional("digest", \.digest, .observed, "A keyed digest of its contents."),
            .optional("salt", \.salt, .observed, "The digest's key."),
        ])

    private static let consoleGrammar = Record(
        "a console", empty,
        [
            .group("serial", serialGrammar, "The serial console."),
            .optional(
                "vnc", \.console.vnc, vncGrammar.form, sample: Console.VNC(),
                "A VNC display; none if left out, {} for the usual one."),
        ], reserved: ["spice", "channel"])

    private static let serialGrammar = Record(
        "a serial console", empty,
        [
            .defaulted(
                "log", \.console.serialLog, .boolean, to: true, "Whether the host keeps what it prints."),
            .optional(
                "logPath", \.console.serialLogPath, .observed, stage: .placed, "Where the host keeps what it prints."),
        ])

    private static let vncGrammar = Record(
        "a VNC display", Console.VNC(),
        [
            .defaulted("listen", \.listen, .address, to: .loopback, "The address it listens on."),
            .optional(
                "port", \.port, .integer(5900...65_535), sample: 5999, "The TCP port; libvirt's choice if left out."),
        ], reserved: ["password", "passwordSecret", "tls"])

    private static let statusGrammar = Record(
        "a machine's status", Status(host: "", uuid: .none, state: .off),
        [
            .required("host", \.host, .observed, "The host."),
            .required("uuid", \.uuid, .uuid, "libvirt's UUID."),
            .required("state", \.state, .word(), "What it does."),
            .defaulted(
                "persistent", \.persistent, .boolean, to: true, "Whether libvirt knows it when it does not run."),
            .optional(
                "live", \.live, specGrammar.form, "The running definition, where it differs from the persistent one."),
            .defaulted(
                "links", \.links,
                .dictionary("links", key: .observed, of: .observed, sample: ("other", "vnet0")), to: [:],
                "The links of running interfaces whose names the definition does not say."),
            .defaulted(
                "unmanaged", \.unmanaged, .list("devices", of: .observed, sample: "a", duplicates: true), to: [],
                "Devices that the manifest does not know."),
            .defaulted(
                "protected", \.protected, .boolean, to: false, "Whether its mark says that it may not be removed."),
        ])
}
