import Foundation
import Model
import TestSupport

/// A fleet over the lab's hosts, driven from the underlay.
struct RackFleet: Sendable {
    let name: String
    let hosts: [RackHost]
    let id = UUID()
    /// The controller's folder: manifests and image files.
    let home: String

    var identity: Identity { Identity(fleet: id) }
    var manifests: String { home + "/manifests" }

    init(_ name: String, on hosts: [RackHost] = RackHost.all) async throws {
        self.name = name
        self.hosts = hosts
        home =
            FileManager.default.temporaryDirectory.appending(path: "infra-\(name)-\(UUID().lowercased.prefix(8))").path
        try await sh(
            #"mkdir -p "$1/manifests" "$1/files" "$1/empty"; cp "$2/tiny.qcow2" "$1/files""#, home, TestFleet.guest)
    }

    func write(_ file: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(filePath: "\(manifests)/\(file)"))
    }

    /// Edits a manifest as a person would. What is replaced has to be there.
    func edit(_ file: String, _ old: String, _ new: String) throws {
        let text = try String(contentsOfFile: "\(manifests)/\(file)", encoding: .utf8)
        guard text.contains(old) else { throw Failure("\(file) has no \(old):\n\(text)") }
        try write(file, text.replacing(old, with: new))
    }

    func remove(_ file: String) throws { try FileManager.default.removeItem(atPath: "\(manifests)/\(file)") }

    /// The fleet, its pool on every host, an image and networks by their VNIs.
    /// - Parameters:
    ///   - spec: More fields of the fleet.
    ///   - shared: The folder of a pool that is the same on all hosts.
    ///   - leases: Whether its disks are to have leases.
    func writeBase(networks: [String: Int], spec: String = "", shared: String? = nil, leases: Bool = false) throws {
        try write(
            "fleet.yaml",
            """
            apiVersion: infra/v1
            kind: Fleet
            metadata: {name: \(name), id: \(id.lowercased)}
            spec: {\(spec)}
            ---
            apiVersion: infra/v1
            kind: StoragePool
            metadata: {name: disks}
            spec: {directory: {path: \(shared ?? "/var/lib/infra/\(name)")}, capacity: 1TiB, shared: \(shared != nil), leases: \(leases)}
            ---
            apiVersion: infra/v1
            kind: Image
            metadata: {name: tiny}
            spec: {file: tiny.qcow2, format: qcow2}

            """
                + networks.sorted { $0.key < $1.key }.map { network, vni in
                    """
                    ---
                    apiVersion: infra/v1
                    kind: Network
                    metadata: {name: \(network)}
                    spec: {vxlan: {vni: \(vni)}, subnet: {cidr: 10.60.0.0/24}}

                    """
                }.joined())
    }

    /// Writes the manifest of a host, named after it.
    /// - Parameter ssh: More fields of `connect.ssh`.
    func writeHost(
        _ host: RackHost, address: String? = nil, underlay: String? = nil, ssh: String = "", _ rest: String = ""
    ) throws {
        try write(
            "\(host.name).yaml",
            """
            apiVersion: infra/v1
            kind: Host
            metadata: {name: \(host.name)}
            spec:
              connect: {ssh: {address: "\(address ?? host.address)"\(ssh.isEmpty ? "" : ", " + ssh)}}
              capacity: {cpu: 64, memory: 64GiB}
              underlay: {address: "\(underlay ?? host.address)"}
            \(rest.isEmpty ? "" : "  \(rest)\n")
            """)
    }

    /// Writes the manifest of a guest, `<name>.yaml`.
    func writeMachine(
        _ machine: String, on host: RackHost?, network: String, address: Int, power: String = "running"
    ) throws {
        try write(
            "\(machine).yaml",
            """
            apiVersion: infra/v1
            kind: VirtualMachine
            metadata: {name: \(machine)}
            spec:
            \(host.map { "  host: \($0.name)\n" } ?? "")\
              cpu: 1
              memory: 128MiB
              disks: [{name: root, pool: disks, size: 64MiB, image: tiny}]
              interfaces: [{name: eth0, network: \(network), address: 10.60.0.\(address)}]
              cloudInit: {}
              power: \(power)

            """)
    }

    private func words(_ command: String, _ options: [String], keys: String?) throws -> [String] {
        [command] + options + ["--ssh-keys", try keys ?? keysOfLab(), "--files", home + "/files", manifests]
    }

    /// Runs the program.
    func infra(_ command: String, _ options: String..., keys: String? = nil) async throws -> Ended {
        try await Program.run(Program.infra, try words(command, options, keys: keys))
    }

    /// `infra apply --yes` with more options.
    func apply(_ options: String...) async throws -> Ended {
        try await Program.run(Program.infra, try words("apply", ["--yes"] + options, keys: nil))
    }

    /// `infra apply` whose events are handed over as they come.
    func watch(
        _ options: String..., event: (StepEvent, Program.Process) async throws -> Void
    ) async throws -> Ended {
        let arguments = try words("apply", ["--yes", "--format", "json"] + options, keys: nil)
        return try await Program.watch(arguments) { line, process in
            if let told = StepEvent(line: line) { try await event(told, process) }
        }
    }

    /// Takes away all that carries the fleet's mark, on every host, by other tools than the one under test.
    fileprivate func wipe() async throws {
        for host in hosts {
            if !host.isVM {
                try await host.link(true)
                try await host.startSSH()
            }
            try await host.sh(TestFleet.wiping, id.lowercased, "/var/lib/infra/\(name)")
        }
        try FileManager.default.removeItem(atPath: home)
    }
}

/// The folder that `--ssh-keys` takes here.
func keysOfLab() throws -> String {
    guard let keys = Lab.keys else { throw Failure("INFRA_LAB_KEYS is not set") }
    return keys
}

/// Gives the body a fleet, and afterwards, however the body ends, takes away whatever it has on the hosts.
func withRacks(
    _ name: String, on hosts: [RackHost] = RackHost.all, _ body: (RackFleet) async throws -> Void
) async throws {
    let fleet = try await RackFleet(name, on: hosts)
    try await ending({ try await fleet.wipe() }, after: { try await body(fleet) })
}
