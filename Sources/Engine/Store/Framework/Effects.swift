// The effects of one unit (command, transaction, script), collected and then journaled as one record: all or
// nothing. An effect is a command's words with the number of its database; replay runs it by the same table.
//
// Payload of a `.storeEffects` record, little-endian, once or more:
//
//     size  field
//     2     database
//     4     number of words
//     …     for each word: length (4), bytes
//
// To change the format: see Log/Record.swift.
// Boundary file for raw pointers. Loop thread only. Next: Execution.swift (who closes units).

import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Adds words to an effect that has been begun.
struct EffectWriter {
    fileprivate let effects: EffectBuffer
    fileprivate var left: Int

    mutating func add(_ slice: ByteSlice) {
        left -= 1
        effects.word(slice)
    }

    mutating func add(_ text: StaticString) { add(ByteSlice(base: text.utf8Start, count: text.utf8CodeUnitCount)) }

    mutating func add(_ number: Int64) {
        left -= 1
        withUnsafeTemporaryAllocation(byteCount: 24, alignment: 8) { buffer in
            effects.word(
                ByteSlice(base: buffer.baseAddress!, count: RESPNumber.write(number, to: buffer.baseAddress!)))
        }
    }

    mutating func add(_ number: Double) {
        left -= 1
        DoubleText.with(number) { effects.word($0) }
    }
}

/// Effects of the open unit, or of a checkpoint's next record.
final class EffectBuffer {
    private var base: UnsafeMutableRawPointer
    private var capacity = 4_096
    private(set) var count = 0
    /// Off while the log is replayed and when there is none.
    var isEnabled = false

    /// Kept between units up to this size.
    private static let keptBytesMax = 1 << 20

    init() { base = malloc(capacity).unsafelyUnwrapped }

    deinit { free(base) }

    var isEmpty: Bool { count == 0 }

    @inline(__always)
    private func room(_ bytes: Int) -> UnsafeMutableRawPointer {
        if capacity - count < bytes { grow(bytes) }
        let position = base + count
        count += bytes
        return position
    }

    @inline(never)
    private func grow(_ bytes: Int) {
        while capacity - count < bytes { capacity *= 2 }
        base = realloc(base, capacity).unsafelyUnwrapped
    }

    @inline(__always)
    private func begin(_ database: Int, words: Int) {
        let target = room(6)
        target.storeBytes(of: UInt16(truncatingIfNeeded: database).littleEndian, as: UInt16.self)
        target.storeBytes(of: UInt32(truncatingIfNeeded: words).littleEndian, toByteOffset: 2, as: UInt32.self)
    }

    @inline(__always)
    func word(_ slice: ByteSlice) {
        let target = room(4 + slice.count)
        target.storeBytes(of: UInt32(truncatingIfNeeded: slice.count).littleEndian, as: UInt32.self)
        memcpy(target + 4, slice.base, slice.count)
    }

    @inline(__always)
    private func word(_ text: StaticString) {
        word(ByteSlice(base: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// All words of a request.
    @inline(__always)
    func append(database: Int, _ arguments: RESPArguments) {
        guard isEnabled else { return }
        begin(database, words: arguments.count)
        for index in 0..<arguments.count { word(arguments[index]) }
    }

    func append(database: Int, _ name: StaticString, _ first: ByteSlice) {
        guard isEnabled else { return }
        begin(database, words: 2)
        word(name)
        word(first)
    }

    /// A name and `count` words, which `fill` adds.
    func append(database: Int, _ name: StaticString, count: Int, _ fill: (inout EffectWriter) -> Void) {
        guard isEnabled else { return }
        begin(database, words: count + 1)
        word(name)
        var writer = EffectWriter(effects: self, left: count)
        fill(&writer)
        precondition(writer.left == 0, "effect with another number of words than announced")
    }

    func append(database: Int, _ name: StaticString, _ first: ByteSlice, _ second: ByteSlice) {
        guard isEnabled else { return }
        begin(database, words: 3)
        word(name)
        word(first)
        word(second)
    }

    /// Begins an effect whose number of words shows only at its end: they are added with `word`. Returns where
    /// the number will stand.
    func open(database: Int, _ name: StaticString) -> Int {
        begin(database, words: 0)
        let place = count - 4
        word(name)
        return place
    }

    /// Ends it: it has so many words, its name included.
    func close(_ place: Int, words: Int) {
        base.storeBytes(of: UInt32(truncatingIfNeeded: words).littleEndian, toByteOffset: place, as: UInt32.self)
    }

    /// What was collected becomes one record of a checkpoint.
    func flush(to output: CheckpointOutput) {
        output.append(.storeEffects, payloadBytes: count) { $0.writeBytes(base, count: count) }
        discard()
    }

    /// Journals what was collected as one record, if it fits, and begins anew.
    @inline(__always)
    func flush(to journal: Journal, recordBytesMax: Int = Limits.logRecordBytesMax) {
        guard count <= recordBytesMax else { return flushInParts(to: journal, recordBytesMax) }
        journal.append(.storeEffects, payloadBytes: count) { $0.writeBytes(base, count: count) }
        discard()
    }

    /// More than a record holds becomes several that count together: see EffectParts.swift.
    @inline(never)
    private func flushInParts(to journal: Journal, _ recordBytesMax: Int) {
        var start = 0
        while start < count {
            let size = min(recordBytesMax, count - start)
            let isLast = start + size == count
            journal.append(isLast ? .storeEffectsEnd : .storeEffectsPart, payloadBytes: size) {
                $0.writeBytes(base + start, count: size)
            }
            start += size
        }
        discard()
    }

    @inline(__always)
    func discard() {
        count = 0
        if capacity > Self.keptBytesMax { shrink() }
    }

    @inline(never)
    private func shrink() {
        free(base)
        capacity = 4_096
        base = malloc(capacity).unsafelyUnwrapped
    }
}

/// Why a `.storeEffects` payload cannot be replayed.
enum EffectError: Error, Equatable {
    case malformed
    case noSuchDatabase(Int)
    case noSuchCommand(String)
    case refused(String)
}

/// Reads a payload back, effect by effect.
struct EffectReader {
    private var position: UnsafeRawPointer
    private let end: UnsafeRawPointer

    init(_ payload: ByteSlice) {
        position = payload.base
        end = payload.base + payload.count
    }

    /// The next effect's words, in `arguments`, and its database; nil at the end.
    mutating func next(into arguments: RESPArguments) throws(EffectError) -> Int? {
        guard position < end else { return nil }
        guard end - position >= 6 else { throw .malformed }
        let database = Int(UInt16(littleEndian: position.loadUnaligned(as: UInt16.self)))
        let words = Int(UInt32(littleEndian: position.loadUnaligned(fromByteOffset: 2, as: UInt32.self)))
        position += 6
        guard words > 0 else { throw .malformed }
        arguments.removeAll()
        for _ in 0..<words {
            guard end - position >= 4 else { throw .malformed }
            let count = Int(UInt32(littleEndian: position.loadUnaligned(as: UInt32.self)))
            position += 4
            guard count <= end - position else { throw .malformed }
            arguments.append(ByteSlice(base: position, count: count))
            position += count
        }
        return database
    }
}
