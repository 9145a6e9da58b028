// A dumped value becomes a stored one. What Redis would never write (duplicates, empty collections, scores that are
// no numbers, bytes behind the end) is refused, whatever Redis itself would let pass.
// Loop thread only. Next: DumpStreamReader.swift (streams), PackedReader.swift.

import Wire

extension DumpReader {
    enum Value {
        /// Borrowed from the reader.
        case string(ByteSlice)
        case object(StoredValue)
    }

    /// The value that the whole payload is.
    func value() throws(DumpError) -> Value {
        guard let type = DumpType(rawValue: try byte()) else { throw .badFormat }
        let value = try value(of: type)
        guard remaining == 0 else { throw .badFormat }
        if case .object(let object) = value, object.isEmpty { throw .badFormat }
        return value
    }

    /// The value of this type that comes next. May be empty, which no key's value is.
    func value(of type: DumpType) throws(DumpError) -> Value {
        switch type {
        case .string: .string(try string())
        case .list: .object(try list())
        case .listZiplist: .object(try packedList(.ziplist))
        case .listNodes: .object(try listOfNodes(.ziplist))
        case .listNodes2: .object(try listOfNodes(.listpack))
        case .set: .object(try set())
        case .setIntegers: .object(try setOfIntegers())
        case .setListpack: .object(try packedSet())
        case .hash: .object(try hash())
        case .hashZipmap: .object(try zipmap())
        case .hashZiplist: .object(try packedHash(.ziplist))
        case .hashListpack: .object(try packedHash(.listpack))
        case .hashWithTimes: .object(try hashWithTimes())
        case .hashListpackWithTimes: .object(try packedHashWithTimes())
        case .sortedSetText: .object(try sortedSet(withText: true))
        case .sortedSet: .object(try sortedSet(withText: false))
        case .sortedSetZiplist: .object(try packedSortedSet(.ziplist))
        case .sortedSetListpack: .object(try packedSortedSet(.listpack))
        case .stream: .object(try stream(version: 1))
        case .stream2: .object(try stream(version: 2))
        case .stream3: .object(try stream(version: 3))
        }
    }

    /// For how many elements room is made before they are there.
    private static func expected(_ count: Int) -> Int { min(count, Limits.restoredElementsExpectedMax) }

    // MARK: Lists

    private func list() throws(DumpError) -> ListValue {
        let list = ListValue()
        for _ in 0..<(try count()) { list.pushBack(try string()) }
        return list
    }

    private func append(_ form: PackedReader.Form, to list: ListValue) throws(DumpError) {
        var reader = try PackedReader(form, try string())
        while let element = try reader.next() { element.withText { list.pushBack($0) } }
    }

    private func packedList(_ form: PackedReader.Form) throws(DumpError) -> ListValue {
        let list = ListValue()
        try append(form, to: list)
        return list
    }

    private func listOfNodes(_ form: PackedReader.Form) throws(DumpError) -> ListValue {
        let list = ListValue()
        for _ in 0..<(try count()) {
            // Since listpacks a node says whether it is one, or a single long element.
            switch form == .listpack ? try number() : 2 {
            case 1: list.pushBack(try string())
            case 2: try append(form, to: list)
            default: throw .badFormat
            }
        }
        return list
    }

    // MARK: Sets

    private func set() throws(DumpError) -> SetValue {
        let set = SetValue()
        let members = try count()
        for index in 0..<members {
            let member = try string()
            if index == 0 { set.expect(memberCount: Self.expected(members), firstMember: member) }
            guard set.add(member) else { throw .badFormat }
        }
        return set
    }

    private func setOfIntegers() throws(DumpError) -> SetValue {
        let bytes = try string()
        guard bytes.count >= 8 else { throw .badFormat }
        let width = Int(UInt32(littleEndian: bytes.base.loadUnaligned(as: UInt32.self)))
        let members = Int(UInt32(littleEndian: bytes.base.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
        guard width == 2 || width == 4 || width == 8, bytes.count - 8 == width * members else { throw .badFormat }
        let set = SetValue()
        var last: Int64?
        for offset in stride(from: 8, to: bytes.count, by: width) {
            let member: Int64 =
                switch width {
                case 2: Int64(Int16(littleEndian: bytes.base.loadUnaligned(fromByteOffset: offset, as: Int16.self)))
                case 4: Int64(Int32(littleEndian: bytes.base.loadUnaligned(fromByteOffset: offset, as: Int32.self)))
                default: Int64(littleEndian: bytes.base.loadUnaligned(fromByteOffset: offset, as: Int64.self))
                }
            if let last, member <= last { throw .badFormat }
            last = member
            DecimalText.with(member) { text in
                if offset == 8 { set.expect(memberCount: members, firstMember: text) }
                set.add(text)
            }
        }
        return set
    }

    private func packedSet() throws(DumpError) -> SetValue {
        let set = SetValue()
        var reader = try PackedReader(.listpack, try string())
        while let member = try reader.next() {
            guard member.withText({ set.add($0) }) else { throw .badFormat }
        }
        return set
    }

    // MARK: Hashes

    private func hash() throws(DumpError) -> HashValue {
        let hash = HashValue()
        let fields = try count(elementBytesMin: 2)
        hash.expect(fieldCount: Self.expected(fields))
        for _ in 0..<fields {
            let field = try string(scratch: 0)
            guard hash.set(field, to: try string(scratch: 1)) else { throw .badFormat }
        }
        return hash
    }

    private func packedHash(_ form: PackedReader.Form) throws(DumpError) -> HashValue {
        let hash = HashValue()
        var reader = try PackedReader(form, try string())
        while let field = try reader.next() {
            let value = try reader.required()
            let isNew = field.withText { field in value.withText { hash.set(field, to: $0) } }
            guard isNew else { throw .badFormat }
        }
        return hash
    }

    private func zipmap() throws(DumpError) -> HashValue {
        let hash = HashValue()
        var reader = try ZipmapReader(try string())
        while let (field, value) = try reader.next() {
            guard hash.set(field, to: value) else { throw .badFormat }
        }
        return hash
    }

    private func hashWithTimes() throws(DumpError) -> HashValue {
        let hash = HashValue()
        let first = try firstTime()
        let fields = try count(elementBytesMin: 3)
        hash.expect(fieldCount: Self.expected(fields))
        for _ in 0..<fields {
            let time = try number()
            let field = try string(scratch: 0)
            guard time <= UInt64(Limits.fieldExpiryMillisecondsMax), hash.set(field, to: try string(scratch: 1)) else {
                throw .badFormat
            }
            guard time > 0 else { continue }
            let absolute = first + Int64(time) - 1
            guard absolute <= Limits.fieldExpiryMillisecondsMax else { throw .badFormat }
            hash.setExpiry(of: field, to: absolute)
        }
        return hash
    }

    private func packedHashWithTimes() throws(DumpError) -> HashValue {
        let hash = HashValue()
        _ = try firstTime()
        var reader = try PackedReader(.listpack, try string())
        while let field = try reader.next() {
            let value = try reader.required()
            let time = try reader.integer()
            let isNew = field.withText { field in value.withText { hash.set(field, to: $0) } }
            guard isNew, time >= 0 else { throw .badFormat }
            guard time > 0 else { continue }
            guard time <= Limits.fieldExpiryMillisecondsMax else { throw .badFormat }
            field.withText { hash.setExpiry(of: $0, to: time) }
        }
        return hash
    }

    /// What stands before the fields: it need not be one of theirs.
    private func firstTime() throws(DumpError) -> Int64 {
        let time = try fixed(Int64.self)
        guard (0...Limits.fieldExpiryMillisecondsMax).contains(time) else { throw .badFormat }
        return time
    }

    // MARK: Sorted sets

    private func sortedSet(withText: Bool) throws(DumpError) -> SortedSetValue {
        let set = SortedSetValue()
        let members = try count(elementBytesMin: 2)
        set.expect(memberCount: Self.expected(members))
        for _ in 0..<members {
            let member = try string()
            let score = withText ? try scoreText() : Double(bitPattern: try fixed(UInt64.self))
            try add(member, score, to: set)
        }
        return set
    }

    /// One byte of length, or one that stands for what is no finite number.
    private func scoreText() throws(DumpError) -> Double {
        switch try byte() {
        case 255: return -.infinity
        case 254: return .infinity
        case 253: return .nan
        case let count:
            guard let score = DoubleText.parse(try slice(Int(count))) else { throw .badFormat }
            return score
        }
    }

    private func add(_ member: ByteSlice, _ score: Double, to set: SortedSetValue) throws(DumpError) {
        guard !score.isNaN else { throw .badFormat }
        var isNew = true
        set.update(member) { old in
            isNew = old == nil
            return score
        }
        guard isNew else { throw .badFormat }
    }

    private func packedSortedSet(_ form: PackedReader.Form) throws(DumpError) -> SortedSetValue {
        let set = SortedSetValue()
        var reader = try PackedReader(form, try string())
        while let member = try reader.next() {
            guard let score = try reader.required().double, !score.isNaN else { throw .badFormat }
            let isNew = member.withText { member in
                var isNew = true
                set.update(member) { old in
                    isNew = old == nil
                    return score
                }
                return isNew
            }
            guard isNew else { throw .badFormat }
        }
        return set
    }
}
