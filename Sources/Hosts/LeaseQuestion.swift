public import Model

/// Whether libvirt takes leases by virtlockd(8), and which files have one. Asked of what runs and not only of what is written:
/// libvirtd(8) reads its files when it starts, and a guest that was started before has none.
public struct LeaseQuestion: Sendable {
    /// The folders of pools that are to have them.
    private let folders: [String]

    /// Looks at some folders.
    public init(folders: [String]) { self.folders = folders }

    static let noLockManager = "libvirt has no lock manager"

    /// The lock manager is loaded into the process that has the drivers' lock, `driver.pid` (`lockd.so` of libvirt's plug-ins).
    /// virtlockd's descriptors are the leases: proc(5) tells the locks of each, below `lock:`.
    private static let script = #"""
        state=/run/libvirt/qemu/driver.pid
        driver=$(cat "$state" 2>/dev/null)
        if ! maps=$(cat "/proc/$driver/maps" 2>/dev/null); then
            echo 'driver gone'
        elif [[ $maps =~ /lock-driver/([a-z]+)\.so ]]; then
            echo "driver ${BASH_REMATCH[1]}"
        else
            echo 'driver nop'
        fi
        for file in /etc/libvirt/qemu.conf /etc/libvirt/qemu-lockd.conf; do
            [[ ! $file -nt $state ]] || echo "changed $file"
        done
        [[ -S /run/libvirt/virtlockd-sock ]] || echo 'silent'
        sed -nE 's/^[[:space:]]*(auto_disk_leases|file_lockspace_dir)[[:space:]]*=[[:space:]]*(.*)$/setting \1 \2/p' \
            /etc/libvirt/qemu-lockd.conf 2>/dev/null
        for folder; do
            mount=$(findmnt --noheadings --first-only --output OPTIONS --target "$folder" 2>/dev/null) || continue
            echo "options $mount $folder"
        done
        process=$(cat /run/virtlockd.pid 2>/dev/null)
        [[ $(cat "/proc/$process/comm" 2>/dev/null) == virtlockd ]] || exit 0
        for descriptor in "/proc/$process/fd"/*; do
            if grep -qE '^lock:.* POSIX .* WRITE ' "/proc/$process/fdinfo/${descriptor##*/}" 2>/dev/null; then
                echo "held $(readlink "$descriptor")"
            fi
        done
        """#

    /// What is asked.
    public func question(_ deadline: Duration) -> HostQuestion<Leases> {
        HostQuestion(
            CommandCall(
                "bash", ["-c", Self.script, "infra-leases"] + folders, deadline: deadline, outputLimit: 1 << 24)
        ) { output throws(HostError) in leases(output.text) }
    }

    /// Reads what the script wrote.
    func leases(_ text: String) -> Leases {
        var obstacles: [String] = []
        var held: [String] = []
        var isAnswered = false
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 1).map { String($0) }
            guard words.count == 2 || line == "silent" else { continue }
            switch words[0] {
            case "driver":
                isAnswered = true
                if let obstacle = Self.obstacle(driver: words[1]) { obstacles.append(obstacle) }
            case "changed": obstacles.append("\(words[1]) was changed after libvirt had read it; restart libvirtd")
            case "silent": obstacles.append("virtlockd does not listen")
            case "setting": if let obstacle = Self.obstacle(setting: words[1]) { obstacles.append(obstacle) }
            case "options": if let obstacle = Self.obstacle(options: words[1]) { obstacles.append(obstacle) }
            case "held": if folders.contains(where: { words[1].hasPrefix($0 + "/") }) { held.append(words[1]) }
            default: continue
            }
        }
        if !isAnswered, let obstacle = Self.obstacle(driver: "gone") { obstacles.append(obstacle) }
        return Leases(obstacle: obstacles.first, held: held.sorted())
    }

    private static func obstacle(driver: String) -> String? {
        switch driver {
        case "lockd": nil
        case "nop": noLockManager
        case "gone": "the process that runs libvirt's QEMU driver is not found"
        default: "libvirt has another lock manager, \(CommandText.printable(driver)), which infra leaves alone"
        }
    }

    /// Of qemu-lockd.conf: locks on other files than the disks are not seen by hosts that do it differently.
    private static func obstacle(setting: String) -> String? {
        let words = setting.split(separator: " ", maxSplits: 1).map { String($0) }
        let value = words.dropFirst().first ?? ""
        switch words.first {
        case "auto_disk_leases":
            return value.hasPrefix("0") ? "qemu-lockd.conf says `auto_disk_leases = 0`" : nil
        case "file_lockspace_dir":
            return "qemu-lockd.conf sets file_lockspace_dir; leases are to be on the disks' own files"
        default: return nil
        }
    }

    /// nfs(5): with these, locks stay on the host.
    private static func obstacle(options: String) -> String? {
        let words = options.split(separator: " ", maxSplits: 1).map { String($0) }
        let local: Set<String> = ["nolock", "local_lock=all", "local_lock=posix"]
        guard let option = words.first?.split(separator: ",").first(where: { local.contains(String($0)) }) else {
            return nil
        }
        return "\(words.dropFirst().first ?? "") is mounted with \(option), so other hosts do not see its locks"
    }
}
