/// What can go wrong with a host. Thrown by everything in `Hosts` and by the drivers' steps.
public enum HostError: Error, Hashable, Sendable {
    /// libvirt refused. Code and domain are those of `virterror.h`, read in the same synchronous call.
    case libvirt(code: Int, domain: Int, message: String, call: String)
    /// The call did not return in time. Its outcome is unknown: read again, never blindly repeat.
    case deadline(call: String)
    /// The target is not as the plan said. Nothing was done.
    case surprise(String)
    /// The host, or libvirt on it, cannot be reached. What the host does meanwhile is unknown.
    case unreachable(String)
    /// A command could not be started, or ended with another exit code than 0 (128 + the number for a signal).
    case command(program: String, status: Int, standardError: String)
    /// What the host answered cannot be understood: half a document, another form, too much of it.
    case unreadable(String)
    /// Another writer holds the host's lock: who, since when, for which fleet.
    case locked(holder: String)
}

extension HostError: CustomStringConvertible {
    /// One sentence for a reader, without a full stop.
    public var description: String {
        switch self {
        case .libvirt(let code, _, let message, let call): "\(message) (\(call), libvirt error \(code))"
        case .deadline(let call): "\(call) did not return in time; its outcome is unknown"
        case .surprise(let what): what
        case .unreachable(let why): "not reachable: \(why)"
        case .command(let program, let status, let standardError):
            standardError.isEmpty
                ? "\(program) ended with exit code \(status)"
                : "\(program) ended with exit code \(status): \(standardError)"
        case .unreadable(let what): what
        case .locked(let holder): "locked by \(holder)"
        }
    }
}
