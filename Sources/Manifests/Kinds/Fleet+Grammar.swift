import Foundation
import Model

extension Fleet {
    static let grammar = Document.grammar(
        .fleet, "a Fleet", Fleet(metadata: Metadata(name: ""), uuid: .none),
        [
            .required("metadata", \.metadata, Metadata.fleetGrammar.form, "Name, identity and labels."),
            .group("spec", specGrammar, "The policies."),
        ]
    ) { fleet, _, _ in
        if let uuid = fleet.metadata.id.flatMap({ UUID(uuidString: $0) }) { fleet.uuid = uuid }
    }

    private static let specGrammar = Record(
        "a Fleet's spec", Fleet(metadata: Metadata(name: ""), uuid: .none),
        [
            .defaulted("policy", \.policy, policyGrammar.form, to: Policy(), "What unattended runs may do."),
            .defaulted(
                "placement", \.placement, .word(), to: .spread,
                "Which of the hosts that can take a new machine gets it: the least loaded, or the most loaded."),
            .optional(
                "evpn", \.evpn, routingGrammar.form, sample: Routing(asn: 65_000),
                "The BGP that hosts speak for networks with flooding: evpn."),
            .defaulted(
                "migration", \.migration, migrationGrammar.form, to: Migration(),
                "What moving a machine that runs may take."),
            .optional(
                "deletedVolumes", \.deletedVolumes, deletedGrammar.form, sample: DeletedVolumes(keepFor: 172_800),
                "What becomes of volumes that deletion: delete has deleted; they are gone at once if left out."),
        ])

    private static let deletedGrammar = Record(
        "what becomes of deleted volumes", DeletedVolumes(keepFor: 0),
        [
            .required(
                "keepFor", \.keepFor, Snapshot.interval,
                "For how long each stays beside, and can be brought back: 30m, 12h, 7d.")
        ])

    private static let routingGrammar = Record(
        "EVPN", Routing(asn: 0),
        [
            .required(
                "asn", \.asn, .integer(1...4_294_967_294), "The autonomous system that every host is in (iBGP)."),
            .defaulted(
                "routeReflectors", \.routeReflectors,
                .list("addresses", of: .address, sample: IPAddress(ipv4: 192, 0, 2, 250)), to: [],
                "Route reflectors outside the fleet; each host speaks with each other one if left out."),
        ])

    private static let migrationGrammar = Record(
        "limits of moves", Migration(),
        [
            .optional(
                "bandwidth", \.bandwidth, .bitRate, sample: BitRate(kilobytes: 125_000),
                "For each of its memory and its disks, bits a second; as much as there is if left out."),
            .defaulted(
                "maxDowntime", \.maxDowntime, .integer(10...60_000), to: 1000,
                "For how long the guest may stand still at the end, in milliseconds."),
            .defaulted(
                "timeout", \.timeout, .integer(10...604_800), to: 3600,
                "After how long a move that does not end is given up, in seconds."),
        ])

    private static let policyGrammar = Record(
        "a policy", Policy(),
        [
            .defaulted(
                "unattended", \.unattended, .word(), to: .live, "Up to which disruption an unattended run goes."),
            .defaulted("prune", \.prune, .boolean, to: false, "Whether it removes resources that left the fleet."),
            .defaulted(
                "deletionBudget", \.deletionBudget, .integer(0...10_000), to: 1,
                "At most this many removals in one unattended run."),
            .defaulted("drift", \.drift, .word(), to: .correct, "What to do about drift between commits."),
            .defaulted(
                "rotateSnapshots", \.rotateSnapshots, .boolean, to: false,
                "Whether a Snapshot that was taken anew removes the oldest beyond its keep."),
        ])
}

extension UUID {
    /// The nil UUID, a placeholder until one is read.
    static let none = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
}
