import Hosts
import Model

/// What tgtd(8) says of its targets, as `tgtadm --mode target --op show` writes it.
struct TargetListing {
    struct Target {
        /// The number by which tgtadm names it.
        let number: Int
        var contents: ISCSITarget
        /// The names of those that are logged in.
        var initiators: [String] = []
    }

    private(set) var targets: [Target] = []

    /// - Throws: `.unreadable` when it has another form.
    init(_ text: String) throws(HostError) {
        var unit: Int?
        for line in text.split(separator: "\n") {
            let indent = line.prefix { $0 == " " }.count
            let (name, value) = Self.field(line.dropFirst(indent))
            switch (indent, name) {
            case (0, _):
                guard name.hasPrefix("Target "), let number = Int(name.dropFirst(7)) else {
                    throw .unreadable("tgtadm wrote a line that is none of its own")
                }
                targets.append(Target(number: number, contents: ISCSITarget(name: String(value))))
                unit = nil
            case (8, "LUN"): unit = Int(value)
            case (12, "Initiator"):
                // `<name> alias: <alias>`
                let initiator = value.split(separator: " ").first.map { String($0) } ?? ""
                try last { $0.initiators.append(initiator) }
            case (12, "Backing store path") where value != "None":
                guard let number = unit else { throw .unreadable("tgtadm wrote what is behind no unit") }
                try last { $0.contents.units.append(ISCSITarget.Unit(number: number, path: String(value))) }
            default: break
            }
        }
        for index in targets.indices { targets[index].contents.units.sort { $0.number < $1.number } }
    }

    private mutating func last(_ body: (inout Target) -> Void) throws(HostError) {
        guard let index = targets.indices.last else { throw .unreadable("tgtadm wrote what is of no target") }
        body(&targets[index])
    }

    private static func field(_ line: Substring) -> (name: Substring, value: Substring) {
        guard let colon = line.firstIndex(of: ":") else { return (line, "") }
        return (line[..<colon], line[line.index(after: colon)...].drop { $0 == " " })
    }
}
