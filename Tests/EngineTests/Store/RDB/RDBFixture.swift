// RDB files made by hand, and sources and targets in memory.

import Wire

@testable import Engine

/// A file in memory.
final class TestSource: DumpSource {
    private let content: [UInt8]
    private var position = 0
    /// Where reading fails.
    var failsAt = Int.max
    var bytes: Int { content.count }

    init(_ content: [UInt8]) { self.content = content }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(DumpSourceError) -> Int {
        guard position + buffer.count <= failsAt else { throw DumpSourceError("cannot read it: broken") }
        let count = min(buffer.count, content.count - position)
        content.withUnsafeBytes {
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[position..<position + count]))
        }
        position += count
        return count
    }
}

final class TestTarget: DumpTarget {
    private(set) var bytes: [UInt8] = []
    private(set) var largest = 0

    func write(_ bytes: UnsafeRawBufferPointer) {
        largest = max(largest, bytes.count)
        self.bytes += bytes
    }
}

/// Builds a file.
struct RDBFile {
    private(set) var bytes: [UInt8]

    init(version: String = "0010") { bytes = Array("REDIS\(version)".utf8) }

    static func + (file: RDBFile, bytes: [UInt8]) -> RDBFile {
        var file = file
        file.bytes += bytes
        return file
    }

    /// With its length, below 64.
    static func string(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }

    static func key(_ key: String, type: UInt8 = 0, _ value: [UInt8]) -> [UInt8] { [type] + string(key) + value }

    static func key(_ name: String, _ value: String) -> [UInt8] { key(name, string(value)) }

    static func littleEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }

    /// With end and checksum.
    var ended: [UInt8] {
        let all = bytes + [0xFF]
        return all + Self.littleEndian(withSlice(all) { CRC64.sum($0) })
    }
}

extension StoreHarness {
    /// Imports a file before anybody is connected.
    @discardableResult
    func load(_ file: [UInt8], readBytes: Int = 7, replaces: Bool = false) throws(RDBError) -> RDBImportReport {
        let load = try RDBImport(TestSource(file), into: store, readBytes: readBytes)
        store.beginImport(replaces: replaces)
        while try !load.advance(keys: 3) {}
        store.endImport()
        return load.report
    }

    /// The store as a file.
    func saved() -> TestTarget {
        let target = TestTarget()
        var writer = RDBWriter(to: target)
        writer.write(store)
        return target
    }
}
