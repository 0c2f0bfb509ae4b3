public import Foundation
import Model

/// The first fleet that `infra init` writes: valid as it is, with a comment wherever a choice is made.
public enum StarterFleet {
    /// The files of a new fleet. The name must be one that a `Fleet` can have.
    public static func text(name: String, fleet: UUID) -> [(file: String, text: String)] {
        [("fleet.yaml", fleetText(name, fleet)), ("vm.yaml", machineText)]
    }

    private static func fleetText(_ name: String, _ fleet: UUID) -> String {
        """
        # The fleet: the namespace of everything in this folder, and what unattended runs may do.
        apiVersion: infra/v1
        kind: Fleet
        metadata:
          name: \(name)
          # Made for this fleet alone. Never change it, or everything on the hosts becomes a stranger's.
          id: \(fleet.lowercased)
        spec:
          policy:
            unattended: live    # off | none | live | restart
            prune: false        # true lets unattended runs remove what left this folder
        ---
        # A machine that runs guests: here the one that infra itself runs on.
        apiVersion: infra/v1
        kind: Host
        metadata:
          name: server-1
        spec:
          connect:
            local: {}
          # Kept for the host itself.
          reserve:
            memory: 1GiB
          # More may be promised than there is: 1.5 promises three processors for two.
          overcommit:
            cpu: 1.5
            memory: 1
          # Where pools may lie.
          storageRoots: [/var/lib/infra]
        ---
        # Where disks lie.
        apiVersion: infra/v1
        kind: StoragePool
        metadata:
          name: disks
        spec:
          directory:
            path: /var/lib/infra/disks
          # Disks grow as guests write: 2 promises twice the space there is.
          overcommit: 2

        """
    }

    private static let machineText = """
        # What disks start from: a file below the folder that --files names. With url: https://… and sha256: in place of file,
        # each host fetches it by itself.
        apiVersion: infra/v1
        kind: Image
        metadata:
          name: base
        spec:
          file: base.qcow2
          format: qcow2
        ---
        # A network on one host. With vxlan: {vni: 10010} in place of bridge it spans hosts; each then needs
        # spec.underlay.address, the address that tunnels begin at.
        apiVersion: infra/v1
        kind: Network
        metadata:
          name: lan
        spec:
          bridge: {}
          subnet:
            cidr: 10.20.0.0/24
        ---
        # The first guest.
        apiVersion: infra/v1
        kind: VirtualMachine
        metadata:
          name: first
        spec:
          cpu: 1
          memory: 1GiB
          disks:
            # A thin layer over the image. When the machine goes, the disk is kept unless it says deletion: delete.
            - name: root
              pool: disks
              size: 10GiB
              image: base
              bootOrder: 1
          interfaces:
            - name: eth0
              network: lan
              address: 10.20.0.10
          cloudInit:
            users:
              - name: ops
                sshKeys: []    # your public key, as in ~/.ssh/id_ed25519.pub
          console:
            serial:
              log: true

        """
}
