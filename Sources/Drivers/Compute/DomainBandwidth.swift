import Hosts
import Model

/// An interface's limits in a definition: rates in thousands of bytes a second, bursts in KiB.
enum DomainBandwidth {
    static func read(_ element: XMLElement) -> Bandwidth? {
        let bandwidth = Bandwidth(
            inbound: element.first("inbound").flatMap(limit), outbound: element.first("outbound").flatMap(limit))
        return bandwidth == Bandwidth() ? nil : bandwidth
    }

    private static func limit(_ element: XMLElement) -> Bandwidth.Limit? {
        func number(_ name: String) -> Int? { element[name].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil } }
        return number("average").map { average in
            Bandwidth.Limit(
                average: BitRate(kilobytes: average), peak: number("peak").map { BitRate(kilobytes: $0) },
                burst: number("burst").map { ByteCount(UInt64($0) << 10) })
        }
    }

    /// Writes the limits where they differ. A guaranteed minimum (`floor`) that somebody set stays.
    static func set(_ device: inout XMLElement, _ wanted: Bandwidth?) {
        guard device.first("bandwidth").flatMap(read) != wanted else { return }
        device.edit("bandwidth") { element in
            set(&element, "inbound", wanted?.inbound)
            set(&element, "outbound", wanted?.outbound)
        }
        if device.first("bandwidth")?.elements.isEmpty == true { device.remove("bandwidth") }
    }

    private static func set(_ element: inout XMLElement, _ name: String, _ wanted: Bandwidth.Limit?) {
        guard let wanted else {
            element.editFirst(where: { $0.name == name }) { $0.attributes.removeAll { $0.name != "floor" } }
            element.removeElements { $0.name == name && $0.attributes.isEmpty }
            return
        }
        element.edit(name) {
            $0["average"] = String(wanted.average.kilobytes)
            $0["peak"] = wanted.peak.map { String($0.kilobytes) }
            $0["burst"] = wanted.burst.map { String($0.bytes >> 10) }
        }
    }
}
