import Model

extension TestFleet {
    /// The name of the fleet's only host, and its address in the underlay (`Tests/Lab/README.md`).
    static let host = "server-1"
    static let underlay = "192.0.2.11"

    /// The first documents of a fleet: itself, the host, a pool, an image and a network. Its guests are 10.77.0.11 and
    /// so on.
    func writeBase(vni: Int = 7700, network: String = "net", peers: String = "[]") throws {
        try write(
            "fleet.yaml",
            """
            apiVersion: infra/v1
            kind: Fleet
            metadata: {name: \(name), id: \(id.lowercased)}
            ---
            apiVersion: infra/v1
            kind: Host
            metadata: {name: \(Self.host)}
            spec:
              connect: {local: {}}
              capacity: {cpu: 64, memory: 64GiB}
              storageRoots: [/var/lib/infra]
              underlay: {address: \(Self.underlay)}
            ---
            apiVersion: infra/v1
            kind: StoragePool
            metadata: {name: disks}
            spec:
              directory: {path: \(pool)}
              capacity: 1TiB
            ---
            apiVersion: infra/v1
            kind: Image
            metadata: {name: tiny}
            spec: {file: tiny.qcow2, format: qcow2}
            ---
            apiVersion: infra/v1
            kind: Network
            metadata: {name: \(network)}
            spec:
              vxlan: {vni: \(vni), peers: \(peers)}
              subnet: {cidr: 10.77.0.0/24}

            """)
    }

    /// Writes the manifest `<name>.yaml` of a guest with one disk and one interface.
    /// - Parameters:
    ///   - address: The last number of its address.
    ///   - rest: More lines of its `spec`, without indentation.
    func writeMachine(_ name: String, address: Int, network: String = "net", _ rest: String = "") throws {
        let lines = rest.split(separator: "\n").map { "  \($0)\n" }.joined()
        try write(
            "\(name).yaml",
            """
            apiVersion: infra/v1
            kind: VirtualMachine
            metadata: {name: \(name)}
            spec:
              host: \(Self.host)
              cpu: 1
              memory: 128MiB
              disks:
                - {name: root, pool: disks, size: 64MiB, image: tiny}
              interfaces:
                - {name: eth0, network: \(network), address: 10.77.0.\(address)}
              cloudInit: {}
            \(lines)
            """)
    }

    /// One without a system, which does not hear the power button and takes all of its grace to stop.
    func writeDeaf(_ name: String, address: Int) throws {
        try writeMachine(name, address: address)
        try edit("\(name).yaml", ", image: tiny", "")
        try edit("\(name).yaml", "cloudInit: {}", "")
    }
}
