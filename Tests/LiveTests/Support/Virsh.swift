import Foundation

/// What libvirt's own client says.
enum Virsh {
    /// The names of the domains that run.
    static func running() async throws -> Set<String> {
        Set(try await sh("virsh list --name --state-running").split(whereSeparator: \.isNewline).map(String.init))
    }

    /// The names of all domains.
    static func all() async throws -> Set<String> {
        Set(try await sh("virsh list --name --all").split(whereSeparator: \.isNewline).map(String.init))
    }

    /// `running`, `shut off`, …
    static func state(_ domain: String) async throws -> String {
        try await sh(#"virsh domstate "$1""#, domain)
    }

    /// The process of a running domain.
    static func process(_ domain: String) async throws -> String {
        try await sh(#"cat "/run/libvirt/qemu/$1.pid""#, domain)
    }

    /// The persistent definition, passwords included.
    static func definition(_ domain: String) async throws -> String {
        try await sh(#"virsh dumpxml --inactive --security-info "$1""#, domain)
    }
}
