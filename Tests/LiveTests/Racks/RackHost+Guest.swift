import Foundation
import Model
import Testing

extension RackHost {
    /// Types a line at a guest's console, where the guest runs it as a command.
    func type(_ machine: String, _ command: String) async throws {
        try await sh(GuestConsole.typing, machine, command)
    }

    /// Presses the enter key at a guest's console a few times.
    func press(_ machine: String) async throws {
        try await sh(
            #"""
            exec 3<>"$(virsh ttyconsole "$1")"
            for ((tries = 0; tries < 5; tries++)); do
                printf '\n' >&3
                read -r -t 1 -u 3 _ || true
            done
            """#, machine)
    }

    /// What a guest that counts has counted so far.
    func counts(_ fleet: RackFleet, _ machine: String) async throws -> [Int] {
        try await told(fleet, machine).compactMap { line in
            let words = line.split(separator: " ")
            return words.count == 3 && words[0] == "infra-guest:" && words[1] == "count" ? Int(words[2]) : nil
        }
    }

    /// Waits until a guest that counts has counted that far. What its kernel prints may break a line.
    func counts(_ fleet: RackFleet, _ machine: String, to number: Int) async throws {
        for _ in 0..<200 {
            if let last = try await counts(fleet, machine).last, last >= number { return }
            try await Task.sleep(for: .milliseconds(300))
        }
        let told = try await told(fleet, machine).filter { !$0.contains(": count ") }.suffix(60)
        throw Failure("\(machine) does not count to \(number):\n\(told.joined(separator: "\n"))")
    }

    /// Does what a guest that has moved here has to be alive for. The kernel of an emulated guest panics now and then after a
    /// move, by virsh alone as well (Docs/moving.md). It says then what it stumbled over, or its processor shows that it is dead.
    /// No other silence is forgiven.
    ///
    /// - Returns: whether the guest lives.
    @discardableResult func whileAlive(
        _ fleet: RackFleet, _ machine: String, _ place: String = "", _ body: () async throws -> Void
    ) async throws -> Bool {
        do {
            try await body()
            return true
        } catch {
            let cries = try await lines(fleet, machine, "Oops:", "BUG:", "Kernel panic", "protection fault")
            var death = cries.first
            if death == nil { death = try await self.death(of: machine) }
            guard let death else { throw error }
            withKnownIssue("emulated guests do not always survive a move, by virsh alone as well") {
                Issue.record("\(place): the guest's kernel stopped: \(death)")
            }
            return false
        }
    }

    /// How a guest that says nothing is dead, by what QEMU shows of its only processor in a row of looks: in the kernel with
    /// interrupts off in each, or waiting for one in each without any time of its own in between. A guest that counts five
    /// times a second does neither. Nil when it may live.
    func death(of machine: String) async throws -> String? {
        let text = try await sh(
            #"""
            spins=0 halts=0 looks=8 first=
            for ((look = 0; look < looks; look++)); do
                state=$(virsh qemu-monitor-command --hmp "$1" 'info registers')
                [[ $state =~ RFL=([0-9a-f]+).*CPL=([0-9]).*HLT=([01]) ]] || exit 0
                time=$(virsh domstats --vcpu "$1" | sed -n 's/.*vcpu.0.time=//p')
                first=${first:-$time}
                if ((BASH_REMATCH[2] == 0 && BASH_REMATCH[3] == 0 && (0x${BASH_REMATCH[1]} & 0x200) == 0)); then ((++spins)); fi
                if [[ ${BASH_REMATCH[3]} == 1 && $time == "$first" ]]; then ((++halts)); fi
                sleep 1
            done
            if ((spins == looks)); then echo "its processor does not leave the kernel, with interrupts off"; fi
            if ((halts == looks)); then echo "its processor waits for an interrupt that does not come"; fi
            """#, machine)
        return text.isEmpty ? nil : text
    }

    /// The lines that a guest told here, or its kernel, with one of those words in them; none where it never was.
    func lines(_ fleet: RackFleet, _ machine: String, _ words: String...) async throws -> [String] {
        try await sh(
            #"grep -ahF "$2" "/var/log/libvirt/qemu/infra-$1.console.log" 2>/dev/null || true"#,
            "\(fleet.identity.fleet8)-\(machine)", words.joined(separator: "\n")
        ).split(whereSeparator: \.isNewline).map(String.init)
    }

    /// Takes away what a guest told here so far.
    func forgetConsole(_ fleet: RackFleet, _ machine: String) async throws {
        try await sh(#"rm -f "/var/log/libvirt/qemu/infra-$1.console.log""#, "\(fleet.identity.fleet8)-\(machine)")
    }

    /// The files of a fleet's pool but for the images.
    func files(_ fleet: RackFleet) async throws -> [String] {
        try await sh(#"if [[ -d $1 ]]; then ls -A "$1"; fi"#, "/var/lib/infra/\(fleet.name)")
            .split(whereSeparator: \.isNewline).map(String.init).filter { !$0.hasPrefix("img-") }
    }

    /// The digest of a volume's contents as a guest reads them, of one that nothing writes to.
    func digest(_ fleet: RackFleet, _ volume: String) async throws -> String {
        try await sh(
            #"""
            set -- "/var/lib/infra/$1/$2".*.qcow2
            qemu-img convert -U -f qcow2 -O raw "$1" "/var/tmp/digest.$$"
            sha256sum <"/var/tmp/digest.$$" | cut -d' ' -f1
            rm "/var/tmp/digest.$$"
            """#, fleet.name, volume)
    }

    /// What the marks of a volume's files say of it here: nothing for the one that counts.
    func copies(_ fleet: RackFleet, _ volume: String) async throws -> [String] {
        try await sh(
            #"""
            shopt -s nullglob
            for file in "/var/lib/infra/$1/$2".*.qcow2; do
                getfattr --only-values -n user.infra --absolute-names "$file" | jq -r '.copy // "counts"'
            done
            """#, fleet.name, volume
        ).split(whereSeparator: \.isNewline).map(String.init)
    }

    /// The state of a domain; nil when there is none.
    func state(_ machine: String) async throws -> String? {
        let text = try await sh(#"virsh domstate "$1" 2>/dev/null || true"#, machine)
        return text.split(whereSeparator: \.isNewline).first.map(String.init)
    }
}
