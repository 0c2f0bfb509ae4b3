public import Hosts
public import Model

extension StorageDriver {
    /// Removes the device of a logical volume from the `/dev` that libvirt has made for a running domain alone, unless its QEMU has it
    /// open. libvirt makes it anew when the domain gets the volume.
    ///
    /// libvirt 9.0 leaves it there after a block copy, with the label that it had. Then another volume that gets the same number from the
    /// device mapper, whatever its name is, cannot be copied to ("already in use"), and QEMU could go on to open it.
    ///
    /// - Throws: nothing of a file, of a domain that is off, and where libvirt has made it no `/dev` of its own.
    public func removeDevice(of volume: Volume, from machine: VirtualMachine) async throws(HostError) {
        guard let plan = try logical(volume), let uuid = machine.status?.uuid else { return }
        try await run(StorageScripts.removeDevice, [uuid.lowercased, plan.path])
    }
}

extension StorageScripts {
    /// UUID PATH. What stands in `/proc/PID` is read from within it: once the process is gone there is nothing, whoever has its number
    /// then. It is QEMU's if its command line says so.
    static let removeDevice = #"""
        device=$(realpath --canonicalize-missing -- "$2")
        [[ -b $device ]] || exit 0
        for file in /run/libvirt/qemu/*.pid; do
            read -r process <"$file" || [[ ${process:-} ]] || continue
            [[ $process =~ ^[0-9]+$ ]] && cd -- "/proc/$process" 2>/dev/null || continue
            mapfile -d '' -t words <cmdline || continue
            for index in "${!words[@]}"; do
                [[ ${words[index]} == -uuid && ${words[index + 1]:-} == "$1" ]] || continue
                [[ $(stat --format=%d root/dev) != $(stat --format=%d /dev) && -b root$device ]] || exit 0
                open=$(stat --dereference --format='%F %t:%T' -- fd/* 2>/dev/null || true)
                if ! grep --quiet --line-regexp --fixed-strings -- "$(stat --format='%F %t:%T' -- "$device")" <<<"$open"; then
                    rm -f -- "root$device"
                fi
                exit 0
            done
        done
        """#
}
