import Foundation

/// Who may ask, and what is answered.
struct WebRoutes: Sendable {
    /// How much a message may hold, in bytes. Forges send more for pushes of thousands of commits; such a push waits for
    /// the next poll instead.
    static let bodyLimit = 1 << 20

    /// Names by which this server may be addressed, in lower case, without ports.
    let hosts: Set<String>
    let metrics: WatchMetrics
    let health: WatchHealth
    let webhook: Webhook?
    private let refusals = WebhookRefusals()

    init(hosts: Set<String>, metrics: WatchMetrics, health: WatchHealth, webhook: Webhook?) {
        self.hosts = hosts
        self.metrics = metrics
        self.health = health
        self.webhook = webhook
    }

    /// Judges a request by its head, before anything of its body is read.
    /// - Throws: the status that it is answered with instead.
    func admit(_ request: WebRequest) throws(WebStatus) {
        // A page of another site that has its name pointed here (DNS rebinding) still sends that name.
        guard let host = request.fields["host"], isOurs(host) else { throw .misdirected }
        switch request.path {
        case "/healthz", "/metrics": guard ["GET", "HEAD"].contains(request.method) else { throw .methodNotAllowed }
        case "/webhook" where webhook != nil:
            guard request.method == "POST" else { throw .methodNotAllowed }
            guard isSameSite(request) else { throw .forbidden }
            guard let length = request.length else { throw .lengthRequired }
            guard length <= Self.bodyLimit else { throw .tooLarge }
            guard request.fields["content-type"]?.lowercased().hasPrefix("application/json") == true else {
                throw .unsupportedMedia
            }
        default: throw .notFound
        }
        guard request.method == "POST" || request.length ?? 0 == 0 else { throw .tooLarge }
    }

    /// Answers an admitted request.
    func answer(_ request: WebRequest, body: Data) async -> WebResponse {
        switch request.path {
        case "/healthz":
            let report = health.report
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            let json = (try? encoder.encode(report)) ?? Data("{}".utf8)
            return WebResponse(
                report.alive ? .ok : .unavailable, type: "application/json", body: json + Data("\n".utf8))
        case "/metrics":
            return WebResponse(.ok, type: "text/plain; version=0.0.4; charset=utf-8", body: Data(metrics.text.utf8))
        default:
            guard let webhook else { return WebResponse(.notFound) }
            let verdict = webhook.judge(body, header: { request.fields[$0] })
            metrics.webhook(verdict)
            switch verdict {
            case .wakes:
                await webhook.wake()
                return WebResponse(.accepted)
            case .other: return WebResponse(.noContent)
            case .forged:
                refusals.tell()
                return WebResponse(.unauthorized)
            case .unreadable: return WebResponse(.badRequest)
            }
        }
    }

    /// What goes with a status that is no answer of a route.
    func refusal(_ status: WebStatus, of request: WebRequest?) -> WebResponse {
        let allowed = request?.path == "/webhook" ? "POST" : "GET, HEAD"
        return WebResponse(status, fields: status == .methodNotAllowed ? ["Allow: \(allowed)"] : [])
    }

    /// Browsers say which site a request comes from; programs say nothing.
    private func isSameSite(_ request: WebRequest) -> Bool {
        if let site = request.fields["sec-fetch-site"], site != "same-origin", site != "none" { return false }
        guard let origin = request.fields["origin"] else { return true }
        guard let mark = origin.range(of: "://") else { return false }
        return String(origin[mark.upperBound...]).lowercased() == request.fields["host"]?.lowercased()
    }

    private func isOurs(_ authority: String) -> Bool {
        var name = authority.lowercased()[...]
        if name.hasPrefix("["), let end = name.firstIndex(of: "]") {
            let rest = name[name.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { return false }
            name = name[name.index(after: name.startIndex)..<end]
        } else if let colon = name.firstIndex(of: ":") {
            name = name[..<colon]
        }
        return hosts.contains(String(name))
    }
}
