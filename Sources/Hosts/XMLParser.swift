import CXML2

extension XMLElement {
    /// Reads a document with libxml2: no network, no document type and so no entities, libxml2's own limits on depth
    /// and size.
    ///
    /// - Parameter keepingBlanks: whether text that is only white space stays; without it reading is quicker, and
    ///   writing gives another layout.
    /// - Parameter omitting: names of elements below the root that are left out, with all that is in them.
    /// - Throws: `HostError.surprise` when it is not well-formed; `source` says where it came from.
    public init(
        parsing text: String, from source: String, keepingBlanks: Bool = true, omitting names: [String] = []
    ) throws(HostError) {
        var text = text
        let result = text.withUTF8 { bytes in
            Result { () throws(HostError) in
                try XMLElement(parsing: bytes, from: source, keepingBlanks: keepingBlanks, omitting: names)
            }
        }
        self = try result.get()
    }

    /// Reads a document from its bytes.
    init(
        parsing bytes: UnsafeBufferPointer<UInt8>, from source: String, keepingBlanks: Bool, omitting names: [String]
    ) throws(HostError) {
        xmlInitParser()
        let builder = XMLTreeBuilder(keepingBlanks: keepingBlanks, omitting: names)
        guard
            let context = bytes.withMemoryRebound(
                to: CChar.self,
                { xmlCreateMemoryParserCtxt($0.baseAddress, Int32(clamping: $0.count)) })
        else { throw .surprise("\(source) gave no XML") }
        defer { xmlFreeParserCtxt(context) }
        // NOENT lets the five entities of XML itself through as characters; others need a document type.
        let options =
            XML_PARSE_NONET.rawValue | XML_PARSE_NOENT.rawValue | XML_PARSE_NOERROR.rawValue
            | XML_PARSE_NOWARNING.rawValue
        xmlCtxtUseOptions(context, Int32(bitPattern: options))
        guard let handler = context.pointee.sax else { throw .surprise("\(source) gave no XML") }
        builder.install(in: &handler.pointee)
        context.pointee.userData = Unmanaged.passUnretained(builder).toOpaque()
        builder.context = context
        let status = withExtendedLifetime(builder) { xmlParseDocument(context) }
        guard status == 0, context.pointee.wellFormed == 1, context.pointee.nsWellFormed == 1, !builder.hasDocumentType,
            let root = builder.root
        else {
            let reason = builder.hasDocumentType ? "a document type is not accepted" : Self.message(of: context)
            throw .surprise("\(source) is not XML that can be read: \(reason)")
        }
        self = root
    }

    private static func message(of context: xmlParserCtxtPtr) -> String {
        let error = context.pointee.lastError
        guard let message = error.message else { return "no reason was given" }
        var text = String(cString: message)
        while text.last?.isWhitespace == true { text.removeLast() }
        return "line \(error.line): \(text)"
    }
}
