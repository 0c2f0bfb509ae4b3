import Model

extension VirtualMachine {
    /// A managed field of a machine that has one value.
    struct Field: Sendable {
        /// Below `spec`, as `ignoreChanges` names it.
        let path: String
        /// Whether a running machine takes the change up only when it starts again.
        let needsRestart: Bool
        /// The value for a reader; nil where there is none.
        let text: @Sendable (Spec) -> String?
        /// Takes the value over from another specification.
        let copy: @Sendable (inout Spec, Spec) -> Void

        init(
            _ path: String, needsRestart: Bool = true, _ text: @escaping @Sendable (Spec) -> String?,
            copy: @escaping @Sendable (inout Spec, Spec) -> Void
        ) {
            self.path = path
            self.needsRestart = needsRestart
            self.text = text
            self.copy = copy
        }

        /// Every managed field that has one value. Disks and interfaces are compared by name beside them.
        static let all: [Field] = [
            Field("cpu.count") {
                String($0.cpu.count)
            } copy: {
                $0.cpu.count = $1.cpu.count
            },
            Field("cpu.max") {
                String($0.cpu.max)
            } copy: {
                $0.cpu.max = $1.cpu.max
            },
            Field("memory.size") {
                $0.memory.size.description
            } copy: {
                $0.memory.size = $1.memory.size
            },
            Field("memory.max") {
                $0.memory.max.description
            } copy: {
                $0.memory.max = $1.memory.max
            },
            Field("accelerator") {
                $0.accelerator?.rawValue
            } copy: {
                $0.accelerator = $1.accelerator
            },
            Field("boot.kernel") {
                $0.boot?.kernelPath
            } copy: {
                $0.boot?.kernelPath = $1.boot?.kernelPath
            },
            Field("boot.initrd") {
                $0.boot?.initrdPath
            } copy: {
                $0.boot?.initrdPath = $1.boot?.initrdPath
            },
            Field("boot.cmdline") {
                $0.boot?.commandLine
            } copy: {
                $0.boot?.commandLine = $1.boot?.commandLine ?? ""
            },
            Field("cloudInit") {
                $0.seed?.path
            } copy: {
                $0.seed = $1.seed
            },
            Field("console.serial.log") {
                $0.console.serialLogPath
            } copy: {
                $0.console.serialLogPath = $1.console.serialLogPath
            },
            Field("console.vnc.listen") {
                $0.console.vnc?.listen.description
            } copy: {
                $0.console.vnc?.listen = $1.console.vnc?.listen ?? .loopback
            },
            Field("console.vnc.port") {
                $0.console.vnc?.port.map { String($0) }
            } copy: {
                $0.console.vnc?.port = $1.console.vnc?.port
            },
            Field("autostart", needsRestart: false) {
                String($0.autostart)
            } copy: {
                $0.autostart = $1.autostart
            },
        ]
    }

    /// A difference between two specifications of a machine.
    struct Difference {
        var change: FieldChange
        /// Whether a running machine takes it up only when it starts again.
        var needsRestart: Bool
    }

    /// What is to change from one specification to another, managed fields only.
    static func differences(from old: Spec, to new: Spec) -> [Difference] {
        guard !old.managesTheSame(as: new) else { return [] }
        var result: [Difference] = []
        func note(_ path: String, _ old: String?, _ new: String?, needsRestart: Bool = true) {
            guard old != new else { return }
            result.append(
                Difference(change: FieldChange("spec." + path, old: old, new: new), needsRestart: needsRestart))
        }
        for field in Field.all { note(field.path, field.text(old), field.text(new), needsRestart: field.needsRestart) }
        let oldDisks = Dictionary(old.disks.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let newDisks = Dictionary(new.disks.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for name in Set(oldDisks.keys).union(newDisks.keys).sorted() {
            let path = "disks[\(name)]"
            guard let before = oldDisks[name], let after = newDisks[name] else {
                note(path, oldDisks[name]?.summary, newDisks[name]?.summary)
                continue
            }
            note(path + ".volume", before.source, after.source)
            // It lies in another pool, or is read in another format.
            if before.source == after.source { note(path + ".path", before.path, after.path) }
            note(path + ".format", before.format?.rawValue, after.format?.rawValue)
            note(path + ".bus", before.bus.rawValue, after.bus.rawValue)
            note(path + ".bootOrder", before.bootOrder.map { String($0) }, after.bootOrder.map { String($0) })
        }
        let oldNICs = Dictionary(old.interfaces.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let newNICs = Dictionary(new.interfaces.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for name in Set(oldNICs.keys).union(newNICs.keys).sorted() {
            let path = "interfaces[\(name)]"
            guard let before = oldNICs[name], let after = newNICs[name] else {
                note(path, oldNICs[name]?.summary, newNICs[name]?.summary)
                continue
            }
            if before.bridge != after.bridge {
                note(path + ".network", before.place, after.place)
            }
            note(path + ".mac", before.mac?.description, after.mac?.description)
            note(path + ".model", before.model.rawValue, after.model.rawValue)
            // What runs keeps its link's name; the firewall knows both. A name that is there is never taken away.
            if after.device != nil { note(path + ".device", before.device, after.device, needsRestart: false) }
            note(
                path + ".bandwidth.inbound", before.bandwidth?.inbound?.summary, after.bandwidth?.inbound?.summary,
                needsRestart: false)
            note(
                path + ".bandwidth.outbound", before.bandwidth?.outbound?.summary, after.bandwidth?.outbound?.summary,
                needsRestart: false)
            note(path + ".mtu", before.mtu.map { String($0) }, after.mtu.map { String($0) })
        }
        return result
    }
}

extension VirtualMachine.Spec {
    /// Whether no managed field differs: the quick way through a fleet in which nothing changed.
    fileprivate func managesTheSame(as other: VirtualMachine.Spec) -> Bool {
        cpu == other.cpu && memory == other.memory && accelerator == other.accelerator
            && boot?.kernelPath == other.boot?.kernelPath && boot?.initrdPath == other.boot?.initrdPath
            && boot?.commandLine == other.boot?.commandLine && seed?.path == other.seed?.path
            && console.serialLogPath == other.console.serialLogPath && console.vnc == other.console.vnc
            && autostart == other.autostart
            && disks.elementsEqual(other.disks) {
                $0.name == $1.name && $0.path == $1.path && $0.format == $1.format && $0.bus == $1.bus
                    && $0.bootOrder == $1.bootOrder
            }
            && interfaces.elementsEqual(other.interfaces) {
                $0.name == $1.name && $0.bridge == $1.bridge && $0.mac == $1.mac && $0.model == $1.model
                    && $0.mtu == $1.mtu && $0.bandwidth == $1.bandwidth
                    && ($1.device == nil || $0.device == $1.device)
            }
    }

    /// The specification with the ignored fields taken from what is there, so that no step overwrites them.
    func ignoring(_ paths: [String], in observed: VirtualMachine.Spec) -> VirtualMachine.Spec {
        var result = self
        for path in paths {
            if let field = VirtualMachine.Field.all.first(where: { $0.path == path }) {
                if path.hasPrefix("boot."), (result.boot == nil) != (observed.boot == nil) { continue }
                if path.hasPrefix("console.vnc."), (result.console.vnc == nil) != (observed.console.vnc == nil) {
                    continue
                }
                field.copy(&result, observed)
            }
            for index in result.disks.indices {
                let prefix = "disks[\(result.disks[index].name)]"
                guard path.hasPrefix(prefix),
                    let seen = observed.disks.first(where: { $0.name == result.disks[index].name })
                else { continue }
                if path == prefix + ".bus" { result.disks[index].bus = seen.bus }
                if path == prefix + ".bootOrder" { result.disks[index].bootOrder = seen.bootOrder }
            }
            for index in result.interfaces.indices {
                let prefix = "interfaces[\(result.interfaces[index].name)]"
                guard path.hasPrefix(prefix),
                    let seen = observed.interfaces.first(where: { $0.name == result.interfaces[index].name })
                else { continue }
                if path == prefix + ".model" { result.interfaces[index].model = seen.model }
                if path == prefix + ".mtu" { result.interfaces[index].mtu = seen.mtu }
                if path == prefix + ".mac" { result.interfaces[index].mac = seen.mac }
            }
        }
        return result
    }
}

extension VirtualMachine.Disk {
    fileprivate var source: String? { volume.map { "Volume/\($0)" } ?? path }
    fileprivate var summary: String { source ?? bus.rawValue }
}

extension VirtualMachine.Interface {
    fileprivate var place: String? { network.map { "Network/\($0)" } ?? bridge }
    fileprivate var summary: String { [place, mac?.description].compactMap(\.self).joined(separator: ", ") }
}
