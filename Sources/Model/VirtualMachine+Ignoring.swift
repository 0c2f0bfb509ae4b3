extension VirtualMachine.Spec {
    /// The field paths that `ignoreChanges` may name on this machine: those that a machine which is there may have
    /// otherwise than declared.
    public var ignorablePaths: [String] {
        [
            "cpu.count", "cpu.max", "memory.size", "memory.max", "accelerator", "boot.kernel", "boot.initrd",
            "boot.cmdline", "console.serial.log", "console.vnc.listen", "console.vnc.port", "autostart", "power",
        ]
            + disks.flatMap { ["disks[\($0.name)].bus", "disks[\($0.name)].bootOrder", "disks[\($0.name)].size"] }
            + interfaces.flatMap {
                ["interfaces[\($0.name)].mac", "interfaces[\($0.name)].model", "interfaces[\($0.name)].mtu"]
            }
    }
}
