/// An XML element as a value, whole: what a reader does not know survives being read and written again.
///
/// Names and attributes are kept as they were written, namespace prefixes and their declarations included, so that
/// `qemu:commandline` stays what it is.
public struct XMLElement: Hashable, Sendable {
    /// An attribute, or the declaration of a namespace (`xmlns`, `xmlns:prefix`).
    public struct Attribute: Hashable, Sendable {
        /// The name with its prefix.
        public var name: String
        /// The value, without escapes.
        public var value: String

        /// An attribute.
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// What stands in an element.
    public enum Node: Hashable, Sendable {
        /// An element.
        case element(XMLElement)
        /// Text, without escapes.
        case text(String)
        /// A CDATA section's text.
        case cdata(String)
        /// A comment's text.
        case comment(String)
        /// A processing instruction.
        case instruction(target: String, data: String)
    }

    /// The name with its prefix.
    public var name: String
    /// The URI that its prefix, or the default namespace, stands for; nil without one.
    public var namespace: String?
    /// The attributes in their order, declarations of namespaces first.
    public var attributes: [Attribute]
    /// The contents in their order.
    public var children: [Node]

    /// An element with elements in it.
    public init(
        _ name: String, namespace: String? = nil, _ attributes: [Attribute] = [], _ children: [XMLElement] = []
    ) {
        self.name = name
        self.namespace = namespace
        self.attributes = attributes
        self.children = children.map { .element($0) }
    }

    /// An element with text in it.
    public init(_ name: String, _ attributes: [Attribute] = [], text: String) {
        self.init(name, attributes)
        children = [.text(text)]
    }

    /// The name without its prefix.
    public var localName: Substring {
        guard let colon = name.firstIndex(of: ":") else { return name[...] }
        return name[name.index(after: colon)...]
    }

    /// The value of an attribute; nil when there is none. Setting nil removes it, a new one goes to the end.
    public subscript(_ name: String) -> String? {
        get {
            for attribute in attributes where attribute.name == name { return attribute.value }
            return nil
        }
        set {
            let index = attributes.firstIndex { $0.name == name }
            switch (index, newValue) {
            case (let index?, let value?): attributes[index].value = value
            case (let index?, nil): attributes.remove(at: index)
            case (nil, let value?): attributes.append(Attribute(name, value))
            case (nil, nil): break
            }
        }
    }

    /// The text directly in it, CDATA included, without what stands in its elements.
    public var text: String {
        get {
            if children.count == 1, case .text(let text) = children[0] { return text }
            return children.reduce(into: "") { text, node in
                switch node {
                case .text(let part), .cdata(let part): text += part
                case .element, .comment, .instruction: break
                }
            }
        }
        set { children = [.text(newValue)] }
    }

    /// The elements in it, in order.
    public var elements: [XMLElement] {
        children.compactMap { node in
            if case .element(let element) = node { element } else { nil }
        }
    }

    /// The elements of that name in it, in order.
    public func elements(_ name: String) -> [XMLElement] { elements.filter { $0.name == name } }

    /// The first element of that name in it.
    public func first(_ name: String) -> XMLElement? {
        for node in children {
            if case .element(let element) = node, element.name == name { return element }
        }
        return nil
    }

    /// The first element on a path of names.
    public func first(path names: String...) -> XMLElement? {
        var current = self
        for name in names {
            guard let next = current.first(name) else { return nil }
            current = next
        }
        return current
    }
}
