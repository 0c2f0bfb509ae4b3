public import Model

/// Looks for what a host lacks to run a fleet, and names the command that mends it. Changes nothing but files of its own
/// that it removes again.
public struct Doctor: Sendable {
    /// What was found by one check.
    public struct Finding: Hashable, Sendable, Codable {
        /// How much it matters.
        public enum Severity: String, CaseIterable, Sendable, Codable {
            /// As it should be.
            case ok
            /// Works, but not well.
            case warning
            /// Something will fail.
            case problem
        }

        /// How much it matters.
        public var severity: Severity
        /// A stable word for the check, in kebab case: `kvm-mode`.
        public var check: String
        /// What was found, one clause without a full stop.
        public var message: String
        /// The command, or the advice, that mends it; nil when all is well.
        public var remedy: String?

        /// A finding.
        public init(_ severity: Severity, _ check: String, _ message: String, remedy: String? = nil) {
            self.severity = severity
            self.check = check
            self.message = message
            self.remedy = remedy
        }
    }

    let commands: CommandRunner
    let uri: String
    let storageRoots: [String]

    /// A doctor for the host that the runner reaches.
    ///
    /// - Parameters:
    ///   - uri: the address of the host's libvirt.
    ///   - storageRoots: the folders below which pools may lie, absolute.
    public init(
        commands: CommandRunner, uri: String = "qemu:///system",
        storageRoots: [String] = KVMHost.Spec().storageRoots
    ) {
        self.commands = commands
        self.uri = uri
        self.storageRoots = storageRoots
    }

    /// Makes all checks at once. The findings stand in a fixed order, whatever their severity.
    public func examine() async -> [Finding] {
        var checks: [(name: String, body: @Sendable () async throws(HostError) -> [Finding])] = [
            ("root", root), ("programs", programs), ("libvirt", libvirt), ("kvm-mode", kvmMode),
            ("accelerator", accelerator), ("kernel-links", kernelLinks), ("vlans", vlans), ("dhcp", dhcp),
            ("fetching", fetching), ("leases", leases),
            ("bridge-netfilter", bridgeNetfilter), ("frr", routing),
            ("lock-folder", lockFolder), ("machine-id", machineID),
        ]
        for path in storageRoots {
            checks.append(("storage", { () async throws(HostError) in try await storage(path) }))
        }
        return await withTaskGroup(of: (Int, [Finding]).self) { group in
            for (index, check) in checks.enumerated() {
                group.addTask {
                    do throws(HostError) {
                        return (index, try await check.body())
                    } catch {
                        return (index, [Finding(.problem, check.name, "could not be checked: \(error)")])
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.flatMap(\.1)
        }
    }
}
