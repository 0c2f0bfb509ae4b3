import Model

extension Image {
    static let grammar = Document.grammar(
        .image, "an Image", Image(metadata: Metadata(name: ""), spec: empty),
        [
            .required("metadata", \.metadata, Metadata.grammar.form, "Name, identity and labels."),
            .required("spec", \.spec, specGrammar.form, "Where the bytes come from and what they are."),
        ])

    static let recorded = grammar.adding([
        .optional("status", \.status, statusGrammar.form, "What was observed.")
    ])

    private static let empty = Spec(format: .qcow2)

    private static let specGrammar = Record(
        "an Image's spec", empty,
        [
            .optional(
                "file", \.file, .relativeFile, sample: "other.qcow2",
                "The file, relative to the folder that --files names."),
            .optional(
                "url", \.url, .imageURL, sample: "https://images.example/other.qcow2",
                "Where each host that needs the image fetches it; with it, sha256 is needed."),
            .optional(
                "sha256", \.sha256, .sha256, sample: String(repeating: "ef", count: 32),
                "SHA-256 of the bytes; others are refused."),
            .required("format", \.format, .word(), "How the bytes are to be read. Stated, never probed."),
            .optional(
                "virtualSize", \.virtualSize, .anySize, stage: .placed, "Size of a disk's contents as a guest sees it."),
        ], reserved: ["size"],
        together: [
            ("oneOf", .array(["file", "url"].map { .members([("required", .array([.string($0)]))]) })),
            ("dependentRequired", .members([("url", .array([.string("sha256")]))])),
        ]
    ) { spec, decoding, node in
        guard decoding.mode == .manifest else { return }
        guard let url = decoding.tree.value(of: "url", in: node) else {
            guard spec.file == nil else { return }
            decoding.fail(
                node, "missing-field", "an Image's spec needs file or url",
                help: "write file: a file below the --files folder, or url: where hosts fetch it, with its sha256")
            return
        }
        if spec.file != nil {
            decoding.fail(url, "conflict", "an image is a file or fetched from a URL", help: "keep one of them")
        } else if spec.sha256 == nil {
            decoding.fail(
                node, "missing-field", "an Image's spec with url needs sha256",
                help: "write sha256: the digest that the publisher of the image states")
        } else if let text = spec.url, let found = ImageURL(text), let why = objection(to: found) {
            decoding.fail(
                url, "url-address", "nothing is fetched from \(Wording.quoted(found.host)), \(why)",
                help: "name a server that other machines reach as well")
        }
    }

    /// What is to be said against a host before anybody looks where its name leads.
    private static func objection(to url: ImageURL) -> String? {
        if let address = url.address { return address.objectionToFetching }
        return url.host == "localhost" || url.host.hasSuffix(".localhost") ? "which is each host itself" : nil
    }

    private static let statusGrammar = Record(
        "an image's status", Status(host: "", pool: "", path: ""),
        [
            .required("host", \.host, .observed, "The host."),
            .required("pool", \.pool, .observed, "The pool it is stored in."),
            .required("path", \.path, .observed, "The absolute path."),
            .defaulted("staged", \.staged, .boolean, to: false, "Whether it is an unfinished copy."),
        ])
}
