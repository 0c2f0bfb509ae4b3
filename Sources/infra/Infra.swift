import ArgumentParser

@main
struct Infra: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "infra", abstract: "Make KVM hosts match YAML manifests.")
}
