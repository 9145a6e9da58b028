// The spool's files: written whole, read at addresses, removed when nobody needs them. A start removes what an
// earlier daemon has left: nothing in them outlives it.
// Storage thread. Next: ../Broker/Paging/Spool.swift (what is in a chunk, and its address).

import Wire

/// A chunk to be written to the file `spool-<id>`. Its memory stays with the broker until it is reported.
public struct SpoolChunk: @unchecked Sendable {
    public let id: UInt32
    /// Valid until the chunk is reported written or failed.
    public let bytes: UnsafeRawBufferPointer
    /// Keeps the bytes, whatever becomes of the broker.
    private let owner: RecordBuffer

    init(id: UInt32, owner: RecordBuffer) {
        self.id = id
        self.owner = owner
        bytes = owner.slice.buffer
    }
}

/// Files `spool-<id>` of one folder.
public final class SpoolFiles {
    private let disk: any LogDisk
    private var memory: UnsafeMutableRawBufferPointer
    /// What is in memory: of which file, from which offset on, how much.
    private var windowID: UInt32?
    private var windowStart = 0
    private var windowCount = 0
    private var lastReadEnd = -1

    private static let nearBytes = 16_384

    public init(disk: any LogDisk) throws(LogDiskError) {
        self.disk = disk
        memory = .allocate(byteCount: RecordFile.readBytes, alignment: 16)
        for name in try disk.list() where name.hasPrefix("spool-") { try disk.remove(name) }
    }

    deinit { memory.deallocate() }

    private static func name(_ id: UInt32) -> String { "spool-\(id)" }

    public func write(_ chunk: SpoolChunk) throws(LogDiskError) {
        let name = Self.name(chunk.id)
        do throws(LogDiskError) {
            try disk.create(name)
            try disk.write(name, at: 0, chunk.bytes)
        } catch {
            try? disk.remove(name)
            throw error
        }
    }

    public func remove(_ id: UInt32) throws(LogDiskError) {
        if windowID == id { windowID = nil }
        try disk.remove(Self.name(id))
    }

    /// Gives the record at `address` to `body`; the payload is valid within it.
    public func read(at address: UInt64, _ body: (RecordType, ByteSlice) -> Void) throws(LogError) {
        let id = UInt32(truncatingIfNeeded: address >> 32)
        let offset = Int(UInt32(truncatingIfNeeded: address))
        try fill(id, offset, atLeast: RecordFormat.headerBytes)
        var read = RecordRead.front(of: window(offset), available: .max)
        if case .needs(let bytes) = read {
            try fill(id, offset, atLeast: bytes)
            let found = window(offset)
            // What is not there now is not in the file.
            read = RecordRead.front(of: found, available: found.count)
        }
        guard case .record(let number, let payload, let bytes) = read, let type = RecordType(rawValue: number) else {
            throw .damaged(segment: Self.name(id), offset: offset, reason: "wrong record")
        }
        lastReadEnd = offset + bytes
        body(type, payload)
    }

    private func window(_ offset: Int) -> ByteSlice {
        ByteSlice(
            base: UnsafeRawPointer(memory.baseAddress! + (offset - windowStart)),
            count: max(0, windowStart + windowCount - offset))
    }

    private func fill(_ id: UInt32, _ offset: Int, atLeast: Int) throws(LogError) {
        if windowID == id, offset >= windowStart, windowStart + windowCount - offset >= atLeast { return }
        // Much where one record after the other is read, little where they are far apart.
        let isNear = windowID == id && offset >= lastReadEnd && offset - lastReadEnd < Self.nearBytes || offset == 0
        let size = max(atLeast, isNear ? RecordFile.readBytes : Self.nearBytes)
        if memory.count < size {
            memory.deallocate()
            memory = .allocate(byteCount: size, alignment: 16)
        }
        windowID = nil
        do throws(LogDiskError) {
            windowCount = try disk.read(
                Self.name(id), at: offset, into: UnsafeMutableRawBufferPointer(rebasing: memory[..<size]))
        } catch {
            throw .disk(error)
        }
        windowID = id
        windowStart = offset
    }
}
