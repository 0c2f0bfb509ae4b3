import Hosts
import Model

/// Where the bytes of an image come from, once it is known: redirects were followed, and all addresses of the last host looked
/// at. What is connected to are these addresses, whatever its name says a moment later.
struct ImageServer: Hashable, Sendable {
    /// The address that answers with the bytes.
    let url: ImageURL
    /// Where it is reached.
    let addresses: [IPAddress]
    /// How many bytes there are, where the server says so.
    let size: UInt64?

    /// How often a server may send us elsewhere.
    private static let redirects = 5

    /// Follows a URL on a host.
    ///
    /// Maps to getent(1), curl(1).
    ///
    /// - Throws: `.surprise` when it leads to an address from which nothing is fetched, or when no server has the bytes.
    static func find(_ first: ImageURL, _ commands: CommandRunner) async throws(HostError) -> ImageServer {
        var url = first
        for _ in 0...redirects {
            let addresses = try await addresses(of: url, commands)
            let answer = try await ask(url, addresses, commands)
            switch answer.status {
            case 200, 206: return ImageServer(url: url, addresses: addresses, size: answer.size)
            case 301, 302, 303, 307, 308:
                let location = String(answer.location.prefix { $0 != "#" })
                guard let next = ImageURL(location) else {
                    let shown = CommandText.printable(String(location.prefix { $0 != "?" }.prefix(200)))
                    throw .surprise("\(url.shown) leads to \(shown), which is no address that is fetched from")
                }
                url = next
            case 0: throw .surprise("\(url.shown) cannot be reached: \(answer.words)")
            default: throw .surprise("\(url.shown): the server answers \(answer.status)")
            }
        }
        throw .surprise("\(first.shown) leads elsewhere more than \(redirects) times")
    }

    /// The addresses of a URL's host as the host that fetches finds them.
    private static func addresses(of url: ImageURL, _ commands: CommandRunner) async throws(HostError) -> [IPAddress] {
        var addresses: [IPAddress] = []
        if let address = url.address {
            addresses = [address]
        } else {
            let found: CommandOutput
            do throws(HostError) {
                found = try await commands.run("getent", ["ahosts", url.host])
            } catch .command(_, 2, _) {
                throw .surprise("\(url.shown): the host finds no address of \(url.host)")
            }
            for line in found.text.split(separator: "\n") {
                let word = String(line.prefix { $0 != " " })
                guard let address = IPAddress(word) else {
                    throw .surprise("\(url.host) has the address \(CommandText.printable(word)), which is refused")
                }
                if !addresses.contains(address) { addresses.append(address) }
            }
        }
        for address in addresses {
            guard let why = address.objectionToFetching else { continue }
            let name = url.address == nil ? "\(url.host), which is \(address)" : "\(address)"
            throw .surprise("\(url.shown): nothing is fetched from \(name), \(why)")
        }
        return addresses
    }

    private struct Answer {
        var status = 0
        var location = ""
        var size: UInt64?
        var words = ""
    }

    private static func ask(
        _ url: ImageURL, _ addresses: [IPAddress], _ commands: CommandRunner
    ) async throws(HostError) -> Answer {
        let output = try await commands.run(
            "bash", ["-c", FetchScripts.ask, "infra-fetch"], input: .bytes(configuration(url, addresses)),
            deadline: .seconds(120), repairing: true)
        return try answer(output.text, errors: output.warnings)
    }

    /// Reads what `FetchScripts.ask` wrote.
    private static func answer(_ text: String, errors: String) throws(HostError) -> Answer {
        // A header ends in CR and LF, which is one character.
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        guard lines.suffix(2) != ["127", ""] else {
            throw .command(program: "curl", status: 127, standardError: "not installed")
        }
        guard lines.count >= 4, let status = Int(lines[lines.count - 4]) else {
            throw .unreadable("curl wrote something else than it was asked to")
        }
        var answer = Answer(status: status, location: String(lines[lines.count - 3]), words: errors)
        for line in lines.dropLast(4) {
            let parts = line.split(separator: ":", maxSplits: 1).map { $0.filter { $0 != "\r" && $0 != " " } }
            guard parts.count == 2 else { continue }
            switch parts[0].lowercased() {
            case "content-range": answer.size = parts[1].split(separator: "/").last.flatMap { UInt64($0) }
            case "content-length" where status == 200: answer.size = UInt64(parts[1])
            default: break
            }
        }
        return answer
    }

    /// What curl reads: the URL, whose characters need no escapes, and where its host is.
    var configuration: [UInt8] { Self.configuration(url, addresses) }

    private static func configuration(_ url: ImageURL, _ addresses: [IPAddress]) -> [UInt8] {
        let known = addresses.map { $0.isIPv4 ? "\($0)" : "[\($0)]" }.joined(separator: ",")
        let pinned = url.address == nil ? "resolve = \"\(url.host):\(url.port):\(known)\"\n" : ""
        return Array("url = \"\(url.text)\"\n\(pinned)".utf8)
    }
}
