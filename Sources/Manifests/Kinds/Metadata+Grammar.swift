import Foundation
import Model

extension Metadata {
    static let grammar = Record(
        "the metadata", Metadata(name: ""),
        [
            .required("name", \.name, .name, "The name people use, unique among the resources of its kind."),
            .optional(
                "id", \.id, .name, sample: "kept",
                "The identity that a rename keeps: set it to the old name when you change the name."),
            .defaulted("labels", \.labels, labelsGrammar, to: [:], "Words for selecting."),
        ], reserved: ["annotations", "description", "uuid"])

    /// Of what libvirt knows by a UUID of its own.
    static let adoptableGrammar = Record(
        grammar.title, grammar.initial,
        grammar.fields + [
            .optional(
                "uuid", \.uuid, .uuid, sample: UUID(uuidString: "6f0a1d52-3c0e-4b3e-9a57-0d3c9b7e5f17"),
                "libvirt's UUID of one that is there and not ours: adopts it. Written by `infra import`.")
        ], reserved: grammar.reserved.filter { $0 != "uuid" })

    /// A fleet's identity is a UUID.
    static let fleetGrammar = Record(
        "the metadata", Metadata(name: ""),
        [
            .required("name", \.name, .name, "The name people use; changing it changes nothing on the hosts."),
            .optional(
                "id", \.id, fleetID, required: true, sample: "6f0a1d52-3c0e-4b3e-9a57-0d3c9b7e5f14",
                "A random UUID, written by `infra init`: the namespace of every identity. Never change it."),
            .defaulted("labels", \.labels, labelsGrammar, to: [:], "Words for selecting."),
        ], reserved: ["annotations", "description", "uuid"])

    static let labelsGrammar = Form<[String: String]>.dictionary(
        "words", key: word("a label's name"), of: word("a label's value", truth: true), sample: ("added", "label"))

    private static let fleetID = Form<String>.text(
        "a UUID", accepted: "write what uuidgen prints, such as 6f0a1d52-3c0e-4b3e-9a57-0d3c9b7e5f11",
        pattern: "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$",
        samples: ["6f0a1d52-3c0e-4b3e-9a57-0d3c9b7e5f15", "6f0a1d52-3c0e-4b3e-9a57-0d3c9b7e5f16"],
        parse: { UUID(uuidString: $0)?.lowercased }, print: { $0 })

    private static func word(_ what: String, truth: Bool = false) -> Form<String> {
        .string(
            what, accepted: "use letters, digits and inner . _ - /, at most 63 characters",
            pattern: "^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$", truth: truth,
            samples: ["other", "another"]
        ) { text in
            let isInner = { (byte: UInt8) in byte >= 0x2d && byte <= 0x2f || byte == 0x5f }
            let isWord = { (byte: UInt8) in
                byte >= 0x30 && byte <= 0x39 || byte >= 0x41 && byte <= 0x5a || byte >= 0x61 && byte <= 0x7a
            }
            guard let first = text.utf8.first, let last = text.utf8.last, text.utf8.count <= 63 else { return false }
            return isWord(first) && isWord(last) && text.utf8.allSatisfy { isWord($0) || isInner($0) }
        }
    }
}
