// One file of the log, read record by record in large reads: front to back for recovery and the offline tools,
// at ascending places for bodies that are read back. A record longer than a read gets a buffer of its size.
// Any thread, one at a time. Next: SegmentFormat.swift (what is in a file).

import Wire

/// A file of the log, open for reading.
final class RecordFile {
    let name: String
    let kind: LogFileKind
    let first: LogPosition
    /// A repair wrote it: something may be missing.
    let isRepaired: Bool
    /// Of a sparse segment.
    private let sparseEnd: LogPosition
    /// Size of the file. May grow while it is the last segment: see `refresh`.
    private(set) var bytes: Int
    private let disk: any LogDisk
    private var memory: UnsafeMutableRawPointer?
    private var capacity = 0
    private var windowStart = 0
    private var windowCount = 0

    /// Bytes read at once when walking.
    static let readBytes = 1_048_576

    /// Opens the file and checks its header. `first`: what its name says.
    init(_ disk: any LogDisk, _ name: String, first: LogPosition) throws(LogError) {
        self.disk = disk
        self.name = name
        do throws(LogDiskError) { bytes = try disk.size(of: name) } catch { throw .disk(error) }
        let header = UnsafeMutableRawBufferPointer.allocate(byteCount: SegmentFormat.headerBytes, alignment: 8)
        defer { header.deallocate() }
        let got: Int
        do throws(LogDiskError) { got = try disk.read(name, at: 0, into: header) } catch { throw .disk(error) }
        switch SegmentFormat.parse(ByteSlice(base: UnsafeRawPointer(header.baseAddress!), count: got)) {
        case .valid(let kind, let position, let end, let isRepaired) where position == first:
            self.kind = kind
            self.first = position
            self.isRepaired = isRepaired
            sparseEnd = end
        case .otherVersion(let version): throw .unknownFormat(segment: name, version: version)
        default: throw .damaged(segment: name, offset: 0, reason: "wrong header")
        }
    }

    /// Opens a file whose header cannot be read as if it said this.
    init(
        _ disk: any LogDisk, _ name: String, assuming kind: LogFileKind, first: LogPosition, end: LogPosition
    ) throws(LogError) {
        self.disk = disk
        self.name = name
        self.kind = kind
        self.first = first
        isRepaired = false
        sparseEnd = end
        do throws(LogDiskError) { bytes = try disk.size(of: name) } catch { throw .disk(error) }
    }

    deinit { memory?.deallocate() }

    /// The position after the last it stands for.
    var end: LogPosition {
        kind == .sparse ? sparseEnd : first + LogPosition(max(0, bytes - SegmentFormat.headerBytes))
    }

    /// The position that stands at `offset` of a dense file.
    func position(at offset: Int) -> LogPosition { first + LogPosition(offset - SegmentFormat.headerBytes) }
    /// Where a position stands in a dense file.
    func offset(of position: LogPosition) -> Int { Int(position - first) + SegmentFormat.headerBytes }

    /// The file may have grown since it was opened.
    func refresh() throws(LogError) {
        do throws(LogDiskError) { bytes = try disk.size(of: name) } catch { throw .disk(error) }
    }

    /// Reads anew what is read next: the file has been written to.
    func forgetWindow() { windowCount = 0 }

    /// A record as it lies in the file.
    enum Step {
        /// `payload` is valid until the next call. `next`: offset of what follows.
        case record(type: UInt8, payload: ByteSlice, position: LogPosition, next: Int)
        case bad(reason: String)
    }

    /// The record at `offset`, which is below `bytes`. `readAhead`: how much to read when it is not in memory yet.
    func record(at offset: Int, readAhead: Int = RecordFile.readBytes) throws(LogError) -> Step {
        let prefix = kind.recordPrefixBytes
        let available = bytes - offset - prefix
        guard available >= RecordFormat.headerBytes else { return .bad(reason: "the record is cut short") }
        try fill(offset, atLeast: prefix + RecordFormat.headerBytes, readAhead)
        var read = RecordRead.front(of: window(offset + prefix), available: available)
        if case .needs(let needed) = read {
            try fill(offset, atLeast: prefix + needed, readAhead)
            read = RecordRead.front(of: window(offset + prefix), available: available)
        }
        switch read {
        case .record(let type, let payload, let size):
            let place =
                prefix == 0
                ? position(at: offset) : UInt64(littleEndian: window(offset).base.loadUnaligned(as: UInt64.self))
            return .record(type: type, payload: payload, position: place, next: offset + prefix + size)
        case .bad(let reason): return .bad(reason: reason)
        case .needs: return .bad(reason: "the file ends before its size")
        }
    }

    /// Bytes of the file from `offset` on that are in memory: at least `atLeast`, or all there are.
    func bytes(at offset: Int, atLeast: Int) throws(LogError) -> ByteSlice {
        try fill(offset, atLeast: atLeast, Self.readBytes)
        return window(offset)
    }

    /// Whether there is nothing but zeros from `offset` on.
    func isZero(from offset: Int) throws(LogError) -> Bool {
        var start = offset
        while start < bytes {
            let found = try bytes(at: start, atLeast: min(Self.readBytes, bytes - start))
            guard found.count > 0, found.buffer.allSatisfy({ $0 == 0 }) else { return false }
            start += found.count
        }
        return true
    }

    private func window(_ offset: Int) -> ByteSlice {
        ByteSlice(
            base: UnsafeRawPointer(memory.unsafelyUnwrapped + (offset - windowStart)),
            count: windowStart + windowCount - offset)
    }

    private func fill(_ offset: Int, atLeast: Int, _ readAhead: Int) throws(LogError) {
        let wanted = min(atLeast, bytes - offset)
        if offset >= windowStart, windowStart + windowCount - offset >= wanted, memory != nil { return }
        let size = max(atLeast, readAhead)
        if capacity < size {
            memory?.deallocate()
            memory = .allocate(byteCount: size, alignment: 16)
            capacity = size
        }
        windowStart = offset
        windowCount = 0
        let buffer = UnsafeMutableRawBufferPointer(start: memory, count: size)
        do throws(LogDiskError) {
            windowCount = min(try disk.read(name, at: offset, into: buffer), bytes - offset)
        } catch {
            throw .disk(error)
        }
    }
}
