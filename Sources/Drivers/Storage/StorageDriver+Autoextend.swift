public import Hosts
public import Model

extension StorageDriver {
    /// Lets the thin pool of a volume group grow by itself as declared, or no more. One that does so already is a success.
    ///
    /// - Throws: `.surprise` when it is not there or not ours, has a profile that is not ours, or is not watched by dmeventd(8).
    public func tendPool(_ pool: StoragePool) async throws(HostError) {
        let (id, _) = try expected(pool)
        guard let lvm = pool.spec.lvm, let thin = lvm.thinPool else {
            throw .surprise("StoragePool/\(id) has no thin pool")
        }
        try await tend(thin, lvm, of: id)
    }

    func tend(
        _ thin: StoragePool.ThinPool, _ lvm: StoragePool.LVM, of id: String
    ) async throws(HostError) {
        let report = try await report(devices: [])
        _ = try requireGroup(lvm.volumeGroup, of: id, report)
        guard let volume = report.volume(thin.name, in: lvm.volumeGroup), volume.isThinPool else {
            throw .surprise("StoragePool/\(id) has no thin pool \(thin.name) any more")
        }
        guard let autoextend = thin.autoextend else { return try await endTending(volume, of: id, report) }
        let isOurs = ThinPoolProfile(name: volume.profile, in: identity)?.pool == id
        guard isOurs || volume.profile.isEmpty else {
            throw .surprise(
                "\(volume.path) has the profile \(CommandText.printable(volume.profile)), which is not ours; `lvchange "
                    + "--detachprofile` takes it off")
        }
        let profile = ThinPoolProfile(id, autoextend, in: identity)
        if !report.has(profile) {
            try await run(
                StorageScripts.writeProfile, [ThinPoolProfile.stagedPath(id, in: identity), profile.path],
                input: .bytes(Array(profile.text.utf8)))
        }
        if volume.profile != profile.name {
            try await change("lvchange", ["--metadataprofile", profile.name, "--", volume.operand])
        }
        if !volume.isMonitored { try await change("lvchange", ["--monitor", "y", "--", volume.operand]) }
        try await removeProfiles(report.profiles(of: id, in: identity).filter { $0 != profile }, of: id)
        guard try await self.report().volume(thin.name, in: lvm.volumeGroup)?.isMonitored == true else {
            throw .surprise(
                "dmeventd does not watch \(volume.path); is it installed, and `activation/monitoring` 1 in lvm.conf?")
        }
    }

    /// Takes our profile off a thin pool, which has the size then that it has.
    func endTending(
        _ volume: LogicalVolumeRecord, of id: String, _ report: LVMReport
    ) async throws(HostError) {
        if ThinPoolProfile(name: volume.profile, in: identity)?.pool == id {
            try await change("lvchange", ["--detachprofile", "--", volume.operand])
        }
        try await removeProfiles(report.profiles(of: id, in: identity), of: id)
    }

    private func removeProfiles(_ profiles: [ThinPoolProfile], of id: String) async throws(HostError) {
        guard !profiles.isEmpty else { return }
        try await commands.run(
            "rm", ["-f", "--", ThinPoolProfile.stagedPath(id, in: identity)] + profiles.map(\.path), underLock: true)
    }
}

extension LogicalVolumeRecord {
    /// As LVM's programs take it.
    fileprivate var operand: String { "\(group)/\(name)" }
}

extension StorageScripts {
    /// STAGED FINAL, the text on standard input: a file that everybody may read, in place of what has its name.
    static let writeProfile = #"""
        rm -f -- "$1"
        set -o noclobber
        (umask 022 && cat >"$1")
        sync -- "$1"
        mv --force --no-target-directory -- "$1" "$2"
        """#
}
