// Patterns of policies: what they match, and that none can hold the loop.

import Testing
import Wire

@testable import Engine

@Suite struct PolicyPatternTests {
    private func matches(_ pattern: String, _ name: String) throws -> Bool {
        try PolicyPattern(pattern).outcome(Borrowed(name).slice) == .match
    }

    @Test func looksAnywhereInTheName() throws {
        #expect(try matches("", "") && matches("", "task") && matches("as", "task") && matches("^task\\.", "task.a"))
        #expect(try !matches("^ask", "task") && !matches("^task$", "task.a"))
        // Bytes, not characters.
        #expect(try matches("^..$", "é") && matches("\\xC3", "é"))
    }

    /// Goal: a pattern that backtracks without end ends. Method: one that would take 2^60 steps.
    @Test func stepsAreCounted() throws {
        let pattern = try PolicyPattern("^(a+)+$")
        let long = Borrowed(String(repeating: "a", count: 60) + "b").slice
        var reports = 0
        for _ in 0..<3 { #expect(!pattern.matches(long) { reports += 1 }) }
        #expect(pattern.outcome(long) == .limitReached && reports == 1)
        #expect(pattern.matches(Borrowed("aaa").slice) { reports += 1 } && reports == 1)
    }

    @Test func lengthIsLimited() throws {
        #expect(throws: PolicyFailure(reason: "pattern has more than 3 bytes")) {
            try PolicyPattern("abcd", PolicyPattern.Costs(bytesMax: 3))
        }
        #expect(try PolicyPattern("abc", PolicyPattern.Costs(bytesMax: 3)).outcome(Borrowed("abc").slice) == .match)
    }

    @Test(arguments: [
        ("[", "missing terminating ] for character class", 1), ("(", "missing closing parenthesis", 1),
        ("a**", "quantifier does not follow a repeatable item", 2),
    ])
    func faultsHaveAReason(pattern: String, reason: String, offset: Int) {
        let text = "pattern should be regular expression but is invalid: {\"\(reason)\",\(offset)}"
        #expect(throws: PolicyFailure(reason: text)) { try PolicyPattern(pattern) }
    }
}
