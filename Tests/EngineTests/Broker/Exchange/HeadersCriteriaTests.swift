import Testing
import Wire

@testable import Engine

private func matches(_ arguments: FieldTable, _ headers: FieldTable?) throws -> Bool {
    let criteria = try arguments.encoded.withUnsafeBytes { try HeadersCriteria(arguments: ByteSlice($0)) }
    guard let headers else { return criteria.matches(nil) }
    return headers.encoded.withUnsafeBytes { criteria.matches(ByteSlice($0)) }
}

/// Goal: the table of cases, as a RabbitMQ answers them.
@Test func headersCriteria() throws {
    // Nothing asked for.
    #expect(try matches([:], ["a": 1]))
    #expect(try matches([:], nil))
    #expect(try matches(["x-match": "all"], ["a": 1]))
    #expect(try !matches(["x-match": "any"], ["a": 1]))
    // All and any.
    #expect(try matches(["a": 1, "b": "x"], ["a": 1, "b": "x", "c": 2]))
    #expect(try !matches(["a": 1, "b": "x"], ["a": 1]))
    #expect(try matches(["x-match": "any", "a": 1, "b": "x"], ["b": "x"]))
    #expect(try !matches(["x-match": "any", "a": 1], nil))
    // Types count, widths of integers do not.
    #expect(try !matches(["a": 1], ["a": "1"]))
    #expect(try matches(["a": .int64(1)], ["a": .int8(1)]))
    #expect(try matches(["a": .table(["b": 1])], ["a": .table(["b": 1])]))
    // Void means present.
    #expect(try matches(["a": .void], ["a": 1]))
    #expect(try matches(["a": .void], ["a": .void]))
    #expect(try !matches(["a": .void], ["b": 1]))
    // Keys with x- count only when asked for.
    #expect(try matches(["x-foo": 1], ["b": 1]))
    #expect(try !matches(["x-match": "any", "x-foo": 1], ["x-foo": 1]))
    #expect(try !matches(["x-match": "all-with-x", "x-foo": 1], ["b": 1]))
    #expect(try matches(["x-match": "any-with-x", "x-foo": 1], ["x-foo": 1]))
}

@Test func badMatchModeIsRefused() {
    #expect(
        failure { _ = try matches(["x-match": "some"], [:]) }?.replyText
            == "PRECONDITION_FAILED - Invalid x-match field value <<\"some\">>; "
            + "expected all, any, all-with-x, or any-with-x")
    #expect(
        failure { _ = try matches(["x-match": 5], [:]) }?.replyText
            == "PRECONDITION_FAILED - Invalid x-match field type signedint (value 5); expected longstr")
}
