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
        ])
}

extension UUID {
    /// The nil UUID, a placeholder until one is read.
    static let none = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
}
