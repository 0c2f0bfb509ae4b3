extension XMLElement {
    /// The element as XML, everything escaped that has to be. Attributes stand in single quotes, as libvirt writes them.
    public var xmlText: String {
        var text = ""
        write(to: &text)
        return text
    }

    private func write(to text: inout String) {
        text += "<" + name
        for attribute in attributes {
            text += " " + attribute.name + "='"
            Self.escape(attribute.value, inAttribute: true, to: &text)
            text += "'"
        }
        guard !children.isEmpty else {
            text += "/>"
            return
        }
        text += ">"
        for child in children {
            switch child {
            case .element(let element): element.write(to: &text)
            case .text(let value): Self.escape(value, inAttribute: false, to: &text)
            // A section cannot hold its own end.
            case .cdata(let value):
                text +=
                    "<![CDATA["
                    + value.split(separator: "]]>", omittingEmptySubsequences: false)
                    .joined(separator: "]]]]><![CDATA[>") + "]]>"
            case .comment(let value): text += "<!--" + value + "-->"
            case .instruction(let target, let data): text += "<?" + target + (data.isEmpty ? "" : " " + data) + "?>"
            }
        }
        text += "</" + name + ">"
    }

    /// Characters that XML cannot hold at all are left out; no name or text of ours has them.
    private static func escape(_ value: String, inAttribute: Bool, to text: inout String) {
        for scalar in value.unicodeScalars {
            switch scalar {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "'": text += "&apos;"
            case "\"": text += "&quot;"
            case "\r": text += "&#xD;"
            case "\n" where inAttribute: text += "&#xA;"
            case "\t" where inAttribute: text += "&#x9;"
            case "\n", "\t": text.unicodeScalars.append(scalar)
            case _ where scalar.value < 0x20 || scalar.value == 0xfffe || scalar.value == 0xffff: continue
            default: text.unicodeScalars.append(scalar)
            }
        }
    }
}
