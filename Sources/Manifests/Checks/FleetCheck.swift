import Model

extension CheckedFleet {
    /// The input is a whole fleet: exactly one `Fleet`, and something in it.
    static let checkFleet: Check = { fleet, report in
        for place in fleet.fleetPlaces.dropFirst() {
            report.error(
                place, "many-fleets", "another Fleet; a folder holds exactly one",
                help: "put each fleet into a folder of its own")
        }
        // What could not be read may be just what is missing.
        guard !fleet.register.isPartial else { return }
        if fleet.fleetPlaces.isEmpty {
            report.error(
                nil, "no-fleet", "no Fleet among the manifests", help: "write one with `infra init`; it names the fleet"
            )
        } else if ResourceKind.allCases.allSatisfy({ fleet.register.count($0) == 0 }) {
            report.error(
                fleet.fleetPlaces.first, "empty-fleet", "there is nothing but the Fleet",
                help: "declare hosts and machines; to remove everything, use `infra destroy`")
        }
    }
}
