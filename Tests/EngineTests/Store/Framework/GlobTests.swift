import Testing
import Wire

@testable import Engine

private func matches(_ pattern: String, _ text: String) -> Bool {
    withSlice(pattern) { pattern in withSlice(text) { Glob.matches(pattern, $0) } }
}

@Test(arguments: [
    ("*", "", true), ("*", "abc", true), ("a*c", "abbbc", true), ("a*c", "abbb", false), ("?", "", false),
    ("h?llo", "hello", true), ("h[ae]llo", "hallo", true), ("h[ae]llo", "hillo", false), ("h[^e]llo", "hello", false),
    ("h[a-c]llo", "hbllo", true), ("h[c-a]llo", "hbllo", true), ("\\*", "*", true), ("\\*", "a", false),
    ("a**b", "ab", true), ("[", "a", false), ("[a", "a", true), ("a\\", "a\\", true), ("", "", true), ("", "a", false),
    ("*.*", "a.b.c", true), ("[]]", "]", false), ("[\\]]", "]", true),
])
func globsMatchAsRedisHasThem(pattern: String, text: String, expected: Bool) {
    #expect(matches(pattern, text) == expected)
}

/// Goal: no pattern takes long. Method: the classic one that makes backtracking matchers hang.
@Test func starsDoNotExplode() {
    #expect(!matches(String(repeating: "*a", count: 50) + "b", String(repeating: "a", count: 20_000)))
}
