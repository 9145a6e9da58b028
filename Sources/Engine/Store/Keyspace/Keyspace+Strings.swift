// Strings in the keyspace: how commands read and write them without knowing the three ways they are held.
// Short ones stand beside their key, integers in eight bytes, long ones in an object of their own.
// Loop thread only. Next: KeyEntry.swift, Commands/StringCommands.swift.

import Wire

extension Keyspace {
    /// Values at least this long are objects, which replies refer to without copying.
    static let longStringBytesMin = Limits.outputReferenceBytesMin

    // MARK: Reading

    /// The bytes of a string entry, borrowed. An integer is spelled out in a scratch that the next call reuses.
    @inline(__always)
    func bytes(of entry: KeyEntry) throws(CommandError) -> ByteSlice {
        switch entry.kind {
        case .inlineString: return entry.inlineValue
        case .integer:
            return ByteSlice(base: integerScratch, count: RESPNumber.write(entry.integer, to: integerScratch))
        case .longString: return unsafeDowncast(entry.object, to: LongString.self).slice
        default: throw .wrongType
        }
    }

    /// The string at `key`, for a command that reads: counts a hit or a miss.
    @inline(__always)
    func readString(_ key: ByteSlice) throws(CommandError) -> ByteSlice? {
        guard let entry = lookup(key) else { return nil }
        return try bytes(of: entry)
    }

    /// The string at `key`, for a command that writes: counts nothing.
    func findString(_ key: ByteSlice) throws(CommandError) -> ByteSlice? {
        guard let entry = find(key) else { return nil }
        return try bytes(of: entry)
    }

    // MARK: Writing

    /// What becomes of a key's expiry when its value is set.
    enum ExpiryChange {
        case clear
        case keep
        /// Milliseconds since 1970.
        case at(Int64)
    }

    /// Makes `key` hold this string, whatever it held before.
    @inline(__always)
    func setString(_ key: ByteSlice, _ value: ByteSlice, expiry: ExpiryChange = .clear) {
        let hash = ByteHash.hash(key)
        setString(key, hash: hash, found: find(key, hash: hash), value, expiry: expiry)
    }

    /// The same for a caller that has looked the key up already.
    @inline(__always)
    func setString(_ key: ByteSlice, hash: UInt64, found: KeyEntry?, _ value: ByteSlice, expiry: ExpiryChange) {
        let entry: KeyEntry
        if let found {
            willChange(found)
            // The commonest write: a short string over one that left enough room.
            if found.kind == .inlineString, value.count <= found.inlineRoom, found.inlineRoom <= value.count * 4 + 64,
                RESPNumber.integer(value) == nil
            {
                found.setKind(.inlineString)
                found.setInline(value)
                store.touchWritten(found)
                entry = found
            } else {
                entry = overwrite(found, key, value)
            }
            if case .keep = expiry { return }
            if case .at(let time) = expiry { setExpiry(entry, time) } else if entry.hasExpiry { clearExpiry(entry) }
        } else {
            entry = makeString(key, hash, value)
            insert(entry)
            if case .at(let time) = expiry { setExpiry(entry, time) }
        }
    }

    /// The same for a value that commands made of bits and pieces: `OBJECT ENCODING` says raw. The expiry stays.
    func setRawString(_ key: ByteSlice, _ value: ByteSlice) {
        let hash = ByteHash.hash(key)
        setString(key, hash: hash, found: find(key, hash: hash), value, expiry: .keep)
        if let entry = table.find(key, hash: hash), entry.kind == .inlineString {
            entry.setKind(.inlineString, flags: KeyEntry.Flags.raw)
        }
    }

    @inline(__always)
    private func makeString(_ key: ByteSlice, _ hash: UInt64, _ value: ByteSlice) -> KeyEntry {
        if let integer = RESPNumber.integer(value) {
            let entry = KeyEntry.make(key: key, hash: hash, inlineCapacity: 0)
            entry.setKind(.integer)
            entry.integer = integer
            return entry
        }
        if value.count >= Self.longStringBytesMin {
            let entry = KeyEntry.make(key: key, hash: hash, inlineCapacity: 0)
            entry.adopt(LongString(value))
            return entry
        }
        let entry = KeyEntry.make(key: key, hash: hash, inlineCapacity: value.count)
        entry.setInline(value)
        return entry
    }

    @inline(never)
    private func overwrite(_ old: KeyEntry, _ key: ByteSlice, _ value: ByteSlice) -> KeyEntry {
        if old.kind == .integer, let integer = RESPNumber.integer(value) {
            old.integer = integer
            store.touchWritten(old)
            return old
        }
        let fresh = makeString(key, old.hash, value)
        unscheduleFields(of: old)
        old.releasePayload()
        replace(old, with: fresh)
        return fresh
    }

    /// Makes `key` hold this integer; its expiry stays.
    func setInteger(_ key: ByteSlice, found: KeyEntry?, _ value: Int64) {
        if let found { willChange(found) }
        if let found, found.kind == .integer {
            found.integer = value
            return
        }
        let fresh = KeyEntry.make(key: key, hash: ByteHash.hash(key), inlineCapacity: 0)
        fresh.setKind(.integer)
        fresh.integer = value
        if let found {
            found.releasePayload()
            replace(found, with: fresh)
        } else {
            insert(fresh)
        }
    }

    /// Room to write into the string at `key`, made `count` bytes long if it is shorter (new bytes are zero) and
    /// made at all if it does not exist. The expiry stays. Valid until the next call.
    func editString(_ key: ByteSlice, minimumCount: Int) throws(CommandError) -> UnsafeMutableRawPointer {
        let hash = ByteHash.hash(key)
        guard let found = find(key, hash: hash) else {
            return grow(nil, key, hash, from: .empty, count: minimumCount)
        }
        let old = try bytes(of: found)
        willChange(found)
        let count = max(old.count, minimumCount)
        switch found.kind {
        case .inlineString where count <= found.inlineRoom && count < Self.longStringBytesMin:
            found.setKind(.inlineString, flags: KeyEntry.Flags.raw)
            return found.resizeInline(count)
        case .longString:
            return longForWriting(found).resize(count)
        default:
            return grow(found, key, hash, from: old, count: count)
        }
    }

    /// The long string of an entry, copied first if a reply still refers to its bytes.
    private func longForWriting(_ entry: KeyEntry) -> LongString {
        let isShared = entry.isObjectShared
        let object = unsafeDowncast(entry.object, to: LongString.self)
        guard isShared else { return object }
        let fresh = LongString(object.slice)
        entry.releasePayload()
        entry.adopt(fresh)
        return fresh
    }

    private func grow(
        _ found: KeyEntry?, _ key: ByteSlice, _ hash: UInt64, from old: ByteSlice, count: Int
    ) -> UnsafeMutableRawPointer {
        let fresh: KeyEntry
        let room: UnsafeMutableRawPointer
        if count >= Self.longStringBytesMin {
            fresh = KeyEntry.make(key: key, hash: hash, inlineCapacity: 0)
            let long = LongString(old, capacity: count)
            fresh.adopt(long)
            room = long.resize(count)
        } else {
            fresh = KeyEntry.make(key: key, hash: hash, inlineCapacity: max(count + count / 2, old.count))
            fresh.setInline(old)
            fresh.setKind(.inlineString, flags: KeyEntry.Flags.raw)
            room = fresh.resizeInline(count)
        }
        if let found {
            found.releasePayload()
            replace(found, with: fresh)
        } else {
            insert(fresh)
        }
        return room
    }
}
