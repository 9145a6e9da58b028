// The part of a file of dumped values that is in memory. When it is used up the next part is read, into another buffer:
// what was borrowed from this one stays where it is until `letGo`. A string of any length is in one piece.
// Boundary file for raw pointers. Loop thread only. Next: DumpReader.swift (which reads from it), CRC64.swift.

import Wire

/// Bytes of a file, front to back. Its reads are large.
public protocol DumpSource: AnyObject {
    /// Size of the file.
    var bytes: Int { get }
    /// Fills `buffer` from where the last read ended; less only at the end. Throws why it cannot, in words.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(DumpSourceError) -> Int
}

/// The file cannot be read.
public struct DumpSourceError: Error {
    public let reason: String
    public init(_ reason: String) { self.reason = reason }
}

/// What of a source is in memory.
final class DumpWindow {
    private let source: any DumpSource
    private var buffer = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    /// Something borrowed may point into these.
    private var retired: [UnsafeMutableRawBufferPointer] = []
    /// One of the usual size, for the next read.
    private var spare: UnsafeMutableRawBufferPointer?
    private(set) var bytesRead = 0
    /// Of everything before `unsummed`.
    private var sum: UInt64 = 0
    private var unsummed = UnsafeRawPointer(bitPattern: 1)!

    private let readBytes: Int

    init(_ source: any DumpSource, _ readBytes: Int) {
        self.source = source
        self.readBytes = readBytes
    }

    deinit {
        buffer.deallocate()
        spare?.deallocate()
        retired.forEach { $0.deallocate() }
    }

    /// Bytes still in the file.
    var remaining: Int { source.bytes - bytesRead }

    /// `rest`, what is not read of the bytes at hand, and at least so many bytes in all.
    func fetch(_ count: Int, after rest: ByteSlice) throws(DumpError) -> ByteSlice {
        guard count - rest.count <= remaining else { throw .cutOff }
        if buffer.count > 0 { sum = checksum(before: rest) }
        let fresh = room(max(count, min(readBytes, rest.count + remaining)))
        fresh.copyMemory(from: rest.buffer)
        if buffer.count > 0 { retired.append(buffer) }
        buffer = fresh
        unsummed = UnsafeRawPointer(fresh.baseAddress!)
        let wanted = min(fresh.count - rest.count, remaining)
        let got: Int
        do throws(DumpSourceError) {
            let place = UnsafeMutableRawBufferPointer(rebasing: fresh[rest.count..<rest.count + wanted])
            got = try source.read(into: place)
        } catch {
            throw .unreadable(error.reason)
        }
        guard got == wanted else { throw .unreadable("it became shorter while it was read") }
        bytesRead += got
        return ByteSlice(base: unsummed, count: rest.count + got)
    }

    /// CRC-64 of everything before `rest`, the end of the bytes at hand.
    func checksum(before rest: ByteSlice) -> UInt64 {
        guard buffer.count > 0 else { return sum }
        return CRC64.sum(ByteSlice(base: unsummed, count: rest.base - unsummed), after: sum)
    }

    /// Nothing borrowed is needed any more, but for what is still in the window.
    @inline(__always)
    func letGo() { if !retired.isEmpty { free() } }

    @inline(never)
    private func free() {
        for buffer in retired {
            if spare == nil, buffer.count == readBytes { spare = buffer } else { buffer.deallocate() }
        }
        retired.removeAll(keepingCapacity: true)
    }

    private func room(_ count: Int) -> UnsafeMutableRawBufferPointer {
        if let spare, count <= spare.count {
            self.spare = nil
            return spare
        }
        return .allocate(byteCount: count, alignment: 8)
    }
}
