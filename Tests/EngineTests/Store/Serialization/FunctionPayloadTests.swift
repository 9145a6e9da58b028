import Testing
import Wire

@testable import Engine

private func bytes(_ hex: String) -> [UInt8] {
    stride(from: 0, to: hex.utf8.count, by: 2).map {
        UInt8(Array(hex)[$0...$0 + 1].map(String.init).joined(), radix: 16)!
    }
}

/// What FUNCTION DUMP of Redis 7.0.15 gives for one short library.
private let recorded =
    "f53a23216c7561206e616d653d6c310a72656469732e72656769737465725f66756e6374696f6e28276631272c"
    + "66756e6374696f6e282920656e64290a005d286e2885d1ec33"

private let code = "#!lua name=l1\nredis.register_function('f1',function() end)"

@Test func payloadsAreThoseOfRedis() throws {
    let payload = DumpWriter.payload(ofLibraries: [ByteString(code)])
    #expect(payload == bytes(recorded))
    let texts = try payload.withUnsafeBytes { try FunctionPayload.read(ByteSlice($0)) }
    #expect(texts.map(\.string) == [code])
    #expect(DumpWriter.payload(ofLibraries: []) == bytes("0a005d9b5c400f7fa2da"))
}

private let long =
    "#!lua name=l1\nredis.register_function('first',function() end)\n"
    + "redis.register_function('second',function() end)"

private let compressed =
    "f5c3404a406e1f23216c7561206e616d653d6c310a72656469732e72656769737465725f66756e0d6374696f6e"
    + "28276669727374272ce00010052920656e6429e0112f057365636f6e64e006300164290a00e4eb474454415a42"

/// Redis compresses longer texts.
@Test func compressedLibrariesAreRead() throws {
    let texts = try bytes(compressed).withUnsafeBytes { try FunctionPayload.read(ByteSlice($0)) }
    #expect(texts.map(\.string) == [long])
}

@Test(arguments: [UInt8(0), 246, 245, 14])
func otherPayloadsAreRefused(type: UInt8) {
    var payload: [UInt8] = [type, 5]
    DumpFooter.append(to: &payload)
    #expect(throws: CommandError.self) { try payload.withUnsafeBytes { try FunctionPayload.read(ByteSlice($0)) } }
}
