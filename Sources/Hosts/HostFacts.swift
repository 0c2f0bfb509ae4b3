public import Foundation
public import Model

/// What a host says of itself.
public enum HostFacts {
    /// The host's identity, derived from machine-id(5).
    ///
    /// - Throws: `.unreadable` for a machine without a valid one; what the runner throws.
    public static func uuid(commands: CommandRunner) async throws(HostError) -> UUID {
        Identity.hostUUID(machineID: try await machineID(commands))
    }

    /// What a machine says of itself, without libvirt.
    public struct Machine: Hashable, Sendable {
        /// UUIDv5 of machine-id(5).
        public let uuid: UUID
        /// Its memory. Not libvirt's figure: that adds up NUMA nodes, which leaves out memory that was added to a running
        /// machine.
        public let memory: ByteCount
    }

    /// What the machine says of itself.
    public static var machine: HostQuestion<Machine> {
        HostQuestion(CommandCall("head", ["--quiet", "--lines=1", "--", "/proc/meminfo", "/etc/machine-id"])) {
            output throws(HostError) in
            let lines = output.text.split(separator: "\n", maxSplits: 1)
            guard let total = lines.first.flatMap({ totalMemory(String($0)) }) else {
                throw .unreadable("/proc/meminfo does not start with MemTotal")
            }
            let id = try machineID(String(lines.dropFirst().first ?? ""))
            return Machine(uuid: Identity.hostUUID(machineID: id), memory: total)
        }
    }

    /// Joins the answers.
    public static func status(
        _ machine: Machine, _ finding: AcceleratorProbe.Finding, _ node: NodeRecord
    ) -> KVMHost.Status {
        KVMHost.Status(
            uuid: machine.uuid, hostname: CommandText.printable(node.hostname), cpu: node.cpu, memory: machine.memory,
            accelerator: finding.accelerator, acceleratorReason: finding.reason, libvirtVersion: node.libvirtVersion)
    }

    /// Reads `MemTotal:  24684096 kB` (proc_meminfo(5)); the unit is KiB.
    static func totalMemory(_ line: String) -> ByteCount? {
        let parts = line.split(whereSeparator: \.isWhitespace)
        guard parts.count == 3, parts[0] == "MemTotal:", parts[2] == "kB", let kibibytes = UInt64(parts[1]),
            kibibytes < 1 << 50
        else { return nil }
        return ByteCount(kibibytes << 10)
    }

    /// The 32 hex digits of `/etc/machine-id`.
    static func machineID(_ commands: CommandRunner) async throws(HostError) -> String {
        try machineID(try await commands.run("cat", ["--", "/etc/machine-id"]).text)
    }

    private static func machineID(_ text: String) throws(HostError) -> String {
        guard let id = validMachineID(text) else {
            throw .unreadable("/etc/machine-id does not hold 32 hex digits, so the host cannot be told from others")
        }
        return id
    }

    /// The id in the file's text; nil for an empty one, `uninitialized`, and all zeros.
    static func validMachineID(_ text: String) -> String? {
        let id = text.trimmingCharacters(in: .newlines)
        let isHex = id.utf8.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) }
        return id.utf8.count == 32 && isHex && id.contains { $0 != "0" } ? id : nil
    }
}
