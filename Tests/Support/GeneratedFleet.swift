/// Fleets made up for tests: large ones as text, random ones as values. The same arguments always give the same fleet.
public enum GeneratedFleet {
    /// The manifests of a valid fleet on one host, about 420 bytes a machine.
    public static func manifestText(machines: Int) -> String {
        var text = """
            apiVersion: infra/v1
            kind: Fleet
            metadata: {name: generated, id: 6f0a1d52-3c0e-4b3e-9a57-0d3c9b7e5f11}
            ---
            apiVersion: infra/v1
            kind: Host
            metadata: {name: server-1}
            spec:
              connect: {local: {}}
              capacity: {cpu: 65536, memory: 512TiB}
              underlay: {address: 192.0.2.11}
            ---
            apiVersion: infra/v1
            kind: StoragePool
            metadata: {name: disks}
            spec:
              directory: {path: /var/lib/infra/disks}
              overcommit: 1000
              capacity: 1024TiB
            ---
            apiVersion: infra/v1
            kind: Image
            metadata: {name: tiny}
            spec:
              file: tiny.qcow2
              format: qcow2
              sha256: \(String(repeating: "ab", count: 32))
            ---
            apiVersion: infra/v1
            kind: Network
            metadata: {name: office}
            spec:
              vxlan: {vni: 10010}
              subnet: {cidr: 10.0.0.0/8, gateway: 10.0.0.1}

            """
        for index in 0..<machines {
            let number = index + 1000
            text += """
                ---
                apiVersion: infra/v1
                kind: VirtualMachine
                metadata:
                  name: vm-\(index)
                  labels: {team: team-\(index % 7)}
                spec:
                  host: server-1
                  cpu: \(index % 4 + 1)
                  memory: \(index % 8 + 1)GiB
                  disks:
                    - name: root
                      pool: disks
                      size: \(index % 90 + 10)GiB
                      image: tiny
                      clone: linked
                      bootOrder: 1
                  interfaces:
                    - name: eth0
                      network: office
                      address: 10.\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255)
                      model: virtio
                  console: {serial: {log: true}}
                  power: running
                  autostart: true

                """
        }
        return text
    }
}
