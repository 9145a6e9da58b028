import Testing
import Wire

@testable import Engine

@Suite struct MessageExpirationTests {
    private func parse(_ text: String) throws(BrokerError) -> Int64 {
        let bytes = ByteString(text)
        defer { withExtendedLifetime(bytes) {} }
        return try MessageExpiration.parse(bytes.slice)
    }

    @Test(arguments: [("0", 0), ("5", 5), ("007", 7), ("+5", 5), ("-0", 0), ("315360000000", 315_360_000_000)])
    func numbers(text: String, milliseconds: Int64) throws {
        #expect(try parse(text) == milliseconds)
    }

    @Test(arguments: [
        ("", "no_integer"), ("soon", "no_integer"), (" 5", "no_integer"), ("+", "no_integer"),
        ("-1", "{value_negative,-1}"), ("1.5", "{leftover_string,\".5\"}"), ("5 ", "{leftover_string,\" \"}"),
        ("315360000001", "{value_too_large,315360000001}"),
        ("99999999999999999999999", "{value_too_large,99999999999999999999999}"),
    ])
    func refusals(text: String, reason: String) {
        #expect(throws: BrokerError.invalidExpiration(text, reason: reason)) {
            try parse(text)
        }
    }
}
