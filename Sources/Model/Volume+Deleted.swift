extension Volume {
    /// What a volume says that was deleted and stays for a while.
    public struct Deleted: Hashable, Sendable, Codable {
        /// What it was called, by identity.
        public var volume: String
        /// When its deletion was planned.
        public var moment: Moment
        /// Until when it stays.
        public var until: Moment

        /// What was deleted then and stays until then.
        public init(volume: String, moment: Moment, until: Moment) {
            self.volume = volume
            self.moment = moment
            self.until = until
        }

        /// What it is called from then on. No manifest has a volume with such an identity.
        public var identity: String { "\(volume).deleted.\(moment.word)" }
    }

    /// Whether it was deleted and has the name of what stays.
    public var isDeleted: Bool { status?.mark?.deleted?.identity == metadata.identity }
}

extension Volume.Mark {
    /// The mark as that of a volume with that identity; nil when it is another's.
    ///
    /// What is deleted is marked first and renamed then, so its mark has the identity from before. Nothing else that it was counts
    /// once it has its new name.
    public func of(_ identity: String) -> Volume.Mark? {
        if id == identity { return self }
        guard let deleted, deleted.volume == id, deleted.identity == identity else { return nil }
        var mark = self
        mark.id = identity
        mark.file = nil
        mark.format = nil
        mark.part = nil
        mark.unit = nil
        return mark
    }
}
