import CXML2

/// Builds the tree from libxml2's SAX2 events, without a libxml2 tree in between.
final class XMLTreeBuilder {
    private let keepingBlanks: Bool
    private let omitted: [ContiguousArray<CChar>]
    /// How deep inside an omitted element we are; 0 outside.
    private var omittedDepth = 0
    private var open: [XMLElement] = []
    private(set) var root: XMLElement?
    private(set) var hasDocumentType = false
    var context: xmlParserCtxtPtr?

    init(keepingBlanks: Bool, omitting names: [String]) {
        self.keepingBlanks = keepingBlanks
        omitted = names.map { $0.utf8CString }
        open.reserveCapacity(16)
    }

    /// Replaces every event that would build libxml2's own tree.
    func install(in handler: inout xmlSAXHandler) {
        handler = xmlSAXHandler()
        handler.initialized = UInt32(XML_SAX2_MAGIC)
        handler.internalSubset = { user, _, _, _ in XMLTreeBuilder.of(user)?.refuseDocumentType() }
        handler.startElementNs = { user, name, prefix, uri, declared, namespaces, count, _, attributes in
            guard let builder = XMLTreeBuilder.of(user), let name, !builder.omits(name) else { return }
            builder.begin(
                XMLTreeBuilder.qualified(name, prefix), uri.map { String(cString: $0) },
                XMLTreeBuilder.attributes(Int(declared), namespaces, Int(count), attributes))
        }
        handler.endElementNs = { user, _, _, _ in XMLTreeBuilder.of(user)?.end() }
        handler.characters = { user, bytes, count in
            guard let bytes else { return }
            XMLTreeBuilder.of(user)?.append(text: UnsafeBufferPointer(start: bytes, count: Int(count)))
        }
        handler.ignorableWhitespace = handler.characters
        handler.cdataBlock = { user, bytes, count in
            guard let bytes else { return }
            XMLTreeBuilder.of(user)?.append(
                .cdata(String(decoding: UnsafeBufferPointer(start: bytes, count: Int(count)), as: UTF8.self)))
        }
        handler.comment = { user, text in
            XMLTreeBuilder.of(user)?.append(.comment(text.map { String(cString: $0) } ?? ""))
        }
        handler.processingInstruction = { user, target, data in
            guard let target else { return }
            XMLTreeBuilder.of(user)?.append(
                .instruction(target: String(cString: target), data: data.map { String(cString: $0) } ?? ""))
        }
    }

    private static func of(_ user: UnsafeMutableRawPointer?) -> XMLTreeBuilder? {
        user.map { Unmanaged<XMLTreeBuilder>.fromOpaque($0).takeUnretainedValue() }
    }

    private func refuseDocumentType() {
        hasDocumentType = true
        xmlStopParser(context)
    }

    private func begin(_ name: String, _ namespace: String?, _ attributes: [XMLElement.Attribute]) {
        var element = XMLElement(name, namespace: namespace)
        element.attributes = attributes
        open.append(element)
    }

    /// Whether an element that begins, and all in it, is left out.
    private func omits(_ name: UnsafePointer<xmlChar>) -> Bool {
        guard omittedDepth == 0 else {
            omittedDepth += 1
            return true
        }
        guard !open.isEmpty, omitted.contains(where: { isEqual($0, name) }) else { return false }
        omittedDepth = 1
        return true
    }

    private func isEqual(_ omitted: ContiguousArray<CChar>, _ name: UnsafePointer<xmlChar>) -> Bool {
        for index in omitted.indices where omitted[index] != CChar(bitPattern: name[index]) { return false }
        return true
    }

    private func end() {
        guard omittedDepth == 0 else {
            omittedDepth -= 1
            return
        }
        guard let element = open.popLast() else { return }
        if open.isEmpty { root = element } else { open[open.count - 1].children.append(.element(element)) }
    }

    /// What stands beside the root element is not kept.
    private func append(_ node: XMLElement.Node) {
        if !open.isEmpty, omittedDepth == 0 { open[open.count - 1].children.append(node) }
    }

    /// libxml2 gives long texts, and texts with escapes, in pieces.
    private func append(text bytes: UnsafeBufferPointer<UInt8>) {
        guard !open.isEmpty, omittedDepth == 0 else { return }
        let last = open.count - 1
        if case .text(let before)? = open[last].children.last {
            open[last].children[open[last].children.count - 1] = .text(before + String(decoding: bytes, as: UTF8.self))
        } else if keepingBlanks || !bytes.allSatisfy({ $0 == 0x20 || $0 == 0x0a || $0 == 0x09 || $0 == 0x0d }) {
            open[last].children.append(.text(String(decoding: bytes, as: UTF8.self)))
        }
    }

    private static func qualified(
        _ name: UnsafePointer<xmlChar>, _ prefix: UnsafePointer<xmlChar>?
    ) -> String {
        guard let prefix else { return String(cString: name) }
        return String(cString: prefix) + ":" + String(cString: name)
    }

    /// Namespaces come as pairs of prefix and URI, attributes in fives: name, prefix, URI, start and end of the value.
    private static func attributes(
        _ declared: Int, _ namespaces: UnsafeMutablePointer<UnsafePointer<xmlChar>?>?, _ count: Int,
        _ fields: UnsafeMutablePointer<UnsafePointer<xmlChar>?>?
    ) -> [XMLElement.Attribute] {
        guard declared + count > 0 else { return [] }
        var result: [XMLElement.Attribute] = []
        result.reserveCapacity(declared + count)
        for index in 0..<declared {
            guard let namespaces, let uri = namespaces[index * 2 + 1] else { continue }
            let name = namespaces[index * 2].map { "xmlns:" + String(cString: $0) } ?? "xmlns"
            result.append(XMLElement.Attribute(name, String(cString: uri)))
        }
        for index in 0..<count {
            guard let fields, let name = fields[index * 5], let start = fields[index * 5 + 3],
                let end = fields[index * 5 + 4]
            else { continue }
            let value = UnsafeBufferPointer(start: start, count: end - start)
            result.append(
                XMLElement.Attribute(qualified(name, fields[index * 5 + 1]), String(decoding: value, as: UTF8.self)))
        }
        return result
    }
}
