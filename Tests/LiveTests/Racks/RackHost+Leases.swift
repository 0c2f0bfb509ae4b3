import Foundation
import TestSupport

extension RackHost {
    /// QEMU starts without locks of its own on disks: what keeps a disk from being used twice has to be something else.
    func unlockQEMU() async throws {
        try await sh(
            #"""
            cd /usr/bin
            [[ ! -e qemu-system-x86_64.real ]] || exit 0
            mv qemu-system-x86_64 qemu-system-x86_64.real
            cat >qemu-system-x86_64 <<'WRAPPER'
            #!/bin/bash
            words=()
            for word; do words+=("${word/'"driver":"file",'/'"driver":"file","locking":"off",'}"); done
            exec -a "$0" /usr/bin/qemu-system-x86_64.real "${words[@]}"
            WRAPPER
            chmod 0755 qemu-system-x86_64
            """#)
    }

    /// libvirt takes leases, as a person would switch them on who read the manual; a guest that runs goes on.
    func takeLeases() async throws {
        try await sh(#"echo 'lock_manager = "lockd" # a test' >>/etc/libvirt/qemu.conf"#)
        try await restartLibvirt()
    }

    /// All is as it was before.
    func forgetLeases() async throws {
        try await sh(
            #"""
            sed -i '/# a test$/d' /etc/libvirt/qemu.conf
            if [[ -e /usr/bin/qemu-system-x86_64.real ]]; then
                mv /usr/bin/qemu-system-x86_64.real /usr/bin/qemu-system-x86_64
            fi
            """#)
        try await restartLibvirt()
    }

    private func restartLibvirt() async throws {
        try await sh(#"pid=$(cat /run/libvirtd.pid); kill "$pid"; tail --pid="$pid" -f /dev/null"#)
        try await startSSH()
    }

    /// The power goes: all that libvirt and its guests are ends at once.
    func losePower() async throws {
        try await sh(
            #"""
            pids=$(pidof libvirtd virtlockd qemu-system-x86_64 qemu-system-x86_64.real sshd || true)
            kill -KILL $pids
            for pid in $pids; do tail --pid="$pid" -f /dev/null; done
            """#)
    }

    /// It comes up again, and starts what it starts by itself.
    func returnPower() async throws {
        try await sh("rm -f /run/libvirt/qemu/autostarted /run/libvirt/qemu/*.xml /run/libvirt/qemu/*.pid")
        try await startSSH()
    }
}
