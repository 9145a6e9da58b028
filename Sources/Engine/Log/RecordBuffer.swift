// Writing framed records, and a growing run of them outside the journal: a group that becomes one record, a
// chunk of a checkpoint. Owns its memory until `take`.
// Boundary file for raw pointers. Next: Record.swift (the framing), Journal.swift.

import CTaskdShims
import Wire

extension RecordFormat {
    /// Writes one record of exactly `payloadBytes`, which `fill` writes, at `record`.
    @inline(__always)
    static func write(
        _ type: RecordType, payloadBytes: Int, to record: UnsafeMutableRawPointer, _ fill: (inout RawWriter) -> Void
    ) {
        (record + 8).storeBytes(of: type.rawValue, as: UInt8.self)
        var writer = RawWriter(record + headerBytes)
        fill(&writer)
        precondition(writer.count == payloadBytes, "record filled with another size than announced")
        seal(record, payloadBytes: payloadBytes)
    }

    /// Writes length and checksum before a type and a payload that stand in place.
    @inline(__always)
    static func seal(_ record: UnsafeMutableRawPointer, payloadBytes: Int) {
        record.storeBytes(of: UInt32(payloadBytes).littleEndian, as: UInt32.self)
        let crc = taskd_crc32c(0, record + 8, payloadBytes + 1)
        (record + 4).storeBytes(of: crc.littleEndian, as: UInt32.self)
    }
}

/// Records one after the other, as they will lie in a file.
final class RecordBuffer {
    private var base: UnsafeMutableRawPointer?
    private var capacity = 0
    private(set) var count = 0

    deinit { base?.deallocate() }

    /// The bytes so far. Valid until the next append.
    var slice: ByteSlice { base.map { ByteSlice(base: UnsafeRawPointer($0), count: count) } ?? .empty }

    /// Appends one record of exactly `payloadBytes`, written by `fill`.
    func append(_ type: RecordType, payloadBytes: Int, _ fill: (inout RawWriter) -> Void) {
        precondition(payloadBytes <= Limits.logRecordBytesMax)
        let total = RecordFormat.headerBytes + payloadBytes
        if capacity - count < total { grow(total) }
        RecordFormat.write(type, payloadBytes: payloadBytes, to: base.unsafelyUnwrapped + count, fill)
        count += total
    }

    private func grow(_ needed: Int) {
        var larger = max(capacity * 2, 16 * 1024)
        while larger - count < needed { larger *= 2 }
        let fresh = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        if let base {
            fresh.copyMemory(from: base, byteCount: count)
            base.deallocate()
        }
        base = fresh
        capacity = larger
    }

    /// Hands the memory over, to be deallocated by the receiver, and begins anew; nil when there is nothing.
    func take() -> UnsafeMutableRawBufferPointer? {
        guard let base, count > 0 else { return nil }
        let taken = UnsafeMutableRawBufferPointer(start: base, count: count)
        self.base = nil
        capacity = 0
        count = 0
        return taken
    }
}
