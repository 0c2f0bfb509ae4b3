import Foundation
import Hosts
import Model
import Testing

@testable import Drivers

/// What `vgs` and `lvs` say, made sense of.
@Suite struct LVMTests {
    let identity: Identity

    init() throws { identity = Identity(fleet: try #require(UUID(uuidString: "6f0a1d52-3c0e-4b3e-9a57-0d3c9b7e5f11"))) }

    private func tags(_ more: String...) -> String {
        (["infra.fleet=" + identity.fleet.lowercased] + more).joined(separator: ",")
    }

    /// LVM 2.03.16.
    private func groups(_ tags: String, missing: Int = 0) -> String {
        """
        {"report": [{"vg": [
          \(group("1", tags, missing: missing, device: "/dev/sdb", 16)),
          \(group("1", tags, missing: missing, device: "/dev/mapper/sdc", 32))
        ]}]}
        """
    }

    /// One row for each device.
    private func group(_ uuid: String, _ tags: String, missing: Int = 0, device: String, _ minor: Int) -> String {
        """
        {"vg_name":"vg0", "vg_uuid":"\(uuid)", "vg_tags":"\(tags)", "vg_extent_size":"4194304", "vg_free":"1073741824",
         "vg_missing_pv_count":"\(missing)", "vg_exported":"", "pv_name":"\(device)", "pv_major":"8", "pv_minor":"\(minor)"}
        """
    }

    private func volumes(
        _ rows: (name: String, tags: String, pool: String)..., profile: String = "", monitor: String = "monitored"
    ) -> String {
        let thin = """
            {"vg_name":"vg0", "lv_name":"thin", "lv_tags":"", "lv_size":"2147483648", "lv_layout":"thin,pool",
             "lv_attr":"twi-aotz--", "pool_lv":"", "origin":"", "lv_active":"active", "lv_device_open":"open",
             "data_percent":"25.00", "metadata_percent":"10.94", "lv_metadata_size":"4194304",
             "lv_profile":"\(profile)", "seg_monitor":"\(monitor)"}
            """
        let others = rows.map { row in
            """
            {"vg_name":"vg0", "lv_name":"\(row.name)", "lv_tags":"\(row.tags)", "lv_size":"1073741824",
             "lv_layout":"thin,sparse", "lv_attr":"Vwi-a-tz--", "pool_lv":"\(row.pool)", "origin":"",
             "lv_active":"active", "lv_device_open":"", "data_percent":"50.00", "metadata_percent":"",
             "lv_metadata_size":"", "lv_profile":"", "seg_monitor":""}
            """
        }
        return "{\"report\": [{\"lv\": [\(([thin] + others).joined(separator: ","))]}]}"
    }

    private func report(groups: String, volumes: String, profiles: [ThinPoolProfile] = []) throws -> LVMReport {
        try LVMReport(parts: whole(groups, volumes, profiles), volumesOf: nil)
    }

    /// What the script writes. It says of the devices that are asked for what `stat` says, in hexadecimal digits.
    private func whole(_ groups: String, _ volumes: String, _ profiles: [ThinPoolProfile] = []) -> String {
        let texts = profiles.map { "\($0.fileName)\0\($0.text.dropLast())\0" }.joined()
        return groups + "\0" + volumes + "\0" + "8 10 /dev/disk/by-id/b\n8 20 /dev/sdc\n8 30 /dev/sdd\n\0" + texts + "."
    }

    private func reading(_ answer: Result<LVMReport, HostError>, wanted: [StoragePool] = []) -> StorageObservation {
        var reading = StorageReading(host: "server-1", identity: identity)
        reading.add(answer, wanted: wanted)
        return reading.result
    }

    private var wanted: StoragePool {
        StoragePool(
            metadata: Metadata(name: "fast"),
            spec: .init(
                .lvm(
                    .init(
                        volumeGroup: "vg0", devices: ["/dev/disk/by-id/b", "/dev/sdc"],
                        thinPool: .init(name: "thin", size: .percent(80), overprovision: 3), images: "disks"))))
    }

    @Test func marksSurviveAsTags() {
        var mark = Volume.Mark(fleet: identity.fleet, id: "web.root", deletion: .delete, origin: "ab", retained: true)
        #expect(LVMTags.mark(LVMTags.tags(of: mark), in: identity) == mark)
        mark = Volume.Mark(fleet: identity.fleet, id: "web.root", deletion: .retain, copy: .movedTo("server-2"))
        let tags = LVMTags.tags(of: mark)
        #expect(LVMTags.mark(tags, in: identity) == mark)
        // What lvm(8) takes in a tag.
        #expect(tags.allSatisfy { $0.wholeMatch(of: #/[A-Za-z0-9_+.\-\/=!:&#]+/#) != nil })
        #expect(LVMTags.mark(tags, in: Identity(fleet: UUID())) == nil)
        #expect(LVMTags.mark(tags + ["infra.id=other"], in: identity) == nil, "it says two things")
        #expect(LVMTags.mark(["backup", "infra.id=web.root"], in: identity) == nil)
        // Without a word the data is kept.
        let unsaid = ["infra.fleet=" + identity.fleet.lowercased, "infra.id=a", "infra.deletion=perhaps"]
        #expect(LVMTags.mark(unsaid, in: identity)?.deletion == .retain)
    }

    @Test func aGroupIsReadWithWhatIsOursInIt() throws {
        let name = identity.logicalVolumeName("artist.root")
        let report = try self.report(
            groups: groups(tags("infra.pool=fast", "infra.thin=thin")),
            volumes: volumes(
                (name, tags("infra.id=artist.root", "infra.deletion=delete"), "thin"), ("foreign", "backup", "thin"),
                (identity.logicalVolumeName("staged"), tags("infra.id=staged", "infra.staged"), "thin"),
                ("renamed", tags("infra.id=other"), "thin")))
        let seen = reading(.success(report), wanted: [wanted])
        let pool = try #require(seen.pools.first)
        #expect(pool.spec == wanted.spec && pool.metadata == wanted.metadata)
        #expect(pool.status?.active == true && pool.status?.name == "vg0")
        // Of 2 GiB, two foreign volumes have promised all.
        #expect(pool.status?.capacity == ByteCount(0) && pool.status?.available == .mebibytes(1536))
        #expect(pool.status?.group?.thinPool?.dataPercent == 25 && pool.status?.group?.extent == .mebibytes(4))
        let root = try #require(seen.volumes.first { $0.metadata.identity == "artist.root" })
        #expect(root.status?.path == "/dev/vg0/" + name && root.spec.format == .raw && root.spec.size == .gibibytes(1))
        #expect(root.status?.mark?.deletion == .delete && root.status?.allocation == .mebibytes(512))
        #expect(seen.volumes.first { $0.status?.staged == true }?.status?.path.hasSuffix(".staged") == true)
        #expect(Set(seen.foreign.map(\.name)) == ["/dev/vg0/foreign", "/dev/vg0/renamed"])
        #expect(seen.unknown.isEmpty)
    }

    @Test func whatIsBeingWipedIsNoPartOfASnapshot() throws {
        let part = "nightly.20261129t020000z.root"
        let tags = [
            "infra.id=" + part, "infra.snapshot=nightly", "infra.moment=20261129t020000z", "infra.disks=root",
            "infra.staged",
        ]
        func seen(_ more: String...) throws -> Volume? {
            let all = self.tags() + "," + (tags + more).joined(separator: ",")
            let report = try self.report(
                groups: groups(self.tags("infra.pool=fast")),
                volumes: volumes((identity.logicalVolumeName(part), all, "thin")))
            return reading(.success(report)).volumes.first
        }
        #expect(try seen()?.status?.mark?.part?.snapshot == "nightly")
        let wiped = try #require(try seen("infra.wiping"))
        #expect(wiped.status?.staged == true && wiped.status?.mark?.id == part && wiped.status?.mark?.part == nil)
    }

    @Test func aGrowthThatWasCutOffBeginsAnew() throws {
        let name = identity.logicalVolumeName("a")
        let report = try self.report(
            groups: groups(tags("infra.pool=fast")),
            volumes: volumes((name, tags("infra.id=a", "infra.growing=536870912"), "thin")))
        #expect(reading(.success(report)).volumes.first?.spec.size == .mebibytes(512))
    }

    @Test func unknownIsNotAbsent() throws {
        for failure in [HostError.deadline(call: "vgs"), .command(program: "vgs", status: 127, standardError: "")] {
            let seen = reading(.failure(failure), wanted: [wanted])
            #expect(seen.pools.isEmpty && seen.unknown.map(\.resource) == [ResourceID(.storagePool, "fast")])
            #expect(reading(.failure(failure)).unknown.isEmpty, "nothing is wanted of LVM")
        }
        let report = try self.report(groups: groups(tags("infra.pool=fast"), missing: 1), volumes: volumes())
        let seen = reading(.success(report), wanted: [wanted])
        #expect(seen.unknown.map(\.resource) == [ResourceID(.storagePool, "fast")], "devices are missing")
    }

    @Test(
        "hostile LVM output: half a document, other fields, two groups of one name",
        arguments: [
            "", "{", "[]", #"{"report": []}"#, #"{"report": [{"vg": [{"vg_name": "vg0"}]}]}"#,
            #"{"report": [{"vg": [{"vg_name": 5}]}]}"#, #"{"report": [{"lv": []}]}"#,
        ]) func oddReportsAreUnreadable(_ text: String) throws
    {
        #expect(throws: HostError.self) { try report(groups: text, volumes: volumes()) }
        let rows = ["1", "2"].map { group($0, "", device: "/dev/sdb", 16) }.joined(separator: ",")
        #expect(throws: HostError.self) {
            try report(groups: "{\"report\": [{\"vg\": [\(rows)]}]}", volumes: volumes())
        }
    }

    @Test("hostile LVM output: half a report") func halfAReportIsUnreadable() throws {
        let name = identity.logicalVolumeName("a")
        let whole = whole(groups(tags("infra.pool=fast")), volumes((name, tags("infra.id=a"), "thin")))
        #expect(try LVMReport(parts: whole, volumesOf: identity).volumes.map(\.name) == ["thin", name])
        for length in 0..<whole.count {
            #expect(throws: HostError.self, "\(length) bytes") {
                try LVMReport(parts: String(whole.prefix(length)), volumesOf: identity)
            }
        }
        // Only a host without a group of ours is not asked for volumes.
        let others = groups("infra.fleet=aaaaaaaa-0000-0000-0000-000000000000") + "\0\0\0."
        #expect(try LVMReport(parts: others, volumesOf: identity).volumes.isEmpty)
        #expect(throws: HostError.self) { try LVMReport(parts: others, volumesOf: nil) }
    }

    /// `lvm fullreport` of LVM 2.03.16 beside a device that is in no group.
    @Test("hostile LVM output: half a full report") func oneProgramSaysTheSame() throws {
        let name = identity.logicalVolumeName("a")
        let (groups, volumes) = (groups(tags("infra.pool=fast")), volumes((name, tags("infra.id=a"), "thin")))
        func list(_ text: String) -> Substring { text.dropFirst(#"{"report": [{"#.count).dropLast("}]}".count) }
        func device(_ name: String, _ minor: Int) -> String {
            "{\"pv_name\":\"\(name)\", \"pv_major\":\"8\", \"pv_minor\":\"\(minor)\"}"
        }
        let own = "\"vg\": [\(group("1", tags("infra.pool=fast"), device: "/dev/sdb", 16))]"
        let whole = """
            {"report": [{\(own), "pv": [\(device("/dev/sdb", 16)), \(device("/dev/mapper/sdc", 32))], \(list(volumes)),
              "pvseg": [{"pvseg_start":"0"}],
              "seg": [{"lv_name":"thin", "seg_monitor":"monitored"}, {"lv_name":"\(name)", "seg_monitor":""}]},
              {"pv": [\(device("/dev/sdd", 48))], "pvseg": [{"pvseg_start":"0"}]}]}
            """
        let (read, same) = (try LVMReport(whole: whole), try report(groups: groups, volumes: volumes))
        #expect(read.groups == same.groups && read.volumes == same.volumes)
        for length in 0..<whole.count {
            #expect(throws: HostError.self, "\(length) bytes") { try LVMReport(whole: String(whole.prefix(length))) }
        }
        #expect(throws: HostError.self) { try LVMReport(whole: groups) }
        #expect(try LVMReport(whole: #"{"report": []}"#).groups.isEmpty)
        let twice = whole.replacing(#"{"report": ["#, with: #"{"report": [{\#(own), "lv": [], "pv": [], "seg": []}, "#)
        #expect(throws: HostError.self) { try LVMReport(whole: twice) }
    }

    @Test func whatWasAdoptedKeepsItsName() throws {
        let mark = Volume.Mark(
            fleet: identity.fleet, id: "archive", deletion: .retain, file: "old", format: .raw)
        let all = LVMTags.tags(of: mark).joined(separator: ",")
        let report = try self.report(
            groups: groups(tags("infra.pool=fast", "infra.thin=thin")),
            volumes: volumes(
                ("old", all, "thin"), ("copy", all, "thin"), ("free", "backup", "thin"), ("elsewhere", "", "thin2")))
        let seen = reading(.success(report), wanted: [wanted])
        #expect(seen.volumes.map(\.status?.path) == ["/dev/vg0/old"])
        #expect(seen.volumes.first?.spec.file == "old" && seen.volumes.first?.status?.mark == mark)
        // A copy of it under another name is not taken for it, and what no manifest could hold is not offered.
        #expect(seen.foreign.map(\.name) == ["/dev/vg0/copy", "/dev/vg0/free", "/dev/vg0/elsewhere"])
        #expect(seen.foreign.map { $0.obstacle == nil } == [false, true, false])
        #expect(seen.adoptable.volumes.map(\.metadata.name) == ["free"])
    }

    @Test func devicesAreKnownByTheirNumbers() throws {
        let report = try self.report(groups: groups(tags("infra.pool=fast")), volumes: volumes())
        let group = try #require(report.group("vg0"))
        let all = group.devices(among: ["/dev/disk/by-id/b", "/dev/sdc"], report.numbers)
        #expect(all.there.count == 2 && all.missing.isEmpty && all.others.isEmpty)
        let some = group.devices(among: ["/dev/sdd", "/dev/sdc", "/dev/gone"], report.numbers)
        #expect(some.there == ["/dev/sdc"] && some.missing == ["/dev/sdd", "/dev/gone"] && some.others == ["/dev/sdb"])
        var wanted = wanted
        wanted.spec.backend = .lvm(.init(volumeGroup: "vg0", devices: ["/dev/sdc", "/dev/sdd"]))
        let seen = reading(.success(report), wanted: [wanted])
        #expect(seen.pools.first?.spec.lvm?.devices == ["/dev/sdc", "/dev/sdb"])
    }

    @Test func aProfileSaysWhenAThinPoolGrows() throws {
        let profile = ThinPoolProfile("fast-1", .init(threshold: 80, by: 20), in: identity)
        #expect(profile.name == "infra-6f0a1d52-fast-1-80-20")
        #expect(ThinPoolProfile(name: profile.name, in: identity) == profile)
        #expect(ThinPoolProfile(fileName: profile.fileName, in: identity) == profile)
        for name in ["", "thin-generic", "infra-6f0a1d52-80-20", "infra-6f0a1d52-a-080-20", "infra-aaaaaaaa-a-80-20"] {
            #expect(ThinPoolProfile(name: name, in: identity) == nil, "\(name)")
        }
    }

    @Test func whatAThinPoolGrowsByIsRead() throws {
        let profile = ThinPoolProfile("fast", .init(threshold: 80, by: 20), in: identity)
        let old = ThinPoolProfile("fast", .init(threshold: 70, by: 20), in: identity)
        let other = ThinPoolProfile("fast-70", .init(threshold: 70, by: 20), in: identity)
        func use(_ name: String, _ monitor: String, _ profiles: [ThinPoolProfile]) throws -> StoragePool.ThinPoolUse? {
            let report = try self.report(
                groups: groups(tags("infra.pool=fast", "infra.thin=thin")),
                volumes: volumes(profile: name, monitor: monitor), profiles: profiles)
            return reading(.success(report), wanted: [wanted]).pools.first?.status?.group?.thinPool
        }
        let whole = try use(profile.name, "monitored", [profile, other])
        #expect(whole?.autoextend == profile.autoextend && whole?.autoextendFlaw == nil)
        #expect(try use(profile.name, "not monitored", [profile])?.autoextendFlaw == "dmeventd does not watch it")
        #expect(try use(profile.name, "monitored", [])?.autoextendFlaw?.contains("is not there") == true)
        #expect(try use(profile.name, "monitored", [profile, old])?.autoextendFlaw?.contains("of no use") == true)
        let none = try use("", "monitored", [other])
        #expect(none?.autoextend == nil && none?.autoextendFlaw == nil)
        let foreign = try use("thin-generic", "monitored", [])
        #expect(foreign?.autoextend == nil && foreign?.autoextendFlaw == nil)
    }

    @Test func strangersGroupsAreTold() throws {
        for (mark, owner, isFree) in [
            ("", "", true), ("backup", "", true),
            ("infra.fleet=aaaaaaaa-0000-0000-0000-000000000000", "fleet aaaaaaaa", false),
            (tags(), "fleet 6f0a1d52", false),
        ] {
            let seen = reading(.success(try report(groups: groups(mark), volumes: volumes(("x", "", "thin")))))
            #expect(seen.pools.isEmpty && seen.volumes.isEmpty)
            #expect(seen.foreign.map(\.owner) == [owner] && (seen.foreign.first?.obstacle == nil) == isFree)
        }
    }

    @Test func longIdentitiesFitDeviceMapper() {
        let id = String(repeating: "a-", count: 31) + "a." + String(repeating: "b-", count: 31) + "b"
        let name = identity.logicalVolumeName(id)
        // Hyphens count twice; a group has at most 25 of the 127 bytes, twice.
        #expect(name.utf8.reduce(0) { $0 + ($1 == UInt8(ascii: "-") ? 2 : 1) } <= 76)
        #expect(identity.logicalVolumeName(id + "c") != name)
        #expect(identity.logicalVolumeName("artist.root") == "i-c58f90df-artist.root")
    }
}
