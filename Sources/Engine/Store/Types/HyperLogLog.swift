// A HyperLogLog as Redis keeps it, byte for byte: a string of a header and 16,384 registers of six bits.
//
//     offset  size  field
//     0       4     HYLL
//     4       1     encoding: 0 dense, 1 sparse
//     5       3     zero
//     8       8     cardinality as last counted, little-endian; top bit: it has to be counted anew
//     16      …     registers
//
// Dense: six bits each, the first in the lowest bits. Sparse: runs of equal registers in order,
//
//     00nnnnnn             n + 1 registers of zero
//     01nnnnnn nnnnnnnn    n + 1 registers of zero
//     1vvvvvnn             n + 1 registers of value v + 1
//
// Bytes may come from a client's SET: nothing is trusted but what `init` has checked.
// Loop thread only. Next: HyperLogLogRegisters.swift (counting), ../Commands/HyperLogLogCommands.swift.

import Wire

/// Where a value goes and how large it is.
struct HyperLogLogRegister {
    let index: Int
    let value: UInt8

    /// Redis's seed.
    private static let seed: UInt64 = 0xADC8_3B19

    init(index: Int, value: UInt8) {
        self.index = index
        self.value = value
    }

    /// The low bits of the hash choose the register; the zeros that follow make the value.
    init(_ element: ByteSlice) {
        let hash = Self.murmurHash64A(element, seed: Self.seed)
        index = Int(hash & UInt64(HyperLogLog.registerCount - 1))
        let rest = hash >> HyperLogLog.indexBits | 1 << (64 - HyperLogLog.indexBits)
        value = UInt8(rest.trailingZeroBitCount + 1)
    }

    /// Austin Appleby's MurmurHash2 for 64 bits.
    static func murmurHash64A(_ bytes: ByteSlice, seed: UInt64) -> UInt64 {
        let factor: UInt64 = 0xC6A4_A793_5BD1_E995
        var hash = seed ^ (UInt64(bytes.count) &* factor)
        let whole = bytes.count & ~7
        var offset = 0
        while offset < whole {
            var word = UInt64(littleEndian: bytes.base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            word &*= factor
            word ^= word >> 47
            word &*= factor
            hash = (hash ^ word) &* factor
            offset += 8
        }
        if whole < bytes.count {
            var tail: UInt64 = 0
            for index in whole..<bytes.count { tail |= UInt64(bytes[index]) << (8 * UInt64(index - whole)) }
            hash = (hash ^ tail) &* factor
        }
        hash ^= hash >> 47
        hash &*= factor
        return hash ^ hash >> 47
    }
}

/// The runs of the sparse form do not make 16,384 registers.
struct HyperLogLogCorrupted: Error {}

/// The bytes of a HyperLogLog, owned while a command works on them.
struct HyperLogLog {
    static let indexBits = 14
    static let registerCount = 1 << indexBits
    static let headerBytes = 16
    static let denseBytes = headerBytes + registerCount * 6 / 8
    /// Largest value of a register in the sparse form, and longest runs of it.
    private static let sparseValueMax: UInt8 = 32
    private static let valueRunMax = 4
    private static let shortZeroRunMax = 64
    /// Runs of one register each, in the longer encoding: what is longer is no sparse form, and not worth walking.
    private static let sparseBytesPossible = headerBytes + 2 * registerCount

    private(set) var bytes: [UInt8]

    /// Nothing seen yet.
    init() {
        bytes = Array("HYLL".utf8) + [1, 0, 0, 0] + Array(repeating: 0, count: 8)
        Self.appendZeros(Self.registerCount, to: &bytes)
    }

    /// Nil unless these are the bytes of one; runs are not looked at.
    init?(_ string: ByteSlice) {
        guard Self.isHeader(string) else { return nil }
        bytes = string.array
    }

    static func isHeader(_ string: ByteSlice) -> Bool {
        guard string.count >= headerBytes, string.slice(from: 0, count: 4).equals("HYLL"), string[4] <= 1 else {
            return false
        }
        return string[4] == 1 || string.count == denseBytes
    }

    static func isDense(_ string: ByteSlice) -> Bool { string[4] == 0 }

    var isDense: Bool { bytes[4] == 0 }

    // MARK: The cached cardinality

    private static let cacheOffset = 8

    /// The cardinality as last counted; nil when something has changed since.
    static func cachedCardinality(_ string: ByteSlice) -> UInt64? {
        let word = UInt64(littleEndian: string.base.loadUnaligned(fromByteOffset: cacheOffset, as: UInt64.self))
        return word >> 63 == 0 ? word : nil
    }

    static func setCachedCardinality(_ cardinality: UInt64, in memory: UnsafeMutableRawPointer) {
        memory.storeBytes(of: cardinality.littleEndian, toByteOffset: cacheOffset, as: UInt64.self)
    }

    static func invalidateCache(in memory: UnsafeMutableRawPointer) {
        let top = memory.load(fromByteOffset: cacheOffset + 7, as: UInt8.self)
        memory.storeBytes(of: top | 0x80, toByteOffset: cacheOffset + 7, as: UInt8.self)
    }

    mutating func invalidateCache() { bytes[Self.cacheOffset + 7] |= 0x80 }

    // MARK: Dense

    /// A register of the dense form whose memory begins here.
    static func denseRegister(_ index: Int, in memory: UnsafeRawPointer) -> UInt8 {
        let bit = index * 6
        let first = memory.load(fromByteOffset: headerBytes + bit / 8, as: UInt8.self)
        let shift = UInt8(bit % 8)
        guard shift > 2 else { return first >> shift & 63 }
        let second = memory.load(fromByteOffset: headerBytes + bit / 8 + 1, as: UInt8.self)
        return (first >> shift | second << (8 - shift)) & 63
    }

    static func setDenseRegister(_ index: Int, to value: UInt8, in memory: UnsafeMutableRawPointer) {
        let bit = index * 6
        let place = memory + headerBytes + bit / 8
        let shift = UInt16(bit % 8)
        var pair = UInt16(place.load(as: UInt8.self))
        // The last register ends with the last byte: there is no byte behind it.
        if shift > 2 { pair |= UInt16(place.load(fromByteOffset: 1, as: UInt8.self)) << 8 }
        pair = pair & ~(63 << shift) | UInt16(value) << shift
        place.storeBytes(of: UInt8(truncatingIfNeeded: pair), as: UInt8.self)
        if shift > 2 { place.storeBytes(of: UInt8(truncatingIfNeeded: pair >> 8), toByteOffset: 1, as: UInt8.self) }
    }

    /// Raises a register; returns whether it was lower.
    static func raiseDense(_ register: HyperLogLogRegister, in memory: UnsafeMutableRawPointer) -> Bool {
        guard denseRegister(register.index, in: memory) < register.value else { return false }
        setDenseRegister(register.index, to: register.value, in: memory)
        return true
    }

    /// Turns the sparse form into the dense one.
    mutating func makeDense() throws(HyperLogLogCorrupted) {
        guard !isDense else { return }
        var dense = Array(bytes[..<Self.headerBytes])
        dense[4] = 0
        dense.append(contentsOf: repeatElement(0, count: Self.denseBytes - Self.headerBytes))
        var index = 0
        var runs = Self.headerBytes
        while let run = run(at: runs) {
            guard run.length <= Self.registerCount - index else { throw HyperLogLogCorrupted() }
            if run.value > 0 {
                dense.withUnsafeMutableBytes { memory in
                    for register in index..<index + run.length {
                        Self.setDenseRegister(register, to: run.value, in: memory.baseAddress!)
                    }
                }
            }
            index += run.length
            runs += run.bytes
        }
        guard index == Self.registerCount else { throw HyperLogLogCorrupted() }
        bytes = dense
    }

    // MARK: Sparse

    /// A run of equal registers in the sparse form.
    struct Run {
        let value: UInt8
        let length: Int
        /// Of its own encoding.
        let bytes: Int
    }

    /// The run that stands here; nil at the end, and where one is cut off.
    private func run(at offset: Int) -> Run? {
        guard offset < bytes.count else { return nil }
        return Self.run(bytes[offset], offset + 1 < bytes.count ? bytes[offset + 1] : nil)
    }

    static func run(_ first: UInt8, _ second: UInt8?) -> Run? {
        if first & 0x80 != 0 { return Run(value: first >> 2 & 31 + 1, length: Int(first & 3) + 1, bytes: 1) }
        if first & 0x40 == 0 { return Run(value: 0, length: Int(first & 63) + 1, bytes: 1) }
        guard let second else { return nil }
        return Run(value: 0, length: Int(first & 63) << 8 + Int(second) + 1, bytes: 2)
    }

    private static func appendZeros(_ length: Int, to target: inout [UInt8]) {
        guard length > 0 else { return }
        if length <= shortZeroRunMax { return target.append(UInt8(length - 1)) }
        target.append(0x40 | UInt8((length - 1) >> 8))
        target.append(UInt8(truncatingIfNeeded: length - 1))
    }

    private static func valueRun(_ value: UInt8, _ length: Int) -> UInt8 {
        0x80 | (value - 1) << 2 | UInt8(length - 1)
    }

    private static func append(_ value: UInt8, _ length: Int, to target: inout [UInt8]) {
        if value == 0 { return appendZeros(length, to: &target) }
        if length > 0 { target.append(valueRun(value, length)) }
    }

    /// Raises a register; returns whether it was lower. Makes the dense form where the sparse one cannot hold it.
    mutating func raise(_ register: HyperLogLogRegister) throws(HyperLogLogCorrupted) -> Bool {
        if isDense || register.value > Self.sparseValueMax { return try raiseAsDense(register) }
        guard bytes.count <= Self.sparseBytesPossible else { throw HyperLogLogCorrupted() }
        // The run with the register, and the run before it, where equal ones may meet.
        var offset = Self.headerBytes
        var previous = offset
        var first = 0
        var found: Run?
        while let run = run(at: offset) {
            if register.index < first + run.length {
                found = run
                break
            }
            previous = offset
            first += run.length
            offset += run.bytes
        }
        guard let found else { throw HyperLogLogCorrupted() }
        guard found.value < register.value else { return false }
        if found.length == 1, found.bytes == 1 {
            bytes[offset] = Self.valueRun(register.value, 1)
        } else {
            var split: [UInt8] = []
            split.reserveCapacity(5)
            Self.append(found.value, register.index - first, to: &split)
            split.append(Self.valueRun(register.value, 1))
            Self.append(found.value, first + found.length - 1 - register.index, to: &split)
            let growth = split.count - found.bytes
            if growth > 0, bytes.count + growth > CompactForms.sparseHyperLogLogBytesMax {
                return try raiseAsDense(register)
            }
            bytes.replaceSubrange(offset..<offset + found.bytes, with: split)
        }
        joinRuns(from: previous)
        invalidateCache()
        return true
    }

    private mutating func raiseAsDense(_ register: HyperLogLogRegister) throws(HyperLogLogCorrupted) -> Bool {
        try makeDense()
        let isRaised = bytes.withUnsafeMutableBytes { Self.raiseDense(register, in: $0.baseAddress!) }
        if isRaised { invalidateCache() }
        return isRaised
    }

    /// Joins equal neighbours among the next few runs: those that a change can have made.
    private mutating func joinRuns(from start: Int) {
        var offset = start
        var left = 5
        while left > 0, let run = run(at: offset) {
            left -= 1
            guard run.value > 0, let next = self.run(at: offset + 1), next.value == run.value,
                run.length + next.length <= Self.valueRunMax
            else {
                offset += run.bytes
                continue
            }
            bytes[offset + 1] = Self.valueRun(run.value, run.length + next.length)
            bytes.remove(at: offset)
        }
    }

    /// The runs as PFDEBUG DECODE shows them; nil of the dense form.
    var runsText: String? {
        guard !isDense else { return nil }
        var words: [String] = []
        var offset = Self.headerBytes
        while let run = run(at: offset) {
            words.append(
                run.value > 0 ? "v:\(run.value),\(run.length)" : "\(run.bytes == 1 ? "z" : "Z"):\(run.length)")
            offset += run.bytes
        }
        return words.joined(separator: " ")
    }
}
