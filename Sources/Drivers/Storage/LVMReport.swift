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

    /// Its device node.
    var path: String { StoragePool.LVM.folder(of: group) + "/" + name }
}

/// What LVM says of all its volume groups: `vgs` and `lvs`, or `lvm fullreport`, with `--reportformat json`, lvmreport(7).
/// Every value in it is a string.
struct LVMReport: Hashable, Sendable {
    var groups: [VolumeGroupRecord]
    var volumes: [LogicalVolumeRecord] = []

    private static let form = ["--reportformat", "json", "--units", "b", "--nosuffix"]
    private static let groupFields = "vg_name,vg_tags,vg_extent_size,vg_free,vg_missing_pv_count,vg_exported"
    private static let volumeFields =
        "vg_name,lv_name,lv_tags,lv_size,lv_layout,lv_attr,pool_lv,origin,lv_active,lv_device_open,data_percent,"
        + "metadata_percent,lv_metadata_size"
    static let groupArguments = form + ["--options", groupFields]
    static let volumeArguments = form + ["--options", volumeFields]
    /// Of what else is in such a report as little as it takes.
    static let wholeArguments =
        form
        + [
            ("vg", groupFields), ("lv", volumeFields), ("pv", "pv_name"), ("pvseg", "pvseg_start"),
            ("seg", "seg_start"),
        ].flatMap { ["--configreport", $0.0, "--options", $0.1] }

    /// Reads what `vgs` has written.
    ///
    /// - Throws: `.unreadable` when it has another form, or a group's name stands there twice.
    init(groups text: String) throws(HostError) {
        groups = []
        for row in try Self.rows(text, "vg") { groups.append(try Self.group(row)) }
        try requireNames()
    }

    /// Reads what `lvm fullreport` has written: a part for each group, and one for devices that are in none.
    ///
    /// - Throws: `.unreadable` when it has another form, or a group's name stands there twice.
    init(whole text: String) throws(HostError) {
        groups = []
        for part in try Self.parts(text, "groups") {
            guard let rows = part["vg"] else { continue }
            guard let others = part["lv"] else { throw .unreadable("LVM's report lacks the volumes of a group") }
            for row in rows { groups.append(try Self.group(row)) }
            for row in others { volumes.append(try Self.volume(row)) }
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
        for row in try Self.rows(text, "lv") { volumes.append(try Self.volume(row)) }
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
            free: try number(row, "vg_free"), obstacle: obstacle)
    }

    private static func volume(_ row: Row) throws(HostError) -> LogicalVolumeRecord {
        let layout = try text(row, "lv_layout").split(separator: ",")
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
            metadataPercent: Double(try text(row, "metadata_percent")), metadataSize: UInt64(metadata) ?? 0)
    }
}
