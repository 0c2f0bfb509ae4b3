import Foundation
import Model

extension KVMHost {
    /// The ways to reach a host as they are written: one of several fields.
    private struct Written {
        struct Nothing {}

        var local: Nothing?
        var ssh: SSH?

        init() {}

        init(_ connection: Connection) {
            switch connection {
            case .local: local = Nothing()
            case .ssh(let ssh): self.ssh = ssh
            }
        }

        var connection: Connection? { ssh.map { .ssh($0) } ?? local.map { _ in .local } }
    }

    static let connectionForm = Record(
        "a connection", Written(),
        [
            .optional(
                "local", \.local, Record("the local connection", Written.Nothing(), []).form,
                "The machine that infra runs on; written {}."),
            .optional(
                "ssh", \.ssh, sshGrammar.form, sample: SSH(address: "192.0.2.200"),
                "Another machine, by OpenSSH. Its key is never trusted on first use."),
        ],
        together: [
            ("oneOf", .array(["local", "ssh"].map { .members([("required", .array([.string($0)]))]) }))
        ]
    ) { written, decoding, node in
        if written.connection == nil {
            decoding.fail(
                node, "missing-field", "a connection needs local or ssh",
                help: "local: {} for the machine that infra runs on, ssh: {address: 192.0.2.12} for another one")
        } else if written.local != nil, written.ssh != nil, let ssh = decoding.tree.value(of: "ssh", in: node) {
            decoding.fail(ssh, "conflict", "a host is reached in one way, local or ssh", help: "keep one of them")
        }
    }.form.converted(
        to: { written, _, _ in written.connection }, from: { Written($0) }, varied: \.connection)

    private static let sshGrammar = Record(
        "an ssh connection", SSH(address: ""),
        [
            .required(
                "address", \.address, machineAddress("a host's address"), "The host's name in DNS, or its address."),
            .defaulted("port", \.port, .integer(1...65_535), to: 22, "sshd's TCP port."),
            .defaulted(
                "user", \.user, .userName, to: "root",
                "The user there, who may change links, files and libvirt's objects."),
            .optional(
                "identity", \.identity, sshIdentity, sample: "id_other",
                "The private key's file below the --ssh-keys folder; id_ed25519, id_ecdsa or id_rsa if left out."),
            .optional(
                "hostKey", \.hostKey, sshHostKey, sample: SSHKeyText.sample,
                "The only key the host may present; known_hosts of the --ssh-keys folder decides if left out."),
        ])

    /// How a machine is reached: what it is for is `title`, with an article.
    static func machineAddress(_ title: String) -> Form<String> {
        .string(
            title,
            accepted: "write a name in DNS, or an IPv4 or IPv6 address without brackets, such as 192.0.2.12",
            pattern:
                "^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$",
            limit: 253, samples: ["192.0.2.201", "192.0.2.202"],
            isValid: isSSHAddress)
    }

    static func isSSHAddress(_ text: String) -> Bool {
        if text.contains(":") { return IPAddress(text).map { !$0.isMulticast } ?? false }
        return text.utf8.count <= 253
            && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { Name.isValid($0.lowercased()) }
    }

    /// Without what ssh_config(5) would expand or take for the end of a word.
    private static let sshIdentity = Form<String>.string(
        "a key file below the --ssh-keys folder",
        accepted: "write a relative path of letters, digits and . _ - @ +, without . or .. in it, such as id_ed25519",
        pattern: "^[A-Za-z0-9_@+][A-Za-z0-9._@+-]*(/[A-Za-z0-9_@+][A-Za-z0-9._@+-]*)*$", limit: 255,
        samples: ["id_other", "id_another"]
    ) { Form<String>.isFolder("/" + $0) && $0.utf8.count <= 255 }

    private static let sshHostKey = Form<String>.string(
        "a host's public key",
        accepted: "write type and base64 text, as in /etc/ssh/ssh_host_ed25519_key.pub there, without the comment",
        pattern:
            "^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) ([A-Za-z0-9+/]{4})+([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
        limit: 2048,
        samples: [SSHKeyText.sample, SSHKeyText.other], isValid: SSHKeyText.isValid)
}

/// Public keys as sshd(8) writes them (RFC 4253, 6.6): a type, and base64 of a blob that begins with that type.
enum SSHKeyText {
    static let sample = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
    static let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA"

    private static let types = [
        "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
    ]

    static func isValid(_ text: String) -> Bool {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard text.utf8.count <= 2048, words.count == 2, types.contains(String(words[0])),
            let blob = Data(base64Encoded: String(words[1]))
        else { return false }
        let type = Array(words[0].utf8)
        let head: [UInt8] = [0, 0, 0, UInt8(type.count)] + type
        return blob.count > head.count + 4 && Array(blob.prefix(head.count)) == head
    }
}
