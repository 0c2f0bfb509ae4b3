public import Hosts
public import Model

extension StorageDriver {
    /// Writes a machine's seed, an ISO 9660 image with the label `cidata`, mode 0600, in place of the old one if there
    /// is one of ours. A running machine keeps the old one in its drive until its medium is changed.
    ///
    /// - Parameters:
    ///   - userData: `user-data` with the values of its secrets. They go by standard input, and into nothing but the
    ///     seed and what it is made from.
    ///   - salt: what the digest in the mark is keyed with; new for each seed.
    /// - Throws: `.surprise` when a file that is not ours has its name.
    public func writeSeed(
        path: String, machine: String, contents: SeedContents, userData: String, salt: String
    ) async throws(HostError) {
        try await checkSeed(path, machine)
        let digest = contents.digest(salt: salt)
        switch try await target(path) {
        case .missing: break
        case .file(let file):
            guard let mark = file?.seed(of: machine, in: identity) else {
                throw .surprise("\(path) is there and not ours")
            }
            if mark.digest == contents.digest(salt: mark.salt) { return }
        case .other: throw .surprise("\(path) is there and no plain file")
        }
        let nonce = (0..<4).map { _ in UInt8.random(in: 0 ... .max) }.hexDigits
        let staged = "\(path).\(nonce)\(Identity.stagedSuffix)"
        let mark = try FileMark(SeedMark(fleet: identity.fleet, machine: machine, salt: salt, digest: digest))
        do throws(HostError) {
            try await run(
                StorageScripts.makeSeed,
                [staged, String(contents.metaData.utf8.count), String(userData.utf8.count)],
                input: .bytes(Array((contents.metaData + userData + contents.networkConfig).utf8)))
            try await run(StorageScripts.replaceSeed, [staged, path], input: .bytes(mark.dump(path: staged)))
        } catch {
            try? await removeUnfinished(staged)
            throw error
        }
    }

    /// Removes a machine's seed.
    ///
    /// - Throws: `.surprise` when a file that is not ours has its name.
    public func removeSeed(path: String, machine: String) async throws(HostError) {
        try await checkSeed(path, machine)
        switch try await target(path) {
        case .missing: return
        case .file(let file) where file?.seed(of: machine, in: identity) != nil:
            try await removeFile(path)
        case .file, .other: throw .surprise("\(path) is there and not ours")
        }
    }

    private func checkSeed(_ path: String, _ machine: String) async throws(HostError) {
        guard case .seed(machine, staged: false) = try await role(ofPath: path) else {
            throw .surprise("the plan has no path of ours for the seed of VirtualMachine/\(machine)")
        }
    }
}
