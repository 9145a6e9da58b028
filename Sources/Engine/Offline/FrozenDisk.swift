// A disk that is read as a start would read it, without being changed: what recovery removes, cuts or completes is so
// for the reader alone.
// One thread. Next: ../Log/LogRecovery.swift (what recovery changes), ../../Server/RDB/RDBExport.swift (who reads so).

import Wire

/// Another disk behind glass.
public final class FrozenDisk: LogDisk {
    private let disk: any LogDisk
    private var removed: Set<String> = []
    /// Of files that were cut.
    private var sizes: [String: Int] = [:]

    public init(_ disk: any LogDisk) { self.disk = disk }

    public func list() throws(LogDiskError) -> [String] { try disk.list().filter { !removed.contains($0) } }

    public func size(of name: String) throws(LogDiskError) -> Int {
        let size = try disk.size(of: name)
        return min(size, sizes[name] ?? size)
    }

    public func read(
        _ name: String, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
    ) throws(LogDiskError) -> Int {
        let count = min(buffer.count, max(0, try size(of: name) - offset))
        return try disk.read(name, at: offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]))
    }

    public func truncate(_ name: String, to size: Int) { sizes[name] = size }
    public func remove(_ name: String) { removed.insert(name) }
    public func close(_ name: String) { disk.close(name) }
    public func sync(_ name: String) {}
    public func syncFolder() {}
    /// Records of a killed daemon: they have been applied, and nobody reads them again.
    public func write(_ name: String, at offset: Int, _ bytes: UnsafeRawBufferPointer) {}

    public func create(_ name: String) { preconditionFailure("a frozen disk gets no files") }
    public func rename(_ name: String, to new: String) { preconditionFailure("a frozen disk keeps its names") }
}
