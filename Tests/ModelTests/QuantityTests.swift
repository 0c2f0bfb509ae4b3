import Foundation
import Model
import Testing

@Suite struct QuantityTests {
    @Test(arguments: ["80GiB", "1TiB", "512MiB", "1KiB", "9007199254740991KiB"])
    func sizesReadBackAsWritten(_ text: String) throws {
        #expect(try #require(ByteCount(text)).description == text)
    }

    @Test(arguments: [
        "", "80", "80 GiB", "80gb", "80GB", "-1GiB", "+1GiB", "1.5GiB", "1e3MiB", "9007199254740992KiB",
        "18446744073709551616KiB", "GiB",
    ])
    func otherSizesAreRefused(_ text: String) {
        #expect(ByteCount(text) == nil)
    }

    @Test(arguments: [
        ("::", "::"), ("::1", "::1"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("fe80::10.0.0.1", "fe80::a00:1"),
        ("10.20.0.1", "10.20.0.1"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
    ])
    func addressesHaveOneText(_ pair: (String, String)) throws {
        #expect(try #require(IPAddress(pair.0)).description == pair.1)
    }

    @Test(arguments: [
        "010.0.0.1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1..2.3", ":::", "1::2::3", "g::1", "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7::8:9", "",
    ])
    func otherAddressesAreRefused(_ text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test func blocksKnowTheirGuests() throws {
        let block = try #require(CIDR("10.20.0.0/24"))
        #expect(block.isHost(try #require(IPAddress("10.20.0.1"))))
        #expect(!block.isHost(try #require(IPAddress("10.20.0.0"))))
        #expect(!block.isHost(try #require(IPAddress("10.20.0.255"))))
        #expect(!block.isHost(try #require(IPAddress("10.20.1.1"))))
        #expect(CIDR("10.20.0.1/24") == nil)
        #expect(CIDR("10.20.0.0/33") == nil)
    }

    @Test(arguments: ["a", "artist", "a-b", "0"]) func names(_ text: String) { #expect(Name.isValid(text)) }

    @Test(arguments: ["", "-x", "x-", "..", "$(id)", "a'b", "a b", "A", "a.b", "é", String(repeating: "a", count: 64)])
    func otherNamesAreRefused(_ text: String) { #expect(!Name.isValid(text)) }
}
