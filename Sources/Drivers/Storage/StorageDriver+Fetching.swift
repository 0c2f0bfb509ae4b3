public import Hosts
public import Model

extension StorageDriver {
    /// How long fetching an image may take. A transfer that stands still ends by itself after a minute.
    public static let fetchDeadline = Duration.seconds(6 * 3600)
    /// The most bytes of an image, where neither the server nor the room in the pool says less.
    private static let fetchLimit = UInt64(1) << 40
    /// What curl ends with when it cannot write, when a server cannot go on where it stopped, when the server refuses; and what
    /// a shell says of one that wrote more than it may.
    private static let (isFull, cannotGoOn, isRefused, isTooLarge) = (23, 33, 22, 153)

    /// Fetches an image from its URL on the host, and stores it under its digest, mode 0444.
    ///
    /// What arrives lies in a part that is called after the digest; when a transfer breaks it stays, and the next run goes on
    /// with it. Bytes with another digest are removed.
    ///
    /// - Parameter report: told how many bytes are there, where the server says how many there will be.
    /// - Throws: `.surprise` when the URL leads to an address that is refused, no server has it, its bytes are others than
    ///   declared, there is no room, or a qcow2 file would lead QEMU elsewhere; `.command` when the transfer broke.
    public func fetchImage(
        _ image: Image, report: @escaping @Sendable (MoveProgress) -> Void
    ) async throws(HostError) {
        guard let url = image.spec.url.flatMap({ ImageURL($0) }) else {
            throw .surprise("the plan has no URL for Image/\(image.metadata.identity)")
        }
        guard let place = try await place(of: image) else { return }
        let part = Identity.part(of: place.path)
        let server = try await ImageServer.find(url, commands)
        // What was there may be of other bytes that the server had then.
        let isFresh = try await transfer(server, to: part, report)
        var sum = try await digest(ofPart: part)
        if sum != place.sha256, !isFresh {
            try await removeUnfinished(part)
            _ = try await transfer(server, to: part, report)
            sum = try await digest(ofPart: part)
        }
        do throws(HostError) {
            guard sum == place.sha256 else {
                throw .surprise("\(url.shown) has the digest \(sum), the manifest says \(place.sha256)")
            }
            try await store(image, place, staged: part)
        } catch .surprise(let why) {
            try? await removeUnfinished(part)
            throw .surprise(why)
        }
    }

    /// Fetches what is missing of a part.
    ///
    /// - Returns: whether all of it was fetched now.
    private func transfer(
        _ server: ImageServer, to part: String, _ report: @escaping @Sendable (MoveProgress) -> Void
    ) async throws(HostError) -> Bool {
        var room = try await room(part)
        if let size = server.size, room.there > size {
            try await removeUnfinished(part)
            room = try await self.room(part)
        }
        if server.size == room.there { return false }
        let most = min(server.size ?? Self.fetchLimit, room.there + room.free)
        if let size = server.size, size > most {
            let (needed, free) = (ByteCount(size - room.there).rounded, ByteCount(room.free).rounded)
            let pool = await name(ofPoolIn: FileRecord(path: part, isPlain: true, size: 0, allocation: 0).folder)
            throw .surprise(
                "there is no room in \(pool) for \(server.url.shown): it takes \(needed) more, and \(free) are free")
        }
        let looking = Task { await look(at: part, size: server.size, report) }
        defer { looking.cancel() }
        let output = try await output(
            of: FetchScripts.fetch, [part, String(most / 1024 + 1)], input: .bytes(server.configuration),
            deadline: Self.fetchDeadline)
        let lines = output.text.split(separator: "\n")
        guard let code = lines.last.flatMap({ Int($0) }) else {
            throw .unreadable("curl wrote something else than it was asked to")
        }
        let status = lines.dropLast().last.flatMap { Int($0) } ?? 0
        switch code {
        case 0 where status == 200 || status == 206: return room.there == 0
        // There is no more of it than that.
        case Self.isRefused where status == 416 && room.there > 0: return false
        case Self.cannotGoOn where room.there > 0:
            try await removeUnfinished(part)
            return try await transfer(server, to: part, report)
        case Self.isRefused: throw .surprise("\(server.url.shown): the server answers \(status)")
        case 0:
            // It leads elsewhere now, with a text that says so.
            try await removeUnfinished(part)
            throw .surprise("\(server.url.shown): the server answers \(status)")
        case Self.isFull, Self.isTooLarge:
            try await removeUnfinished(part)
            throw .surprise("\(server.url.shown) has more bytes than the \(ByteCount(most).rounded) there is room for")
        default:
            let there = ByteCount(try await self.room(part).there).rounded
            throw .command(
                program: "curl", status: code,
                standardError:
                    "\(server.url.shown) broke off; \(there) are there, with which the next run goes on: \(output.warnings)"
            )
        }
    }

    /// Tells every now and then how much there is.
    private func look(
        at part: String, size: UInt64?, _ report: @escaping @Sendable (MoveProgress) -> Void
    ) async {
        guard let size else { return }
        while (try? await Task.sleep(for: .seconds(1))) != nil {
            guard let there = try? await room(part).there else { continue }
            report(MoveProgress(done: min(there, size), total: size))
        }
    }

    private func room(_ part: String) async throws(HostError) -> (there: UInt64, free: UInt64) {
        let text = try await commands.run("bash", ["-c", FetchScripts.room, "infra-inspect", part]).text
        let numbers = text.split(whereSeparator: \.isWhitespace).compactMap { UInt64($0) }
        guard numbers.count == 2 else { throw .unreadable("df wrote no numbers for \(CommandText.printable(part))") }
        return (numbers[0], numbers[1])
    }

    private func digest(ofPart part: String) async throws(HostError) -> String {
        let text = try await commands.run("sha256sum", ["--", part], deadline: Self.fetchDeadline).text
        return String(text.prefix { $0 != " " })
    }
}
