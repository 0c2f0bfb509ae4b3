import Foundation
import Model

/// What volume groups and logical volumes of ours say about themselves, as tags, lvm(8): letters, digits and `_+.-/=!:&#`.
enum LVMTags {
    private static let fleet = "infra.fleet="
    private static let pool = "infra.pool="
    private static let thinPool = "infra.thin="
    private static let id = "infra.id="
    private static let deletion = "infra.deletion="
    private static let origin = "infra.origin="
    private static let copy = "infra.copy="
    private static let file = "infra.file="
    private static let snapshot = "infra.snapshot="
    private static let moment = "infra.moment="
    private static let disks = "infra.disks="
    private static let taken = "infra.taken="
    private static let deleted = "infra.deleted="
    private static let until = "infra.until="
    private static let growing = "infra.growing="
    private static let retained = "infra.retained"
    private static let prefix = "infra."
    /// What a volume group carries of which all that leaves it is wiped.
    static let wipe = "infra.wipe"
    /// What an unfinished volume carries beside its mark.
    static let staged = "infra.staged"
    /// What a volume carries beside that once it is to be wiped: whatever it was, it is never whole again.
    static let wiping = "infra.wiping"

    /// The tag of all that is this fleet's.
    static func owned(by identity: Identity) -> String { fleet + identity.fleet.lowercased }

    /// The tags of the volume group of a pool, and of its thin pool.
    static func tags(of pool: StoragePool, in identity: Identity) -> [String] {
        let thin = pool.spec.lvm?.thinPool?.name
        return [owned(by: identity), Self.pool + pool.metadata.identity]
            + (thin.map { [thinPool + $0] } ?? []) + (pool.spec.lvm?.wipe == true ? [wipe] : [])
    }

    /// The pool whose volume group carries these tags, and its thin pool; nil when it is not this fleet's.
    static func pool(_ tags: [String], in identity: Identity) -> (id: String, thinPool: String?)? {
        guard value(fleet, tags) == identity.fleet.lowercased, let id = value(pool, tags), Name.isValid(id) else {
            return nil
        }
        return (id, value(thinPool, tags))
    }

    /// The tags that say what a volume is.
    static func tags(of mark: Volume.Mark) -> [String] {
        var tags = [
            fleet + mark.fleet.lowercased, id + (mark.deleted?.volume ?? mark.id), deletion + mark.deletion.rawValue,
        ]
        if let digest = mark.origin { tags.append(origin + digest) }
        if mark.retained { tags.append(retained) }
        if let name = mark.file { tags.append(file + name) }
        // A tag has no space.
        if let text = mark.copy?.rawValue { tags.append(copy + text.replacing(" ", with: ":")) }
        if let part = mark.part {
            tags += [snapshot + part.snapshot, moment + part.moment.word, disks + part.disks.joined(separator: ":")]
            if let word = part.taken?.word { tags.append(taken + word) }
        }
        if let kept = mark.deleted { tags += [deleted + kept.moment.word, until + kept.until.word] }
        return tags
    }

    /// What the tags of a volume say; nil when it is not this fleet's, or says two things.
    static func mark(_ tags: [String], in identity: Identity) -> Volume.Mark? {
        guard value(fleet, tags) == identity.fleet.lowercased, let id = value(id, tags) else { return nil }
        return Volume.Mark(
            fleet: identity.fleet, id: id,
            // Without a word the data is kept.
            deletion: value(deletion, tags).flatMap { Deletion(rawValue: $0) } ?? .retain,
            origin: value(origin, tags), retained: tags.contains(retained), file: value(file, tags),
            format: value(file, tags).map { _ in .raw },
            copy: value(copy, tags).flatMap { Volume.Copy(rawValue: $0.replacing(":", with: " ")) }, part: part(tags),
            deleted: deletion(of: id, tags))
    }

    /// The same as that of the volume that a logical volume's name says; nil when no mark goes with that name.
    static func mark(of volume: LogicalVolumeRecord, in identity: Identity) -> Volume.Mark? {
        guard let mark = mark(volume.tags, in: identity) else { return nil }
        let marks = [mark, mark.deleted.flatMap { mark.of($0.identity) }].compactMap(\.self)
        return marks.first { name(of: $0, in: identity) == volume.name }
    }

    private static func deletion(of id: String, _ tags: [String]) -> Volume.Deleted? {
        guard let moment = value(deleted, tags).flatMap({ Moment($0) }),
            let end = value(until, tags).flatMap({ Moment($0) })
        else { return nil }
        return Volume.Deleted(volume: id, moment: moment, until: end)
    }

    private static func part(_ tags: [String]) -> Snapshot.Part? {
        guard let id = value(snapshot, tags), let moment = value(moment, tags).flatMap({ Moment($0) }),
            let names = value(disks, tags)
        else { return nil }
        return Snapshot.Part(
            snapshot: id, moment: moment, disks: names.split(separator: ":").map { String($0) },
            taken: value(taken, tags).flatMap { Moment($0) })
    }

    /// The name of the logical volume that carries a mark: its own of one that was adopted.
    static func name(of mark: Volume.Mark, in identity: Identity) -> String {
        mark.file ?? identity.logicalVolumeName(mark.id)
    }

    /// The size in bytes that a volume had before a growth that is not finished; nil when there is none.
    static func sizeBeforeGrowth(_ tags: [String]) -> UInt64? { value(growing, tags).flatMap { UInt64($0) } }

    /// The tag of a volume that grows from that size in bytes.
    static func growing(from size: UInt64) -> String { growing + String(size) }

    /// Those of ours among tags.
    static func ours(_ tags: [String]) -> [String] { tags.filter { $0.hasPrefix(prefix) } }

    /// The fleet that tags name, for listings; empty when they name none.
    static func owner(_ tags: [String]) -> String { value(fleet, tags).map { "fleet \($0.prefix(8))" } ?? "" }

    /// What stands behind a prefix; nil when no tag has it, or several do.
    private static func value(_ prefix: String, _ tags: [String]) -> String? {
        let found = tags.filter { $0.hasPrefix(prefix) }
        guard let tag = found.first, found.count == 1 else { return nil }
        return String(tag.dropFirst(prefix.count))
    }
}
