import CGit2
import Foundation

extension GitWork {
    /// Writes all objects into one pack, and removes the packs and loose objects that it replaces. Objects that no branch
    /// reaches any more are kept: a commit that was forced away stays readable.
    func fold() throws(GitError) {
        let copy = GitCopy(folder: request.folder)
        let lock = try copy.lock()
        defer { close(lock) }
        copy.removeRemains()
        let old = Self.packs(of: copy.folder)
        let repository = try open()
        let objects = try objects(try database(repository.pointer).pointer)
        let builder = try GitHandle(
            git_packbuilder_free, { .worker($0.message) }, { git_packbuilder_new(&$0, repository.pointer) })
        git_packbuilder_set_threads(builder.pointer, 1)
        for var oid in objects {
            try check(git_packbuilder_insert(builder.pointer, &oid, nil)) {
                .damaged("object \(oid.short): \($0.message)")
            }
        }
        try check(git_packbuilder_write(builder.pointer, nil, 0, nil, nil)) {
            .damaged("the objects cannot be put into one pack: \($0.message)")
        }
        guard let name = git_packbuilder_name(builder.pointer) else { throw .worker("the new pack has no name") }
        // Somebody who reads may be about to open a pack: then they are removed another time.
        guard let alone = try copy.lockOutReaders(wait: false) else { return }
        defer { close(alone) }
        for pack in old where pack != "pack-" + String(cString: name) {
            // Without its index a pack is not looked for.
            for ending in ["idx", "pack"] { unlink("\(copy.folder)/objects/pack/\(pack).\(ending)") }
        }
        for oid in objects { unlink("\(copy.folder)/objects/\(oid.text.prefix(2))/\(oid.text.dropFirst(2))") }
    }

    /// The names of the packs of a bare repository, without endings.
    static func packs(of folder: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder + "/objects/pack")) ?? []
        return names.filter { $0.hasPrefix("pack-") && $0.hasSuffix(".pack") }.map { String($0.dropLast(5)) }
    }

    private func objects(_ database: OpaquePointer) throws(GitError) -> [git_oid] {
        final class Found { var objects: Set<String> = [] }
        let found = Found()
        let code = git_odb_foreach(
            database,
            { oid, payload in
                guard let oid, let payload else { return GIT_EUSER.rawValue }
                Unmanaged<Found>.fromOpaque(payload).takeUnretainedValue().objects.insert(oid.pointee.text)
                return 0
            }, Unmanaged.passUnretained(found).toOpaque())
        try check(code) { .damaged("the objects cannot be listed: \($0.message)") }
        return found.objects.sorted().compactMap { GitCommitID($0)?.oid }
    }
}
