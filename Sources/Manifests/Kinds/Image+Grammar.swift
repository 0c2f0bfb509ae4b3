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

    private static let empty = Spec(file: "", format: .qcow2)

    private static let specGrammar = Record(
        "an Image's spec", empty,
        [
            .required("file", \.file, .relativeFile, "The file, relative to the folder that --files names."),
            .optional(
                "sha256", \.sha256, .sha256, sample: String(repeating: "ef", count: 32),
                "SHA-256 of the bytes; a file with another one is refused."),
            .required("format", \.format, .word(), "How the bytes are to be read. Stated, never probed."),
            .optional(
                "virtualSize", \.virtualSize, .anySize, stage: .placed, "Size of a disk's contents as a guest sees it."),
        ], reserved: ["url", "size"])

    private static let statusGrammar = Record(
        "an image's status", Status(host: "", pool: "", path: ""),
        [
            .required("host", \.host, .observed, "The host."),
            .required("pool", \.pool, .observed, "The pool it is stored in."),
            .required("path", \.path, .observed, "The absolute path."),
            .defaulted("staged", \.staged, .boolean, to: false, "Whether it is an unfinished copy."),
        ])
}
