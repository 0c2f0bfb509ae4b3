import Foundation
import Model

/// A running domain, a pool and a bridge as people make them, with names that people choose.
struct HandMade: Sendable {
    let home: String
    let domain = "Old <server> $(id) é"
    let pool = "Old pool"
    let file = "Büro platte $(id).qcow2"
    var folder: String { home + "/images" }
    var manifests: String { home + "/manifests" }

    /// Runs the program on what was imported.
    func infra(_ words: String...) async throws -> Ended { try await Program.run(Program.infra, words + [manifests]) }

    func importAll() async throws -> Ended {
        try await Program.run(Program.infra, ["import", "--host", "local", "--out", manifests])
    }

    /// Edits a manifest as a person would. What is replaced has to be there.
    func edit(_ name: String, _ old: String, _ new: String) throws {
        let file = URL(filePath: manifests + "/" + name)
        let text = try String(contentsOf: file, encoding: .utf8)
        guard text.contains(old) else { throw Failure("\(name) has no \(old):\n\(text)") }
        try Data(text.replacing(old, with: new, maxReplacements: 1).utf8).write(to: file)
    }

    /// The number of its process, whose files libvirt does not name after such a domain.
    func process() async throws -> String {
        try await sh(
            #"""
            uuid=$(virsh domuuid "$1")
            for process in /proc/[0-9]*; do
                [[ $(readlink "$process/exe") == */qemu-system-* ]] || continue
                if grep -qz -- "$uuid" "$process/cmdline"; then echo "${process##*/}"; fi
            done
            """#, domain)
    }

    /// Both definitions, whole.
    func definitions() async throws -> String {
        try await sh(#"virsh dumpxml --security-info "$1"; virsh dumpxml --inactive --security-info "$1""#, domain)
    }

    /// Both definitions without our mark.
    func unmarked() async throws -> String {
        try await definitions().split(separator: "\n", omittingEmptySubsequences: false).reduce(
            into: (text: [Substring](), isMark: false)
        ) { state, line in
            let trimmed = line.drop { $0 == " " }
            if trimmed.hasPrefix("<infra:machine") {
                state.isMark = !trimmed.hasSuffix("/>")
            } else if !state.isMark {
                state.text.append(line)
            } else if trimmed.hasPrefix("</infra:machine") {
                state.isMark = false
            }
        }.text.joined(separator: "\n")
    }

    /// What carries a mark of ours.
    func marks() async throws -> String {
        try await sh(
            #"getfattr --absolute-names -R -d -m '^user\.infra$' "$1"; cat /sys/class/net/br-hand/ifalias"#, folder)
    }

    /// What a mark does not change of a link: its number, address, ports.
    func links() async throws -> String {
        try await sh(
            #"""
            ip -d -j link show | jq -c '.[] | select(.ifname == "br-hand" or .master == "br-hand")
                | [.ifindex, .ifname, .master, .mtu, .address, .operstate]'
            """#)
    }

    func diskSize() async throws -> String {
        try await sh(#"virsh domblkinfo "$1" vda | awk '/Capacity/ { print $2 }'"#, domain)
    }
}

/// Gives the body what was made by hand, and takes all of it away however the body ends.
func withHandMade(_ body: (HandMade) async throws -> Void) async throws {
    let made = HandMade(home: "/var/lib/infra/hand-\(UUID().lowercased.prefix(8))")
    do {
        try await made.make()
        try await body(made)
    } catch {
        try? await made.remove()
        throw error
    }
    try await made.remove()
}

extension HandMade {
    fileprivate func make() async throws {
        try await sh(
            #"""
            mkdir -p "$1/images" && chmod 711 "$1" "$1/images"
            cp "$5/tiny.qcow2" "$1/images/$4"
            : >"$1/other.iso"
            ip link add br-hand address 52:54:00:aa:bb:01 type bridge && ip link set br-hand mtu 1400 up
            ip link add br-down type bridge
            virsh pool-define-as "$3" dir --target "$1/images" >/dev/null
            virsh pool-start "$3" >/dev/null && virsh pool-autostart "$3" >/dev/null
            virsh define /dev/stdin >/dev/null <<TEXT
            <domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
              <name>Old &lt;server> \$(id) é</name>
              <title>&lt;/title>&lt;b></title>
              <metadata><other:note xmlns:other='urn:other' keep='yes'>\$(id)</other:note></metadata>
              <memory unit='MiB'>128</memory><vcpu>1</vcpu>
              <os><type arch='x86_64' machine='q35'>hvm</type><boot dev='hd'/></os>
              <features><acpi/><apic/></features>
              <devices>
                <disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
                  <source file='$1/images/$(printf %s "$4")'/><target dev='vda' bus='virtio'/>
                  <address type='pci' domain='0' bus='0' slot='0x0a' function='0'/></disk>
                <disk type='file' device='cdrom'><source file='$1/other.iso'/><target dev='sda' bus='sata'/></disk>
                <interface type='bridge'><mac address='52:54:00:aa:bb:02'/><source bridge='br-hand'/>
                  <model type='virtio'/><address type='pci' domain='0' bus='0' slot='0x0b' function='0'/></interface>
                <serial type='pty'/><graphics type='vnc' listen='127.0.0.1'/>
                <memballoon model='none'/>
              </devices>
              <qemu:commandline><qemu:arg value='-msg'/><qemu:arg value='timestamp=on'/>
                <qemu:env name='HAND' value='made'/></qemu:commandline>
            </domain>
            TEXT
            virsh start "$2" >/dev/null
            """#, home, domain, pool, file, TestFleet.guest)
    }

    fileprivate func remove() async throws {
        try await sh(
            #"""
            for domain in "$2" hand-efi hand-transient; do
                virsh destroy "$domain" >/dev/null 2>&1 || true
                virsh undefine "$domain" --nvram --snapshots-metadata >/dev/null 2>&1 || true
            done
            virsh pool-destroy "$3" >/dev/null 2>&1 || true
            virsh pool-undefine "$3" >/dev/null 2>&1 || true
            for link in br-hand br-down; do ip link del "$link" 2>/dev/null || true; done
            rm -rf -- "$1" /var/lib/infra/*.json
            """#, home, domain, pool)
    }
}
