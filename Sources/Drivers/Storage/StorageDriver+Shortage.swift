public import Hosts
public import Model

extension StorageDriver {
    /// Why all of a copy could not be written: what its pool has left, and how much of that is missing at most. Nil when there is room
    /// for all of it.
    public func shortage(in copy: Volume) async throws(HostError) -> String? {
        guard let room = try await room(of: copy) else { return nil }
        let rest = copy.spec.size.bytes - min(copy.spec.size.bytes, room.taken)
        guard room.free < rest else { return nil }
        return
            "StoragePool/\(copy.spec.pool) has \(ByteCount(room.free)) left, and up to \(ByteCount(rest)) were to be "
            + "copied yet: \(ByteCount(rest - room.free)) missing"
    }

    /// What is free where a volume lies, and what it takes of that, in bytes; nil of a logical volume that is not thin, which has all
    /// of its room.
    private func room(of volume: Volume) async throws(HostError) -> (free: UInt64, taken: UInt64)? {
        if let plan = try logical(volume) {
            let report = try await report()
            let there = try require(plan, report)
            guard let pool = report.volume(there.pool, in: plan.group), let used = pool.dataPercent,
                let share = there.dataPercent
            else { return nil }
            func part(_ percent: Double, of size: UInt64) -> UInt64 {
                UInt64(Double(size) * min(max(percent, 0), 100) / 100)
            }
            return (pool.size - part(used, of: pool.size), part(share, of: there.size))
        }
        let path = try await planned(volume).path
        let words = try await commands.run("bash", ["-c", StorageScripts.room, "infra-room", path]).text.split(
            whereSeparator: \.isWhitespace
        ).compactMap { UInt64($0) }
        guard words.count == 2 else { throw .unreadable("stat wrote what cannot be read") }
        return (words[0], words[1])
    }
}

extension StorageScripts {
    /// PATH: how many bytes are free in a file's file system, and how many of its blocks the file has.
    static let room = #"""
        set -eu
        read -r size free <<<"$(stat --file-system --printf='%S %a' -- "$1")"
        read -r unit blocks <<<"$(stat --printf='%B %b' -- "$1")"
        echo $((size * free)) $((unit * blocks))
        """#
}
