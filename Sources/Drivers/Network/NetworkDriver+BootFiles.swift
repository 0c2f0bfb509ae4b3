import Foundation
public import Hosts
public import Model

extension NetworkDriver {
    /// What a host does when it starts, and what it starts from.
    public struct Boot: Hashable, Sendable {
        /// What it does, with the fleet's files for links. A file of our name without our mark is somebody's, and is left
        /// out.
        public var configuration: BootConfiguration
        /// The file of the firewall's rules, if what loads it is there and whole.
        public var firewall: String?
    }

    /// What the host does when it starts.
    public var boot: HostQuestion<Boot> {
        let unit = FirewallUnit(identity: identity)
        return HostQuestion(
            CommandCall(
                "bash", ["-c", BootScripts.read, "infra-boot", identity.bootFilePrefix, unit.name, unit.rules],
                deadline: .seconds(15), outputLimit: 1 << 26)
        ) { output throws(HostError) in try boot(output) }
    }

    private func boot(_ output: CommandOutput) throws(HostError) -> Boot {
        let parts = output.text.split(separator: "\0", omittingEmptySubsequences: false)
        guard parts.count >= 5, parts.count % 2 == 1, parts.last == "" else {
            throw .unreadable("the files in /etc/systemd/network could not be told apart")
        }
        var files: [BootFile] = []
        for index in stride(from: 4, to: parts.count - 1, by: 2) {
            let text = String(parts[index + 1])
            guard let mark = text.split(separator: "\n").first, mark.hasPrefix("# "),
                let resource = identity.resource(inLinkAlias: String(mark.dropFirst(2))), resource.kind == .network
            else { continue }
            files.append(BootFile(network: resource.id, name: String(parts[index]), text: text))
        }
        let boot = BootConfiguration(
            makesLinks: parts[0] == "networkd", loadsFirewall: parts[1] == "systemd",
            files: files.sorted { $0.name < $1.name })
        let isWhole = parts[2] == FirewallUnit(identity: identity).text
        return Boot(configuration: boot, firewall: isWhole ? String(parts[3]) : nil)
    }

    /// Makes the network's files those; others of it go. Each is replaced at once. networkd is not told: the links are as
    /// the files say already.
    ///
    /// - Throws: `.command` where a file of that name is not the network's.
    public func writeBootFiles(network: String, _ files: [BootFile]) async throws(HostError) {
        guard Name.isValid(network) else {
            throw .surprise("not a network's identity: \(CommandText.printable(network))")
        }
        let mark = identity.fileMark(ResourceID(.network, network))
        for file in files {
            guard file.network == network, file.name.hasPrefix(identity.bootFilePrefix),
                file.text.hasPrefix(mark + "\n"), !file.text.contains("\0"),
                file.name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != 0x2f })
            else { throw .surprise("not a file of Network/\(network): \(CommandText.printable(file.name))") }
        }
        let input = files.map { "\($0.name)\0\($0.text)\0" }.joined()
        try await commands.run(
            "bash", ["-c", BootScripts.write, "infra-boot", identity.bootFilePrefix, mark],
            input: .bytes(Array(input.utf8)), deadline: .seconds(30), underLock: true)
    }

    /// Writes the file of rules and the unit that loads it, where systemd runs.
    func saveFirewall(_ text: String) async throws(HostError) {
        try await firewallFiles(BootScripts.saveFirewall, text)
    }

    /// Removes them.
    func forgetFirewall() async throws(HostError) { try await firewallFiles(BootScripts.forgetFirewall, "") }

    private func firewallFiles(_ script: String, _ text: String) async throws(HostError) {
        let unit = FirewallUnit(identity: identity)
        try await commands.run(
            "bash", ["-c", script, "infra-boot", unit.name, unit.rules, unit.mark],
            input: .bytes(Array("\(unit.text)\0\(text)\0".utf8)), deadline: .seconds(30), underLock: true)
    }
}

/// The fixed texts that `bash -c` runs on the host. Values come as arguments or on standard input, never in the text.
private enum BootScripts {
    /// PREFIX UNIT RULES: what runs, the unit and the rules it loads, and each file for links with its name, between NUL.
    static let read = #"""
        set -u
        [[ -d /run/systemd/netif ]] && printf networkd
        printf '\0'
        [[ -d /run/systemd/system ]] && printf systemd
        printf '\0'
        unit=/etc/systemd/system/$2
        enabled=/etc/systemd/system/sysinit.target.wants/$2
        [[ -f $unit && ! -L $unit && $enabled -ef $unit ]] && cat -- "$unit"
        printf '\0'
        [[ -f $3 && ! -L $3 ]] && cat -- "$3"
        printf '\0'
        for file in /etc/systemd/network/"$1"* /etc/systemd/system/"$1"*.service; do
            [[ -f $file && ! -L $file && $file != *.infra-staged ]] || continue
            # A unit that nothing starts makes no link.
            if [[ $file == *.service ]]; then
                wanted=$(sed -n 's/^WantedBy=//p' -- "$file")
                [[ /etc/systemd/system/$wanted.wants/${file##*/} -ef $file ]] || continue
            fi
            printf '%s\0' "${file##*/}"
            cat -- "$file"
            printf '\0'
        done
        """#

    private static let prelude = #"""
        set -euo pipefail
        umask 022
        is_ours() { [[ -f $1 && ! -L $1 && $(head -n 1 -- "$1" | tr -d '\0') == "$2" ]]; }
        refuse() { printf '%s is there and not ours\n' "$1" >&2; exit 9; }
        put() {
            printf '%s' "$2" >"$1.infra-staged"
            sync -- "$1.infra-staged"
            mv --no-target-directory -- "$1.infra-staged" "$1"
        }

        """#

    /// PREFIX MARK; names and texts on standard input. A unit is started by what its text says.
    static let write =
        prelude + #"""
            units=/etc/systemd/system
            place() { if [[ $1 == *.service ]]; then file=$units/$1; else file=/etc/systemd/network/$1; fi; }
            forget() { for link in "$units"/*.wants/"${1##*/}"; do if [[ -L $link ]]; then rm -f -- "$link"; fi; done; }
            declare -A wanted=()
            while IFS= read -r -d '' name && IFS= read -r -d '' text; do wanted[$name]=$text; done
            for name in "${!wanted[@]}"; do
                place "$name"
                [[ ! -e $file && ! -L $file ]] || is_ours "$file" "$2" || refuse "$file"
            done
            mkdir -p -- /etc/systemd/network "$units"
            for name in "${!wanted[@]}"; do
                place "$name"
                put "$file" "${wanted[$name]}"
                [[ $file == *.service ]] || continue
                forget "$file"
                starter=$(sed -n 's/^WantedBy=//p' -- "$file")
                mkdir -p -- "$units/$starter.wants"
                ln -sfn -- "$file" "$units/$starter.wants/$name"
            done
            for file in /etc/systemd/network/"$1"* "$units/$1"*.service; do
                if [[ -z ${wanted[${file##*/}]+there} ]] && is_ours "$file" "$2"; then
                    forget "$file"
                    rm -f -- "$file"
                fi
            done
            """#

    /// UNIT RULES MARK; the unit's text and the rules on standard input.
    static let saveFirewall =
        prelude + #"""
            [[ -d /run/systemd/system ]] || exit 0
            folder=/etc/systemd/system
            IFS= read -r -d '' unit
            IFS= read -r -d '' rules
            for file in "$folder/$1" "$2"; do
                [[ ! -e $file && ! -L $file ]] || is_ours "$file" "$3" || refuse "$file"
            done
            put "$2" "$rules"
            put "$folder/$1" "$unit"
            mkdir -p -- "$folder/sysinit.target.wants"
            ln -sfn -- "$folder/$1" "$folder/sysinit.target.wants/$1"
            """#

    /// The same, without what is on standard input.
    static let forgetFirewall =
        prelude + #"""
            folder=/etc/systemd/system
            if [[ -L $folder/sysinit.target.wants/$1 ]] && is_ours "$folder/$1" "$3"; then
                rm -f -- "$folder/sysinit.target.wants/$1"
            fi
            for file in "$folder/$1" "$2"; do
                if is_ours "$file" "$3"; then rm -f -- "$file"; fi
            done
            """#
}
