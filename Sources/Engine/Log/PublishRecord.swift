// The payload of a publish record: what the log and the spool keep of a message. Little-endian:
//
//     size  field
//     8     wall time of the publish, milliseconds since 1970
//     4     number of queues, then for each of them
//     4       its id
//     8     expiration, milliseconds; −1 when there is none
//     1     priority
//     4     bytes of the address: exchange and routing key as two short strings
//     4     bytes of the exchange's part of it
//     4     bytes of the properties
//     …     address, properties, and body to the end
//
// To change the format: see Record.swift.
// Loop thread writes; any thread reads. Next: ReadBack.swift, ../Broker/BrokerLog.swift.

import Wire

/// A publish record, borrowed from the bytes it was read from.
struct PublishRecord {
    let publishedAtMilliseconds: Int64
    /// Ids, four bytes each.
    private let queueIDs: ByteSlice
    let expirationMilliseconds: Int64
    let priority: UInt8
    let exchange: ByteSlice
    let routingKey: ByteSlice
    let properties: ByteSlice
    private let body: ByteSlice

    var bodyBytes: Int { body.count }
    var queueCount: Int { queueIDs.count / 4 }

    func queueID(_ index: Int) -> UInt32 {
        UInt32(littleEndian: queueIDs.base.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))
    }

    init(_ payload: ByteSlice) throws(CursorError) {
        var cursor = ByteCursor(payload)
        publishedAtMilliseconds = Int64(bitPattern: try cursor.readLittle64())
        let count = Int(try cursor.readLittle32())
        queueIDs = try cursor.readSlice(4 * count)
        expirationMilliseconds = Int64(bitPattern: try cursor.readLittle64())
        priority = try cursor.readUInt8()
        let addressBytes = Int(try cursor.readLittle32())
        _ = try cursor.readLittle32()
        let propertiesBytes = Int(try cursor.readLittle32())
        var address = ByteCursor(try cursor.readSlice(addressBytes))
        exchange = try address.readShortString()
        routingKey = try address.readShortString()
        properties = try cursor.readSlice(propertiesBytes)
        body = cursor.rest
    }

    /// A message with one count, owned by the caller. `position`: of its record in the log; 0 when it has none.
    func makeMessage(isPersistent: Bool, position: LogPosition) -> Message {
        let message = Message.make(
            exchange: exchange, routingKey: routingKey, properties: properties, bodyBytes: body.count)
        message.writeBody(body, at: 0)
        message.header.isPersistent = isPersistent
        message.header.priority = priority
        message.header.expirationMilliseconds = expirationMilliseconds
        message.header.logPosition = position
        return message
    }

    // MARK: Writing

    /// Bytes of the payload for a message in `queueCount` queues.
    @inline(__always)
    static func bytes(_ message: Message, queueCount: Int) -> Int {
        8 + 4 + 4 * queueCount + 8 + 1 + 12 + message.content.count
    }

    /// Writes the payload. `ids` writes as many ids as announced.
    @inline(__always)
    static func write(
        _ message: Message, queueCount: Int, wallMilliseconds: Int64, to writer: inout RawWriter,
        ids: (inout RawWriter) -> Void
    ) {
        writer.writeLittle(UInt64(bitPattern: wallMilliseconds))
        writer.writeLittle(UInt32(truncatingIfNeeded: queueCount))
        ids(&writer)
        writer.writeLittle(UInt64(bitPattern: message.header.expirationMilliseconds))
        writer.writeUInt8(message.header.priority)
        writer.writeLittle(UInt32(truncatingIfNeeded: message.header.addressBytes))
        writer.writeLittle(UInt32(truncatingIfNeeded: message.header.exchangeBytes))
        writer.writeLittle(UInt32(truncatingIfNeeded: message.header.propertiesBytes))
        writer.writeSlice(message.content)
    }
}

extension RawWriter {
    @inline(__always)
    mutating func writeLittle(_ value: UInt32) { writeUInt32(value.byteSwapped) }
    @inline(__always)
    mutating func writeLittle(_ value: UInt64) { writeUInt64(value.byteSwapped) }
}

extension ByteCursor {
    mutating func readLittle32() throws(CursorError) -> UInt32 { try readUInt32().byteSwapped }
    mutating func readLittle64() throws(CursorError) -> UInt64 { try readUInt64().byteSwapped }
}
