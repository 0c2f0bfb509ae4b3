import Foundation
import TestSupport
import Testing

/// The built program on a VM of the lab, for what namespaces on this machine's kernel cannot have: KVM, VLANs, connection
/// tracking on bridges, systemd, a host that starts again. They share the VM, so they run one after the other; each has a fleet of
/// its own and leaves nothing.
@Suite(.enabled(if: LabVM.isUp, LabVM.reason), .serialized) enum VMHostTests {}

/// The VM that they need.
enum LabVM {
    /// Whether `lab up --vmhosts` has brought one up.
    static var isUp: Bool { isUp(.vm) }

    /// Whether it has brought up a second one.
    static var areTwo: Bool { isUp && isUp(RackHost(number: 2, isVM: true)) }

    private static func isUp(_ vm: RackHost) -> Bool {
        guard let keys = Lab.keys else { return false }
        let state = URL(filePath: keys).deletingLastPathComponent()
        return FileManager.default.fileExists(atPath: state.appending(path: "\(vm)/whole").path)
    }

    /// Why there is none.
    static var reason: Comment {
        let said = ProcessInfo.processInfo.environment["INFRA_LAB_NO_VM"]
        return Comment(rawValue: "needs a VM of the lab" + (said.map { ", which does not come up: \($0)" } ?? ""))
    }
}
