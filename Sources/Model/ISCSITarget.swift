/// A target of the iSCSI server that runs on a host, as tgtadm(8) shows it.
public struct ISCSITarget: Hashable, Sendable, Codable {
    /// One of its logical units with something behind it.
    public struct Unit: Hashable, Sendable, Codable {
        /// Its number.
        public var number: Int
        /// The file or device behind it.
        public var path: String

        /// A unit.
        public init(number: Int, path: String) {
            self.number = number
            self.path = path
        }
    }

    /// Its name, `iqn.…`.
    public var name: String
    /// Its units, sorted by number, the controller left out.
    public var units: [Unit]

    /// A target.
    public init(name: String, units: [Unit] = []) {
        self.name = name
        self.units = units
    }
}
