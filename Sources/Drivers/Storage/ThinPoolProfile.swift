import Model

/// What of lvm.conf(5) is said anew for a thin pool that grows by itself: a file of ours, whose name says all of it and by which LVM
/// keeps it in the group's own records. dmeventd(8) obeys it, also while nobody runs `infra`.
struct ThinPoolProfile: Hashable, Sendable {
    /// Where LVM looks for it.
    static let folder = "/etc/lvm/profile"

    /// The identity of the StoragePool.
    let pool: String
    /// What it says.
    let autoextend: StoragePool.Autoextend
    private let identity: Identity

    /// The profile of a pool's thin pool.
    init(_ pool: String, _ autoextend: StoragePool.Autoextend, in identity: Identity) {
        self.pool = pool
        self.autoextend = autoextend
        self.identity = identity
    }

    /// Reads a name; nil when it is none that this fleet gives.
    init?(name: String, in identity: Identity) {
        let prefix = identity.poolName("")
        let words = name.dropFirst(prefix.count).split(separator: "-", omittingEmptySubsequences: false)
        guard name.hasPrefix(prefix), words.count > 2, let threshold = Int(words[words.count - 2]),
            let by = Int(words[words.count - 1])
        else { return nil }
        self.init(
            words.dropLast(2).joined(separator: "-"), StoragePool.Autoextend(threshold: threshold, by: by),
            in: identity)
        guard Name.isValid(pool), self.name == name else { return nil }
    }

    /// Reads the name of a file; nil when it is none that this fleet gives.
    init?(fileName: String, in identity: Identity) {
        guard fileName.hasSuffix(Self.suffix) else { return nil }
        self.init(name: String(fileName.dropLast(Self.suffix.count)), in: identity)
    }

    /// As LVM's programs take it.
    var name: String { identity.poolName("\(pool)-\(autoextend.threshold)-\(autoextend.by)") }

    /// The name of its file.
    var fileName: String { name + Self.suffix }

    /// Where its file is.
    var path: String { Self.folder + "/" + fileName }

    /// What stands in its file.
    var text: String {
        """
        # Made by infra for StoragePool/\(pool) of the fleet \(identity.fleet.lowercased), and removed with it.
        activation {
        \tthin_pool_autoextend_threshold=\(autoextend.threshold)
        \tthin_pool_autoextend_percent=\(autoextend.by)
        }

        """
    }

    /// Where it is written before it has its name.
    static func stagedPath(_ pool: String, in identity: Identity) -> String {
        folder + "/" + identity.poolName(pool) + Identity.stagedSuffix
    }

    private static let suffix = ".profile"
}

extension LVMReport {
    /// The profiles of a pool that there are, whatever they say.
    func profiles(of pool: String, in identity: Identity) -> [ThinPoolProfile] {
        profiles.keys.sorted().compactMap { ThinPoolProfile(fileName: $0, in: identity) }.filter { $0.pool == pool }
    }

    /// Whether a profile says what it is to say. Of a text the newlines at its end are lost on the way.
    func has(_ profile: ThinPoolProfile) -> Bool {
        profiles[profile.fileName].map { $0 == profile.text.trimmingSuffix(while: \.isNewline) } ?? false
    }

    /// When a thin pool is made larger by LVM itself, and what is wrong with that.
    func autoextend(
        of thin: LogicalVolumeRecord, in pool: String, _ identity: Identity
    ) -> (seen: StoragePool.Autoextend?, flaw: String?) {
        let left = profiles(of: pool, in: identity).filter { $0.name != thin.profile }
        let leftover = left.isEmpty ? nil : "the profile \(left[0].name) is of no use any more"
        guard let profile = ThinPoolProfile(name: thin.profile, in: identity), profile.pool == pool else {
            return (nil, leftover)
        }
        if !has(profile) { return (profile.autoextend, "its profile \(profile.path) is not there as it was made") }
        if !thin.isMonitored { return (profile.autoextend, "dmeventd does not watch it") }
        return (profile.autoextend, leftover)
    }
}

extension String {
    fileprivate func trimmingSuffix(while isGone: (Character) -> Bool) -> String {
        var text = self[...]
        while let last = text.last, isGone(last) { text.removeLast() }
        return String(text)
    }
}
