/// Labels with their values: what has all of them is meant.
public typealias LabelSelector = [String: String]

extension VirtualMachine {
    /// Which hosts may have a machine that names none. It is read for a machine that is to be placed; one that is
    /// somewhere stays there.
    public struct Placement: Hashable, Sendable, Codable {
        /// Labels of the hosts that may have it; any host when empty.
        public var hostSelector: LabelSelector
        /// For each: its host has another machine with these labels, unless there is none yet.
        public var affinity: [LabelSelector]
        /// For each: its host has no other machine with these labels.
        public var antiAffinity: [LabelSelector]

        /// Which hosts may have a machine; without arguments any.
        public init(
            hostSelector: LabelSelector = [:], affinity: [LabelSelector] = [], antiAffinity: [LabelSelector] = []
        ) {
            self.hostSelector = hostSelector
            self.affinity = affinity
            self.antiAffinity = antiAffinity
        }
    }
}
