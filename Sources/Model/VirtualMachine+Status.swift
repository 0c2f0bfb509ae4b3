public import Foundation

extension VirtualMachine {
    /// What a machine does at the moment of observation.
    public enum State: String, CaseIterable, Codable, Sendable {
        /// It runs (libvirt's running, blocked and shutting down).
        case running
        /// Its processors are halted by the host.
        case paused
        /// It is off.
        case off
        /// It is off after a crash.
        case crashed
        /// It is off, and what was in its memory is saved: the next start goes on from there (libvirt's managed save).
        case saved

        /// Whether a QEMU process exists.
        public var isActive: Bool { self == .running || self == .paused }
    }

    /// What was observed, or is expected of the placed machine.
    public struct Status: Hashable, Sendable, Codable {
        /// The host, by identity.
        public var host: String
        /// libvirt's UUID: UUIDv5 of the fleet and the identity, unless adopted.
        public var uuid: UUID
        /// What it does.
        public var state: State
        /// Whether libvirt still knows it when it does not run.
        public var persistent: Bool
        /// What the running definition says, or the one that a saved guest goes on with, where a managed field of it
        /// differs from the persistent one; nil else.
        public var live: Spec?
        /// The links of running interfaces whose names the definition does not say, by the interface's name.
        public var links: [String: String]
        /// Devices that the manifest does not know, described for a reader.
        public var unmanaged: [String]
        /// Whether the mark says that it may not be removed.
        public var protected: Bool

        /// An observation.
        public init(
            host: String, uuid: UUID, state: State, persistent: Bool = true, live: Spec? = nil,
            links: [String: String] = [:], unmanaged: [String] = [], protected: Bool = false
        ) {
            self.host = host
            self.uuid = uuid
            self.state = state
            self.persistent = persistent
            self.live = live
            self.links = links
            self.unmanaged = unmanaged
            self.protected = protected
        }
    }
}
