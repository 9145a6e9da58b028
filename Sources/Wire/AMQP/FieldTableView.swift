// Reads field tables in place: one pass, no allocation, no owned value.
// For headers exchanges, queue arguments and checks. Who wants to keep or change a table takes
// `FieldTable`.
// Next: FieldView.swift (one value), FieldTable.swift (owned).

/// A borrowed table: the bytes between its length and its end.
public struct FieldTableView {
    public let bytes: ByteSlice

    @inlinable
    public init(_ bytes: ByteSlice) { self.bytes = bytes }

    @inlinable
    public var isEmpty: Bool { bytes.isEmpty }

    @inlinable
    public func makeReader() -> FieldTableReader { FieldTableReader(bytes) }

    /// The value of `key`, the first one if it stands there twice; nil when absent.
    /// Does not look behind the key: validate a table from outside first.
    public func value(_ key: ByteSlice) throws(FrameError) -> FieldView? {
        var reader = makeReader()
        while let entry = try reader.next() {
            if entry.key == key { return entry.value }
        }
        return nil
    }

    public func value(_ key: StaticString) throws(FrameError) -> FieldView? { try value(ByteSlice(key)) }

    /// Walks everything, nested tables and arrays too.
    public func validate(depthMax: Int = FieldTableLimits.depthMax) throws(FrameError) {
        guard depthMax > 0 else { throw .tableTooDeep }
        var reader = makeReader()
        while let entry = try reader.next() { try entry.value.validate(depthMax: depthMax - 1) }
    }
}

/// A borrowed array: the bytes between its length and its end.
public struct FieldArrayView {
    public let bytes: ByteSlice

    @inlinable
    public init(_ bytes: ByteSlice) { self.bytes = bytes }

    @inlinable
    public func makeReader() -> FieldArrayReader { FieldArrayReader(bytes) }

    /// Walks everything, nested tables and arrays too.
    public func validate(depthMax: Int = FieldTableLimits.depthMax) throws(FrameError) {
        guard depthMax > 0 else { throw .tableTooDeep }
        var reader = makeReader()
        while let value = try reader.next() { try value.validate(depthMax: depthMax - 1) }
    }
}

/// Goes through the entries of a table.
public struct FieldTableReader {
    private var cursor: ByteCursor

    public init(_ bytes: ByteSlice) { cursor = ByteCursor(bytes) }

    /// The next entry, or nil at the end. Nested values are not looked into.
    public mutating func next() throws(FrameError) -> (key: ByteSlice, value: FieldView)? {
        guard cursor.remaining > 0 else { return nil }
        do throws(CursorError) {
            let key = try cursor.readShortString()
            guard let value = try FieldView(from: &cursor) else { throw CursorError.outOfBytes }
            return (key, value)
        } catch {
            throw .malformedTable
        }
    }
}

/// Goes through the values of an array.
public struct FieldArrayReader {
    private var cursor: ByteCursor

    public init(_ bytes: ByteSlice) { cursor = ByteCursor(bytes) }

    /// The next value, or nil at the end.
    public mutating func next() throws(FrameError) -> FieldView? {
        guard cursor.remaining > 0 else { return nil }
        do throws(CursorError) {
            guard let value = try FieldView(from: &cursor) else { throw CursorError.outOfBytes }
            return value
        } catch {
            throw .malformedTable
        }
    }
}
