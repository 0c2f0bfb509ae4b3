import Model

extension Importer {
    /// The manifests, a file for each sort of resource that there is, with what a reader should know as comments.
    ///
    /// - Parameter prefix: what the file names begin with.
    public func files(prefix: String = "") -> [(file: String, text: String)] {
        var texts: [(String, String)] = []
        if isNew {
            texts.append(("fleet", head + documents([write(.fleet, existing.fleet, Fleet.grammar), write(host)])))
        }
        texts.append(
            (
                "storage",
                documents(
                    pools.map { write(.storagePool, $0, StoragePool.grammar) }
                        + volumes.map { write(.volume, $0, Volume.grammar) })
            ))
        texts.append(("networks", documents(networks.map { write(.network, $0, Network.grammar) })))
        texts.append(("machines", documents(machines.map { write(.virtualMachine, $0, VirtualMachine.grammar) })))
        texts.removeAll { $0.1.isEmpty }
        if !isNew, !texts.isEmpty { texts[0].1 = head + texts[0].1 }
        return texts.map { ("\(prefix)\($0.0).yaml", $0.1) }
    }

    private var head: String {
        guard !refusals.isEmpty else { return "" }
        return "# Not imported:\n"
            + refusals.map { Self.comment("  \($0.what): \($0.reason)") }.joined() + "\n"
    }

    private func documents(_ texts: [String]) -> String { texts.joined(separator: "---\n") }

    private func write(_ host: KVMHost) -> String { write(.host, host, KVMHost.grammar) }

    private func write<Root: Identified>(_ kind: ResourceKind, _ root: Root, _ grammar: Record<Root>) -> String {
        var writer = YAMLWriter()
        writer.document(Document.write(kind, root, grammar))
        return (remarks[root.resourceID] ?? []).map(Self.comment).joined() + writer.text
    }

    private func write(_ kind: ResourceKind, _ fleet: Fleet, _ grammar: Record<Fleet>) -> String {
        var writer = YAMLWriter()
        writer.document(Document.write(kind, fleet, grammar))
        return writer.text
    }

    /// A line that ends nowhere but at its end, whatever a host says.
    private static func comment(_ text: String) -> String { "# \(TerminalText.safe(text))\n" }
}
