public import Hosts

extension StorageDriver {
    /// How long udev may look into a device that was just written to.
    private static let probing = Duration.seconds(2)

    /// Throws `.surprise` while somebody has one of some logical volumes open. Two QEMUs do not see each other's locks on one: libvirt
    /// gives each domain a device node of its own.
    ///
    /// - Parameter paths: those of a machine's disks that is off; files, whose locks QEMU sees, are not looked at.
    public func requireNotOpen(_ paths: [String]) async throws(HostError) {
        let devices = Set(paths.filter { $0.hasPrefix("/dev/") })
        guard !devices.isEmpty else { return }
        let end = ContinuousClock.now + Self.probing
        while let open = try await report().volumes.first(where: { $0.isOpen && devices.contains($0.path) }) {
            guard ContinuousClock.now < end, (try? await Task.sleep(for: .milliseconds(200))) != nil else {
                throw .surprise("\(open.path) is open; something uses it")
            }
        }
    }
}
