/// Whose commits may move a fleet, and how far an unattended run goes at most. It stands outside the repository that it
/// judges; what the repository says of itself (`Fleet.spec.policy`) only narrows it.
public struct Trust: Hashable, Sendable, Codable {
    /// Somebody whose signature counts.
    public struct Signer: Hashable, Sendable, Codable {
        /// What the signer is called in messages.
        public var name: String
        /// The key.
        public var key: Key

        /// A signer.
        public init(name: String, key: Key) {
            self.name = name
            self.key = key
        }
    }

    /// A public key that commits are signed with.
    public enum Key: Hashable, Sendable, Codable {
        /// A line as in `authorized_keys`: type and base64 (sshd(8)).
        case ssh(String)
        /// An OpenPGP public key in ASCII armour (RFC 9580), and the fingerprint of the one that is meant.
        case gpg(armored: String, fingerprint: String)
    }

    /// Who may sign. With nobody here no signature is asked for.
    public var signers: [Signer]
    /// The most that unattended runs may do.
    public var limits: Fleet.Policy

    /// How a watcher without a trust file judges: everybody who can push may move the fleet, within its own policy.
    public static let everybody = Trust(
        limits: Fleet.Policy(
            unattended: .restart, prune: true, deletionBudget: 10_000, drift: .correct, rotateSnapshots: true))

    /// Whose commits count.
    public init(signers: [Signer] = [], limits: Fleet.Policy) {
        self.signers = signers
        self.limits = limits
    }
}

extension Fleet.Policy {
    /// What both allow.
    public func narrowed(by other: Fleet.Policy) -> Fleet.Policy {
        Fleet.Policy(
            unattended: min(unattended, other.unattended), prune: prune && other.prune,
            deletionBudget: min(deletionBudget, other.deletionBudget),
            drift: drift == .report || other.drift == .report ? .report : .correct,
            rotateSnapshots: rotateSnapshots && other.rotateSnapshots)
    }
}

extension Fleet.Unattended: Comparable {
    /// Orders from nothing to the most.
    public static func < (left: Fleet.Unattended, right: Fleet.Unattended) -> Bool { left.rank < right.rank }

    private var rank: Int {
        switch self {
        case .off: 0
        case .none: 1
        case .live: 2
        case .restart: 3
        }
    }

    /// The most disturbing class that such a run allows; nil when it does nothing at all.
    public var allowance: Disruption? {
        switch self {
        case .off: nil
        case .none: Disruption.none
        case .live: .live
        case .restart: .restart
        }
    }
}
