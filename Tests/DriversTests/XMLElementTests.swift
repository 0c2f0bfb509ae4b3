import Hosts
import Testing

@Suite struct XMLElementTests {
    private func parse(_ text: String, keepingBlanks: Bool = true) throws -> XMLElement {
        try XMLElement(parsing: text, from: "test", keepingBlanks: keepingBlanks)
    }

    @Test(arguments: [
        "<a/>", "<a b='1' c='2'><d/>text<e>x</e>\n  <f/>\n</a>", "<a><!-- why --><?p q?><![CDATA[<&>]]></a>",
        "<q:a xmlns:q='urn:q' xmlns='urn:d' q:x='1'><b/></q:a>", "<a>ä€𐍈</a>",
        "<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0' type='qemu'><qemu:commandline><qemu:arg value='-s'/></qemu:commandline></domain>",
    ])
    func isWrittenAsRead(_ text: String) throws {
        #expect(try parse(text).xmlText == text)
    }

    @Test(arguments: ["&", "<", ">", "'", "\"", "\n", "\t", "\r", "&amp;", "]]>", "a & b < c", "$(id)", " x "])
    func everyTextSurvives(_ text: String) throws {
        let element = XMLElement("a", [.init("v", text)], text: text)
        let read = try parse(element.xmlText)
        #expect(read["v"] == text)
        #expect(read.text == text)
        var section = XMLElement("a")
        section.children = [.cdata(text)]
        let again = try parse(section.xmlText)
        #expect(again.text == (text == "\r" ? "\n" : text))
    }

    @Test func whatXMLCannotHoldIsLeftOut() throws {
        #expect(try parse(XMLElement("a", text: "x\u{0}\u{1b}[2Jy\u{fffe}").xmlText).text == "x[2Jy")
    }

    @Test func namespacesAreResolved() throws {
        let root = try parse("<a xmlns:i='urn:i'><i:b/><b xmlns='urn:j'/><b/></a>")
        #expect(root.elements.map(\.namespace) == ["urn:i", "urn:j", nil])
        #expect(root.elements.map(\.localName) == ["b", "b", "b"])
        #expect(root.elements.map(\.name) == ["i:b", "b", "b"])
    }

    @Test func longTextIsOnePiece() throws {
        let text = String(repeating: "abc&def", count: 5000)
        let root = try parse(XMLElement("a", text: text).xmlText)
        #expect(root.children == [.text(text)])
    }

    @Test func blanksCanBeLeftOut() throws {
        let root = try parse("<a>\n  <b> x </b>\n\t<c/>\r\n</a>", keepingBlanks: false)
        #expect(root.children.count == 2)
        #expect(root.first("b")?.text == " x ")
    }

    @Test(arguments: [
        "<!DOCTYPE a><a/>", "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
        "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><a>&x;</a>",
        "<!DOCTYPE a [<!ENTITY a '1'><!ENTITY b '&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;'>]><a>&c;</a>",
        "", "x", "<a>", "<a></b>", "<a>&nope;</a>", "<a b='1' b='2'/>", "<q:a/>", "<a/><b/>", "<a>\u{1}</a>",
        String(repeating: "<a>", count: 5000) + String(repeating: "</a>", count: 5000),
    ])
    func otherDocumentsAreRefused(_ text: String) {
        let error = #expect(throws: HostError.self) { try parse(text) }
        guard case .surprise = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func elementsCanBeOmitted() throws {
        let text = "<a><b><a/>x<!--y--><b/></b><bb/><c><b><![CDATA[z]]></b>t</c></a>"
        let root = try XMLElement(parsing: text, from: "test", omitting: ["b", "a"])
        #expect(root.xmlText == "<a><bb/><c>t</c></a>")
    }

    @Test func editingKeepsTheLayout() throws {
        var root = try parse("<a>\n  <b/>\n  <c/>\n</a>")
        root.insert(XMLElement("b", [.init("n", "2")]))
        root.insert(XMLElement("d"))
        #expect(root.xmlText == "<a>\n  <b/>\n  <b n='2'/>\n  <c/>\n  <d/>\n</a>")
        root.removeElements { $0["n"] == "2" || $0.name == "d" }
        #expect(root.xmlText == "<a>\n  <b/>\n  <c/>\n</a>")
        root.edit("c") { $0["x"] = "1" }
        root.edit("e") { $0.text = "t" }
        #expect(root.xmlText == "<a>\n  <b/>\n  <c x='1'/>\n  <e>t</e>\n</a>")
    }
}
