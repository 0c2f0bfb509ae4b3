import Model

extension VirtualMachine {
    static let placementGrammar = Record(
        "a placement", Spec(cpu: CPU(count: 0), memory: Memory(size: ByteCount(0))),
        [
            .defaulted(
                "hostSelector", \.placement.hostSelector, Metadata.labelsGrammar, to: [:],
                "Labels of the hosts that may have it; any host if left out."),
            .defaulted(
                "affinity", \.placement.affinity, selectors, to: [],
                "Labels, a mapping for each: its host has another machine with these, unless there is none yet."),
            .defaulted(
                "antiAffinity", \.placement.antiAffinity, selectors, to: [],
                "Labels, a mapping for each: its host has no other machine with these."),
        ])

    private static let selectors = Form<[LabelSelector]>.list(
        "mappings of labels", of: selector, sample: ["added": "label"])

    /// Without a label it would mean every machine.
    private static let selector: Form<LabelSelector> = {
        let labels = Metadata.labelsGrammar
        return Form(
            schema: { .object((labels.schema().members ?? []) + [JSONValue.Member("minProperties", .int(1))]) },
            read: { decoding, node in
                guard let value = labels.read(decoding, node) else { return nil }
                if value.isEmpty, decoding.tree.kind(node) == .mapping, decoding.tree.end(node) == node + 1 {
                    decoding.fail(
                        node, "value", "a selector without a label means every machine", help: "write {team: design}")
                    return nil
                }
                return value
            }, write: labels.write, vary: labels.vary)
    }()
}
