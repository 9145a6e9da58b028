// Reads the parts that dumped values are made of: lengths, strings, numbers. Everything comes from a client or a
// file: every read is bounded, and memory is given only for bytes that are there.
// Strings are borrowed, valid until the next one is read into the same scratch; one read into the first scratch ends
// all others.
// Boundary file for raw pointers. Loop thread only. Next: DumpValueReader.swift, PackedReader.swift; DumpWindow.swift
// (values that are not in memory as a whole).

import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A position in a payload without its footer, or in a file.
final class DumpReader {
    private var cursor: ByteCursor
    /// Where more comes from when the bytes at hand are used up; nil: they are all.
    private let window: DumpWindow?
    /// Where compressed strings and integers are spelled out: one for each string that is needed at the same time.
    private var scratches: [UnsafeMutableRawBufferPointer] = [.init(start: nil, count: 0), .init(start: nil, count: 0)]
    /// Bytes that may still be made of fewer: compressed strings, field names that entries of streams share.
    private var expansionLeft = Limits.restoredExpansionBytesMax

    init(_ body: ByteSlice) {
        cursor = ByteCursor(body)
        window = nil
    }

    /// Reads a file, so many bytes at once. What may be made of it in all grows with its size.
    init(_ source: any DumpSource, readBytes: Int) {
        cursor = ByteCursor(.empty)
        window = DumpWindow(source, readBytes)
        let (product, overflow) = source.bytes.multipliedReportingOverflow(by: Limits.importedExpansionFactor)
        expansionLeft += overflow ? Int.max / 2 : min(product, Int.max / 2)
    }

    deinit {
        for scratch in scratches { scratch.deallocate() }
    }

    /// Bytes not yet read, those still in the file included.
    var remaining: Int { cursor.remaining + (window?.remaining ?? 0) }

    /// Bytes of the file read so far.
    var offset: Int { (window?.bytesRead ?? 0) - cursor.remaining }

    /// CRC-64 of the file's bytes read so far.
    var checksum: UInt64 { window?.checksum(before: cursor.rest) ?? 0 }

    @inline(__always)
    func byte() throws(DumpError) -> UInt8 {
        if cursor.remaining == 0 { try fetch(1) }
        do { return try cursor.readUInt8() } catch { throw .cutOff }
    }

    @inline(__always)
    func slice(_ count: Int) throws(DumpError) -> ByteSlice {
        if count > cursor.remaining { try fetch(count) }
        do { return try cursor.readSlice(count) } catch { throw .cutOff }
    }

    @inline(never)
    private func fetch(_ count: Int) throws(DumpError) {
        guard let window else { throw .cutOff }
        cursor = ByteCursor(try window.fetch(count, after: cursor.rest))
    }

    /// Little-endian, as numbers of fixed size are.
    func fixed<Number: FixedWidthInteger>(_ type: Number.Type) throws(DumpError) -> Number {
        Number(littleEndian: try slice(MemoryLayout<Number>.size).base.loadUnaligned(as: Number.self))
    }

    private enum Length {
        case plain(UInt64)
        /// A string in one of the special forms.
        case special(UInt8)
    }

    private func anyLength() throws(DumpError) -> Length {
        let first = try byte()
        switch first >> 6 {
        case 0: return .plain(UInt64(first & 63))
        case 1: return .plain(UInt64(first & 63) << 8 | UInt64(try byte()))
        case 3: return .special(first & 63)
        default:
            if first == 0x80 { return .plain(UInt64(try fixed(UInt32.self).byteSwapped)) }
            if first == 0x81 { return .plain(try fixed(UInt64.self).byteSwapped) }
            throw .badFormat
        }
    }

    /// A number: most significant bytes first, in one to nine bytes.
    func number() throws(DumpError) -> UInt64 {
        guard case .plain(let number) = try anyLength() else { throw .badFormat }
        return number
    }

    /// How many elements follow, each of at least so many bytes.
    func count(elementBytesMin: Int = 1) throws(DumpError) -> Int {
        let number = try number()
        guard number <= UInt64(remaining / elementBytesMin) else { throw .cutOff }
        return Int(number)
    }

    /// The next string.
    func string(scratch: Int = 0) throws(DumpError) -> ByteSlice {
        if scratch == 0 { window?.letGo() }
        switch try anyLength() {
        case .plain(let count):
            guard count <= UInt64(Limits.respBulkBytesMax) else { throw count > UInt64(remaining) ? .cutOff : .tooLong }
            return try slice(Int(count))
        case .special(0): return try integer(Int64(try fixed(Int8.self)), scratch)
        case .special(1): return try integer(Int64(try fixed(Int16.self)), scratch)
        case .special(2): return try integer(Int64(try fixed(Int32.self)), scratch)
        case .special(3):
            guard let packedCount = Int(exactly: try number()), let count = Int(exactly: try number()) else {
                throw .badFormat
            }
            let packed = try slice(packedCount)
            guard count <= Limits.respBulkBytesMax else { throw .tooLong }
            // Three bytes become 264 at most.
            guard count > 0, count / 264 <= packedCount else { throw .badFormat }
            let target = try room(count, scratch)
            guard LZF.expand(packed, into: target) else { throw .badFormat }
            return ByteSlice(UnsafeRawBufferPointer(target))
        case .special: throw .badFormat
        }
    }

    private func integer(_ value: Int64, _ scratch: Int) throws(DumpError) -> ByteSlice {
        let target = try room(24, scratch).baseAddress.unsafelyUnwrapped
        return ByteSlice(base: target, count: RESPNumber.write(value, to: target))
    }

    /// So many bytes are about to be made of few.
    func expand(_ bytes: Int) throws(DumpError) {
        guard bytes <= expansionLeft else { throw .badFormat }
        expansionLeft -= bytes
    }

    private func room(_ count: Int, _ index: Int) throws(DumpError) -> UnsafeMutableRawBufferPointer {
        if count > 24 { try expand(count) }
        if scratches[index].count < count {
            scratches[index].deallocate()
            scratches[index] = .allocate(byteCount: max(count, 256), alignment: 8)
        }
        return UnsafeMutableRawBufferPointer(rebasing: scratches[index][..<count])
    }
}

/// Marc Lehmann's compression, as far as reading goes.
enum LZF {
    /// Fills `target` to its end; false if that is not what the bytes hold.
    static func expand(_ packed: ByteSlice, into target: UnsafeMutableRawBufferPointer) -> Bool {
        var input = 0
        var output = 0
        while input < packed.count {
            let control = Int(packed[input])
            input += 1
            if control < 32 {
                let count = control + 1
                guard count <= packed.count - input, count <= target.count - output else { return false }
                memcpy(target.baseAddress! + output, packed.base + input, count)
                input += count
                output += count
                continue
            }
            var count = control >> 5 + 2
            if control >> 5 == 7 {
                guard input < packed.count else { return false }
                count += Int(packed[input])
                input += 1
            }
            guard input < packed.count else { return false }
            let distance = (control & 31) << 8 + Int(packed[input]) + 1
            input += 1
            guard distance <= output, count <= target.count - output else { return false }
            // Source and target may overlap: what has just been written is repeated.
            for index in output..<output + count { target[index] = target[index - distance] }
            output += count
        }
        return output == target.count
    }
}
