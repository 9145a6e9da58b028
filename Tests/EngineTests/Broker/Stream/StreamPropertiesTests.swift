// The header `x-stream-offset` in a property list.

import Testing
import Wire

@testable import Engine

private func withOffset(_ offset: UInt64, _ list: [UInt8]) throws -> BasicProperties {
    var maker = StreamProperties()
    var made: [UInt8] = []
    list.withUnsafeBytes { maker.withOffset(offset, in: ByteSlice($0)) { made = $0.array } }
    return try made.withUnsafeBytes { try BasicProperties(ByteSlice($0)) }
}

/// Goal: the offset is in, and nothing else has changed. Method: every set of other properties.
@Test func offsetsJoinEveryPropertyList() throws {
    for bits in 0..<256 {
        var properties = BasicProperties()
        if bits & 1 != 0 { properties.contentType = Array("text/plain".utf8) }
        if bits & 2 != 0 { properties.contentEncoding = Array("gzip".utf8) }
        if bits & 4 != 0 { properties.headers = ["a": "x", "z": 1] }
        if bits & 8 != 0 { properties.deliveryMode = 2 }
        if bits & 16 != 0 { properties.priority = 3 }
        if bits & 32 != 0 { properties.correlationID = Array("c".utf8) }
        if bits & 64 != 0 { properties.timestamp = 1_700_000_000 }
        if bits & 128 != 0 { properties.headers = FieldTable() }
        var expected = properties
        var headers = FieldTable()
        headers.entries = (properties.headers ?? FieldTable()).entries.filter { $0.key == Array("a".utf8) }
        headers["x-stream-offset"] = .int64(Int64(bits))
        headers.entries += (properties.headers ?? FieldTable()).entries.filter { $0.key == Array("z".utf8) }
        expected.headers = headers
        #expect(try withOffset(UInt64(bits), properties.encoded) == expected, "\(bits)")
    }
}

@Test func offsetsTakeThePlaceOfOlderOnes() throws {
    for old: FieldValue in [.int64(5), "text", .void, .boolean(true), .table(["x": 1])] {
        var properties = BasicProperties()
        properties.headers = ["b": "x", "x-stream-offset": old, "y": 2]
        let headers = try withOffset(7, properties.encoded).headers
        #expect(headers == ["b": "x", "x-stream-offset": .int64(7), "y": 2])
    }
}

@Test func noPropertiesBecomeOneHeader() throws {
    #expect(try withOffset(1, []).headers == ["x-stream-offset": .int64(1)])
}
