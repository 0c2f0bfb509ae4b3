import CGit2
import Foundation

extension GitWork {
    /// The manifest files of a commit.
    func files(_ id: GitCommitID, _ below: String, in repository: OpaquePointer) throws(GitError) -> GitWorker.Reply {
        let database = try database(repository)
        var reader = GitTreeReader(work: self, database: database.pointer, repository: repository)
        let commit = try lookUp(id.oid, in: repository)
        guard let root = git_commit_tree_id(commit.pointer)?.pointee else {
            throw .damaged("commit \(id.short) has no tree")
        }
        try reader.read(root, below: below)
        return GitWorker.Reply(.files(reader.count), body: reader.records)
    }
}

/// Reads the manifests of a tree, by the rules by which a folder on disk is read.
struct GitTreeReader {
    /// The bytes of one folder's list: 10,000 names with 255 bytes and more.
    private static let folderLimit = 8 << 20
    /// Entries of any kind, so that folders that hold each other many times come to an end.
    private static let entryLimit = 1_000_000
    private static let findingLimit = 10

    let work: GitWork
    let database: OpaquePointer
    let repository: OpaquePointer
    /// How many files there are in `records`.
    private(set) var count = 0
    /// As `GitWorkerAnswer.files` says.
    private(set) var records: [UInt8] = []
    private var total = 0
    private var entries = 0
    private var findings: [String] = []

    init(work: GitWork, database: OpaquePointer, repository: OpaquePointer) {
        self.work = work
        self.database = database
        self.repository = repository
    }

    private var limits: GitLimits { work.request.limits }

    /// Reads all files below a folder of the tree.
    mutating func read(_ root: git_oid, below path: String) throws(GitError) {
        var folder = root
        for name in path.split(separator: "/") where name != "." {
            folder = try step(into: String(name), of: folder, path)
        }
        try readFolder(folder, prefix: "", depth: 0)
        guard findings.isEmpty else {
            throw .forbiddenEntry(findings.joined(separator: "; ") + "; put plain files and folders there")
        }
    }

    private func tree(_ oid: git_oid, _ name: String) throws(GitError) -> GitHandle {
        var oid = oid
        let printed = name.isEmpty ? "the top folder" : "the folder \(name)"
        _ = try work.checkHeader(oid, GIT_OBJECT_TREE, limit: Self.folderLimit, printed, in: database)
        return try GitHandle(
            git_tree_free, { .damaged("\(printed), object \(oid.short): \($0.message)") },
            { git_tree_lookup(&$0, repository, &oid) })
    }

    private func step(into name: String, of folder: git_oid, _ path: String) throws(GitError) -> git_oid {
        let tree = try tree(folder, path)
        guard name != "..", let entry = git_tree_entry_byname(tree.pointer, name), let oid = git_tree_entry_id(entry)
        else { throw .notFound("the commit has no folder \(path)") }
        guard git_tree_entry_filemode(entry) == GIT_FILEMODE_TREE else {
            throw .forbiddenEntry("\(name) in \(path) is no folder")
        }
        return oid.pointee
    }

    private mutating func readFolder(_ oid: git_oid, prefix: String, depth: Int) throws(GitError) {
        guard depth <= limits.depth else {
            throw .tooLarge("\(prefix): more than \(limits.depth) folders inside each other")
        }
        let tree = try tree(oid, prefix)
        defer { tree.free() }
        for index in 0..<git_tree_entrycount(tree.pointer) {
            entries += 1
            guard entries <= Self.entryLimit else { throw .tooLarge("more than \(Self.entryLimit) files and folders") }
            guard let entry = git_tree_entry_byindex(tree.pointer, index), let id = git_tree_entry_id(entry)?.pointee,
                let bytes = git_tree_entry_name(entry)
            else { continue }
            let name = String(cString: bytes)
            let path = prefix + name
            if let problem = Self.problem(bytes, name) {
                report(path, problem)
                continue
            }
            // As in a folder on disk.
            if name.hasPrefix(".") { continue }
            switch git_tree_entry_filemode(entry) {
            case GIT_FILEMODE_TREE: try readFolder(id, prefix: path + "/", depth: depth + 1)
            case GIT_FILEMODE_BLOB, GIT_FILEMODE_BLOB_EXECUTABLE:
                if name.hasSuffix(".yaml") || name.hasSuffix(".yml") { try readFile(id, path) }
            case GIT_FILEMODE_LINK: report(path, "is a symbolic link")
            case GIT_FILEMODE_COMMIT: report(path, "is a submodule")
            default: report(path, "is neither a file nor a folder")
            }
        }
    }

    /// What is wrong with a name.
    private static func problem(_ bytes: UnsafePointer<CChar>, _ name: String) -> String? {
        guard String(validatingCString: bytes) != nil else { return "has a name that is not UTF-8" }
        let plain = name.lowercased().trimmingCharacters(in: CharacterSet(charactersIn: ". "))
        if name == "." || name == ".." || name.isEmpty || plain == "git" && name.hasPrefix(".") || plain == "git~1" {
            return "has a name that git keeps for itself"
        }
        if name.utf8.count > 255 { return "has a name of more than 255 bytes" }
        let isOdd = name.unicodeScalars.contains { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned, .privateUse: true
            default: scalar == "/" || scalar == "\\"
            }
        }
        return isOdd ? "has control characters or a slash in its name" : nil
    }

    private mutating func report(_ path: String, _ problem: String) {
        if findings.count < Self.findingLimit { findings.append("\(path) \(problem)") }
    }

    private mutating func readFile(_ oid: git_oid, _ path: String) throws(GitError) {
        var oid = oid
        let size = try work.checkHeader(oid, GIT_OBJECT_BLOB, limit: limits.fileBytes, path, in: database)
        total += size
        count += 1
        guard count <= limits.files else { throw .tooLarge("\(path): more than \(limits.files) manifest files") }
        guard total <= limits.totalBytes else {
            throw .tooLarge("\(path): all manifest files together have more than \(limits.totalBytes) bytes")
        }
        let object = try GitHandle(
            git_odb_object_free, { .damaged("\(path), object \(oid.short): \($0.message)") },
            { git_odb_read(&$0, database, &oid) })
        defer { object.free() }
        let content = UnsafeRawBufferPointer(
            start: git_odb_object_data(object.pointer), count: git_odb_object_size(object.pointer))
        guard content.count == size else {
            throw .damaged("\(path), object \(oid.short), has another size than it says")
        }
        append(UInt32(path.utf8.count))
        append(UInt32(size))
        records += path.utf8
        records += content
    }

    private mutating func append(_ number: UInt32) {
        withUnsafeBytes(of: number.bigEndian) { records += $0 }
    }
}
