// Reads an RDB file item by item, with bounded memory whatever its size. Everything in it is checked; whoever made it
// may be hostile.
// Loop thread only. Next: RDBFormat.swift, RDBImport.swift (who reads), ../Serialization/DumpReader.swift (values).

import Wire

/// What is said of a key before it comes.
struct RDBKeyFacts {
    /// Milliseconds since 1970.
    var expiry: Int64?
    var idleSeconds: Int64?
    var frequency: UInt8?
}

/// Items of a file, front to back.
struct RDBReader {
    enum Item {
        case auxiliary(name: String, value: String)
        case database(Int)
        case sizes(keys: Int, expiring: Int)
        case function(ByteString)
        /// A string's key and value, borrowed until the next item.
        case string(ByteSlice, ByteSlice)
        /// Any other key; its value may be empty.
        case object(ByteString, StoredValue)
        /// The checksum was right, or there is none.
        case end
    }

    private let reader: DumpReader
    let version: Int
    /// Of the key that was read last.
    private(set) var facts = RDBKeyFacts()
    private var database = 0
    /// Where the last item begins.
    private(set) var itemOffset = 0

    /// Reads the header.
    init(_ source: any DumpSource, readBytes: Int = Limits.importReadBytes) throws(RDBError) {
        reader = DumpReader(source, readBytes: readBytes)
        let header: ByteSlice
        do throws(DumpError) {
            header = try reader.slice(RDBFormat.headerBytes)
        } catch {
            if case .unreadable(let reason) = error { throw RDBError(reason) }
            throw RDBError("no RDB file: it has \(source.bytes) bytes")
        }
        let digits = header.slice(from: 5, count: 4)
        guard header.slice(from: 0, count: 5).equals(RDBFormat.magic) else {
            let isValkey = header.slice(from: 0, count: 6).equals("VALKEY")
            throw RDBError(
                isValkey
                    ? "an RDB file of Valkey 9 or later, which Redis does not read either"
                    : "no RDB file: it does not begin with REDIS")
        }
        guard digits.buffer.allSatisfy({ (0x30...0x39).contains($0) }), let version = Int(digits.string), version > 0
        else { throw RDBError(at: 5, "no version of RDB: \(Self.shown(digits))") }
        guard version <= RDBFormat.versionMax else {
            throw RDBError(
                at: 5, "RDB version \(version) is later than those known here, up to \(RDBFormat.versionMax)")
        }
        self.version = version
    }

    /// Bytes read so far.
    var offset: Int { reader.offset }
    var remaining: Int { reader.remaining }

    // MARK: Items

    /// The next item. What was borrowed from the one before is gone.
    mutating func next() throws(RDBError) -> Item {
        facts = RDBKeyFacts()
        itemOffset = reader.offset
        while true {
            let start = reader.offset
            let first = try part(start, "an item") { () throws(DumpError) in try reader.byte() }
            guard let opcode = RDBOpcode(rawValue: first) else { return try key(of: first, at: start) }
            switch opcode {
            case .expiryMilliseconds:
                facts.expiry = try part(start, "an expiry") { () throws(DumpError) in try reader.fixed(Int64.self) }
            case .expirySeconds:
                let seconds = try part(start, "an expiry") { () throws(DumpError) in try reader.fixed(Int32.self) }
                facts.expiry = Int64(seconds) * 1_000
            case .idle:
                let idle = try part(start, "an idle time") { () throws(DumpError) in try reader.number() }
                facts.idleSeconds = Int64(clamping: idle)
            case .frequency:
                facts.frequency = try part(start, "a frequency") { () throws(DumpError) in try reader.byte() }
            case .slotInfo:
                try part(start, "facts about a slot") { () throws(DumpError) in
                    for _ in 0..<3 { _ = try reader.number() }
                }
            case .database:
                let number = try part(start, "the number of a database") { () throws(DumpError) in
                    try reader.number()
                }
                database = Int(clamping: number)
                return .database(database)
            case .sizes:
                let (keys, expiring) = try part(start, "the sizes of a database") { () throws(DumpError) in
                    (try reader.number(), try reader.number())
                }
                return .sizes(keys: Int(clamping: keys), expiring: Int(clamping: expiring))
            case .auxiliary:
                let (name, value) = try part(start, "a field about the file") { () throws(DumpError) in
                    (try reader.string().string, try reader.string().string)
                }
                return .auxiliary(name: name, value: value)
            case .function:
                return .function(
                    try part(start, "a library of functions") { () throws(DumpError) in
                        ByteString(try reader.string())
                    })
            case .earlyFunction:
                throw RDBError(at: start, "functions as a release candidate of Redis 7.0 wrote them")
            case .moduleAuxiliary:
                let id = try part(start, "data of a module") { () throws(DumpError) in try reader.number() }
                throw RDBError(at: start, "data of the module type \(RDBModule.name(id)); there are no modules here")
            case .end:
                try checkEnd()
                return .end
            }
        }
    }

    private func key(of number: UInt8, at start: Int) throws(RDBError) -> Item {
        guard number != DumpType.string.rawValue else {
            let key = try part(start, "a key") { () throws(DumpError) in try reader.string(scratch: 0) }
            do throws(DumpError) {
                // The other scratch: the key is still needed.
                return .string(key, try reader.string(scratch: 1))
            } catch {
                throw failure(error, start, "the value of key \(Self.shown(key)), a string of database \(database)")
            }
        }
        guard let type = DumpType(rawValue: number) else { throw try unknown(number, at: start) }
        let key = try part(start, "a key") { () throws(DumpError) in ByteString(try reader.string()) }
        do throws(DumpError) {
            guard case .object(let object) = try reader.value(of: type) else { throw .badFormat }
            return .object(key, object)
        } catch {
            throw failure(
                error, start,
                "the value of key \(Self.shown(key.slice)), type \(number) (\(type)) of database \(database)")
        }
    }

    /// A type that nobody here knows: the key and, of modules, their name help to find it.
    private func unknown(_ number: UInt8, at start: Int) throws(RDBError) -> RDBError {
        let isModule = number == RDBModule.value || number == RDBModule.early
        guard isModule else { return RDBError(at: start, "neither an opcode nor a type of value: \(number)") }
        let (key, id) = try part(start, "a key of a module") { () throws(DumpError) in
            (try reader.string().array, try reader.number())
        }
        let shown = key.withUnsafeBytes { Self.shown(ByteSlice($0)) }
        return RDBError(
            at: start,
            "key \(shown) of database \(database) is of the module type \(RDBModule.name(id)); there are no modules here"
        )
    }

    private func checkEnd() throws(RDBError) {
        guard version >= RDBFormat.checksumVersionMin else { return try checkNothingFollows() }
        let end = reader.offset
        let computed = reader.checksum
        let stored = try part(end, "the checksum") { () throws(DumpError) in try reader.fixed(UInt64.self) }
        guard stored == 0 || stored == computed else {
            func hexadecimal(_ sum: UInt64) -> String {
                let digits = String(sum, radix: 16)
                return String(repeating: "0", count: 16 - digits.count) + digits
            }
            throw RDBError(
                at: end,
                "the checksum is \(hexadecimal(stored)), but \(hexadecimal(computed)) by what the file holds: it is damaged"
            )
        }
        try checkNothingFollows()
    }

    /// What follows would be lost without a word.
    private func checkNothingFollows() throws(RDBError) {
        guard reader.remaining > 0 else { return }
        throw RDBError(
            at: reader.offset,
            "\(reader.remaining) bytes follow the end; of an append-only file with an RDB preamble only that would be read: "
                + "have Redis write a dump with SAVE")
    }

    // MARK: Errors

    @inline(__always)
    private func part<R>(
        _ start: Int, _ what: StaticString, _ read: () throws(DumpError) -> R
    ) throws(RDBError) -> R {
        do throws(DumpError) { return try read() } catch { throw failure(error, start, "\(what)") }
    }

    @inline(never)
    private func failure(_ error: DumpError, _ start: Int, _ what: String) -> RDBError {
        switch error {
        case .cutOff: RDBError(at: start, "the file ends in the middle of \(what)")
        case .tooLong: RDBError(at: start, "\(what), has a string of more than \(Limits.respBulkBytesMax) bytes")
        case .unreadable(let reason): RDBError(at: reader.offset, reason)
        case .badFormat, .footer: RDBError(at: start, "\(what), is damaged (noticed at offset \(reader.offset))")
        }
    }

    /// A key for a message: shortened, what is no text replaced.
    static func shown(_ key: ByteSlice) -> String {
        let text = key.slice(from: 0, count: min(key.count, Limits.shownWordBytesMax)).string
        let isWhole = key.count <= Limits.shownWordBytesMax
        return text.debugDescription + (isWhole ? "" : "…")
    }
}
