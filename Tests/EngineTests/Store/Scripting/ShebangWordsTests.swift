import Testing
import Wire

@testable import Engine

@Test(
    arguments: [
        ("", []), ("#!lua", ["#!lua"]), ("  a\t b ", ["a", "b"]), ("name='a b'", ["name=a b"]),
        ("\"a\\n\\x41\"", ["a\nA"]),
        ("'it\\'s'", ["it's"]), ("''", [""]),
    ] as [(String, [String])])
func firstLinesAreSplit(line: String, words: [String]) {
    #expect(ByteString(line).withSlice { ShebangWords.split($0) } == words)
}

@Test(arguments: ["'a", "\"a", "'a'b", "\"\\\""])
func openQuotesAreRefused(line: String) {
    #expect(ByteString(line).withSlice { ShebangWords.split($0) } == nil)
}
