public import ArgumentParser
import Manifests
public import Model

extension ResourceKind: ExpressibleByArgument {}

/// `infra schema`: the JSON Schema of the manifests.
struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "Print the JSON Schema of the manifests, or of one kind.")

    @Argument(help: "A kind, such as VirtualMachine; any document when left out.") var kind: ResourceKind?

    func run() throws { Console.output(SchemaDocument.json(for: kind)) }
}
