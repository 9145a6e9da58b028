// Writes a value as DUMP gives it. Of Redis's many forms it uses those that say a value element by element: whoever
// reads them chooses his own compact form. Streams have one form only.
// Loop thread only. Next: DumpPayload.swift, DumpReader.swift; ../RDB/RDBWriter.swift (whole files).

import Wire

/// Where bytes go that are too many to be kept.
public protocol DumpTarget: AnyObject {
    func write(_ bytes: UnsafeRawBufferPointer)
}

/// A payload that is being written, or a file.
struct DumpWriter {
    private(set) var bytes: [UInt8] = []
    /// Of the format that knows the value's type.
    private var version = DumpFooter.versionWritten
    /// Takes what has been written; nil: all of it is kept.
    private let target: (any DumpTarget)?
    private let spillBytes: Int
    /// In files the key stands between the type and the value.
    private var key: ByteSlice?

    init() {
        target = nil
        spillBytes = .max
    }

    init(to target: any DumpTarget) {
        self.target = target
        spillBytes = Limits.exportWriteBytes
        bytes.reserveCapacity(spillBytes * 2)
    }

    /// The payload of what a key holds, with its footer.
    static func payload(of entry: KeyEntry) -> [UInt8] {
        var writer = DumpWriter()
        writer.write(entry)
        DumpFooter.append(to: &writer.bytes, version: writer.version)
        return writer.bytes
    }

    /// The payload of libraries' texts, with its footer.
    static func payload(ofLibraries codes: [ByteString]) -> [UInt8] {
        var writer = DumpWriter()
        for code in codes {
            writer.bytes.append(FunctionPayload.library)
            writer.string(code.slice)
        }
        DumpFooter.append(to: &writer.bytes)
        return writer.bytes
    }

    // MARK: Files

    /// Type, key and value.
    mutating func writeKey(_ entry: KeyEntry) {
        key = entry.key
        write(entry)
    }

    mutating func byte(_ byte: UInt8) { bytes.append(byte) }

    mutating func raw(_ slice: ByteSlice) { bytes.append(contentsOf: slice.buffer) }

    /// Everything so far goes to the target.
    mutating func spill() {
        bytes.withUnsafeBytes { target?.write($0) }
        bytes.removeAll(keepingCapacity: true)
    }

    @inline(never)
    private mutating func appendLong(_ text: ByteSlice) {
        guard let target else { return bytes.append(contentsOf: text.buffer) }
        spill()
        target.write(text.buffer)
    }

    // MARK: Parts

    mutating func fixed<Number: FixedWidthInteger>(_ number: Number) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func number(_ number: UInt64) {
        switch number {
        case ..<64: bytes.append(UInt8(number))
        case ..<16_384:
            bytes.append(0x40 | UInt8(number >> 8))
            bytes.append(UInt8(truncatingIfNeeded: number))
        case ...UInt64(UInt32.max):
            bytes.append(0x80)
            fixed(UInt32(number).bigEndian)
        default:
            bytes.append(0x81)
            fixed(number.bigEndian)
        }
    }

    private mutating func number(_ count: Int) { number(UInt64(count)) }

    /// Longest text of a number of four bytes.
    private static let integerTextMax = 11

    mutating func string(_ text: ByteSlice) {
        if bytes.count >= spillBytes { spill() }
        if text.count <= Self.integerTextMax, let value = RESPNumber.integer(text) {
            if let small = Int8(exactly: value) {
                bytes.append(0xC0)
                return fixed(small)
            }
            if let medium = Int16(exactly: value) {
                bytes.append(0xC1)
                return fixed(medium)
            }
            if let large = Int32(exactly: value) {
                bytes.append(0xC2)
                return fixed(large)
            }
        }
        number(text.count)
        if text.count >= Limits.exportWriteBytes { return appendLong(text) }
        bytes.append(contentsOf: text.buffer)
    }

    private mutating func begin(_ type: DumpType) {
        bytes.append(type.rawValue)
        version = type.version
        guard let key else { return }
        self.key = nil
        string(key)
    }

    // MARK: Values

    private mutating func write(_ entry: KeyEntry) {
        switch entry.kind {
        case .inlineString:
            begin(.string)
            string(entry.inlineValue)
        case .integer:
            begin(.string)
            DecimalText.with(entry.integer) { string($0) }
        case .longString:
            begin(.string)
            string(unsafeDowncast(entry.object, to: LongString.self).slice)
        case .list:
            let list = unsafeDowncast(entry.object, to: ListValue.self)
            begin(.list)
            number(list.count)
            list.forEach(from: 0, length: list.count) {
                string($0)
                return true
            }
        case .set:
            let set = unsafeDowncast(entry.object, to: SetValue.self)
            begin(.set)
            number(set.count)
            set.forEach {
                string($0)
                return true
            }
        case .hash:
            write(unsafeDowncast(entry.object, to: HashValue.self))
        case .sortedSet:
            let set = unsafeDowncast(entry.object, to: SortedSetValue.self)
            begin(.sortedSet)
            number(set.count)
            set.forEach { member, score in
                string(member)
                fixed(score.bitPattern)
                return true
            }
        case .stream: write(unsafeDowncast(entry.object, to: StreamValue.self))
        }
    }

    /// Times are counted from the first one, and by one more, as 0 stands for none.
    private mutating func write(_ hash: HashValue) {
        let first = hash.earliestExpiry
        let hasTimes = first != FieldExpiry.never
        begin(hasTimes ? .hashWithTimes : .hash)
        if hasTimes { fixed(first) }
        number(hash.count)
        hash.forEach { field, value in
            if hasTimes { number(UInt64(hash.expiry(of: field).map { $0 - first + 1 } ?? 0)) }
            string(field)
            string(value)
            return true
        }
    }

    // MARK: Streams

    private mutating func rawID(_ id: StreamID) {
        fixed(id.milliseconds.bigEndian)
        fixed(id.sequence.bigEndian)
    }

    private mutating func id(_ id: StreamID) {
        number(id.milliseconds)
        number(id.sequence)
    }

    private mutating func write(_ stream: StreamValue) {
        begin(.stream2)
        writeNodes(stream)
        number(stream.count)
        id(stream.lastID)
        id(stream.firstID)
        id(stream.maxDeletedID)
        number(UInt64(clamping: stream.entriesAdded))
        number(stream.groups.count)
        for group in stream.groups { write(group) }
    }

    private mutating func writeNodes(_ stream: StreamValue) {
        // They are made twice, since their number comes first: all of them at once would be the stream once more.
        var count = 0
        Self.forEachNode(of: stream) { _, _ in count += 1 }
        number(count)
        Self.forEachNode(of: stream) { id, pack in
            if bytes.count >= spillBytes { spill() }
            number(16)
            rawID(id)
            let pack = pack.finished()
            number(pack.count)
            bytes.append(contentsOf: pack)
        }
    }

    private static func forEachNode(of stream: StreamValue, _ body: (StreamID, ListpackWriter) -> Void) {
        var first = StreamID.zero
        var pack = ListpackWriter(firstPlace: true)
        var names: [ByteSlice] = []
        var entries = 0
        func close() {
            guard entries > 0 else { return }
            pack.patchFirst(entries)
            body(first, pack)
        }
        stream.forEach(from: .zero, to: .max) { entry in
            let isFull = entries >= Limits.streamNodeEntriesMax || pack.count >= Limits.streamNodeBytesMax
            if entries == 0 || isFull {
                close()
                (first, pack) = (entry.id, ListpackWriter(firstPlace: true))
                entries = 0
                names = []
                entry.forEach { name, _ in names.append(name) }
                pack.begin(names)
            }
            entries += 1
            pack.add(entry, after: first, names)
            return true
        }
        close()
    }

    private mutating func write(_ group: StreamGroup) {
        string(group.name.slice)
        id(group.lastID)
        number(group.entriesRead.map { UInt64(clamping: $0) } ?? .max)
        number(group.pending.count)
        group.pending.forEach { entry in
            rawID(entry.id)
            fixed(entry.deliveredAt)
            number(UInt64(clamping: entry.deliveries))
            return true
        }
        number(group.consumers.count)
        for consumer in group.consumers {
            string(consumer.name.slice)
            fixed(consumer.seenAt)
            number(consumer.pending.count)
            consumer.pending.forEach { entry in
                rawID(entry.id)
                return true
            }
        }
    }
}

/// A listpack of a stream's node that is being written: see DumpStreamReader.swift.
private struct ListpackWriter {
    private var bytes: [UInt8]
    private var elements = 0
    private static let headerBytes = 6

    /// The number of entries comes first and is known last: it gets a place of fixed size.
    init(firstPlace: Bool) {
        bytes = Array(repeating: 0, count: Self.headerBytes)
        if firstPlace { integer(.max) }
    }

    var count: Int { bytes.count }

    private mutating func close(from start: Int) {
        elements += 1
        // Own length, seven bits to a byte, lowest last; all but the first byte are marked.
        let size = bytes.count - start
        var shifts = 0
        while size >> (shifts + 7) > 0 { shifts += 7 }
        for shift in stride(from: shifts, through: 0, by: -7) {
            bytes.append(UInt8(size >> shift & 127) | (shift == shifts ? 0 : 128))
        }
    }

    mutating func integer(_ value: Int64) {
        let start = bytes.count
        if (0..<128).contains(value) {
            bytes.append(UInt8(value))
        } else {
            bytes.append(0xF4)
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        close(from: start)
    }

    mutating func string(_ text: ByteSlice) {
        let start = bytes.count
        if text.count < 64 {
            bytes.append(0x80 | UInt8(text.count))
        } else if text.count < 4_096 {
            bytes.append(0xE0 | UInt8(text.count >> 8))
            bytes.append(UInt8(truncatingIfNeeded: text.count))
        } else {
            bytes.append(0xF0)
            withUnsafeBytes(of: UInt32(text.count).littleEndian) { bytes.append(contentsOf: $0) }
        }
        bytes.append(contentsOf: text.buffer)
        close(from: start)
    }

    mutating func patchFirst(_ value: Int) {
        withUnsafeBytes(of: Int64(value).littleEndian) { source in
            for index in 0..<8 { bytes[Self.headerBytes + 1 + index] = source[index] }
        }
    }

    /// What stands before the entries of a node, but for their number.
    mutating func begin(_ names: [ByteSlice]) {
        integer(0)
        integer(Int64(names.count))
        for name in names { string(name) }
        integer(0)
    }

    mutating func add(_ entry: StreamValue.Entry, after node: StreamID, _ names: [ByteSlice]) {
        var index = 0
        var isSame = entry.pairs == names.count
        entry.forEach { name, _ in
            isSame = isSame && names[index] == name
            index += 1
        }
        integer(isSame ? DumpStreamFlags.sameFields : 0)
        integer(Int64(bitPattern: entry.id.milliseconds &- node.milliseconds))
        integer(Int64(bitPattern: entry.id.sequence &- node.sequence))
        if !isSame { integer(Int64(entry.pairs)) }
        entry.forEach { name, value in
            if !isSame { string(name) }
            string(value)
        }
        integer(Int64(isSame ? entry.pairs + 3 : 2 * entry.pairs + 4))
    }

    func finished() -> [UInt8] {
        var bytes = bytes
        bytes.append(0xFF)
        withUnsafeBytes(of: UInt32(bytes.count).littleEndian) { source in
            for index in 0..<4 { bytes[index] = source[index] }
        }
        let count = UInt16(clamping: elements)
        bytes[4] = UInt8(truncatingIfNeeded: count)
        bytes[5] = UInt8(count >> 8)
        return bytes
    }
}
