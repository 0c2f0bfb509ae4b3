import CLibvirt
public import Foundation
public import Model

extension LibvirtConnection {
    /// Sets what a running domain's interface may send and receive; nil lifts the limits. Maps to
    /// `virDomainSetInterfaceParameters` with `LIVE`, which takes rates in thousands of bytes a second and bursts in KiB.
    ///
    /// - Parameter device: the interface's Ethernet address or its link's name.
    public func setDomainBandwidth(
        _ uuid: UUID, device: String, _ bandwidth: Bandwidth?, deadline: Duration
    ) async throws(HostError) {
        let values = Self.values("inbound", bandwidth?.inbound) + Self.values("outbound", bandwidth?.outbound)
        try await withDomain(uuid, "virDomainSetInterfaceParameters", deadline: deadline) {
            (domain, _) throws(HostError) in
            var parameters: virTypedParameterPtr?
            var count: Int32 = 0
            var capacity: Int32 = 0
            defer { virTypedParamsFree(parameters, count) }
            for (name, value) in values {
                try LibvirtLibrary.check(
                    "virTypedParamsAddUInt", virTypedParamsAddUInt(&parameters, &count, &capacity, name, value))
            }
            try LibvirtLibrary.check(
                "virDomainSetInterfaceParameters",
                virDomainSetInterfaceParameters(
                    domain, device, parameters, count, VIR_DOMAIN_AFFECT_LIVE.rawValue))
        }
    }

    /// An average of 0 lifts the limits of its direction.
    private static func values(_ direction: String, _ limit: Bandwidth.Limit?) -> [(String, UInt32)] {
        guard let limit else { return [("\(direction).average", 0)] }
        return [
            ("\(direction).average", UInt32(clamping: limit.average.kilobytes)),
            ("\(direction).peak", UInt32(clamping: limit.peak?.kilobytes ?? 0)),
            ("\(direction).burst", UInt32(clamping: (limit.burst?.bytes ?? 0) >> 10)),
        ]
    }
}
