// A message's properties with the header `x-stream-offset`, made anew for each delivery in one buffer: the property list
// is copied around 25 bytes of header. Sorted headers stay sorted, as RabbitMQ has them; a header of that name that the
// publisher has set is replaced. Loop thread only. Next: StreamDelivery.swift.

import Wire

/// Puts offsets into property lists.
struct StreamProperties {
    private var buffer: [UInt8] = []

    private static var name: ByteSlice { ByteSlice(StreamOffset.key) }
    /// Length and name, type, value.
    private static let entryBytes = 25

    /// Lends the list with the offset in it to `body`.
    mutating func withOffset(_ offset: UInt64, in properties: ByteSlice, _ body: (ByteSlice) -> Void) {
        let place = Self.place(in: properties)
        let needed = properties.count + Self.entryBytes + 6
        if buffer.count < needed { buffer = [UInt8](repeating: 0, count: max(256, 2 * needed)) }
        buffer.withUnsafeMutableBytes { bytes in
            var writer = RawWriter(bytes.baseAddress!)
            let flags = properties.count >= 2 ? UInt16(properties[0]) << 8 | UInt16(properties[1]) : 0
            writer.writeUInt16(flags | BasicProperty.headers.rawValue)
            let begin = min(2, properties.count)
            writer.writeSlice(properties.slice(from: begin, count: place.table - begin))
            writer.writeUInt32(UInt32(place.tableBytes + Self.entryBytes - place.replacedBytes))
            writer.writeSlice(properties.slice(from: place.entries, count: place.insertion - place.entries))
            writer.writeShortString(Self.name)
            writer.writeUInt8(FieldType.int64.rawValue)
            writer.writeUInt64(offset)
            let rest = place.insertion + place.replacedBytes
            writer.writeSlice(properties.slice(from: rest, count: properties.count - rest))
            body(ByteSlice(base: bytes.baseAddress!, count: writer.count))
        }
    }

    /// Offsets in a property list.
    private struct Place {
        /// Where the headers begin, or would, and how many bytes of entries they have.
        var table: Int
        var tableBytes = 0
        /// Behind the length of the headers.
        var entries: Int
        /// Where the entry goes, and the bytes that it takes the place of.
        var insertion: Int
        var replacedBytes = 0
    }

    private static func place(in properties: ByteSlice) -> Place {
        guard let view = try? BasicPropertiesView(properties) else {
            return Place(table: properties.count, entries: properties.count, insertion: properties.count)
        }
        guard let range = view.range(of: .headers), let headers = view.headers else {
            var start = 2
            for property in [BasicProperty.contentType, .contentEncoding] {
                if let range = view.range(of: property) { start = range.upperBound }
            }
            return Place(table: start, entries: start, insertion: start)
        }
        var place = Place(
            table: range.lowerBound, tableBytes: headers.bytes.count, entries: range.lowerBound + 4,
            insertion: range.upperBound)
        var reader = headers.makeReader()
        var isFound = false
        while let (key, value) = (try? reader.next()) ?? nil {
            let start = key.base - properties.base - 1
            if key == name {
                place.insertion = start
                place.replacedBytes = value.bytes.base + value.bytes.count - properties.base - start
                return place
            }
            if !isFound, name.precedes(key) {
                place.insertion = start
                isFound = true
            }
        }
        return place
    }
}

extension ByteSlice {
    /// In order of bytes.
    fileprivate func precedes(_ other: ByteSlice) -> Bool {
        for index in 0..<Swift.min(count, other.count) where self[index] != other[index] {
            return self[index] < other[index]
        }
        return count < other.count
    }
}
