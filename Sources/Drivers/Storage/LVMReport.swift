import Foundation
import Hosts
import Model

/// A volume group as `vgs` tells it.
struct VolumeGroupRecord: Hashable, Sendable {
    var name: String
    var tags: [String]
    /// What sizes in it are multiples of, in bytes.
    var extent: UInt64
    /// What no logical volume has, in bytes.
    var free: UInt64
    /// Why nothing can be made or changed in it; nil when that can.
    var obstacle: String?
    /// The devices that it is made of.
    var devices: [PhysicalVolumeRecord]

    /// Which of some devices it is made of, which it lacks, and what else it is made of, as LVM calls it.
    func devices(
        among paths: [String], _ numbers: [String: DeviceNumber]
    ) -> (there: [String], missing: [String], others: [String]) {
        let own = Set(devices.compactMap(\.number))
        func has(_ path: String) -> Bool { numbers[path].map(own.contains) ?? false }
        let named = Set(paths.compactMap { numbers[$0] })
        return (
            paths.filter(has), paths.filter { !has($0) },
            devices.filter { $0.number.map { !named.contains($0) } ?? true }.map { CommandText.printable($0.name) }
        )
    }

    /// Throws `.surprise` for a size, in bytes, that LVM would round up.
    func requireWhole(_ size: UInt64) throws(HostError) {
        guard extent > 0, size % extent == 0 else {
            throw .surprise("\(ByteCount(size)) is not a multiple of \(ByteCount(extent)), the extent of \(name)")
        }
    }

    /// Throws `.surprise` unless so many bytes more can be had.
    func requireFree(_ size: UInt64) throws(HostError) {
        guard free >= size else {
            throw .surprise(
                "the volume group \(name) has \(ByteCount(free)) free: \(ByteCount(size - free)) missing")
        }
    }
}

/// A device of a volume group as `vgs` tells it.
struct PhysicalVolumeRecord: Hashable, Sendable {
    /// As LVM calls it.
    var name: String
    /// The kernel's number of it.
    var number: DeviceNumber?
}

/// A block device's number, which all of its names share.
struct DeviceNumber: Hashable, Sendable {
    var major: UInt32
    var minor: UInt32
}

/// A logical volume as `lvs` tells it.
struct LogicalVolumeRecord: Hashable, Sendable {
    var group: String
    var name: String
    var tags: [String]
    /// The size that its device has, in bytes.
    var size: UInt64
    var isThinPool: Bool
    /// The thin pool that it lies in; empty for others.
    var pool: String
    /// What it is a snapshot of; empty for others.
    var origin: String
    var isActive: Bool
    /// Whether somebody has its device open.
    var isOpen: Bool
    /// Whether a thin pool gives out its space as zeros.
    var isZeroing: Bool
    /// How much of the data space is taken, 0 to 100; nil where that means nothing.
    var dataPercent: Double?
    /// How much of a thin pool's metadata space is taken.
    var metadataPercent: Double?
    /// The size of a thin pool's metadata, in bytes; 0 for others.
    var metadataSize: UInt64
    /// What of lvm.conf(5) is said anew for it; empty when nothing is.
    var profile: String
    /// Whether dmeventd(8) watches it.
    var isMonitored: Bool

    /// What LVM calls its layout, such as `linear` or `thin` and `sparse`.
    var layout: [String]
    /// Whether it may be written to.
    var isWritable: Bool

    /// Why no manifest can adopt one that is not ours; nil when one can.
    ///
    /// - Parameter thinPool: the one in which its group's volumes lie; nil where none is thin.
    func obstacle(inThinPool thinPool: String?) -> String? {
        let owner = LVMTags.owner(tags)
        if !owner.isEmpty { return "it belongs to \(owner)" }
        if !LVMTags.ours(tags).isEmpty { return "it carries another mark" }
        guard layout == ["linear"] || layout == ["thin", "sparse"] else {
            return "it is a logical volume of another kind: \(CommandText.printable(layout.joined(separator: ", ")))"
        }
        guard pool == thinPool ?? "" else { return "it does not lie where the volumes of its pool do" }
        return isWritable ? nil : "it may only be read"
    }

    /// Its device node.
    var path: String { StoragePool.LVM.folder(of: group) + "/" + name }
}

/// What LVM says of all its volume groups: `vgs` and `lvs`, or `lvm fullreport`, with `--reportformat json`, lvmreport(7).
/// Every value in it is a string.
struct LVMReport: Hashable, Sendable {
    var groups: [VolumeGroupRecord]
    var volumes: [LogicalVolumeRecord] = []
    /// The numbers of the devices that were asked for, by name, of those that are there.
    var numbers: [String: DeviceNumber] = [:]
    /// The profiles of fleets that there are, their names and what they say; none unless they were asked for.
    var profiles: [String: String] = [:]

    private static let form = ["--reportformat", "json", "--units", "b", "--nosuffix"]
    private static let groupFields = "vg_name,vg_uuid,vg_tags,vg_extent_size,vg_free,vg_missing_pv_count,vg_exported"
    private static let deviceFields = "pv_name,pv_major,pv_minor"
    private static let volumeFields =
        "vg_name,lv_name,lv_tags,lv_size,lv_layout,lv_attr,pool_lv,origin,lv_active,lv_device_open,data_percent,"
        + "metadata_percent,lv_metadata_size,lv_profile"
    static let groupArguments = form + ["--options", groupFields + "," + deviceFields]
    static let volumeArguments = form + ["--options", volumeFields + ",seg_monitor"]
    /// Of what else is in such a report as little as it takes.
    static let wholeArguments =
        form
        + [
            ("vg", groupFields), ("lv", volumeFields), ("pv", deviceFields), ("pvseg", "pvseg_start"),
            ("seg", "lv_name,seg_monitor"),
        ].flatMap { ["--configreport", $0.0, "--options", $0.1] }

    /// Reads what `vgs` has written.
    ///
    /// - Throws: `.unreadable` when it has another form, or a group's name stands there twice.
    init(groups text: String) throws(HostError) {
        groups = []
        // One row for each device.
        var indices: [String: Int] = [:]
        for row in try Self.rows(text, "vg") {
            var group = try Self.group(row)
            group.devices = [try Self.device(row)]
            let uuid = try Self.text(row, "vg_uuid")
            if let index = indices[uuid] {
                groups[index].devices += group.devices
            } else {
                indices[uuid] = groups.count
                groups.append(group)
            }
        }
        try requireNames()
    }

    /// Reads what `lvm fullreport` has written: a part for each group, and one for devices that are in none.
    ///
    /// - Throws: `.unreadable` when it has another form, or a group's name stands there twice.
    init(whole text: String) throws(HostError) {
        groups = []
        for part in try Self.parts(text, "groups") {
            guard let rows = part["vg"] else { continue }
            guard let others = part["lv"], let devices = part["pv"], let segments = part["seg"] else {
                throw .unreadable("LVM's report lacks a part of a group")
            }
            for row in rows {
                var group = try Self.group(row)
                for row in devices { group.devices.append(try Self.device(row)) }
                groups.append(group)
            }
            var monitors: Row = [:]
            for row in segments { monitors[try Self.text(row, "lv_name")] = row["seg_monitor"] }
            for var row in others {
                row["seg_monitor"] = monitors[try Self.text(row, "lv_name")]
                volumes.append(try Self.volume(row))
            }
        }
        try requireNames()
    }

    private func requireNames() throws(HostError) {
        guard Set(groups.map(\.name)).count == groups.count else {
            throw .unreadable("two volume groups have one name, which LVM tells apart by UUID alone")
        }
    }

    /// Reads what `lvs` has written.
    ///
    /// - Throws: `.unreadable` when it has another form.
    mutating func add(volumes text: String) throws(HostError) {
        // One row for each segment.
        for row in try Self.rows(text, "lv") {
            let volume = try Self.volume(row)
            if volumes.last.map({ ($0.group, $0.name) == (volume.group, volume.name) }) != true {
                volumes.append(volume)
            }
        }
    }

    func group(_ name: String) -> VolumeGroupRecord? { groups.first { $0.name == name } }

    func volumes(in group: String) -> [LogicalVolumeRecord] { volumes.filter { $0.group == group } }

    func volume(_ name: String, in group: String) -> LogicalVolumeRecord? {
        volumes.first { $0.group == group && $0.name == name }
    }

    private typealias Row = [String: String]

    private struct Document: Decodable {
        let report: [[String: [Row]]]
    }

    private static func rows(_ text: String, _ key: String) throws(HostError) -> [Row] {
        let parts = try parts(text, key)
        guard let rows = parts.first?[key], parts.count == 1 else { throw unreadable(key) }
        return rows
    }

    private static func parts(_ text: String, _ what: String) throws(HostError) -> [[String: [Row]]] {
        do {
            return try JSONDecoder().decode(Document.self, from: Data(text.utf8)).report
        } catch {
            throw unreadable(what)
        }
    }

    private static func unreadable(_ what: String) -> HostError {
        .unreadable("LVM's report of \(what) is not the JSON that lvmreport(7) describes")
    }

    private static func text(_ row: Row, _ field: String) throws(HostError) -> String {
        guard let value = row[field] else { throw .unreadable("LVM's report lacks \(field)") }
        return value
    }

    private static func number(_ row: Row, _ field: String) throws(HostError) -> UInt64 {
        guard let value = UInt64(try text(row, field)) else {
            throw .unreadable("LVM's report has a \(field) that is no number")
        }
        return value
    }

    private static func tags(_ row: Row, _ field: String) throws(HostError) -> [String] {
        try text(row, field).split(separator: ",").map { String($0) }
    }

    private static func group(_ row: Row) throws(HostError) -> VolumeGroupRecord {
        let missing = try number(row, "vg_missing_pv_count")
        var obstacle = missing == 0 ? nil : "\(missing) of its devices are missing"
        if try !text(row, "vg_exported").isEmpty { obstacle = "it is exported" }
        return VolumeGroupRecord(
            name: try text(row, "vg_name"), tags: try tags(row, "vg_tags"), extent: try number(row, "vg_extent_size"),
            free: try number(row, "vg_free"), obstacle: obstacle, devices: [])
    }

    private static func device(_ row: Row) throws(HostError) -> PhysicalVolumeRecord {
        var device = PhysicalVolumeRecord(name: try text(row, "pv_name"))
        if let major = UInt32(try text(row, "pv_major")), let minor = UInt32(try text(row, "pv_minor")) {
            device.number = DeviceNumber(major: major, minor: minor)
        }
        return device
    }

    private static func volume(_ row: Row) throws(HostError) -> LogicalVolumeRecord {
        let layout = try text(row, "lv_layout").split(separator: ",").map { String($0) }
        let attributes = Array(try text(row, "lv_attr").utf8)
        let metadata = try text(row, "lv_metadata_size")
        return LogicalVolumeRecord(
            group: try text(row, "vg_name"), name: try text(row, "lv_name"), tags: try tags(row, "lv_tags"),
            size: try number(row, "lv_size"), isThinPool: layout.contains("thin") && layout.contains("pool"),
            pool: try text(row, "pool_lv"), origin: try text(row, "origin"),
            isActive: try !text(row, "lv_active").isEmpty, isOpen: try text(row, "lv_device_open") == "open",
            // The eighth says whether new blocks are overwritten with zeros, lvs(8).
            isZeroing: attributes.count > 7 && attributes[7] == UInt8(ascii: "z"),
            dataPercent: Double(try text(row, "data_percent")),
            metadataPercent: Double(try text(row, "metadata_percent")), metadataSize: UInt64(metadata) ?? 0,
            profile: try text(row, "lv_profile"), isMonitored: try text(row, "seg_monitor") == "monitored",
            layout: layout, isWritable: attributes.count > 1 && attributes[1] == UInt8(ascii: "w"))
    }
}
