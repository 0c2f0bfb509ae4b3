/// Changes in place. What is not named stays as it is, the layout of the text included.
extension XMLElement {
    /// Changes the first element that fits; false when there is none.
    @discardableResult public mutating func editFirst(
        where fits: (XMLElement) -> Bool, _ body: (inout XMLElement) -> Void
    ) -> Bool {
        for index in children.indices {
            guard case .element(var element) = children[index], fits(element) else { continue }
            body(&element)
            children[index] = .element(element)
            return true
        }
        return false
    }

    /// Changes the first element of that name, made empty at its place when there is none.
    public mutating func edit(_ name: String, _ body: (inout XMLElement) -> Void) {
        if editFirst(where: { $0.name == name }, body) { return }
        var element = XMLElement(name)
        body(&element)
        insert(element)
    }

    /// Adds an element after the last one of its name, else after the last element.
    public mutating func insert(_ element: XMLElement) {
        let places = children.indices.filter { index in
            if case .element = children[index] { true } else { false }
        }
        let alike = places.last { index in
            if case .element(let other) = children[index] { other.name == element.name } else { false }
        }
        guard let place = alike ?? places.last else {
            children.append(.element(element))
            return
        }
        children.insert(.element(element), at: place + 1)
        if place > 0, isBlank(children[place - 1]) { children.insert(children[place - 1], at: place + 1) }
    }

    /// Removes the elements that fit, with the white space before them.
    public mutating func removeElements(where fits: (XMLElement) -> Bool) {
        for index in children.indices.reversed() {
            guard case .element(let element) = children[index], fits(element) else { continue }
            children.remove(at: index)
            if index > 0, isBlank(children[index - 1]) { children.remove(at: index - 1) }
        }
    }

    /// Removes the elements of that name.
    public mutating func remove(_ name: String) { removeElements { $0.name == name } }

    private func isBlank(_ node: Node) -> Bool {
        if case .text(let text) = node { text.allSatisfy(\.isWhitespace) } else { false }
    }
}
