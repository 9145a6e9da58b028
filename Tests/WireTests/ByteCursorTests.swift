import Testing
import Wire

/// Goal: no read leaves the bytes. Method: every truncation of a value fails and nothing else does.
@Test func cursorNeverReadsPastTheEnd() throws {
    var writer = ByteWriter()
    writer.writeUInt8(7)
    writer.writeUInt16(0x0102)
    writer.writeUInt32(0x0304_0506)
    writer.writeUInt64(0x0708_090A_0B0C_0D0E)
    writer.writeShortString(Array("abc".utf8))
    writer.writeLongString(Array("defg".utf8))
    let bytes = writer.bytes
    for count in 0...bytes.count {
        bytes.withUnsafeBytes { buffer in
            var cursor = ByteCursor(ByteSlice(base: buffer.baseAddress!, count: count))
            var failed = false
            do throws(CursorError) {
                _ = try cursor.readUInt8()
                _ = try cursor.readUInt16()
                _ = try cursor.readUInt32()
                _ = try cursor.readUInt64()
                let short = try cursor.readShortString()
                let long = try cursor.readLongString()
                #expect(short.string == "abc" && long.string == "defg")
            } catch { failed = true }
            #expect(failed == (count < bytes.count))
        }
    }
}
